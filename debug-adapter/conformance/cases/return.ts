import { MSR } from '../../machine/cpu/msr.ts'
import { SPR } from '../../machine/cpu/spr.ts'
import type { Returning } from '../../machine/hypervisor/behaviour.ts'
import { type Bench, FREE, hypercallNumber, LPID, load, ultracallNumber } from '../bench.ts'
import { type ConformanceCase, extra, real, row } from '../case.ts'
import { callRtas, token } from '../rtas-doings.ts'

/** Unit address of the console. */
const CONSOLE = 0x7100_0000n
/** Bits of SRR1 that say why. */
const STATUS = 0x783f_0000n

/** The guest writes nothing to its console, and the hypervisor changes what it returns with. */
function returning(b: Bench, change: (registers: Returning) => void) {
  b.machine.hypervisor.behaviour = { returning: (_hv, _vm, registers) => change(registers) }
  return b.run([...load(3, BigInt(hypercallNumber('H_PUT_TERM_CHAR'))), ...load(4, CONSOLE), 'li r5,0', 'sc 1'])
}

/** A machine check is reflected, and the hypervisor returns with `hsrr0`. @returns where the guest goes on */
function afterMachineCheck(b: Bench, hsrr0: (cookie: bigint) => bigint): bigint {
  const { cpu, hypervisor } = b.machine
  hypervisor.behaviour = {
    *interrupt(hv) {
      cpu.setSpr(SPR.HSRR0, hsrr0(cpu.gpr(31)))
      cpu.setGpr(0, 0n)
      cpu.setGpr(3, BigInt(ultracallNumber('UV_RETURN')))
      yield* hv.parts.systemCall2()
      return true
    },
  }
  b.raise(0x200)
  return cpu.nia
}

