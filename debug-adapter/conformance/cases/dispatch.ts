import { MSR, SRR1_SC_LEVEL } from '../../machine/cpu/msr.ts'
import { SPR } from '../../machine/cpu/spr.ts'
import { enterUltravisor } from '../../machine/ultravisor/exceptions.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { type Bench, FREE, LPID, signed, ultracallNumber } from '../bench.ts'
import { type ConformanceCase, extra, real, row } from '../case.ts'
import { watch } from '../watch.ts'

const normal = { start: 'normal' } as const

/** Executes one instruction of the hypervisor in real mode. @returns the vector that it raised, or undefined */
function hostInstruction(b: Bench, word: number): number | undefined {
  const { cpu } = b.machine
  const saved = cpu.save()
  const at = b.hostPage(0)
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, word)
  b.hostWrite(at, bytes)
  cpu.codeWritten(at, 4)
  cpu.msr = MSR.SF | MSR.HV | MSR.ME
  cpu.nia = at
  const exit = cpu.run(1)
  const into = exit.kind === 'interrupt' ? exit.into : 'nobody'
  if (exit.kind === 'interrupt') b.expect('interrupt into', into, 'hypervisor')
  cpu.load(saved)
  return exit.kind === 'interrupt' ? exit.vector : undefined
}

/** The ultravisor is entered at a vector that saves in SRR0 and SRR1, with the guest where it stands. */
function atVector(b: Bench, vector: number, srr1: bigint): void {
  const { cpu, ultravisor } = b.machine
  cpu.setSpr(SPR.SRR0, cpu.nia)
  cpu.setSpr(SPR.SRR1, srr1)
  b.steps(enterUltravisor(ultravisor, vector))
}

/** mtspr SPR,r3 (Power ISA 3.0C III 5.4.4: the halves of the number are swapped). */
const mtspr = (number: number): number => (0x7c60_03a6 | ((number & 31) << 16) | ((number >> 5) << 11)) >>> 0

