/** What FSCR, HFSCR and MSR switch; transactions that fail; atomic operations; doorbells (Power ISA 3.0C II 4.5, II 5, III 6.5.26). */
import { describe, expect, it } from 'vitest'
import { PROGRAM } from '../../debug-adapter/machine/cpu/interrupts.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { GUEST, type Guest, guest } from './guest.ts'
import { execute, testMachine, write } from './machine.ts'

function standing(lines: readonly string[], msr = GUEST): Guest {
  const machine = guest()
  machine.map(0n, 0x10_0000n)
  write(machine, 0x10_1000, lines, true, 0x1000n)
  machine.cpu.msr = msr
  machine.cpu.nia = 0x1000n
  return machine
}

describe('transactional memory', () => {
  it('is a facility that MSR switches, then HFSCR', () => {
    const { cpu } = standing(['tbegin. 0'])
    cpu.run(1)
    expect([cpu.nia, cpu.spr(SPR.FSCR) >> 56n, cpu.spr(SPR.SRR0)]).toEqual([0xf60n, 5n, 0x1000n])
    const other = standing(['tbegin. 0'], GUEST | MSR.TM)
    expect(other.cpu.run(1)).toMatchObject({ vector: 0xf80, into: 'hypervisor' })
    expect(other.cpu.spr(SPR.HFSCR) >> 56n).toBe(5n)
  })

  it('can be switched on by mtmsrd', () => {
    const { cpu } = standing(['mtmsrd r3'])
    cpu.setGpr(3, GUEST | MSR.TM | MSR.TS_S)
    cpu.run(1)
    expect(cpu.msr).toBe(GUEST | MSR.TM)
  })

  it('fails as it begins, persistently, and goes on at the failure handler', () => {
    const { cpu } = standing(['tbegin. 0', 'beq 0x1010', 'nop', 'nop', 'tcheck cr3', 'tend. 0'], GUEST | MSR.TM)
    cpu.setSpr(SPR.HFSCR, 1n << 5n)
    cpu.run(2)
    expect([cpu.nia, cpu.cr >>> 28]).toEqual([0x1010n, 0b1010])
    expect([cpu.spr(SPR.TFHAR), cpu.spr(SPR.TFIAR)]).toEqual([0x1004n, 0x1000n])
    expect(cpu.spr(SPR.TEXASR)).toBe((1n << 56n) | (1n << 54n) | (1n << 27n) | (1n << 26n))
    expect(cpu.spr(SPR.TEXASRU)).toBe(0x0140_0000n)
    cpu.run(2)
    expect([cpu.nia, cpu.cr]).toEqual([0x1018n, 0x0008_0000])
  })

  it('has nothing to reclaim: a TM Bad Thing', () => {
    for (const line of ['treclaim. r3', 'trechkpt.']) {
      const { cpu } = standing([line], GUEST | MSR.TM)
      cpu.setSpr(SPR.HFSCR, 1n << 5n)
      cpu.run(1)
      expect([cpu.nia, cpu.spr(SPR.SRR1) & 0x783f_0000n], line).toEqual([0x700n, PROGRAM.badThing])
    }
  })
})

describe('copy and paste.', () => {
  it('copy reads whole blocks of 128 bytes that it may read', () => {
    const { cpu } = standing(['copy r4,r5'])
    cpu.setGpr(4, 0x2000n)
    cpu.setGpr(5, 0x80n)
    cpu.run(1)
    expect(cpu.nia).toBe(0x1004n)
    const other = standing(['copy r4,r5'])
    other.cpu.setGpr(4, 0x2040n)
    other.cpu.run(1)
    expect([other.cpu.nia, other.cpu.spr(SPR.DAR)]).toEqual([0x600n, 0x2040n])
    const nowhere = standing(['copy 0,r5'])
    nowhere.cpu.setGpr(5, 1n << 40n)
    expect(nowhere.cpu.run(1)).toMatchObject({ kind: 'interrupt', vector: 0xe00 })
  })

  it('paste. finds no accelerator: a data storage interrupt that says so', () => {
    const { cpu } = standing(['paste. 0,r4'])
    cpu.setGpr(4, 0x2000n)
    cpu.run(1)
    expect([cpu.nia, cpu.spr(SPR.DAR), cpu.spr(SPR.DSISR)]).toEqual([0x300n, 0x2000n, 0x0200_0008n])
    expect(cpu.lastFault).toContain('no accelerator')
  })
})

