import { describe, expect, it } from 'vitest'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { execute, FLAT, testMachine, write } from './machine.ts'

const ALL_ONES = 0xffff_ffff_ffff_ffffn

describe('running', () => {
  it('counts instructions exactly, however it is cut into pieces', () => {
    const loop = ['li r3,0', 'addi r3,r3,1', 'xor r4,r4,r3', 'b 0x1004']
    const whole = testMachine()
    expect(execute(whole, loop, 100_001)).toEqual({ kind: 'budget' })
    const pieces = testMachine()
    write(pieces, 0x1000, loop)
    pieces.cpu.nia = 0x1000n
    for (let left = 100_001, piece = 1; left > 0; left -= piece, piece = Math.min(left, piece + 7))
      pieces.cpu.run(piece)
    expect(pieces.clock.instructions).toBe(100_001)
    expect(whole.clock.instructions).toBe(100_001)
    expect(pieces.cpu.save()).toEqual(whole.cpu.save())
  })

  it('crosses from one page into the next', () => {
    const machine = testMachine()
    write(machine, 0x1ff8, ['li r3,1', 'li r4,2', 'li r5,3', 'li r6,4'])
    machine.cpu.nia = 0x1ff8n
    machine.cpu.run(4)
    expect([3, 4, 5, 6].map((r) => machine.cpu.gpr(r))).toEqual([1n, 2n, 3n, 4n])
    expect(machine.cpu.nia).toBe(0x2008n)
  })

  it('executes code that writes code', () => {
    const machine = testMachine()
    machine.cpu.setGpr(5, 0x3880_0002n) // li r4,2
    machine.cpu.setGpr(6, 0x100cn)
    // The instruction at 0x100c is executed, replaced and executed again; r3 counts the rounds.
    execute(machine, ['li r3,0', 'addi r3,r3,1', 'mr r7,r4', 'li r4,1', 'cmpdi r3,2', 'stw r5,0(r6)', 'bne 0x1004'], 13)
    expect(machine.cpu.gpr(3)).toBe(2n)
    expect(machine.cpu.gpr(7)).toBe(1n)
    expect(machine.cpu.gpr(4)).toBe(2n)
  })

  it('sees code that somebody else wrote, when told', () => {
    const machine = testMachine()
    execute(machine, ['li r3,1'])
    write(machine, 0x1000, ['li r3,7'])
    machine.cpu.nia = 0x1000n
    machine.cpu.run(1)
    expect(machine.cpu.gpr(3)).toBe(7n)
  })

  it('refuses a memory without room for the processor', async () => {
    const { Cpu } = await import('../../debug-adapter/machine/cpu/cpu.ts')
    const { RealMemory } = await import('../../debug-adapter/machine/memory/real-memory.ts')
    const { clock, trace } = testMachine()
    expect(() => new Cpu(new RealMemory(0x1_0000, 0x1_0000, 0, trace), clock, trace)).toThrow(/leaves 65536 bytes/)
  })
})

