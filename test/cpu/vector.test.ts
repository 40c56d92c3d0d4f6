import { describe, expect, it } from 'vitest'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { FLAT, testMachine, write } from './machine.ts'
import { Random } from './oracle/random.ts'

const machine = testMachine()
const { cpu, view } = machine
const DATA = 0x2000n
let written = ''

interface Setting {
  readonly littleEndian?: boolean
  readonly vscr?: bigint
  readonly msr?: bigint
}

/** Executes one line with v1 to v4 holding the values, r4 = 0x2000, r5 = 0, memory there 0x10, 0x11 and so on. */
function run(line: string, values: readonly bigint[] = [], setting: Setting = {}) {
  const { littleEndian = true, vscr = 0n, msr = MSR.VEC } = setting
  if (`${line}${littleEndian}` !== written) write(machine, 0x1000, ['mtvscr v31', line, 'mfvscr v31'], littleEndian)
  written = `${line}${littleEndian}`
  view.write(
    DATA,
    Uint8Array.from({ length: 32 }, (_, i) => 0x10 + i),
  )
  cpu.setVsr(32 + 31, vscr)
  for (const [i, value] of values.entries()) cpu.setVsr(33 + i, value)
  cpu.setGpr(4, DATA)
  cpu.setGpr(5, 0n)
  cpu.cr = 0
  cpu.msr = (littleEndian ? FLAT : FLAT & ~MSR.LE) | MSR.FP | MSR.VSX | msr
  cpu.nia = 0x1000n
  cpu.run(3)
  return {
    v: (n: number) => hex(cpu.vsr(32 + n)),
    cr6: (cpu.cr >>> 4) & 15,
    vscr: cpu.vsr(32 + 31),
    nia: cpu.nia,
  }
}
const hex = (value: bigint): string => value.toString(16).padStart(32, '0')

const A = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeffn
const B = 0xf0e1_d2c3_b4a5_9687_7869_5a4b_3c2d_1e0fn

describe('vrldmi', () => {
  /** Bit by bit, as the book says it (Power ISA 3.0C I 6.9.3): bits are counted from the left. */
  function rotatedInto(target: bigint, source: bigint, control: bigint): bigint {
    const [first, last, count] = [16n, 8n, 0n].map((shift) => Number((control >> shift) & 63n)) as [
      number,
      number,
      number,
    ]
    const bit = (value: bigint, i: number): bigint => (value >> BigInt(63 - i)) & 1n
    let out = 0n
    for (let i = 0; i < 64; i++) {
      const masked = first <= last ? i >= first && i <= last : i >= first || i <= last
      out = (out << 1n) | (masked ? bit(source, (i + count) % 64) : bit(target, i))
    }
    return out
  }

  it('takes the rotated source where the mask has ones, and keeps the target elsewhere', () => {
    const random = new Random(8)
    const doublewords = (): [bigint, bigint] => [random.value(), random.value()]
    const joined = ([high, low]: readonly bigint[]): bigint => (high! << 64n) | low!
    for (let i = 0; i < 300; i++) {
      const [source, control, target] = [doublewords(), doublewords(), doublewords()]
      const { v } = run('vrldmi v3,v1,v2', [joined(source), joined(control), joined(target)])
      const wanted = target.map((old, k) => rotatedInto(old, source[k]!, control[k]!))
      expect(v(3)).toBe(hex(joined(wanted)))
    }
  })
})

describe('loads and stores', () => {
  it.each([
    ['lvx v7,r4,r6', '1f1e1d1c1b1a19181716151413121110', '101112131415161718191a1b1c1d1e1f'],
    ['lvebx v7,r4,r6', '00000000000000000000000013000000', '00000013000000000000000000000000'],
    ['lvehx v7,r4,r6', '00000000000000000000000013120000', '00001213000000000000000000000000'],
    ['lvewx v7,r4,r6', '00000000000000000000000013121110', '10111213000000000000000000000000'],
    ['lvsl v7,r4,r6', '030405060708090a0b0c0d0e0f101112', '030405060708090a0b0c0d0e0f101112'],
    ['lvsr v7,r4,r6', '0d0e0f101112131415161718191a1b1c', '0d0e0f101112131415161718191a1b1c'],
  ])('%s ignores what the address is too much by', (line, little, big) => {
    cpu.setGpr(6, 3n)
    cpu.setVsr(32 + 7, 0n)
    expect(run(line).v(7)).toBe(little)
    cpu.setVsr(32 + 7, 0n)
    expect(run(line, [], { littleEndian: false }).v(7)).toBe(big)
  })

  it.each([
    ['stvx v1,r4,r6', 'ffeeddccbbaa99887766554433221100', '00112233445566778899aabbccddeeff'],
    ['stvebx v1,r4,r6', '101112cc1415161718191a1b1c1d1e1f', '101112331415161718191a1b1c1d1e1f'],
    ['stvehx v1,r4,r6', '1011ddcc1415161718191a1b1c1d1e1f', '101122331415161718191a1b1c1d1e1f'],
    ['stvewx v1,r4,r6', 'ffeeddcc1415161718191a1b1c1d1e1f', '001122331415161718191a1b1c1d1e1f'],
  ])('%s too', (line, little, big) => {
    for (const [littleEndian, expected] of [
      [true, little],
      [false, big],
    ] as const) {
      cpu.setGpr(6, 3n)
      run(line, [A], { littleEndian })
      expect(Buffer.from(view.read(DATA, 16)).toString('hex')).toBe(expected)
    }
  })
})

