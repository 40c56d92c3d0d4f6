import { LPCR } from '../../machine/cpu/interrupts.ts'
import { assemble } from '../../machine/cpu/isa/assemble.ts'
import { MSR } from '../../machine/cpu/msr.ts'
import { SPR } from '../../machine/cpu/spr.ts'
import { takeBack } from '../../machine/hypervisor/paging.ts'
import { type Bench, FREE, load, PAGE } from '../bench.ts'
import { type ConformanceCase, extra, row } from '../case.ts'
import { watch } from '../watch.ts'

/** A guest address that no memory slot covers: a device. */
const DEVICE = 1n << 40n
const H_PARAMETER = -4n
/** SRR1 of a program interrupt: illegal instruction. */
const ILLEGAL = 0x0008_0000n

/** Answers one hypercall instead of KVM, and counts how often it came. @returns the arguments of each */
function answering(b: Bench, name: string, results: readonly bigint[]): (readonly bigint[])[] {
  const seen: (readonly bigint[])[] = []
  b.machine.hypervisor.behaviour = {
    // biome-ignore lint/correctness/useYield: it has nothing to ask
    *answer(_hv, _vm, call) {
      if (call.name !== name) return undefined
      seen.push(call.args)
      return results
    },
  }
  return seen
}

/** Interrupts of an SVM that the ultravisor takes (spec/ultravisor.md §1.4, §5.6). */
export const faultCases: readonly ConformanceCase[] = [
  row(66, 'the guest loads from an address outside its memory', 'emulate_mmio', (b) => {
    const seen = answering(b, 'H_LOGICAL_CI_LOAD', [0n, 0x1122_3344n])
    const { how, gpr } = b.run([...load(4, DEVICE + 8n), 'lwz r3,0(r4)', 'li r5,1'])
    b.expect('the program', [how, gpr[5]], ['end', 1n])
    b.expect('R3, in the byte order of the guest', gpr[3], 0x4433_2211n)
    b.expect(
      'size and address',
      seen.map((args) => args.slice(0, 2)),
      [[4n, DEVICE + 8n]],
    )
  }),
  row(67, 'a load of 16 bytes there', 'emulate_mmio', (b) => {
    const seen = answering(b, 'H_LOGICAL_CI_LOAD', [0n, 0n])
    const { how } = b.run([...load(4, DEVICE), 'lq r6,0(r4)'])
    b.expect('the program', how, 'machine')
    b.expect('rule', b.rules().at(-1), 'UV-FAULT-005')
    b.expect('hypercalls', seen.length, 0)
  }),
  extra('device-store', 'stores to an address outside memory', 'emulate_mmio', (b) => {
    const seen = answering(b, 'H_LOGICAL_CI_STORE', [0n])
    const { how, gpr } = b.run([
      ...load(4, DEVICE),
      ...load(3, 0x1122_3344_5566_7788n),
      'stb r3,1(r4)',
      'sth r3,2(r4)',
      'stw r3,4(r4)',
      'stdu r3,8(r4)',
    ])
    b.expect('the program', how, 'end')
    b.expect(
      'size, address, value',
      seen.map((args) => args.slice(0, 3)),
      [
        [1n, DEVICE + 1n, 0x88n],
        [2n, DEVICE + 2n, 0x8877n],
        [4n, DEVICE + 4n, 0x8877_6655n],
        [8n, DEVICE + 8n, 0x8877_6655_4433_2211n],
      ],
    )
    b.expect('R4 of the update form', gpr[4], DEVICE + 8n)
  }),
  extra('device-refused', 'a device access that the hypervisor refuses', 'emulate_mmio', (b) => {
    answering(b, 'H_LOGICAL_CI_LOAD', [H_PARAMETER])
    b.expect('the program', b.run([...load(4, DEVICE), 'lwz r3,0(r4)']).how, 'machine')
    b.expect('rule', b.rules().at(-1), 'UV-FAULT-006')
  }),
  extra('device-vector', 'a vector load from an address outside memory', 'emulate_mmio', (b) => {
    b.machine.cpu.msr |= MSR.VSX
    b.expect('the program', b.run([...load(4, DEVICE), 'lxvd2x vs1,0,r4']).how, 'machine')
    b.expect('rule', b.rules().at(-1), 'UV-FAULT-004')
  }),
  row(68, 'the hypervisor does not bring a page back', 'svm_e00_handle', (b) => {
    const { hypervisor } = b.machine
    b.hypervisor(takeBack(hypervisor, hypervisor.vm!, FREE, 'secure out'))
    b.expect('state', b.state(FREE), 'PAGEDOUT')
    const seen = answering(b, 'H_SVM_PAGE_IN', [H_PARAMETER])
    b.expect('the program', b.run([...load(4, FREE), 'lbz r3,0(r4)']).how, 'machine')
    b.expect('tries', seen.length, 4)
    b.expect('rule', b.rules().at(-1), 'UV-FAULT-002')
  }),
  extra('fault-paged-out', 'the guest touches a page that is paged out', 'svm_e00_handle', (b) => {
    const { hypervisor } = b.machine
    b.write(FREE, Uint8Array.of(0x2a))
    b.hypervisor(takeBack(hypervisor, hypervisor.vm!, FREE, 'secure out'))
    const seen = watch(b, 'H_SVM_PAGE_IN')
    const { how, gpr } = b.run([...load(4, FREE), 'lbz r3,0(r4)'])
    b.expect('the program', [how, gpr[3]], ['end', 0x2an])
    b.expect('state', b.state(FREE), 'SECURE')
    b.expect('the hypervisor is asked', seen.times, 1)
  }),
  row(69, 'a transactional instruction in an SVM', 'svm_f80_handle', (b) => {
    const { cpu } = b.machine
    // The ultravisor switches transactions off whenever it enters an SVM from the hypervisor.
    b.expect('H_PUT_TERM_CHAR', b.hcall('H_PUT_TERM_CHAR', 0x7100_0000n, 0n), 0n)
    cpu.msr |= MSR.TM
    const before = b.machine.trace.of('reflection').length
    const { vector } = b.run(['tbegin. 0'])
    b.expect('vector in the SVM', vector, 0x700)
    b.expect('SRR0', cpu.spr(SPR.SRR0), 0x180_0000n)
    b.expect('SRR1, illegal instruction', cpu.spr(SPR.SRR1) & 0x783f_0000n, ILLEGAL)
    b.expectTrue('S', (cpu.msr & MSR.S) !== 0n)
    b.expect('seen by the hypervisor', b.machine.trace.of('reflection').length, before)
  }),
  row(70, 'an SVM executes what the processor does not know', 'svm_e40_handle', (b) => {
    b.expect('the program', b.run(['.long 0x0']).how, 'machine')
    b.expect('rule', b.rules().at(-1), 'UV-FAULT-003')
    b.expect('seen by the hypervisor', b.machine.trace.of('reflection').filter((r) => r.vector === 0xe40).length, 0)
  }),
  row(71, 'an external interrupt of an SVM', 'exception_svm_reflect', (b) => {
    const { cpu } = b.machine
    // With LPES=1 the processor would deliver it by itself; with 0 it comes by way of the ultravisor, and in HSRR0 and HSRR1.
    cpu.setSpr(SPR.LPCR, cpu.spr(SPR.LPCR) & ~LPCR.LPES)
    cpu.setSpr(SPR.SRR0, 0x1111n)
    cpu.msr &= ~MSR.EE
    b.expect('H_CPPR', b.hcall('H_CPPR', 0xffn), 0n)
    b.expect('H_IPI to itself', b.hcall('H_IPI', 0n, 4n), 0n)
    const before = b.machine.trace.of('reflection').length
    // mtmsrd with L=1 sets EE: the interrupt comes before the instruction after it.
    const { vector, gpr } = b.run([...load(4, MSR.EE), 'li r5,1', 'mtmsrd r4,1', 'li r5,2'])
    b.expect('vector in the SVM', vector, 0x500)
    b.expect('R5', gpr[5], 1n)
    b.expect('SRR0', cpu.spr(SPR.SRR0), 0x180_001cn)
    b.expectTrue('SRR1: EE and S', (cpu.spr(SPR.SRR1) & (MSR.EE | MSR.S)) === (MSR.EE | MSR.S))
    b.expectTrue('S', (cpu.msr & MSR.S) !== 0n)
    b.expect('EE', cpu.msr & MSR.EE, 0n)
    b.expect('seen by the hypervisor', b.machine.trace.of('reflection').length, before)
  }),
  extra('fetch-outside', 'the guest jumps to an address outside its memory', 'svm_e20_handle', (b) => {
    const seen: number[] = []
    b.machine.hypervisor.behaviour = {
      // biome-ignore lint/correctness/useYield: it only looks
      *interrupt(_hv, _vm, vector) {
        seen.push(vector)
        return false
      },
    }
    b.expect('the program', b.run([...load(4, DEVICE), 'mtctr r4', 'bctr']).how, 'machine')
    b.expect('seen by the hypervisor', seen, [0xe20])
    b.expectTrue(`why: ${b.ended}`, b.ended?.includes('instruction fetch') === true)
  }),
  extra('device-store-refused', 'a store to a device that the hypervisor refuses', 'emulate_mmio', (b) => {
    answering(b, 'H_LOGICAL_CI_STORE', [H_PARAMETER])
    b.expect('the program', b.run([...load(4, DEVICE), 'stw r4,0(r4)']).how, 'machine')
    b.expect('rule', b.rules().at(-1), 'UV-FAULT-006')
  }),
  extra(
    'abort-one',
    'one of two SVMs is stopped: nothing of it is left, and the other goes on',
    'svm_abort',
    (b) => {
      const { ultravisor, memory } = b.machine
      const lpid = Number(b.spr(SPR.LPIDR))
      const secret = new TextEncoder().encode('a secret of the SVM that is stopped')
      b.write(FREE, secret)
      const page = ultravisor.svms.get(lpid)!.securePage(FREE >> 16n)!
      const { gpa } = ultravisor.svms.get(lpid)!.reserved.get('RTAS arguments')!
      b.expect('the program', b.run([...load(4, gpa), 'lbz r3,0(r4)']).how !== 'end', true)
      // It is gone before the hypervisor says so.
      b.expect('rules', b.rules(), ['UV-FAULT-001', 'UV-PAGE-003'])
      b.expect('SVMs left', [...ultravisor.svms.keys()], [3 - lpid])
      b.expect('the secret', ultravisor.memory.read(page, secret.length), new Uint8Array(secret.length))
      const owned = [...memory.owned()].filter((one) => one.owner === 'secure guest' && one.lpid === lpid)
      b.expect('secure pages of it', owned.length, 0)
    },
    { config: { virtualMachines: 2, secureMemoryBytes: 128 << 20 } },
  ),
  extra(
    'fetch-unmapped-Q37',
    'the address of an emulated access, taken as a guest physical one, is none',
    'emulate_mmio',
    (b) => {
      const { cpu } = b.machine
      b.makeTranslation()
      const put = (gpa: bigint, value: bigint): void => {
        const bytes = new Uint8Array(8)
        new DataView(bytes.buffer).setBigUint64(0, value)
        b.write(gpa, bytes)
      }
      // The second entry of the root is the first: what lies at 0 lies at 2^39, too. A leaf leads to the device.
      const [root, leaves] = [b.translation + PAGE, b.translation + 4n * PAGE]
      put(root + 8n, new DataView(b.read(root, 8).slice().buffer).getBigUint64(0))
      const program = 0x180_0000n
      put(leaves + 8n, (3n << 62n) | DEVICE | 0x187n)
      b.expect('H_REGISTER_PROC_TBL', b.hcall('H_REGISTER_PROC_TBL', 0x1cn, b.translation, 0n, 0n), 0n)
      const word = new Uint8Array(4)
      new DataView(word.buffer).setUint32(0, assemble('lwz r3,0(r4)', 0n), true)
      b.write(program, word)
      cpu.setSpr(SPR.PIDR, 0n)
      cpu.setSpr(SPR.DEC, 0x7fff_ffffn)
      cpu.msr |= MSR.IR | MSR.DR
      cpu.setGpr(4, program + PAGE)
      cpu.nia = (1n << 39n) + program
      b.expect('the program', b.resume(cpu.nia + 4n).how, 'machine')
      b.expectTrue(`why: ${b.ended}`, b.ended?.includes('found no instruction') === true)
    },
    { quirks: ['Q37'] },
  ),
]