/** Who may call, and what is refused before any call's own checks (spec/ultravisor.md §2.3). */
export const dispatchCases: readonly ConformanceCase[] = [
  row(1, 'numbers that are no ultracall', 'syscall_ultracall', (b) => {
    for (const number of [0xf100, 0xf154])
      b.expectCode(`hypervisor, 0x${number.toString(16)}`, b.hostRegisters(0n, number, [])[0]!, U.FUNCTION)
    b.expectCode('SVM, 0xF100', signed(b.call(2, 0xf100, [])[0]!), U.FUNCTION)
    b.expect('rules', [...new Set(b.rules())], ['UV-CALL-002'])
  }),
  row(
    2,
    'a normal guest calls UV_PAGE_IN, a host user UV_WRITE_PATE',
    'syscall_ultracall',
    (b) => {
      b.expectCode('guest', b.guest('UV_PAGE_IN', LPID, b.hostPage(0), FREE, 0n, 16n), U.PERMISSION)
      b.expectCode(
        'host user',
        b.hostRegisters(MSR.PR, ultracallNumber('UV_WRITE_PATE'), [9n, 0n, 0n])[0]!,
        U.PERMISSION,
      )
      b.expect('rules', [...new Set(b.rules())], ['UV-CALL-001'])
    },
    normal,
  ),
  row(3, 'the kernel of an SVM calls UV_SVM_TERMINATE', 'syscall_ultracall', (b) => {
    b.expectCode('SVM', b.guest('UV_SVM_TERMINATE', LPID), U.PERMISSION)
    b.expect('state', b.machine.vmState, 'secure')
  }),
  row(
    4,
    'UV_SHARE_PAGE by a normal VM',
    'syscall_ultracall',
    (b) => {
      b.expectCode('normal VM', b.guest('UV_SHARE_PAGE', FREE >> 16n, 1n), U.PERMISSION)
    },
    normal,
  ),
  extra('T004-user', 'UV_SHARE_PAGE by a user of the SVM (PR=1)', 'syscall_ultracall (row 4)', (b) => {
    b.enterProblemState()
    b.expectCode('SVM user', b.guest('UV_SHARE_PAGE', FREE >> 16n, 1n), U.PERMISSION)
    b.expect('frame', b.state(FREE), 'SECURE')
  }),
  row(
    5,
    'the hypervisor calls UV_ESM',
    'syscall_ultracall',
    (b) => {
      b.expectCode('hypervisor', b.host('UV_ESM', 0x40_0000n, 0x100_0000n), U.PERMISSION)
    },
    normal,
  ),
  row(6, 'UV_PAGE_OUT with a suspended transaction', 'check_regs_on_hv_exit', (b) => {
    const [code] = b.hostRegisters(MSR.TS_S, ultracallNumber('UV_PAGE_OUT'), [LPID, b.hostPage(0), FREE, 0n, 16n])
    b.expectCode('hypervisor', code!, U.BAD_MODE)
    b.expect('frame', b.state(FREE), 'SECURE')
  }),
  row(7, 'UV_RETURN with a suspended transaction', 'check_regs_on_hv_exit', (b) => {
    b.machine.hypervisor.behaviour = {
      returning: (hv) => {
        hv.parts.cpu.msr |= MSR.TS_S
      },
    }
    const { vector } = b.run(['lis r3,0', 'ori r3,r3,0xe0', 'sc 1'])
    b.expect('vector in the SVM', vector, 0x700)
    b.expect('SRR1, transaction bit', b.spr(SPR.SRR1) & 0x20_0000n, 0x20_0000n)
    b.expect('S', (b.machine.cpu.msr & MSR.S) !== 0n, true)
  }),
  real(7, 'Q03', 'UV_RETURN with a suspended transaction', 'synthesize_prog_intr', (b) => {
    b.machine.cpu.setSpr(SPR.SRR1, 0x1234n)
    b.machine.hypervisor.behaviour = { returning: (hv) => void (hv.parts.cpu.msr |= MSR.TS_S) }
    const { vector } = b.run(['lis r3,0', 'ori r3,r3,0xe0', 'sc 1'])
    b.expect('vector in the SVM', vector, 0x700)
    b.expect('SRR1, transaction bit', b.spr(SPR.SRR1) & 0x20_0000n, 0n)
    b.expect('MSR, transaction bit', b.machine.cpu.msr & 0x20_0000n, 0x20_0000n)
  }),
  row(
    8,
    'sc 1 that reaches the ultravisor with S=0',
    'syscall_hypercall',
    (b) => {
      const { cpu, ultravisor } = b.machine
      cpu.setGpr(3, 0x58n)
      cpu.setSpr(SPR.SRR0, cpu.nia)
      cpu.setSpr(SPR.SRR1, MSR.SF | MSR.ME | 0x10_0000n)
      b.steps(enterUltravisor(ultravisor, 0xc00))
      b.expect('R3', signed(cpu.gpr(3)), -1n)
    },
    normal,
  ),
  row(9, 'an interrupt of the ultravisor itself', 'exception_entry', (b) => {
    const { cpu, ultravisor } = b.machine
    cpu.msr = MSR.SF | MSR.S | MSR.HV
    cpu.interrupt(0x300)
    b.steps(enterUltravisor(ultravisor, 0x300))
    b.expectTrue(`the machine stops: ${b.ended}`, b.ended?.includes('out of the ultravisor itself') === true)
  }),
  row(10, 'hrfid does not set MSR[S]', 'spec/ultravisor.md §1.1', (b) => {
    const { cpu } = b.machine
    cpu.msr = MSR.SF | MSR.HV | MSR.ME
    cpu.setSpr(SPR.HSRR0, 0x1000n)
    cpu.setSpr(SPR.HSRR1, MSR.SF | MSR.S | MSR.ME)
    cpu.returnFromInterrupt('hrfid')
    b.expect('MSR[S]', (cpu.msr & MSR.S) !== 0n, false)
  }),
  row(11, 'mtspr PTCR by the hypervisor', 'spec/ultravisor.md §1.2', (b) => {
    b.expect('vector', hostInstruction(b, mtspr(SPR.PTCR)), 0xe40)
  }),
  row(12, 'mtspr DAWR by the hypervisor, with SMFCTRL[D]=1 and 0', 'spec/ultravisor.md §1.2', (b) => {
    const { cpu } = b.machine
    cpu.setSpr(SPR.SMFCTRL, 0x8000_0000_0000_0002n)
    b.expect('D=1', hostInstruction(b, mtspr(SPR.DAWR0)), 0xe40)
    cpu.setSpr(SPR.SMFCTRL, 0x8000_0000_0000_0000n)
    b.expect('D=0', hostInstruction(b, mtspr(SPR.DAWR0)), undefined)
  }),
  row(13, 'UV_RESTRICTED_SPR_WRITE', 'uv_restricted_spr_write', (b) => {
    for (const spr of [SPR.DAWR0, SPR.DAWRX0, SPR.CIABR, SPR.LDBAR, SPR.IMC])
      b.expectCode(`SPR ${spr}`, b.host('UV_RESTRICTED_SPR_WRITE', BigInt(spr), 0x1000n), U.SUCCESS)
    b.expectCode('LPCR', b.host('UV_RESTRICTED_SPR_WRITE', 0x13en, 0n), U.PARAMETER)
  }),
  row(14, 'UV_RESTRICTED_SPR_READ', 'uv_restricted_spr_read', (b) => {
    const { cpu } = b.machine
    cpu.setSpr(SPR.CIABR, 0x4321n)
    const read = b.hostRegisters(0n, ultracallNumber('UV_RESTRICTED_SPR_READ'), [BigInt(SPR.CIABR)])
    b.expectCode('CIABR', read[0]!, U.SUCCESS)
    b.expect('R5', read[2], 0x4321n)
    b.expectCode('LDBAR', b.host('UV_RESTRICTED_SPR_READ', BigInt(SPR.LDBAR)), U.PARAMETER)
  }),
  row(78, 'what the hypervisor sees of H_PUT_TERM_CHAR', 'init_hcall_frame', (b) => {
    const seen = watch(b, 'H_PUT_TERM_CHAR')
    const { cpu } = b.machine
    for (const [number, value] of [
      [SPR.AMR, 5n],
      [SPR.TAR, 6n],
      [SPR.DSCR, 7n],
      [SPR.SPRG0, 8n],
    ] as const)
      cpu.setSpr(number, value)
    cpu.setGpr(20, 0xabcn)
    cpu.setVsr(40, 1n << 100n)
    cpu.lr = 0x1234n
    const after = b.call(1, 0x58, [0x7100_0000n, 3n, 0x6162_6300_0000_0000n, 0n])
    b.expect('R3 of the guest', after[0], 0n)
    b.expect('R3 to R7', seen.gpr.slice(3, 8), [0x58n, 0x7100_0000n, 3n, 0x6162_6300_0000_0000n, 0n])
    b.expect(
      'R0 to R2 and R8 to R30',
      [...seen.gpr.slice(0, 3), ...seen.gpr.slice(8, 31)].every((v) => v === 0n),
      true,
    )
    b.expectTrue(
      'R31, SRR0 and HSRR0 are one cookie',
      seen.gpr[31]! >= 0x2000n && seen.spr.get(SPR.SRR0) === seen.gpr[31],
    )
    b.expect('SRR1[S]', (seen.spr.get(SPR.SRR1)! & MSR.S) !== 0n, true)
    for (const number of [SPR.AMR, SPR.TAR, SPR.DSCR, SPR.SPRG0]) b.expect(`SPR ${number}`, seen.spr.get(number), 0n)
    b.expect('PPR', seen.spr.get(SPR.PPR), 0x0010_0000_0000_0000n)
    b.expect('VSR40', seen.vsr[40], 0n)
    b.expect('LR', seen.lr, 0n)
    b.expect('MSR[S] of the hypervisor', (seen.msr & MSR.S) !== 0n, false)
    b.expect('AMR of the guest after', cpu.spr(SPR.AMR), 5n)
    b.expect('VSR40 of the guest after', cpu.vsr(40), 1n << 100n)
  }),
  real(78, 'Q01', 'what the hypervisor sees of H_PUT_TERM_CHAR', 'get_next_random64', (b) => {
    const seen = watch(b, 'H_PUT_TERM_CHAR')
    b.call(1, 0x58, [0x7100_0000n, 0n, 0n, 0n])
    b.expectTrue('R0 is random', seen.gpr[0] !== 0n)
    b.expect(
      'R8 to R30 are 0',
      seen.gpr.slice(8, 31).every((v) => v === 0n),
      true,
    )
  }),
  real(78, 'Q02', 'AMR while the hypervisor runs', 'masked-sprs-raw.h', (b) => {
    const seen = watch(b, 'H_PUT_TERM_CHAR')
    b.machine.cpu.setSpr(SPR.AMR, 5n)
    b.call(1, 0x58, [0x7100_0000n, 0n, 0n, 0n])
    b.expect('AMR', seen.spr.get(SPR.AMR), 5n)
  }),
  row(79, 'hypercalls that are not in the register table', 'get_n_hcall_regs', (b) => {
    for (const number of [0x3b0, 0xef14, 0xef10, 0x9999])
      b.expectCode(`0x${number.toString(16)}`, signed(b.call(1, number, [])[0]!), -2n)
    b.expect('rules', [...new Set(b.rules())], ['UV-HCALL-001'])
  }),
  real(79, 'Q06', 'hypercalls that are not in the register table', 'get_n_hcall_regs', (b) => {
    b.expect('the program', b.call(1, 0x3b0, []).length, 10)
    b.expectTrue(`the ultravisor stops: ${b.ended}`, b.ended?.includes('Q06') === true)
  }),
  row(80, 'H_RANDOM of an SVM', 'syscall_hypercall', (b) => {
    const seen = watch(b, 'H_RANDOM')
    const [first, second] = [b.call(1, 0x300, []), b.call(1, 0x300, [])]
    b.expect('R3', first[0], 0n)
    b.expectTrue('R4 is random', first[1] !== second[1])
    b.expect('seen by the hypervisor', seen.times, 0)
  }),
  real(80, 'Q04', 'H_RANDOM of an SVM', 'syscall_hypercall', (b) => {
    b.expectCode('R3', b.hcall('H_RANDOM'), -2n)
  }),
  extra('hcall-user', 'a hypercall by a user of the SVM', 'spec/ultravisor.md §1.7', (b) => {
    b.enterProblemState()
    b.expectCode('H_CEDE', b.hcall('H_CEDE'), -3n)
    b.expect('rule', b.rules().at(-1), 'UV-HCALL-002')
  }),
  extra('sc0', 'sc 0 stays inside the SVM', 'spec/ultravisor.md §1.3', (b) => {
    b.expect('vector', b.run(['sc 0']).vector, 0xc00)
    b.expect('S', (b.machine.cpu.msr & MSR.S) !== 0n, true)
  }),
  extra('sc0-ultravisor', 'sc 0 that reaches the ultravisor', 'syscall_entry', (b) => {
    const { cpu } = b.machine
    const at = cpu.nia
    cpu.setGpr(3, 0x58n)
    atVector(b, 0xc00, cpu.msr)
    b.expect('R3', cpu.gpr(3), 0n)
    b.expect('the guest goes on', [cpu.nia, (cpu.msr & MSR.S) !== 0n], [at, true])
  }),
  ...(['sane', 'Q09'] as const).map((quirk) =>
    extra(
      quirk === 'sane' ? 'no-svm' : 'no-svm-Q09',
      'sharing in a partition that has no SVM',
      'uv_switch_page',
      (b) => {
        const { cpu } = b.machine
        const msr = cpu.msr
        cpu.setSpr(SPR.LPIDR, 7n)
        for (const name of ['UV_SHARE_PAGE', 'UV_UNSHARE_PAGE', 'UV_UNSHARE_ALL_PAGES']) {
          cpu.setGpr(3, BigInt(ultracallNumber(name)))
          cpu.setGpr(4, FREE >> 16n)
          cpu.setGpr(5, 1n)
          atVector(b, 0xc00, msr | (2n << SRR1_SC_LEVEL.shift))
          b.expectCode(name, signed(cpu.gpr(3)), U.FUNCTION)
        }
        b.expect('rules', [...new Set(b.rules())], ['UV-PAGE-003'])
      },
      { quirks: quirk === 'sane' ? [] : [quirk] },
    ),
  ),
  extra('facility', 'a facility of an SVM that is no transaction', 'svm_f80_handle', (b) => {
    const { cpu, hypervisor } = b.machine
    const vectors: number[] = []
    hypervisor.behaviour = {
      *interrupt(hv, _vm, vector) {
        vectors.push(vector)
        cpu.setGpr(3, BigInt(ultracallNumber('UV_RETURN')))
        yield* hv.parts.systemCall2()
        return true
      },
    }
    const at = cpu.nia
    cpu.setSpr(SPR.HFSCR, 10n << 56n)
    cpu.setSpr(SPR.HSRR0, at)
    cpu.setSpr(SPR.HSRR1, cpu.msr)
    b.steps(enterUltravisor(b.machine.ultravisor, 0xf80))
    b.expect('seen by the hypervisor', vectors, [0xf80])
    b.expect('the guest goes on', cpu.nia, at)
  }),
]
