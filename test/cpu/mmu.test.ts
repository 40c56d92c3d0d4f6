import { describe, expect, it } from 'vitest'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { SECURE_RA_BIT } from '../../debug-adapter/machine/memory/real-memory.ts'
import { GUEST, GuestTables, guest, KERNEL, USER } from './guest.ts'
import { execute, FLAT, testMachine, write } from './machine.ts'

describe('hypervisor real mode', () => {
  it('ignores bits 0:3 of the effective address', () => {
    const { cpu } = testMachine()
    expect(cpu.translate(0xc000_0000_0000_1234n, 'load')).toEqual({ ok: true, gpa: 0x1234n, ra: 0x1234n })
  })

  it('raises a machine check where there is no memory', () => {
    const machine = testMachine()
    machine.cpu.setGpr(9, 0x4000_0000n)
    expect(execute(machine, ['ld r3,0(r9)'])).toEqual({ kind: 'interrupt', vector: 0x200, into: 'hypervisor' })
    expect(machine.cpu.spr(SPR.DAR)).toBe(0x4000_0000n)
    expect(machine.cpu.lastFault).toMatch(/^MEM-002: load at real address 0x40000000/)
  })
})

describe('the secure bit of a real address', () => {
  it.each([
    ['load', 'ld r3,0(r9)'],
    ['store', 'std r3,0(r9)'],
  ])('%s with MSR[S]=0: a machine check and a refusal in the log', (_, line) => {
    const machine = testMachine()
    machine.cpu.setGpr(9, SECURE_RA_BIT + 0x100n)
    machine.cpu.setGpr(3, 1n)
    expect(execute(machine, [line])).toEqual({ kind: 'interrupt', vector: 0x200, into: 'hypervisor' })
    expect(machine.trace.of('refusal')).toMatchObject([{ rule: 'MEM-001', by: 'cpu' }])
    expect(machine.cpu.gpr(3)).toBe(1n)
    expect(machine.view.u64(SECURE_RA_BIT + 0x100n)).toBe(0n)
  })

  it('cannot be executed from with MSR[S]=0', () => {
    const { cpu } = testMachine()
    cpu.nia = SECURE_RA_BIT
    expect(cpu.run(1)).toMatchObject({ vector: 0x200 })
    expect(cpu.lastFault).toMatch(/MEM-001: fetch of secure memory/)
  })

  it('is no obstacle with MSR[S]=1', () => {
    const machine = testMachine()
    machine.cpu.msr = FLAT | MSR.S
    machine.view.setU64(SECURE_RA_BIT, 0x0102_0304_0506_0708n)
    machine.cpu.setGpr(9, SECURE_RA_BIT)
    execute(machine, ['ld r3,0(r9)'])
    expect(machine.cpu.gpr(3)).toBe(0x0807_0605_0403_0201n)
  })

  it('is checked again after a change of S, although the translation is known', () => {
    const machine = testMachine()
    machine.cpu.msr = FLAT | MSR.S
    machine.cpu.setGpr(9, SECURE_RA_BIT)
    expect(execute(machine, ['ld r3,0(r9)'])).toEqual({ kind: 'budget' })
    machine.cpu.msr = FLAT
    expect(execute(machine, ['ld r3,0(r9)'])).toMatchObject({ vector: 0x200 })
  })
})