/** UV_RETURN (spec/ultravisor.md §1.6, §2.4). */
export const returnCases: readonly ConformanceCase[] = [
  row(72, 'the hypervisor injects a decrementer interrupt', 'valid_vector', (b) => {
    const stopped = returning(b, (registers) => {
      registers.hsrr0 = 0x900n
      registers.r2 = 0x0020_0000n
    })
    b.expect('vector', stopped.vector, 0x900)
    b.expect('SRR1, status of R2', b.spr(SPR.SRR1) & STATUS, 0x0020_0000n)
    b.expectTrue('S', (b.machine.cpu.msr & MSR.S) !== 0n)
    b.expect('EE', b.machine.cpu.msr & MSR.EE, 0n)
  }),
  row(73, 'the hypervisor injects at 0x904, 0x2000 and above', 'valid_vector', (b) => {
    for (const hsrr0 of [0x904n, 0x2000n, 0x40_0000n, (1n << 64n) - 32n]) {
      const { how } = returning(b, (registers) => void (registers.hsrr0 = hsrr0))
      b.expect(`0x${hsrr0.toString(16)}: the guest goes on`, how, 'end')
      b.expect('rule', b.rules().at(-1), 'UV-RTN-004')
    }
  }),
  row(74, 'the hypervisor injects after a machine check', 'valid_vector', (b) => {
    const at = b.machine.cpu.nia
    b.expect(
      '0x500 is ignored',
      afterMachineCheck(b, () => 0x500n),
      at,
    )
    b.expect('rule', b.rules().at(-1), 'UV-RTN-004')
    b.expect(
      'no injection',
      afterMachineCheck(b, (cookie) => cookie),
      at,
    )
    b.expect(
      'the handler',
      afterMachineCheck(b, () => 0x200n),
      0x200n,
    )
  }),
  row(75, 'UV_RETURN with another cookie in R31', 'uv_return', (b) => {
    returning(b, (registers) => void (registers.cookie ^= 4n))
    b.expectTrue(`the SVM ends: ${b.ended}`, b.ended !== undefined)
    b.expect('rule', b.rules().at(-1), 'UV-RTN-001')
    b.expect('SVMs left', b.machine.ultravisor.svms.size, 0)
  }),
  extra('T075-reused', 'UV_RETURN with the cookie of before', 'uv_return (row 75)', (b) => {
    let first: bigint | undefined
    returning(b, ({ cookie }) => void (first = cookie))
    returning(b, (registers) => void (registers.cookie = first!))
    b.expectTrue(`the SVM ends: ${b.ended}`, b.ended !== undefined)
    b.expect('rule', b.rules().at(-1), 'UV-RTN-001')
  }),
  real(75, 'Q11', 'UV_RETURN with another cookie in R31', 'uv_return', (b) => {
    returning(b, (registers) => void (registers.cookie ^= 4n))
    b.expectTrue(`the ultravisor stops: ${b.ended}`, b.ended?.includes('Q11') === true)
  }),
  row(76, 'UV_RETURN with another LPIDR', 'fixup_regs_on_hv_exit', (b) => {
    returning(b, (registers) => void (registers.lpid = 7n))
    b.expectTrue(`the SVM ends: ${b.ended}`, b.ended !== undefined)
    b.expect('rule', b.rules().at(-1), 'UV-RTN-002')
  }),
  extra('T076-PIDR', 'UV_RETURN with another PIDR', 'fixup_regs_on_hv_exit (row 76)', (b) => {
    returning(b, (registers) => void (registers.pidr += 1n))
    b.expectTrue(`the SVM ends: ${b.ended}`, b.ended !== undefined)
    b.expect('rule', b.rules().at(-1), 'UV-RTN-003')
  }),
  row(77, 'the hypervisor returns more registers than the call has results', 'load_hcall_results', (b) => {
    const values = Array.from({ length: 9 }, (_, i) => BigInt(0x40 + i))
    b.machine.hypervisor.behaviour = {
      returning: (_hv, _vm, registers) => {
        registers.r0 = 0x123n
        registers.results = Array<bigint>(9).fill(0xbadn)
      },
    }
    const after = b.call(1, hypercallNumber('H_CEDE'), values)
    b.expect('R3', after[0], 0x123n)
    b.expect('R4 to R12', after.slice(1), values)
  }),
  extra('return-lpid-own', 'another LPIDR while the ultravisor waits for its own hypercall', 'do_hcall', (b) => {
    b.machine.hypervisor.behaviour = { returning: (_hv, _vm, registers) => void (registers.lpid = 7n) }
    b.guest('UV_SHARE_PAGE', FREE >> 16n, 1n)
    b.expectTrue(`the SVM ends: ${b.ended}`, b.ended !== undefined)
    b.expect('rule', b.rules().at(-1), 'UV-RTN-002')
  }),
  extra(
    'return-lost',
    'a wrong cookie while the ultravisor waits for its own hypercall, beside another VM',
    'do_hcall',
    (b) => {
      const lpid = Number(b.spr(SPR.LPIDR))
      let spoilt = false
      b.machine.hypervisor.behaviour = {
        returning: (_hv, vm, registers) => {
          if (spoilt || vm.lpid !== lpid) return
          spoilt = true
          registers.cookie ^= 4n
        },
      }
      b.run([...load(3, BigInt(ultracallNumber('UV_SHARE_PAGE'))), ...load(4, FREE >> 16n), 'li r5,1', 'sc 2'])
      b.expectTrue('a cookie was spoilt', spoilt)
      b.expect(
        'rules of UV_RETURN',
        [...new Set(b.rules().filter((rule) => rule.startsWith('UV-RTN')))],
        ['UV-RTN-001'],
      )
      b.expect('SVMs left', [...b.machine.ultravisor.svms.keys()], [3 - lpid])
    },
    { config: { virtualMachines: 2, secureMemoryBytes: 128 << 20 } },
  ),
  extra('machine-check-handler', 'machine checks go where the guest registered its handler', 'valid_vector', (b) => {
    const at = b.machine.cpu.nia
    const register = (handler: number): number[] => callRtas(b, token(b, 'ibm,nmi-register'), [0x8000, handler], 1).out
    for (const [handler, arrives] of [
      [0x7000, true],
      [0x7004, false],
    ] as const) {
      b.expect(`ibm,nmi-register 0x${handler.toString(16)}: status`, register(handler), [0])
      b.machine.cpu.nia = at
      const to = afterMachineCheck(b, () => BigInt(handler))
      b.expect('the guest goes on at', to, arrives ? BigInt(handler) : at)
    }
    b.expect(
      '0x200 is none any more',
      afterMachineCheck(b, () => 0x200n),
      at,
    )
    b.expect('rule', b.rules().at(-1), 'UV-RTN-004')
  }),
  extra('return-reused-own', 'UV_RETURN with the cookie of a hypercall of the ultravisor itself', 'uv_return', (b) => {
    let own: bigint | undefined
    b.machine.hypervisor.behaviour = { returning: (_hv, _vm, { cookie }) => void (own ??= cookie) }
    b.expectCode('UV_SHARE_PAGE', b.guest('UV_SHARE_PAGE', FREE >> 16n, 1n), 0n)
    returning(b, (registers) => void (registers.cookie = own!))
    b.expectTrue(`the SVM ends: ${b.ended}`, b.ended !== undefined)
    b.expect('rule', b.rules().at(-1), 'UV-RTN-001')
  }),
  extra('return-terminated', 'UV_RETURN with a cookie whose SVM is gone', 'destroy_svm', (b) => {
    b.machine.hypervisor.behaviour = {
      // biome-ignore lint/correctness/useYield: the call runs to its end by itself
      *before() {
        b.expectCode('UV_SVM_TERMINATE', b.host('UV_SVM_TERMINATE', LPID), 0n)
      },
    }
    const { how } = b.run([
      ...load(3, BigInt(hypercallNumber('H_PUT_TERM_CHAR'))),
      ...load(4, CONSOLE),
      'li r5,0',
      'sc 1',
    ])
    b.expect('the guest', how, 'machine')
    b.expect('rules', b.rules().slice(0, 1), ['UV-RTN-001'])
  }),
  extra('reflection-files', 'the log keeps the registers of the last 256 crossings', 'spec/ultravisor.md §1.5', (b) => {
    b.run(['li r6,200', 'mtctr r6', ...load(3, 0x58n), 'li r5,0', ...load(4, CONSOLE), 'sc 1', 'bdnz .-48'])
    const crossings = b.machine.trace.of('reflection')
    b.expectTrue(`${crossings.length} crossings`, crossings.length > 300)
    b.expect('with registers', crossings.filter(({ registers }) => registers).length, 256)
    b.expectTrue('the last one has them', crossings.at(-1)?.registers !== undefined)
  }),
]