describe('rfebb', () => {
  const GE = 1n << 63n

  it.each([
    ['rfebb', GE],
    ['rfebb 0', 0n],
  ])('%s goes to EBBRR and sets BESCR[GE]', (line, ge) => {
    const { cpu } = standing([line])
    cpu.setSpr(SPR.HFSCR, 1n << 7n)
    cpu.setSpr(SPR.EBBRR, 0x2003n)
    cpu.setSpr(SPR.BESCR, ge ^ GE)
    cpu.run(1)
    expect([cpu.nia, cpu.spr(SPR.BESCR)]).toEqual([0x2000n, ge])
  })

  it('is a facility that FSCR switches for problem state', () => {
    const { cpu } = standing(['rfebb'], GUEST | MSR.PR)
    cpu.run(1)
    expect([cpu.nia, cpu.spr(SPR.FSCR) >> 56n]).toEqual([0xf60n, 7n])
  })
})

describe('FSCR', () => {
  it.each([
    ['mfspr r3,3', 2n],
    ['mtspr 815,r3', 8n],
    ['mfspr r3,806', 7n],
    ['bctar 20,lt', 8n],
    ['scv 0', 12n],
  ])('%s in problem state: cause %i', (line, cause) => {
    const { cpu } = standing([line], GUEST | MSR.PR)
    cpu.run(1)
    expect([cpu.nia, cpu.spr(SPR.FSCR) >> 56n]).toEqual([0xf60n, cause])
    const allowed = standing([line], GUEST | MSR.PR)
    allowed.cpu.setSpr(SPR.FSCR, 1n << cause)
    allowed.cpu.run(1)
    expect(allowed.cpu.nia).not.toBe(0xf60n)
  })

  it('says nothing about privileged state', () => {
    const { cpu } = standing(['mfspr r3,815'])
    cpu.run(1)
    expect(cpu.nia).toBe(0x1004n)
  })
})

/** Executes one line with r4 = 0x2000, r5 and on as given, over words or doublewords from 0x2000 on. */
function atomic(line: string, bytes: 4 | 8, memory: readonly bigint[], registers: readonly bigint[], r4 = 0x2000n) {
  const machine = testMachine()
  const data = new DataView(new ArrayBuffer(memory.length * bytes))
  for (const [i, value] of memory.entries())
    if (bytes === 8) data.setBigUint64(8 * i, value, true)
    else data.setUint32(4 * i, Number(value), true)
  machine.view.write(0x2000n, new Uint8Array(data.buffer))
  machine.cpu.setGpr(4, r4)
  for (const [i, value] of registers.entries()) machine.cpu.setGpr(5 + i, value)
  execute(machine, [line])
  const after = machine.view.read(0x2000n, memory.length * bytes)
  const seen = new DataView(after.buffer, after.byteOffset)
  const words = memory.map((_, i) =>
    bytes === 8 ? seen.getBigUint64(8 * i, true) : BigInt(seen.getUint32(4 * i, true)),
  )
  return { machine, words, r5: machine.cpu.gpr(5) }
}