describe('breakpoints', () => {
  const lines = ['li r3,0', 'addi r3,r3,1', 'addi r3,r3,1', 'b 0x1004']

  it('stop before the instruction, and are stepped over only on request', () => {
    const machine = testMachine()
    machine.cpu.breakpoints.add(0x1008n)
    expect(execute(machine, lines, 1000)).toEqual({ kind: 'breakpoint', address: 0x1008n })
    expect(machine.clock.instructions).toBe(2)
    expect(machine.cpu.gpr(3)).toBe(1n)
    expect(machine.cpu.run(1000)).toEqual({ kind: 'breakpoint', address: 0x1008n })
    expect(machine.clock.instructions).toBe(2)
    expect(machine.cpu.run(1, { skipFirstBreakpoint: true })).toEqual({ kind: 'budget' })
    expect(machine.cpu.gpr(3)).toBe(2n)
    expect(machine.cpu.run(1000)).toEqual({ kind: 'breakpoint', address: 0x1008n })
    expect(machine.clock.instructions).toBe(5)
  })

  it('come and go while the code is decoded', () => {
    const machine = testMachine()
    execute(machine, lines, 100)
    machine.cpu.breakpoints.add(0x1004n)
    machine.cpu.breakpoints.add(0x100cn)
    expect(machine.cpu.breakpoints.has(0x1004n)).toBe(true)
    expect(machine.cpu.run(100).kind).toBe('breakpoint')
    machine.cpu.breakpoints.delete(0x100cn)
    expect(machine.cpu.run(100, { skipFirstBreakpoint: true })).toEqual({ kind: 'breakpoint', address: 0x1004n })
    machine.cpu.breakpoints.clear()
    expect(machine.cpu.run(100, { skipFirstBreakpoint: true })).toEqual({ kind: 'budget' })
  })

  it('belong to an effective address, not to the memory behind it', () => {
    const machine = testMachine()
    // In hypervisor real mode bits 0:3 of an address are ignored: the same code at two effective addresses.
    machine.cpu.breakpoints.add(0x1000_0000_0000_1004n)
    expect(execute(machine, lines, 100)).toEqual({ kind: 'budget' })
    machine.cpu.nia = 0x1000_0000_0000_1000n
    expect(machine.cpu.run(100)).toEqual({ kind: 'breakpoint', address: 0x1000_0000_0000_1004n })
    // And back: the record now has a breakpoint that is not this address's.
    machine.cpu.nia = 0x1000n
    expect(machine.cpu.run(100)).toEqual({ kind: 'budget' })
    expect(machine.cpu.gpr(3)).toBe(66n)
  })

  it('survive code that writes over them', () => {
    const machine = testMachine()
    machine.cpu.breakpoints.add(0x1008n)
    machine.cpu.setGpr(5, 0x3860_0009n)
    expect(execute(machine, ['li r6,0x1008', 'stw r5,0(r6)', 'nop'], 3)).toEqual({
      kind: 'breakpoint',
      address: 0x1008n,
    })
    machine.cpu.run(1, { skipFirstBreakpoint: true })
    expect(machine.cpu.gpr(3)).toBe(9n)
  })
})

