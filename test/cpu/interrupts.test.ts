import { describe, expect, it } from 'vitest'
import { LPCR, SMFCTRL_E } from '../../debug-adapter/machine/cpu/interrupts.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { GUEST, type Guest, guest } from './guest.ts'
import { testMachine, write } from './machine.ts'

/** A guest with 64 KiB mapped one to one to 0x100000, standing before the given lines at 0x1000. */
function standing(lines: readonly string[], msr = GUEST): Guest {
  const machine = guest()
  machine.map(0n, 0x10_0000n)
  write(machine, 0x10_1000, lines, true, 0x1000n)
  // The handler of the decrementer: it stays there.
  write(machine, 0x10_0900, ['nop', 'b 0x904'], true, 0x900n)
  machine.cpu.msr = msr
  machine.cpu.nia = 0x1000n
  return machine
}

describe('system calls', () => {
  it('sc 0 stays in the guest', () => {
    const { cpu } = standing(['sc'], GUEST | MSR.EE)
    expect(cpu.run(1)).toEqual({ kind: 'budget' })
    expect([cpu.nia, cpu.spr(SPR.SRR0), cpu.spr(SPR.SRR1)]).toEqual([0xc00n, 0x1004n, GUEST | MSR.EE])
    expect(cpu.msr).toBe(MSR.SF | MSR.ME | MSR.LE)
  })

  it('sc 1 leaves to the hypervisor, from an SVM to the ultravisor', () => {
    const normal = standing(['sc 1'])
    expect(normal.cpu.run(9)).toEqual({ kind: 'interrupt', vector: 0xc00, level: 1, into: 'hypervisor' })
    expect(normal.cpu.spr(SPR.SRR1)).toBe(GUEST | 0x10_0000n)
    expect(normal.cpu.msr).toBe(MSR.SF | MSR.HV | MSR.ME)
    const secure = standing(['sc 1'], GUEST | MSR.S)
    expect(secure.cpu.run(9)).toEqual({ kind: 'interrupt', vector: 0xc00, level: 1, into: 'ultravisor' })
    expect(secure.cpu.msr).toBe(MSR.SF | MSR.HV | MSR.S | MSR.ME)
  })

  it('sc 2 goes to the ultravisor where SMFCTRL[E] is set, else to the hypervisor', () => {
    const on = standing(['sc 2'])
    on.cpu.setSpr(SPR.SMFCTRL, SMFCTRL_E)
    expect(on.cpu.run(9)).toEqual({ kind: 'interrupt', vector: 0xc00, level: 2, into: 'ultravisor' })
    expect(on.cpu.spr(SPR.SRR1) & 0x30_0000n).toBe(0x20_0000n)
    const off = standing(['sc 2'])
    expect(off.cpu.run(9)).toMatchObject({ level: 2, into: 'hypervisor' })
  })

  it('can be taken by a model, and returned from', () => {
    const { cpu } = testMachine()
    cpu.setSpr(SPR.SMFCTRL, SMFCTRL_E)
    cpu.msr = MSR.SF | MSR.HV | MSR.ME
    cpu.nia = 0x4000n
    expect(cpu.systemCall(2)).toEqual({ kind: 'interrupt', vector: 0xc00, level: 2, into: 'ultravisor' })
    expect(cpu.spr(SPR.SRR0)).toBe(0x4004n)
    expect(cpu.msr & MSR.S).toBe(MSR.S)
    cpu.setSpr(SPR.USRR0, cpu.spr(SPR.SRR0))
    cpu.setSpr(SPR.USRR1, MSR.SF | MSR.HV | MSR.ME)
    cpu.returnFromInterrupt('urfid')
    expect([cpu.nia, cpu.msr]).toEqual([0x4004n, MSR.SF | MSR.HV | MSR.ME])
  })
})