describe('atomic memory operations', () => {
  const minus1 = 0xffff_ffffn
  it.each([
    [0, [minus1], [2n], [1n]],
    [1, [12n], [10n], [6n]],
    [2, [12n], [10n], [14n]],
    [3, [12n], [10n], [8n]],
    [4, [minus1], [1n], [minus1]],
    [5, [minus1], [1n], [1n]],
    [6, [minus1], [1n], [1n]],
    [7, [minus1], [1n], [minus1]],
    [8, [7n], [9n], [9n]],
  ] as const)('lwat with function code %i', (code, before, [operand], after) => {
    const { words, r5 } = atomic(`lwat r5,r4,${code}`, 4, before, [0n, operand])
    expect([words, r5]).toEqual([after, before[0]])
  })

  it('compares and swaps, and counts within bounds', () => {
    expect(atomic('ldat r5,r4,16', 8, [7n], [0n, 7n, 9n])).toMatchObject({ words: [7n], r5: 7n })
    expect(atomic('ldat r5,r4,16', 8, [6n], [0n, 7n, 9n])).toMatchObject({ words: [9n], r5: 6n })
    expect(atomic('ldat r5,r4,24', 8, [6n, 7n], [])).toMatchObject({ words: [7n, 7n], r5: 6n })
    expect(atomic('ldat r5,r4,24', 8, [7n, 7n], [])).toMatchObject({ words: [7n, 7n], r5: 1n << 63n })
    expect(atomic('lwat r5,r4,25', 4, [7n, 7n], [])).toMatchObject({ words: [8n, 7n], r5: 7n })
    expect(atomic('lwat r5,r4,28', 4, [5n, 7n], [], 0x2004n)).toMatchObject({ words: [5n, 6n], r5: 7n })
  })

  it('stores, and stores twins', () => {
    expect(atomic('stwat r5,r4,0', 4, [1n], [minus1]).words).toEqual([0n])
    expect(atomic('stdat r5,r4,24', 8, [3n, 3n], [5n]).words).toEqual([5n, 5n])
    expect(atomic('stdat r5,r4,24', 8, [3n, 4n], [5n]).words).toEqual([3n, 4n])
  })

  it('refuses what is not aligned, and function codes that are reserved', () => {
    expect(atomic('ldat r5,r4,0', 8, [0n], [], 0x2004n).machine.cpu.nia).toBe(0x600n)
    expect(atomic('ldat r5,r4,24', 8, [0n], [], 0x2018n).machine.cpu.nia).toBe(0x600n)
    const { cpu } = atomic('stwat r5,r4,8', 4, [0n], []).machine
    expect([cpu.nia, cpu.spr(SPR.DSISR), cpu.spr(SPR.DAR)]).toEqual([0x300n, 0x0200_0004n, 0x2000n])
  })
})

describe('what a hypervisor and a kernel use', () => {
  it('reaches devices in real mode only', () => {
    const machine = testMachine()
    machine.cpu.setGpr(3, 0x1122_3344_5566_7788n)
    machine.cpu.setGpr(4, 0x2000n)
    execute(machine, ['stwcix r3,0,r4', 'lhzcix r5,0,r4'])
    expect(machine.cpu.gpr(5)).toBe(0x7788n)
    expect(standing(['ldcix r3,0,r4']).cpu.run(1)).toMatchObject({ vector: 0xe40 })
  })

  it('rings the privileged doorbell, which waits for EE', () => {
    const machine = standing(['msgsndp r3', 'nop', 'mtmsrd r4,1', 'nop'])
    write(machine, 0x10_0a00, ['nop'], true, 0xa00n)
    const { cpu } = machine
    cpu.setSpr(SPR.HFSCR, 1n << 10n)
    cpu.setGpr(3, 5n << 27n)
    cpu.setGpr(4, MSR.EE)
    cpu.run(2)
    expect([cpu.nia, cpu.spr(SPR.DPDES)]).toEqual([0x1008n, 1n])
    cpu.run(1)
    cpu.run(1)
    expect([cpu.spr(SPR.SRR0), cpu.spr(SPR.DPDES)]).toEqual([0x100cn, 0n])
    expect(cpu.nia).toBe(0xa04n)
  })

  it('finds no segment', () => {
    const { cpu } = standing(['slbfee. r3,r4'])
    cpu.setGpr(3, 9n)
    cpu.cr = 0xffff_ffff
    cpu.run(1)
    expect([cpu.gpr(3), cpu.cr]).toEqual([0n, 0x0fff_ffff])
  })
})