describe('byte order and mode', () => {
  it('loads, stores and fetches big-endian with MSR[LE]=0', () => {
    const machine = testMachine()
    machine.view.write(0x2000n, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))
    write(
      machine,
      0x1000,
      [
        'ld r3,0(r9)',
        'lwz r4,0(r9)',
        'lhz r5,0(r9)',
        'lwbrx r6,0,r9',
        'std r3,8(r9)',
        'sth r3,16(r9)',
        'ld r7,1(r9)'.replace('1(', '4('),
      ],
      false,
    )
    machine.cpu.msr = FLAT & ~MSR.LE
    machine.cpu.setGpr(9, 0x2000n)
    machine.cpu.nia = 0x1000n
    machine.cpu.run(7)
    expect([3, 4, 5, 6].map((r) => machine.cpu.gpr(r))).toEqual([
      0x0102030405060708n,
      0x01020304n,
      0x0102n,
      0x04030201n,
    ])
    expect(machine.cpu.gpr(7)).toBe(0x0506070801020304n)
    expect([...machine.view.read(0x2008n, 10)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 7, 8])
  })

  it.each([[true], [false]])('gets accesses across pages right (little-endian %s)', (little) => {
    const machine = testMachine()
    machine.view.write(0x2ffcn, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))
    write(machine, 0x1000, ['ld r3,0(r9)', 'std r3,0(r10)'], little)
    machine.cpu.msr = little ? FLAT : FLAT & ~MSR.LE
    machine.cpu.setGpr(9, 0x2ffcn)
    machine.cpu.setGpr(10, 0x4ffbn)
    machine.cpu.nia = 0x1000n
    machine.cpu.run(2)
    expect(machine.cpu.gpr(3)).toBe(little ? 0x0807060504030201n : 0x0102030405060708n)
    expect([...machine.view.read(0x4ffbn, 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('uses the low words for addresses, CR0, carry and CTR with MSR[SF]=0', () => {
    const machine = testMachine()
    const { cpu } = machine
    cpu.msr = FLAT & ~MSR.SF
    cpu.setGpr(3, 0xffff_ffff_8000_0000n)
    cpu.setGpr(4, 0xffff_ffff_8000_0000n)
    cpu.setGpr(9, 0x1_0000_2000n)
    cpu.ctr = 0x1_0000_0001n
    machine.view.setU32(0x2000n, 0x0403_0201)
    execute(machine, ['addc. r5,r3,r4', 'lwz r6,0(r9)', 'add. r7,r3,r8', 'bdz 0x1014', 'li r10,1', 'mfcr r11'], 5)
    expect(cpu.gpr(6)).toBe(0x0102_0304n)
    expect((cpu.xer >> 29n) & 1n).toBe(1n)
    expect(cpu.gpr(10)).toBe(0n)
    // add. of 0x80000000: negative as a word.
    expect(cpu.gpr(11) >> 28n).toBe(8n)
  })
})

describe('corner cases of arithmetic', () => {
  it.each([
    ['divde r5,r3,r4', 1n, 4n, 1n << 62n],
    ['divde r5,r3,r4', ALL_ONES, 4n, BigInt.asUintN(64, -(1n << 62n))],
    ['divdeu r5,r3,r4', 1n, 2n, 1n << 63n],
  ])('%s', (line, a, b, quotient) => {
    const machine = testMachine()
    machine.cpu.setGpr(3, a)
    machine.cpu.setGpr(4, b)
    execute(machine, [line])
    expect(machine.cpu.gpr(5)).toBe(quotient)
  })

  it.each([
    ['divdeo r5,r3,r4', 1n, 0n],
    ['divdeo r5,r3,r4', 1n, 2n], // 2^63: one too many
    ['divdeuo r5,r3,r4', 2n, 2n],
    ['divdo r5,r3,r4', 1n << 63n, ALL_ONES],
    ['divwo r5,r3,r4', 0x8000_0000n, ALL_ONES],
    ['addo r5,r3,r4', (1n << 63n) - 1n, 1n],
    ['nego r5,r3', 1n << 63n, 0n],
  ])('%s overflows', (line, a, b) => {
    const machine = testMachine()
    machine.cpu.setGpr(3, a)
    machine.cpu.setGpr(4, b)
    execute(machine, [line])
    expect(machine.cpu.xer & 0xc000_0000n).toBe(0xc000_0000n)
    // SO stays when the next one does not overflow, OV does not.
    execute(machine, ['addo r5,r6,r6'])
    expect(machine.cpu.xer & 0xc000_0000n).toBe(0x8000_0000n)
  })

  it('addex adds with the carry in OV', () => {
    const machine = testMachine()
    machine.cpu.setGpr(3, ALL_ONES)
    machine.cpu.xer = 0x4000_0000n
    execute(machine, ['addex r5,r3,r6,0'])
    expect(machine.cpu.gpr(5)).toBe(0n)
    expect(machine.cpu.xer & 0xe000_0000n).toBe(0x4000_0000n)
  })

  it('darn delivers from the source of chance, and says so where there is none', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    const machine = testMachine({ random: () => bytes })
    execute(machine, ['darn r3,0', 'darn r4,1', 'darn r5,3'])
    expect([3, 4, 5].map((r) => machine.cpu.gpr(r))).toEqual([0x05060708n, 0x0102030405060708n, ALL_ONES])
    const without = testMachine()
    execute(without, ['darn r3,1'])
    expect(without.cpu.gpr(3)).toBe(ALL_ONES)
  })
})

describe('reservations', () => {
  const reserve = ['ldarx r3,0,r9', 'stdcx. r4,0,r9']
  const succeeded = (cr: number): boolean => ((cr >>> 29) & 1) === 1

  it('are held until they are used, and used once', () => {
    const machine = testMachine()
    machine.cpu.setGpr(9, 0x2000n)
    machine.cpu.setGpr(4, 42n)
    execute(machine, reserve)
    expect(succeeded(machine.cpu.cr)).toBe(true)
    execute(machine, ['stdcx. r4,0,r9'])
    expect(succeeded(machine.cpu.cr)).toBe(false)
  })

  it('are of an address and a size', () => {
    const machine = testMachine()
    machine.cpu.setGpr(9, 0x2000n)
    machine.cpu.setGpr(10, 0x2008n)
    execute(machine, ['ldarx r3,0,r9', 'stdcx. r4,0,r10'])
    expect(succeeded(machine.cpu.cr)).toBe(false)
    execute(machine, ['lwarx r3,0,r9', 'stdcx. r4,0,r9'])
    expect(succeeded(machine.cpu.cr)).toBe(false)
  })

  it('of a quadword are held for a pair of registers', () => {
    const machine = testMachine()
    machine.cpu.setGpr(9, 0x2000n)
    machine.cpu.setGpr(4, 1n)
    machine.cpu.setGpr(5, 2n)
    execute(machine, ['lqarx r6,0,r9', 'stqcx. r4,0,r9'])
    expect(succeeded(machine.cpu.cr)).toBe(true)
    // The even register is the more significant one: in little-endian order it stands behind.
    expect(machine.view.read(0x2000n, 16)).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0))
    execute(machine, ['stqcx. r6,0,r9'])
    expect(succeeded(machine.cpu.cr)).toBe(false)
    execute(machine, ['ldarx r6,0,r9', 'stqcx. r6,0,r9'])
    expect(succeeded(machine.cpu.cr)).toBe(false)
  })

  it('raise an alignment interrupt where the address is not aligned, and load nothing', () => {
    const machine = testMachine()
    machine.cpu.setGpr(9, 0x2004n)
    machine.cpu.setGpr(3, 5n)
    expect(execute(machine, reserve)).toMatchObject({ kind: 'interrupt', vector: 0x600 })
    expect(machine.cpu.spr(SPR.DAR)).toBe(0x2004n)
    expect(machine.cpu.gpr(3)).toBe(5n)
    expect(machine.cpu.lastFault).toMatch(/alignment.*0x2004/)
  })
})