describe('partition-scoped translation', () => {
  it('puts guest real mode through the tree of LPIDR', () => {
    const machine = guest()
    machine.map(0n, 0x10_0000n)
    machine.view.setU64(0x10_2000n, 0x0807_0605_0403_0201n)
    write(machine, 0x10_1000, ['ld r3,0(r9)', 'std r3,8(r9)'], true, 0x1000n)
    machine.cpu.setGpr(9, 0x2000n)
    machine.cpu.nia = 0x1000n
    expect(machine.cpu.run(2)).toEqual({ kind: 'budget' })
    expect(machine.view.u64(0x10_2008n)).toBe(0x0807_0605_0403_0201n)
    expect(machine.cpu.translate(0xc000_0000_0000_2000n, 'load')).toEqual({ ok: true, gpa: 0x2000n, ra: 0x10_2000n })
  })

  it('raises 0xE00 with HDAR, HDSISR and ASDR where there is no translation', () => {
    const machine = guest()
    machine.map(0n, 0x10_0000n)
    write(machine, 0x10_1000, ['std r3,0(r9)'], true, 0x1000n)
    machine.cpu.setGpr(9, 0x5_4321n)
    machine.cpu.nia = 0x1000n
    expect(machine.cpu.run(10)).toEqual({ kind: 'interrupt', vector: 0xe00, into: 'hypervisor' })
    const { cpu } = machine
    expect(cpu.spr(SPR.HDAR)).toBe(0x5_4321n)
    expect(cpu.spr(SPR.HDSISR)).toBe(0x4200_0000n)
    expect(cpu.spr(SPR.ASDR)).toBe(0x5_4000n)
    expect(cpu.spr(SPR.HSRR0)).toBe(0x1000n)
    expect(cpu.spr(SPR.HSRR1)).toBe(GUEST)
    expect(cpu.msr).toBe(MSR.SF | MSR.HV | MSR.ME)
    expect(cpu.nia).toBe(0xe00n)
    expect(machine.clock.instructions).toBe(1)
    // The page comes, the instruction is repeated.
    machine.map(0x5_0000n, 0x11_0000n)
    cpu.setGpr(3, 0x55n)
    cpu.returnFromInterrupt('hrfid')
    expect(cpu.run(1)).toEqual({ kind: 'budget' })
    expect(machine.view.u8(0x11_4321n)).toBe(0x55)
  })

  it('raises 0xE20 for an instruction', () => {
    const machine = guest()
    machine.cpu.nia = 0x7_0040n
    expect(machine.cpu.run(10)).toEqual({ kind: 'interrupt', vector: 0xe20, into: 'hypervisor' })
    expect(machine.cpu.spr(SPR.ASDR)).toBe(0x7_0000n)
    expect(machine.cpu.spr(SPR.HSRR0)).toBe(0x7_0040n)
    expect(machine.cpu.spr(SPR.HSRR1) & 0x7800_0000n).toBe(0x4000_0000n)
  })

  it('goes to the ultravisor with MSR[S]=1', () => {
    const machine = guest()
    machine.cpu.msr = GUEST | MSR.S
    machine.cpu.nia = 0x7_0040n
    expect(machine.cpu.run(10)).toEqual({ kind: 'interrupt', vector: 0xe20, into: 'ultravisor' })
    expect(machine.cpu.msr & (MSR.S | MSR.HV)).toBe(MSR.S | MSR.HV)
  })

  it('does not let a normal guest reach secure memory that it is mapped to', () => {
    const machine = guest()
    machine.map(0n, SECURE_RA_BIT)
    machine.cpu.nia = 0x100n
    expect(machine.cpu.run(1)).toMatchObject({ vector: 0x200, into: 'hypervisor' })
    machine.cpu.msr = GUEST | MSR.S
    expect(machine.cpu.translate(0x100n, 'load')).toEqual({ ok: true, gpa: 0x100n, ra: SECURE_RA_BIT + 0x100n })
  })

  it('faults when a page is taken away and the translations are flushed', () => {
    const machine = guest()
    machine.map(0n, 0x10_0000n)
    machine.map(0x1_0000n, 0x11_0000n)
    write(machine, 0x10_1000, ['ld r3,0(r9)', 'b 0x1000'], true, 0x1000n)
    machine.cpu.setGpr(9, 0x1_0000n)
    machine.cpu.nia = 0x1000n
    expect(machine.cpu.run(10)).toEqual({ kind: 'budget' })
    machine.table.unmap(0x1_0000n)
    machine.cpu.flushTranslations()
    expect(machine.cpu.run(10)).toMatchObject({ vector: 0xe00 })
  })
})

