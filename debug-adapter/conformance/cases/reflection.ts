import { MSR } from '../../machine/cpu/msr.ts'
import { SPR, sprName } from '../../machine/cpu/spr.ts'
import type { RegisterFile } from '../../machine/cpu/types.ts'
import { hcalls } from '../../machine/platform/hcall-table.ts'
import { type Bench, FREE, hypercallNumber, load, ultracallNumber } from '../bench.ts'
import { type ConformanceCase, extra } from '../case.ts'
import { callRtas, token } from '../rtas-doings.ts'
import { watch } from '../watch.ts'

const HV_MSR = MSR.SF | MSR.HV | MSR.ME
const FACILITIES = MSR.FP | MSR.VEC | MSR.VSX
const DEC_MAX = 0x7fff_ffffn
const FIRST_COOKIE = 0x2000n

/** Saved, masked while the hypervisor runs, and restored (spec/ultravisor.md §1.5); PPR and DEC are made up instead. */
const MASKED: readonly number[] = [
  ...[SPR.PURR, SPR.SPURR],
  ...[SPR.CIABR, SPR.DAR, SPR.DAWR0, SPR.DAWRX0, SPR.IAMR, SPR.DSCR, SPR.DSISR, SPR.PSPB, SPR.TAR],
  ...[SPR.UAMOR, SPR.VRSAVE, SPR.SDAR, SPR.SIAR, SPR.PMC1, SPR.PMC2, SPR.PMC3, SPR.PMC4, SPR.PMC5, SPR.PMC6],
  ...[SPR.MMCRC, SPR.EBBHR, SPR.EBBRR, SPR.HEIR, SPR.TIDR, SPR.AMR, SPR.CFAR],
  ...[SPR.SPRG0, SPR.SPRG1, SPR.SPRG2, SPR.SPRG3, SPR.HDAR, SPR.HDSISR, SPR.ASDR],
]
/** The hypervisor's own, or nobody's secret. */
const PASSED: readonly number[] = [SPR.HSPRG0, SPR.HSPRG1, SPR.LPCR, SPR.LPIDR, SPR.PIDR]

/** What each vector shows besides (spec/ultravisor.md §1.5), and whether it saves in HSRR0 and HSRR1 (§1.4). */
const EXCEPTIONS = [
  { vector: 0x100, name: 'system reset', hsrr: false, shows: [] },
  { vector: 0x200, name: 'machine check', hsrr: false, shows: [SPR.DSISR, SPR.DAR, SPR.ASDR] },
  { vector: 0x980, name: 'hypervisor decrementer', hsrr: true, shows: [] },
  { vector: 0xe00, name: 'hypervisor data storage', hsrr: true, shows: [SPR.HDSISR, SPR.HDAR, SPR.ASDR] },
  { vector: 0xe20, name: 'hypervisor instruction storage', hsrr: true, shows: [SPR.HDAR, SPR.ASDR] },
  { vector: 0xe60, name: 'hypervisor maintenance', hsrr: true, shows: [] },
  { vector: 0xe80, name: 'hypervisor doorbell', hsrr: true, shows: [] },
  { vector: 0xea0, name: 'hypervisor virtualisation', hsrr: true, shows: [] },
  { vector: 0xf80, name: 'hypervisor facility', hsrr: true, shows: [] },
] as const

/** Every register of the guest holds something of its own. */
function fillRegisters(b: Bench): RegisterFile {
  const { cpu } = b.machine
  for (let i = 0; i < 32; i++) cpu.setGpr(i, 0x1000n + BigInt(i))
  for (const i of [0, 31, 32, 63]) cpu.setVsr(i, (1n << 100n) + BigInt(i))
  cpu.lr = 0x2001n
  cpu.ctr = 0x2002n
  cpu.msr |= FACILITIES
  for (const [i, number] of MASKED.entries()) cpu.setSpr(number, 0x3001n + BigInt(i))
  cpu.setSpr(SPR.HSPRG0, 0x4001n)
  cpu.setSpr(SPR.HSPRG1, 0x4002n)
  cpu.setSpr(SPR.DEC, 0x5001n)
  return cpu.save()
}

