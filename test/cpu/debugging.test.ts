/** What a guest debugs itself with: MSR[SE], MSR[BE], CIABR, DAWR; and what HFSCR denies (Power ISA 3.0C III 6.2.12, 6.5.15, 8). */
import { describe, expect, it } from 'vitest'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { GUEST, type Guest, guest } from './guest.ts'
import { write } from './machine.ts'

/** A guest about to execute `lines` at 0x1000, with 1 MiB of memory; interrupts lead to vectors that hold nothing. */
function standing(lines: readonly string[], msr = GUEST): Guest {
  const machine = guest({ jit: true })
  for (let page = 0n; page < 0x10_0000n; page += 0x1_0000n) machine.map(page, 0x10_0000n + page)
  write(machine, 0x10_1000, lines, true, 0x1000n)
  machine.cpu.msr = msr
  machine.cpu.nia = 0x1000n
  return machine
}

const TRACE = { always: 1n << 30n, load: 1n << 28n, store: 1n << 27n, ciabr: 1n << 20n }
const status = ({ cpu }: Guest): bigint => cpu.spr(SPR.SRR1) & 0x783f_0000n
const seen = (machine: Guest): readonly bigint[] => [machine.cpu.nia, machine.cpu.spr(SPR.SRR0), status(machine)]

describe('MSR[SE]', () => {
  it.each([
    ['addi r3,r3,1', 0x1004n, 0n],
    ['ld r3,0(r4)', 0x1004n, TRACE.load],
    ['lq r6,0(r4)', 0x1004n, TRACE.load],
    ['std r3,0(r4)', 0x1004n, TRACE.store],
    ['b 0x1010', 0x1010n, 0n],
  ])('a trace interrupt after %s', (line, next, bits) => {
    const machine = standing([line], GUEST | MSR.SE)
    machine.cpu.setGpr(4, 0x2000n)
    machine.cpu.run(1)
    expect(seen(machine)).toEqual([0xd00n, next, TRACE.always | bits])
    expect(machine.cpu.spr(SPR.SIAR)).toBe(0x1000n)
    // The handler itself is not traced, and goes back with the bit that SRR1 kept.
    expect([machine.cpu.msr & MSR.SE, machine.cpu.spr(SPR.SRR1) & MSR.SE]).toEqual([0n, MSR.SE])
  })

  it.each([
    ['ld r3,16(r4)', 0x2010n],
    ['stdu r3,-32(r4)', 0x1fe0n],
    ['lwzx r3,r4,r5', 0x2008n],
    ['lbz r3,0x100(0)', 0x100n],
    ['lq r6,16(r4)', 0x2010n],
    ['lwat r6,r4,0', 0x2000n],
    ['lxvx vs1,r4,r5', 0x2008n],
    ['stvx v1,r4,r5', 0x2008n],
  ])('SDAR has the address of the operand of %s', (line, address) => {
    const machine = standing([line.replace('0x100(0)', '256(0)')], GUEST | MSR.SE | MSR.VEC | MSR.VSX)
    machine.cpu.setGpr(4, 0x2000n)
    machine.cpu.setGpr(5, 8n)
    machine.cpu.run(1)
    expect([machine.cpu.nia, machine.cpu.spr(SPR.SDAR)]).toEqual([0xd00n, address])
  })

  it('traces each instruction that an rfid with SE leads to, one at a time', () => {
    const machine = standing(['addi r3,r3,1', 'addi r3,r3,1', 'addi r3,r3,1'])
    const { cpu } = machine
    write(machine, 0x10_0d00, ['addi r5,r5,1', 'rfid'], true, 0xd00n)
    write(machine, 0x10_2000, ['rfid'], true, 0x2000n)
    cpu.nia = 0x2000n
    cpu.setSpr(SPR.SRR0, 0x1000n)
    cpu.setSpr(SPR.SRR1, GUEST | MSR.SE)
    cpu.run(1 + 3 * 3)
    expect([cpu.gpr(3), cpu.gpr(5), cpu.nia]).toEqual([3n, 3n, 0x100cn])
  })

  it('does not trace what ends in another interrupt, nor a return or a system call', () => {
    const fault = standing(['ld r3,0(r4)'], GUEST | MSR.SE | MSR.DR)
    fault.cpu.run(1)
    expect(fault.cpu.nia).not.toBe(0xd00n)
    const call = standing(['sc'], GUEST | MSR.SE)
    call.cpu.run(1)
    expect([call.cpu.nia, call.cpu.spr(SPR.SRR0)]).toEqual([0xc00n, 0x1004n])
    const back = standing(['rfid'], GUEST | MSR.SE)
    back.cpu.setSpr(SPR.SRR0, 0x3000n)
    back.cpu.setSpr(SPR.SRR1, GUEST)
    back.cpu.run(1)
    expect(back.cpu.nia).toBe(0x3000n)
  })

  it('leaves a breakpoint of the debugger what it is', () => {
    const machine = standing(['addi r3,r3,1'], GUEST | MSR.SE)
    machine.cpu.breakpoints.add(0x1000n)
    expect(machine.cpu.run(1)).toEqual({ kind: 'breakpoint', address: 0x1000n })
    expect([machine.cpu.nia, machine.cpu.gpr(3)]).toEqual([0x1000n, 0n])
    machine.cpu.run(1, { skipFirstBreakpoint: true })
    expect([machine.cpu.nia, machine.cpu.gpr(3)]).toEqual([0xd00n, 1n])
  })
})