describe('elements count from the left', () => {
  it.each([
    ['vspltb v7,v1,2', '2'.repeat(32)],
    ['vsplth v7,v1,7', 'eeff'.repeat(8)],
    ['vspltw v7,v1,1', '44556677'.repeat(4)],
    ['vspltisb v7,-3', 'fd'.repeat(16)],
    ['vspltish v7,-16', 'fff0'.repeat(8)],
    ['vspltisw v7,15', '0000000f'.repeat(4)],
    ['vmrghb v7,v1,v2', '00f011e122d233c344b455a566967787'],
    ['vmrglw v7,v1,v2', '8899aabb78695a4bccddeeff3c2d1e0f'],
    ['vmrgew v7,v1,v2', '00112233f0e1d2c38899aabb78695a4b'],
    ['vsldoi v7,v1,v2,3', '33445566778899aabbccddeefff0e1d2'],
    ['vsldoi v7,v1,v2,0', '00112233445566778899aabbccddeeff'],
    ['vpkuhum v7,v1,v2', '1133557799bbddffe1c3a587694b2d0f'],
    ['vupkhsb v7,v2', 'fff0ffe1ffd2ffc3ffb4ffa5ff96ff87'],
    ['vupklsh v7,v2', '0000786900005a4b00003c2d00001e0f'],
    ['vmuleub v7,v1,v2', '00001be42fd03bc43fc03bc42fd01be4'],
    ['vextractuh v7,v2,3', '000000000000c3b40000000000000000'],
    ['vinsertw v7,v1,12', '00000000000000000000000044556677'],
  ])('%s', (line, expected) => {
    cpu.setVsr(32 + 7, 0n)
    expect(run(line, [A, B]).v(7)).toBe(expected)
  })
  it('bits too', () => {
    // Bits 11, 15, 18 and 127 of A are ones; 128 and 255 are none of its bits.
    const numbers = 0x0b0a_0f80_12ff_7f00_0000_0000_0000_0000n
    expect(run('vbpermq v7,v1,v2', [A, numbers]).v(7)).toBe('000000000000aa000000000000000000')
    expect(run('vbpermd v7,v1,v2', [A, numbers]).v(7)).toBe('00000000000000a800000000000000ff')
    expect(run('vgbbd v7,v1', [(0x8040_2010_0804_0201n << 64n) | 0xff00_0000_0000_0000n]).v(7)).toBe(
      '80402010080402018080808080808080',
    )
  })

  it('to general registers', () => {
    cpu.setGpr(6, 0xfff3n)
    run('vextuhlx r7,r6,v1', [A])
    expect(cpu.gpr(7)).toBe(0x3344n)
    run('vextuwrx r7,r6,v1', [A])
    expect(cpu.gpr(7)).toBe(0x99aa_bbccn)
    run('vclzlsbb r7,v1', [0x0002_0406_0100_0000_0000_0000_0000_0000n])
    expect(cpu.gpr(7)).toBe(4n)
    run('vctzlsbb r7,v1', [0n])
    expect(cpu.gpr(7)).toBe(16n)
  })
})

const words = (...list: readonly number[]): bigint => list.reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n)
const all = (word: number): bigint => words(word, word, word, word)
const [SAT, NJ] = [1n, 0x1_0000n]