/** What the hypervisor sees of a guest that left at `vector`. */
function checkSeen(
  b: Bench,
  seen: RegisterFile,
  guest: RegisterFile,
  { vector, hsrr, shows }: { vector: number; hsrr: boolean; shows: readonly number[] },
  shown: readonly bigint[],
): void {
  const spr = (number: number): bigint => seen.spr.get(number) ?? 0n
  const cookie = seen.gpr[31]!
  b.expect('NIA', seen.nia, BigInt(vector))
  b.expect('MSR', seen.msr, (HV_MSR & (vector === 0x200 ? ~MSR.ME : -1n)) | FACILITIES | (hsrr ? MSR.RI : 0n))
  b.expectTrue('a cookie above the vectors', cookie >= FIRST_COOKIE && cookie % 4n === 0n)
  b.expect('SRR0 and HSRR0', [spr(SPR.SRR0), spr(SPR.HSRR0)], [cookie, cookie])
  const status = guest.msr | MSR.S | (vector === 0xc00 ? 0x10_0000n : 0n)
  b.expect('SRR1 and HSRR1', [spr(SPR.SRR1), spr(SPR.HSRR1)], [status, status])
  b.expect('R0 to R2', seen.gpr.slice(0, 3), [0n, 0n, 0n])
  b.expect('R3 and on', seen.gpr.slice(3, 3 + shown.length), shown)
  b.expectTrue(
    `R${3 + shown.length} to R30 are 0`,
    seen.gpr.slice(3 + shown.length, 31).every((value) => value === 0n),
  )
  b.expect('LR, CTR, XER, CR', [seen.lr, seen.ctr, seen.xer, BigInt(seen.cr)], [0n, 0n, 0n, 0n])
  b.expectTrue(
    'VSR0 to VSR63 are 0',
    seen.vsr.every((value) => value === 0n),
  )
  const left = MASKED.filter((number) => !shows.includes(number) && spr(number) !== 0n)
  b.expect('masked registers that are not 0', left.map(sprName), [])
  for (const number of shows) b.expect(sprName(number), spr(number), guest.spr.get(number))
  b.expect(
    'passed through',
    PASSED.map(spr),
    PASSED.map((number) => guest.spr.get(number)),
  )
  b.expect('PPR and IC', [spr(SPR.PPR), spr(SPR.IC)], [0x0010_0000_0000_0000n, 0n])
}

/** What the guest has again when it goes on. */
function checkRestored(b: Bench, guest: RegisterFile): void {
  const { cpu } = b.machine
  const after = cpu.save()
  b.expect('R0 to R31 of the guest', after.gpr, guest.gpr)
  b.expect('NIA and MSR', [after.nia, after.msr], [guest.nia, guest.msr])
  b.expect('LR and CTR', [after.lr, after.ctr], [guest.lr, guest.ctr])
  b.expect('VSR0 to VSR63', after.vsr, guest.vsr)
  const lost = MASKED.filter((number) => cpu.spr(number) !== guest.spr.get(number))
  b.expect('masked registers that are not restored', lost.map(sprName), [])
  b.expectTrue('HFSCR: no transactions, msgsndp', (cpu.spr(SPR.HFSCR) & 0x420n) === 0x400n)
  b.expect('TRACE and DPDES', [cpu.spr(SPR.TRACE), cpu.spr(SPR.DPDES)], [0n, 0n])
  b.expect('MMCR0[FCH]', cpu.spr(SPR.MMCR0) & 1n, 1n)
}

/** The hypervisor looks, and returns at once. */
function lookAndReturn(b: Bench): () => RegisterFile | undefined {
  let seen: RegisterFile | undefined
  b.machine.hypervisor.behaviour = {
    *interrupt(hv) {
      const { cpu } = hv.parts
      seen = cpu.save()
      cpu.setGpr(3, BigInt(ultracallNumber('UV_RETURN')))
      yield* hv.parts.systemCall2()
      return true
    },
  }
  return () => seen
}

/** Calls that the ultravisor answers, bounces or refuses itself. */
const NOT_REFLECTED: ReadonlySet<string> = new Set(['H_RANDOM', 'H_RTAS', 'H_SVM_TPM_COMM', 'H_SVM_INIT_ABORT'])