it('MSR[BE]: a trace interrupt after a branch, taken or not, and after nothing else', () => {
  const machine = standing(['addi r3,r3,1', 'addi r3,r3,1', 'beq cr1,0x1000', 'addi r3,r3,1'], GUEST | MSR.BE)
  machine.cpu.run(3)
  expect([...seen(machine), machine.cpu.gpr(3)]).toEqual([0xd00n, 0x100cn, TRACE.always, 2n])
})

describe('CIABR', () => {
  const loop = ['addi r3,r3,1', 'addi r4,r4,2', 'b 0x1000']

  it('a trace interrupt once its instruction is completed, also where it is hot', () => {
    const machine = standing(loop)
    machine.cpu.run(900_000)
    machine.cpu.setSpr(SPR.CIABR, 0x1004n | 2n)
    machine.cpu.run(2)
    expect(seen(machine)).toEqual([0xd00n, 0x1008n, TRACE.always | TRACE.ciabr])
    expect([machine.cpu.gpr(3), machine.cpu.gpr(4)]).toEqual([300_001n, 600_002n])
    machine.cpu.setSpr(SPR.CIABR, 0n)
    machine.cpu.nia = 0x1000n
    machine.cpu.run(900_000)
    expect(machine.cpu.gpr(3)).toBe(600_001n)
  })

  it.each([
    ['problem state', 1n, GUEST],
    ['hypervisor state', 3n, GUEST],
    ['no state', 0n, GUEST],
    ['privileged state', 2n, GUEST | MSR.S],
  ])('for %s does not count elsewhere', (_, privilege, msr) => {
    const machine = standing(loop, msr)
    machine.cpu.setSpr(SPR.CIABR, 0x1004n | privilege)
    machine.cpu.run(3)
    expect([machine.cpu.nia, machine.cpu.gpr(4)]).toEqual([0x1000n, 2n])
  })

  it('comes and goes with a snapshot', () => {
    const { cpu } = standing(loop)
    const before = cpu.snapshot()
    cpu.setSpr(SPR.CIABR, 0x1004n | 2n)
    const armed = cpu.snapshot()
    cpu.restore(before)
    cpu.run(3)
    expect(cpu.nia).toBe(0x1000n)
    cpu.restore(armed)
    cpu.run(2)
    expect(cpu.nia).toBe(0xd00n)
  })
})