describe('process-scoped translation', () => {
  const set = () => {
    const machine = guest()
    machine.map(0n, 0x10_0000n)
    machine.map(0x1_0000n, 0x11_0000n)
    machine.map(0x2_0000n, 0x12_0000n)
    machine.map(0x3_0000n, 0x13_0000n)
    const tables = new GuestTables(machine, (gpa) => gpa + 0x10_0000n)
    // Kernel code at 0x1000, data at 0x2000 (kernel) and 0x3000 (user).
    tables.map(0x1000n, 0x1000n, KERNEL)
    tables.map(0x2000n, 0x2000n, KERNEL)
    tables.map(0x3000n, 0x3000n, USER)
    write(machine, 0x10_1000, ['ld r3,0(r9)', 'std r3,0(r10)'], true, 0x1000n)
    machine.cpu.msr = GUEST | MSR.IR | MSR.DR
    machine.cpu.nia = 0x1000n
    return { machine, tables, cpu: machine.cpu }
  }

  it('walks the guest table, whose own addresses the partition translates', () => {
    const { machine, cpu } = set()
    machine.view.setU64(0x10_2008n, 7n)
    cpu.setGpr(9, 0x2008n)
    cpu.setGpr(10, 0x3010n)
    expect(cpu.run(2)).toEqual({ kind: 'budget' })
    expect(machine.view.u64(0x10_3010n)).toBe(7n)
    // The kernel's quadrant is the process table's entry 0.
    expect(cpu.translate(0xc000_0000_0000_2008n, 'load')).toEqual({ ok: true, gpa: 0x2008n, ra: 0x10_2008n })
  })

  it('notes reference and change, but not for a debugger', () => {
    const { machine, tables, cpu } = set()
    cpu.translate(0x2000n, 'store')
    expect(machine.view.u64(tables.entry(0x2000n)) & 0x180n).toBe(0n)
    cpu.setGpr(9, 0x2000n)
    cpu.setGpr(10, 0x3000n)
    cpu.run(2)
    expect(machine.view.u64(tables.entry(0x2000n)) & 0x180n).toBe(0x100n)
    expect(machine.view.u64(tables.entry(0x3000n)) & 0x180n).toBe(0x180n)
  })

  it('raises 0x300 in the guest where its own table has nothing', () => {
    const { cpu } = set()
    cpu.setGpr(9, 0x9000n)
    cpu.run(1)
    expect(cpu.nia).toBe(0x300n)
    expect(cpu.spr(SPR.DAR)).toBe(0x9000n)
    expect(cpu.spr(SPR.DSISR)).toBe(0x4000_0000n)
    expect(cpu.spr(SPR.SRR0)).toBe(0x1000n)
    expect(cpu.msr).toBe(MSR.SF | MSR.ME | MSR.LE)
  })

  it('protects kernel pages from problem state', () => {
    const { cpu } = set()
    cpu.msr = GUEST | MSR.IR | MSR.DR | MSR.PR
    expect(cpu.translate(0x2000n, 'load')).toMatchObject({ ok: false, vector: 0x300 })
    expect(cpu.translate(0x3000n, 'store')).toMatchObject({ ok: true })
    expect(cpu.translate(0x2000n, 'fetch')).toMatchObject({ ok: false, vector: 0x400 })
  })

  it('keeps what one privilege may reach from the other, without a flush between', () => {
    const { machine, cpu } = set()
    cpu.setGpr(9, 0x2000n)
    cpu.setGpr(10, 0x3000n)
    expect(cpu.run(2)).toEqual({ kind: 'budget' })
    // The same load from a user page, in problem state.
    write(machine, 0x10_3800, ['ld r4,0(r9)'], true, 0x3800n)
    cpu.msr = GUEST | MSR.IR | MSR.DR | MSR.PR
    cpu.nia = 0x3800n
    cpu.run(1)
    expect(cpu.nia).toBe(0x300n)
    expect(cpu.spr(SPR.DSISR)).toBe(0x0800_0000n)
  })

  it('raises a segment interrupt for what no tree covers', () => {
    const { cpu } = set()
    expect(cpu.translate(0x4000_0000_0000_0000n, 'load')).toMatchObject({ ok: false, vector: 0x380 })
    expect(cpu.translate(0x0010_0000_0000_0000n, 'fetch')).toMatchObject({ ok: false, vector: 0x480 })
  })

  it('raises 0xE00 where the walk itself leaves the partition', () => {
    const { machine, cpu } = set()
    machine.table.unmap(0x3_0000n)
    cpu.flushTranslations()
    expect(cpu.translate(0x2000n, 'load')).toMatchObject({ ok: false, vector: 0xe00, gpa: 0x3_0000n })
    expect(cpu.run(1)).toMatchObject({ vector: 0xe20 })
  })
})