describe('storage instructions that are written out', () => {
  it('dcbz clears the 128 bytes around the address', () => {
    const machine = testMachine()
    machine.view.fill(0x2000n, 0xff, 512)
    machine.cpu.setGpr(9, 0x20b0n)
    execute(machine, ['dcbz 0,r9'])
    const bytes = machine.view.read(0x2000n, 512)
    expect([bytes[0x7f], bytes[0x80], bytes[0xff], bytes[0x100]]).toEqual([0xff, 0, 0, 0xff])
  })

  it('lmw and stmw work big-endian, and raise an alignment interrupt little-endian', () => {
    const machine = testMachine()
    const lines = ['lmw r29,0(r9)', 'stmw r29,16(r9)']
    machine.view.write(0x2000n, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3))
    machine.cpu.setGpr(9, 0x2000n)
    write(machine, 0x1000, lines, false)
    machine.cpu.msr = FLAT & ~MSR.LE
    machine.cpu.nia = 0x1000n
    machine.cpu.run(2)
    expect([29, 30, 31].map((r) => machine.cpu.gpr(r))).toEqual([1n, 2n, 3n])
    expect(machine.view.read(0x2010n, 12)).toEqual(machine.view.read(0x2000n, 12))
    machine.cpu.msr = FLAT
    expect(execute(machine, lines)).toMatchObject({ vector: 0x600 })
  })

  it('lq and stq use an even-odd pair', () => {
    const machine = testMachine()
    machine.cpu.setGpr(9, 0x2000n)
    machine.cpu.setGpr(4, 4n)
    machine.cpu.setGpr(5, 5n)
    execute(machine, ['stq r4,0(r9)', 'lq r6,0(r9)'])
    expect([machine.cpu.gpr(6), machine.cpu.gpr(7)]).toEqual([4n, 5n])
    expect(machine.view.u8(0x2000n)).toBe(5)
  })
})