/** What is scrubbed, kept and made up at each crossing (spec/ultravisor.md §1.5). */
export const reflectionCases: readonly ConformanceCase[] = [
  ...EXCEPTIONS.map((exception) =>
    extra(
      `reflect-${exception.vector.toString(16)}`,
      `what the hypervisor sees of a ${exception.name} interrupt`,
      'do_reflect',
      (b) => {
        const { cpu } = b.machine
        const { vector } = exception
        if (vector === 0xe00) {
          // A shared frame whose page is gone is the one that is reflected.
          b.expect('UV_SHARE_PAGE', b.guest('UV_SHARE_PAGE', FREE >> 16n, 1n), 0n)
          b.expect('UV_PAGE_INVAL', b.host('UV_PAGE_INVAL', 1n, FREE, 16n), 0n)
        }
        fillRegisters(b)
        const gpa = { 3584: FREE, 3616: 1n << 40n }[vector as number]
        if (gpa !== undefined) cpu.setSpr(SPR.ASDR, gpa)
        if (vector === 0xf80) cpu.setSpr(SPR.HFSCR, 10n << 56n)
        const guest = cpu.save()
        const seen = lookAndReturn(b)
        b.raise(vector)
        b.expectTrue('it is reflected', seen() !== undefined)
        checkSeen(b, seen() ?? guest, guest, exception, [])
        b.expect('DEC', seen()?.spr.get(SPR.DEC), DEC_MAX)
        checkRestored(b, guest)
        const [out, back] = b.machine.trace.of('reflection').slice(-2)
        b.expect('the log', [out?.direction, out?.vector, back?.direction], ['out', vector, 'back'])
        const how = (name: string) => out?.registers?.find((one) => one.name === name)?.how
        b.expect('R20, HSRR0 and LPIDR', [how('R20'), how('HSRR0'), how('LPIDR')], ['scrubbed', 'synthesised', 'kept'])
      },
    ),
  ),
  extra(
    'reflect-hypercalls',
    'each hypercall shows and takes as many registers as its row says',
    'hcall-regs.c',
    (b) => {
      let seen: { registers: RegisterFile; name: string } | undefined
      const JUNK = Array.from({ length: 10 }, (_, i) => 0xbad0n + BigInt(i))
      b.machine.hypervisor.behaviour = {
        // biome-ignore lint/correctness/useYield: it answers at once
        *answer(hv, _vm, { name }) {
          seen ??= { registers: hv.parts.cpu.save(), name }
          return JUNK
        },
        // KVM lets other calls give the processor away; what comes back is the same.
        returning: (_hv, _vm, registers) => {
          registers.r0 = JUNK[0]!
          registers.results = JUNK.slice(1)
        },
      }
      const values = Array.from({ length: 9 }, (_, i) => 0x7000n + BigInt(i))
      const wrong: string[] = []
      let count = 0
      for (const { number, name, in: inputs, out } of hcalls) {
        if (NOT_REFLECTED.has(name)) continue
        seen = undefined
        count++
        // H_CEDE has enabled interrupts.
        b.machine.cpu.msr &= ~MSR.EE
        const after = b.call(1, number, values)
        const given = [BigInt(number), ...values]
        const shown = given.slice(0, inputs)
        const rest = 28 - inputs
        const view = (seen as { registers: RegisterFile } | undefined)?.registers.gpr ?? []
        if (String(view.slice(3, 31)) !== String([...shown, ...Array<bigint>(rest).fill(0n)]))
          wrong.push(`${name}: shown ${view.slice(3, 14).map((value) => value.toString(16))}`)
        if (String(after) !== String([...JUNK.slice(0, out), ...given.slice(out)]))
          wrong.push(`${name}: returned ${after.map((value) => value.toString(16))}`)
      }
      b.expectTrue(`${count} hypercalls`, count > 90)
      b.expect('others than their row says', wrong, [])
    },
  ),
  extra(
    'reflect-hypercall',
    'what the hypervisor sees beside the registers of a hypercall',
    'init_hcall_frame',
    (b) => {
      fillRegisters(b)
      const seen = watch(b, 'H_EOI')
      b.run([...load(3, BigInt(hypercallNumber('H_EOI'))), ...load(4, 0x1234n), 'sc 1'])
      const guest = { ...b.machine.cpu.save(), msr: b.machine.cpu.msr }
      checkSeen(b, seen, guest, { vector: 0xc00, hsrr: false, shows: [] }, [BigInt(hypercallNumber('H_EOI')), 0x1234n])
      b.expect('DEC', seen.spr.get(SPR.DEC), DEC_MAX)
    },
  ),
  extra(
    'reflect-counters',
    'time and instructions of the hypervisor: not in PURR and SPURR of the guest, added to its IC',
    'fixup_regs_for_svm_entry',
    (b) => {
      const { cpu, clock } = b.machine
      const counters = (): bigint[] => [SPR.PURR, SPR.SPURR, SPR.IC, SPR.TB].map((number) => cpu.spr(number))
      let seen: readonly bigint[] = []
      b.machine.hypervisor.behaviour = {
        *interrupt(hv) {
          seen = counters()
          clock.idle += 1000
          cpu.setSpr(SPR.IC, 5n)
          cpu.setGpr(3, BigInt(ultracallNumber('UV_RETURN')))
          yield* hv.parts.systemCall2()
          return true
        },
      }
      for (const [i, number] of [SPR.PURR, SPR.SPURR, SPR.IC].entries()) cpu.setSpr(number, BigInt(0x100 * (i + 1)))
      const before = counters()
      b.raise(0xe80)
      b.expect('PURR, SPURR and IC that the hypervisor sees', seen.slice(0, 3), [0n, 0n, 0n])
      b.expect('and the guest', counters(), [before[0]!, before[1]!, before[2]! + 5n, before[3]! + 1000n])
      const reader = (number: number) => b.run([`mfspr r5,${number}`, 'nop', 'nop', `mfspr r6,${number}`]).gpr
      const [purr, spurr] = [reader(SPR.PURR), reader(SPR.SPURR)]
      b.expect('ticks of three instructions', [purr[6]! - purr[5]!, spurr[6]! - spurr[5]!], [3n, 3n])
    },
  ),
  extra('reflect-cede', 'H_CEDE enables interrupts and shows when the decrementer expires', 'hcall_reflect', (b) => {
    const seen = watch(b, 'H_CEDE')
    b.machine.cpu.setSpr(SPR.DEC, 0x5000n)
    b.machine.cpu.msr &= ~MSR.EE
    b.run([...load(3, BigInt(hypercallNumber('H_CEDE'))), 'sc 1'])
    const dec = seen.spr.get(SPR.DEC)!
    b.expectTrue(`DEC: 0x${dec.toString(16)}`, dec > 0n && dec <= 0x5000n)
    b.expect('SRR1[EE]', seen.spr.get(SPR.SRR1)! & MSR.EE, MSR.EE)
  }),
  extra('reflect-rtas', 'of H_RTAS the hypervisor sees the bounce page alone', 'reflect_rtas_hcall', (b) => {
    const seen = watch(b, 'H_RTAS')
    const buffer = FREE + 0x1000n
    b.write(buffer, new TextEncoder().encode('nvram'))
    callRtas(b, token(b, 'nvram-store'), [0, Number(buffer), 5], 2)
    const { reserved } = b.machine.ultravisor.svms.get(1)!
    const [args, data] = ['RTAS arguments', 'RTAS bounce buffers'].map((name) => reserved.get(name)!.gpa)
    b.expect('R3 and R4', seen.gpr.slice(3, 5), [BigInt(hypercallNumber('H_RTAS')), args])
    b.expectTrue(
      'R5 to R30 are 0',
      seen.gpr.slice(5, 31).every((value) => value === 0n),
    )
    const pointer = b.machine.hypervisor.vm!.read(args! + 16n, 4)
    b.expect('the buffer', new DataView(pointer.buffer).getUint32(0), Number(data))
  }),
  extra(
    'reflect-own',
    'of a hypercall of the ultravisor itself the hypervisor sees its arguments alone',
    'do_hcall',
    (b) => {
      const guest = fillRegisters(b)
      const seen = watch(b, 'H_SVM_PAGE_IN')
      b.guest('UV_SHARE_PAGE', FREE >> 16n, 1n)
      const own = [BigInt(hypercallNumber('H_SVM_PAGE_IN')), FREE, 1n, 16n]
      checkSeen(b, seen, { ...guest, msr: b.machine.cpu.msr }, { vector: 0xc00, hsrr: false, shows: [] }, own)
      b.expect('LR of the guest', b.machine.cpu.lr, guest.lr)
      b.expect('VSR63 of the guest', b.machine.cpu.vsr(63), guest.vsr[63])
    },
  ),
]