describe('DAWR', () => {
  const DAWRX = { store: 1n << 6n, load: 1n << 5n, translated: 1n << 4n, any: 1n << 3n, privileged: 2n, problem: 1n }
  const watching = (line: string, control: bigint, r4: bigint, msr = GUEST): Guest => {
    const machine = standing([line], msr)
    const { cpu } = machine
    // First without: the page gets into the translations.
    cpu.setGpr(4, 0x2000n)
    cpu.run(1)
    cpu.setSpr(SPR.DAWR0, 0x2010n)
    cpu.setSpr(SPR.DAWRX0, control)
    cpu.setGpr(4, r4)
    cpu.nia = 0x1000n
    cpu.run(1)
    return machine
  }
  const hit = ({ cpu }: Guest): readonly bigint[] => [cpu.nia, cpu.spr(SPR.SRR0), cpu.spr(SPR.DSISR), cpu.spr(SPR.DAR)]
  const MATCH = 1n << 22n
  const STORE = 1n << 25n

  it('a data storage interrupt before the access is made', () => {
    const store = watching('std r3,0(r4)', DAWRX.store | DAWRX.privileged, 0x2010n)
    expect(hit(store)).toEqual([0x300n, 0x1000n, MATCH | STORE, 0x2010n])
    const load = watching('ld r3,0(r4)', DAWRX.load | DAWRX.privileged, 0x200cn)
    expect(hit(load)).toEqual([0x300n, 0x1000n, MATCH, 0x2010n])
    expect(watching('lxv vs1,0(r4)', DAWRX.load | DAWRX.privileged, 0x2004n, GUEST | MSR.VSX).cpu.nia).toBe(0x300n)
    const range = DAWRX.load | DAWRX.privileged | (3n << 10n)
    expect(hit(watching('lbz r3,0(r4)', range, 0x202fn))).toEqual([0x300n, 0x1000n, MATCH, 0x202fn])
  })

  it.each([
    ['a load while stores are watched', 'ld r3,0(r4)', DAWRX.store | DAWRX.privileged, 0x2010n],
    ['a store while loads are watched', 'std r3,0(r4)', DAWRX.load | DAWRX.privileged, 0x2010n],
    ['bytes before', 'ld r3,0(r4)', DAWRX.load | DAWRX.privileged, 0x2008n],
    ['bytes behind', 'ld r3,0(r4)', DAWRX.load | DAWRX.privileged, 0x2018n],
    ['another state', 'ld r3,0(r4)', DAWRX.load | DAWRX.problem, 0x2010n],
    ['translated accesses, while none is', 'ld r3,0(r4)', DAWRX.load | DAWRX.privileged | DAWRX.translated, 0x2010n],
  ])('not for %s', (_, line, control, r4) => {
    expect(watching(line, control, r4).cpu.nia).toBe(0x1004n)
  })

  it('does not ask for translation where that is ignored', () => {
    const control = DAWRX.load | DAWRX.privileged | DAWRX.translated | DAWRX.any
    expect(watching('ld r3,0(r4)', control, 0x2010n).cpu.nia).toBe(0x300n)
  })

  it('finds one store among thousands, compiled', () => {
    const machine = standing(['std r3,0(r4)', 'addi r3,r3,1', 'addi r4,r4,8', 'bdnz 0x1000'])
    const { cpu } = machine
    cpu.setGpr(4, 0x2000n)
    cpu.ctr = 0x1_0000n
    cpu.setSpr(SPR.DAWR0, 0x4_0000n)
    cpu.setSpr(SPR.DAWRX0, DAWRX.store | DAWRX.privileged)
    cpu.run(4 * ((0x4_0000 - 0x2000) / 8) + 1)
    expect(hit(machine)).toEqual([0x300n, 0x1000n, MATCH | STORE, 0x4_0000n])
    expect(machine.view.read(0x14_0000n, 8)).toEqual(new Uint8Array(8))
  })
})

describe('HFSCR', () => {
  const denied = (line: string, bit: bigint, msr: bigint): Guest => {
    const machine = standing([line], msr)
    machine.cpu.setSpr(SPR.HFSCR, machine.cpu.spr(SPR.HFSCR) & ~bit)
    return machine
  }

  it.each([
    ['fadd f1,f2,f3', MSR.FP, 0n],
    ['vaddubm v1,v2,v3', MSR.VEC, 1n],
    ['xvadddp vs1,vs2,vs3', MSR.VSX, 1n],
    ['mfspr r3,17', 0n, 2n],
    ['mfspr r3,795', 0n, 3n],
    ['mtspr 815,r3', 0n, 8n],
    ['mfspr r3,806', 0n, 7n],
  ])('%s: hypervisor facility unavailable, cause %#', (line, msr, cause) => {
    const machine = denied(line, 1n << cause, GUEST | msr)
    expect(machine.cpu.run(1)).toMatchObject({ vector: 0xf80, into: 'hypervisor' })
    expect([machine.cpu.spr(SPR.HFSCR) >> 56n, machine.cpu.spr(SPR.HSRR0)]).toEqual([cause, 0x1000n])
    const allowed = standing([line], GUEST | msr)
    allowed.cpu.run(1)
    expect(allowed.cpu.nia).toBe(0x1004n)
  })

  it('comes after what MSR switches off', () => {
    const machine = denied('fadd f1,f2,f3', 1n, GUEST)
    machine.cpu.run(1)
    expect(machine.cpu.nia).toBe(0x800n)
  })

  it('leaves the other instructions alone', () => {
    const machine = denied('addi r3,r3,1', 1n, GUEST | MSR.FP)
    machine.cpu.run(1)
    expect([machine.cpu.nia, machine.cpu.gpr(3)]).toEqual([0x1004n, 1n])
  })
})