describe('the secure state', () => {
  it('is left alone by rfid, in both directions', () => {
    const secure = standing(['rfid'], GUEST | MSR.S)
    secure.cpu.setSpr(SPR.SRR0, 0x1000n)
    secure.cpu.setSpr(SPR.SRR1, GUEST | MSR.HV)
    secure.cpu.run(1)
    expect(secure.cpu.msr).toBe(GUEST | MSR.S)
    const normal = standing(['rfid'])
    normal.cpu.setSpr(SPR.SRR0, 0x1000n)
    normal.cpu.setSpr(SPR.SRR1, GUEST | MSR.S | MSR.HV)
    normal.cpu.run(1)
    expect(normal.cpu.msr).toBe(GUEST)
  })

  it('cannot be entered by hrfid nor by mtmsrd', () => {
    const { cpu } = testMachine()
    cpu.setSpr(SPR.HSRR1, GUEST | MSR.S)
    cpu.returnFromInterrupt('hrfid')
    expect(cpu.msr).toBe(GUEST)
    const machine = standing(['mtmsrd r3'])
    machine.cpu.setGpr(3, GUEST | MSR.S | MSR.HV | MSR.RI)
    machine.cpu.run(1)
    expect(machine.cpu.msr).toBe(GUEST | MSR.RI)
  })

  it('is entered by urfid, which only the ultravisor may execute', () => {
    const { cpu } = testMachine()
    cpu.msr = MSR.SF | MSR.HV | MSR.S
    cpu.setSpr(SPR.USRR0, 0x1234_5678n)
    cpu.setSpr(SPR.USRR1, GUEST | MSR.S)
    cpu.returnFromInterrupt('urfid')
    expect([cpu.nia, cpu.msr]).toEqual([0x1234_5678n, GUEST | MSR.S])
    expect(standing(['urfid']).cpu.run(1)).toMatchObject({ vector: 0xe40, into: 'hypervisor' })
    const problem = standing(['urfid'], GUEST | MSR.PR)
    problem.cpu.run(1)
    // Problem state has IR=DR=1 architecturally; here real mode, the guest's own program interrupt.
    expect(problem.cpu.nia).toBe(0x700n)
  })

  it('has a reserved combination that nothing enters', () => {
    const { cpu } = testMachine()
    expect(() => (cpu.msr = MSR.S | MSR.HV | MSR.PR)).toThrow(/CPU-001.*S=1, HV=1 and PR=1/)
    cpu.msr = MSR.SF | MSR.HV | MSR.S
    cpu.setSpr(SPR.USRR1, MSR.S | MSR.HV | MSR.PR)
    expect(() => cpu.returnFromInterrupt('urfid')).toThrow(/CPU-001/)
    expect(cpu.msr).toBe(MSR.SF | MSR.HV | MSR.S)
  })

  it('refuses the reserved combination to a guest program of the ultravisor, with a refusal in the log', () => {
    const machine = testMachine()
    const { cpu, trace } = machine
    write(machine, 0x1000, ['urfid'])
    cpu.msr = MSR.SF | MSR.HV | MSR.S | MSR.LE
    cpu.nia = 0x1000n
    cpu.setSpr(SPR.USRR1, MSR.S | MSR.HV | MSR.PR)
    expect(cpu.run(1)).toMatchObject({ vector: 0xe40, into: 'ultravisor' })
    expect(cpu.spr(SPR.HEIR)).toBe(0x4c00_0264n)
    expect(trace.of('refusal')).toMatchObject([{ rule: 'CPU-001' }])
  })

  it('owns its registers: others get 0xE40, problem state a program interrupt', () => {
    for (const line of ['mfspr r3,505', 'mtspr 511,r3', 'mfspr r3,506']) {
      const { cpu } = standing([line])
      expect(cpu.run(1), line).toMatchObject({ vector: 0xe40, into: 'hypervisor' })
      expect(cpu.spr(SPR.HEIR)).not.toBe(0n)
    }
    const problem = standing(['mfspr r3,505'], GUEST | MSR.PR)
    problem.cpu.run(1)
    expect(problem.cpu.spr(SPR.SRR1) & 0x4_0000n).toBe(0x4_0000n)
    const secure = standing(['mfspr r3,505'], GUEST | MSR.S)
    expect(secure.cpu.run(1)).toMatchObject({ vector: 0xe40, into: 'ultravisor' })
  })

  it('takes PTCR from the hypervisor where the facility is on', () => {
    for (const [smfctrl, exit] of [
      [0n, { kind: 'budget' }],
      [SMFCTRL_E, { kind: 'interrupt', vector: 0xe40, into: 'hypervisor' }],
    ] as const) {
      const machine = testMachine()
      machine.cpu.setSpr(SPR.SMFCTRL, smfctrl)
      write(machine, 0x1000, ['mtspr 464,r3'])
      machine.cpu.nia = 0x1000n
      expect(machine.cpu.run(1)).toEqual(exit)
    }
  })
})