describe('saturation', () => {
  it.each([
    [
      'vaddsws v7,v1,v2',
      all(0x7fff_ffff),
      words(1, 0, 0, 0),
      words(0x7fff_ffff, 0x7fff_ffff, 0x7fff_ffff, 0x7fff_ffff),
    ],
    ['vsubuws v7,v1,v2', all(5), words(6, 5, 4, 3), words(0, 0, 1, 2)],
    [
      'vsubsws v7,v1,v2',
      all(-0x8000_0000),
      words(1, 0, -1, 0),
      words(-0x8000_0000, -0x8000_0000, -0x7fff_ffff, -0x8000_0000),
    ],
    ['vpkswus v7,v1,v2', words(-1, 0x1_0000, 7, 8), 0n, 0x0000_ffff_0007_0008n << 64n],
    ['vpksdss v7,v1,v2', (0x8000_0000n << 64n) | 1n, 0n, 0x7fff_ffff_0000_0001n << 64n],
    ['vsum4ubs v7,v1,v2', all(0x0101_0101), words(-1, -4, -5, 0), words(-1, -1, -1, 4)],
    ['vsum2sws v7,v1,v2', words(0x7fff_ffff, 0x7fff_ffff, 1, 2), words(0, -1, 0, 3), words(0, 0x7fff_ffff, 0, 6)],
    ['vsumsws v7,v1,v2', all(-0x8000_0000), words(9, 9, 9, 1), words(0, 0, 0, -0x8000_0000)],
    ['vmsumshs v7,v1,v2,v3', all(-0x7fff_8000), all(-0x7fff_8000), all(0x7fff_ffff)],
    ['vctsxs v7,v1,0', all(0x4f00_0000), 0n, all(0x7fff_ffff)],
    ['vctuxs v7,v1,0', all(0xbf80_0000), 0n, 0n],
  ])('%s sets SAT, which stays', (line, a, b, expected) => {
    const result = run(line, [a, b, 0n], { vscr: NJ })
    expect(result.v(7)).toBe(hex(expected))
    expect(result.vscr).toBe(SAT | NJ)
    expect(run(line, [0n, 0n, 0n], { vscr: SAT }).vscr).toBe(SAT)
    expect(run(line, [0n, 0n, 0n]).vscr).toBe(0n)
  })

  it('of a sum of products, where only the sum with VRC fits', () => {
    // -32768 times -32768, twice, is 2^31; with -1 it is 2^31 - 1.
    const result = run('vmsumshs v7,v1,v2,v3', [all(-0x7fff_8000), all(-0x7fff_8000), words(-1, 0, 1, -0x8000_0000)])
    expect(result.v(7)).toBe(hex(words(0x7fff_ffff, 0x7fff_ffff, 0x7fff_ffff, 0)))
    expect(result.vscr).toBe(SAT)
    expect(run('vmsumshs v7,v1,v2,v3', [all(-0x7fff_8000), all(-0x7fff_8000), all(-1)]).vscr).toBe(0n)
  })

  it('reserved bits of VSCR are 0', () => {
    expect(run('vor v7,v7,v7', [], { vscr: (1n << 128n) - 1n }).vscr).toBe(SAT | NJ)
  })
})

describe('comparisons', () => {
  it.each([
    ['vcmpequw. v7,v1,v2', all(3), all(3), all(-1), 8],
    ['vcmpequw. v7,v1,v2', all(3), words(3, 3, 3, 4), words(-1, -1, -1, 0), 0],
    ['vcmpequw. v7,v1,v2', all(3), all(4), 0n, 2],
    ['vcmpgtud. v7,v1,v2', words(-1, 0, 0, 1), words(0x7fff_ffff, -1, 0, 0), all(-1), 8],
    ['vcmpgtsd. v7,v1,v2', words(-1, 0, 0, 1), words(0x7fff_ffff, -1, 0, 0), words(0, 0, -1, -1), 0],
    ['vcmpnezb. v7,v1,v2', A, A, 0xffn << 120n, 0],
    ['vcmpbfp. v7,v1,v2', all(0xbf80_0000), all(0x3f80_0000), 0n, 2],
    [
      'vcmpbfp. v7,v1,v2',
      words(0x4000_0000, -0x4000_0000, 0x7fc0_0000, 0),
      all(0x3f80_0000),
      words(-0x8000_0000, 0x4000_0000, -0x4000_0000, 0),
      0,
    ],
  ])('%s', (line, a, b, mask, cr6) => {
    const result = run(line, [a, b])
    expect(result.v(7)).toBe(hex(mask))
    expect(result.cr6).toBe(cr6)
  })
})

describe('without the facility', () => {
  it.each([
    'lvx v1,r4,r5',
    'vaddubm v1,v2,v3',
    'vcipher v1,v2,v3',
    'vmul10uq v1,v2',
    'bcdadd. v1,v2,v3,0',
    'mfvscr v1',
  ])('%s is interrupted', (line) => {
    write(machine, 0x1000, [line])
    written = ''
    cpu.msr = FLAT | MSR.FP | MSR.VSX
    cpu.nia = 0x1000n
    cpu.run(1)
    expect(cpu.nia).toBe(0xf20n)
  })
})