describe('program interrupts', () => {
  it('a trap says so in SRR1', () => {
    const { cpu } = standing(['trap'])
    cpu.run(1)
    expect([cpu.nia, cpu.spr(SPR.SRR0), cpu.spr(SPR.SRR1) & 0x783f_0000n]).toEqual([0x700n, 0x1000n, 0x2_0000n])
    expect(cpu.lastFault).toBe('trap at 0x1000')
  })

  it('a trap whose condition does not hold is nothing', () => {
    const { cpu } = standing(['tdnei r3,0', 'twlgti r3,5'])
    cpu.run(2)
    expect(cpu.nia).toBe(0x1008n)
  })

  it('privileged instructions in problem state', () => {
    for (const line of ['mfmsr r3', 'mtmsrd r3', 'rfid', 'mfspr r3,26', 'slbia', 'tlbsync']) {
      const { cpu } = standing([line], GUEST | MSR.PR)
      cpu.run(1)
      expect([cpu.nia, cpu.spr(SPR.SRR1) & 0x783f_0000n], line).toEqual([0x700n, 0x4_0000n])
    }
  })

  it('an illegal instruction is for the hypervisor, with the word in HEIR', () => {
    const { cpu } = standing(['.long 0x00000000'])
    expect(cpu.run(1)).toEqual({ kind: 'interrupt', vector: 0xe40, into: 'hypervisor' })
    expect([cpu.spr(SPR.HEIR), cpu.spr(SPR.HSRR0)]).toEqual([0n, 0x1000n])
    expect(cpu.lastFault).toMatch(/illegal instruction: 0x00000000 at 0x1000/)
  })

  it('an unknown special purpose register is nothing in privileged state', () => {
    const { cpu } = standing(['mtspr 1000,r3', 'mfspr r3,1000'])
    cpu.setGpr(3, 77n)
    expect(cpu.run(2)).toEqual({ kind: 'budget' })
    expect(cpu.gpr(3)).toBe(77n)
  })
})

describe('time', () => {
  it('the timebase counts instructions', () => {
    const { cpu } = standing(['nop', 'mftb r3', 'nop', 'mftb r4'])
    cpu.run(4)
    expect(cpu.gpr(4) - cpu.gpr(3)).toBe(2n)
  })

  it('the decrementer interrupts after its count, when EE lets it', () => {
    const { cpu, clock } = standing(['li r3,5', 'mtdec r3', 'b 0x1008'], GUEST | MSR.EE)
    cpu.run(1000)
    expect(cpu.spr(SPR.SRR0)).toBe(0x1008n)
    expect(cpu.spr(SPR.SRR1)).toBe(GUEST | MSR.EE)
    expect(clock.instructions).toBe(1000)
    // 5 at the mtdec, which is instruction 2; negative six ticks later.
    const exact = standing(['li r3,5', 'mtdec r3', 'b 0x1008'], GUEST | MSR.EE)
    exact.cpu.run(8)
    expect(exact.cpu.spr(SPR.DEC)).toBe(0xffff_ffff_ffff_ffffn)
    expect(exact.cpu.nia).toBe(0x1008n)
    exact.cpu.run(1)
    expect(exact.cpu.nia).toBe(0x904n)
  })

  it('the decrementer waits for EE', () => {
    const { cpu } = standing(['li r3,0', 'mtdec r3', 'nop', 'nop', 'li r4,0', 'ori r4,r4,0x8000', 'mtmsrd r4,1', 'nop'])
    cpu.run(7)
    expect(cpu.nia).toBe(0x101cn)
    cpu.run(1)
    expect(cpu.spr(SPR.SRR0)).toBe(0x101cn)
    expect(cpu.nia).toBe(0x904n)
  })

  it('DEC has 32 bits, 56 with LPCR[LD]', () => {
    const { cpu } = testMachine()
    cpu.setSpr(SPR.DEC, 0x7fff_ffffn)
    expect(cpu.spr(SPR.DEC)).toBe(0x7fff_ffffn)
    cpu.setSpr(SPR.DEC, 0xffff_fff0n)
    expect(cpu.spr(SPR.DEC)).toBe(0xffff_ffff_ffff_fff0n)
    cpu.setSpr(SPR.LPCR, LPCR.LD)
    cpu.setSpr(SPR.DEC, 0x12_3456_789an)
    expect(cpu.spr(SPR.DEC)).toBe(0x12_3456_789an)
  })

  it('survives save and load', () => {
    const { cpu } = standing(['li r3,100', 'mtdec r3', 'b 0x1008'])
    cpu.run(3)
    expect(cpu.spr(SPR.DEC)).toBe(99n)
    const file = cpu.save()
    cpu.setSpr(SPR.DEC, 5n)
    cpu.load(file)
    expect(cpu.spr(SPR.DEC)).toBe(99n)
    expect(cpu.save()).toEqual(file)
  })
})

describe('delivery', () => {
  it('ILE chooses the byte order of the guest', () => {
    const { cpu } = standing(['sc'])
    cpu.setSpr(SPR.LPCR, LPCR.HR)
    cpu.run(1)
    expect(cpu.msr & MSR.LE).toBe(0n)
  })

  it('AIL moves the vectors where both translations were on, and only there', () => {
    const real = standing(['sc'])
    real.cpu.setSpr(SPR.LPCR, LPCR.HR | LPCR.AIL | LPCR.ILE)
    real.cpu.run(1)
    expect(real.cpu.nia).toBe(0xc00n)
    const { cpu } = testMachine()
    cpu.msr = GUEST | MSR.IR | MSR.DR
    cpu.setSpr(SPR.LPCR, LPCR.AIL | LPCR.ILE)
    cpu.nia = 0x8000n
    expect(cpu.interrupt(0x900)).toEqual({ kind: 'budget' })
    expect([cpu.nia, cpu.msr & (MSR.IR | MSR.DR)]).toEqual([0xc000_0000_0000_4900n, MSR.IR | MSR.DR])
  })

  it('0x500 goes to the hypervisor by HSRR0/1 where LPES is 0, to the guest where it is 1', () => {
    const { cpu } = testMachine()
    cpu.msr = GUEST
    cpu.nia = 0x8000n
    expect(cpu.interrupt(0x500)).toEqual({ kind: 'interrupt', vector: 0x500, into: 'hypervisor' })
    expect(cpu.spr(SPR.HSRR0)).toBe(0x8000n)
    cpu.msr = GUEST
    cpu.setSpr(SPR.LPCR, LPCR.LPES)
    expect(cpu.interrupt(0x500)).toEqual({ kind: 'budget' })
    expect(cpu.spr(SPR.SRR0)).toBe(0x500n)
  })

  it('rejects a vector that does not exist', () => {
    expect(() => testMachine().cpu.interrupt(0x123)).toThrow(/interrupt vector 0x123/)
  })

  it('logs what leaves the guest', () => {
    const { cpu, trace } = standing(['urfid'])
    cpu.run(1)
    expect(trace.of('interrupt')).toMatchObject([
      { vector: 0xe40, name: 'hypervisor emulation assistance', nia: 0x1000n, into: 'hypervisor' },
    ])
  })

  it('idles at wait and stop', () => {
    const { cpu } = standing(['wait', 'stop'])
    expect(cpu.run(10)).toEqual({ kind: 'idle' })
    expect(cpu.nia).toBe(0x1004n)
    expect(cpu.run(10)).toEqual({ kind: 'idle' })
  })
})

describe('facilities, and instructions that are only known by name', () => {
  it('raise the interrupt of their facility where MSR turns it off', () => {
    for (const [line, vector] of [
      ['fadd f1,f2,f3', 0x800n],
      ['vor v1,v2,v3', 0xf20n],
      ['lxvd2x vs1,0,r3', 0xf40n],
    ] as const) {
      const { cpu } = standing([line])
      cpu.run(1)
      expect(cpu.nia, line).toBe(vector)
    }
  })

  it('name themselves otherwise', () => {
    const { cpu, trace } = standing(['mtsle 0'])
    cpu.run(1)
    expect(cpu.nia).toBe(0x700n)
    expect(cpu.spr(SPR.SRR1) & 0x783f_0000n).toBe(0x8_0000n)
    expect(cpu.lastFault).toBe('legal instruction mtsle is not implemented (at 0x1000)')
    expect(trace.of('refusal')).toMatchObject([{ rule: 'CPU-002', by: 'cpu' }])
  })
})
