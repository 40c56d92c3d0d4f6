import { describe, expect, it } from 'vitest'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { FLAT, type TestMachine, testMachine, write } from './machine.ts'

const A = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeffn
const B = 0xf0e1_d2c3_b4a5_9687_7869_5a4b_3c2d_1e0fn
const DATA = 0x2000n
/** Bytes 0x10, 0x11 ... at DATA. */
const BYTES = Uint8Array.from({ length: 32 }, (_, i) => 0x10 + i)

function machine(littleEndian = true): TestMachine {
  const made = testMachine()
  made.cpu.msr = (littleEndian ? FLAT : FLAT & ~MSR.LE) | MSR.FP | MSR.VEC | MSR.VSX
  made.view.write(DATA, BYTES)
  made.cpu.setGpr(4, DATA)
  made.cpu.setGpr(5, 0n)
  return made
}

/** Executes one line with VSR 1 = A, 2 = B, 3 = ~A, 34 = B. @returns the registers afterwards */
function run(line: string, littleEndian = true, prepare: (m: TestMachine) => void = () => {}) {
  const m = machine(littleEndian)
  const { cpu } = m
  for (const [i, value] of [
    [1, A],
    [2, B],
    [3, BigInt.asUintN(128, ~A)],
    [34, B],
  ] as const)
    cpu.setVsr(i, value)
  prepare(m)
  write(m, 0x1000, [line], littleEndian)
  m.cpu.nia = 0x1000n
  m.cpu.run(1)
  expect(m.cpu.lastFault, line).toBeUndefined()
  return { vsr: (i: number) => cpu.vsr(i), gpr: (i: number) => cpu.gpr(i), m }
}

const hex = (value: bigint): string => value.toString(16).padStart(32, '0')

describe('vector-scalar loads', () => {
  // What the register holds, most significant byte first, in little-endian and in big-endian mode.
  it.each([
    ['lxv vs7,0(r4)', '1f1e1d1c1b1a19181716151413121110', '101112131415161718191a1b1c1d1e1f'],
    ['lxv vs39,16(r4)', '2f2e2d2c2b2a29282726252423222120', '202122232425262728292a2b2c2d2e2f'],
    ['lxvx vs7,r4,r5', '1f1e1d1c1b1a19181716151413121110', '101112131415161718191a1b1c1d1e1f'],
    ['lxvd2x vs7,r4,r5', '17161514131211101f1e1d1c1b1a1918', '101112131415161718191a1b1c1d1e1f'],
    ['lxvw4x vs7,r4,r5', '13121110171615141b1a19181f1e1d1c', '101112131415161718191a1b1c1d1e1f'],
    ['lxvh8x vs7,r4,r5', '111013121514171619181b1a1d1c1f1e', '101112131415161718191a1b1c1d1e1f'],
    ['lxvb16x vs7,r4,r5', '101112131415161718191a1b1c1d1e1f', '101112131415161718191a1b1c1d1e1f'],
    ['lxvdsx vs7,r4,r5', '17161514131211101716151413121110', '10111213141516171011121314151617'],
    ['lxvwsx vs7,r4,r5', '13121110131211101312111013121110', '10111213101112131011121310111213'],
    ['lxsdx vs7,r4,r5', '17161514131211100000000000000000', '10111213141516170000000000000000'],
    ['lxsd v7,8(r4)', '1f1e1d1c1b1a19180000000000000000', '18191a1b1c1d1e1f0000000000000000'],
    ['lxsiwzx vs7,r4,r5', '00000000131211100000000000000000', '00000000101112130000000000000000'],
    ['lxsibzx vs7,r4,r5', '00000000000000100000000000000000', '00000000000000100000000000000000'],
    ['lxsihzx vs7,r4,r5', '00000000000011100000000000000000', '00000000000010110000000000000000'],
  ])('%s', (line, little, big) => {
    const target = /^lxv vs39|^lxsd /.test(line) ? 39 : 7
    expect(hex(run(line).vsr(target))).toBe(little)
    expect(hex(run(line, false).vsr(target))).toBe(big)
  })

  it('extend the sign of an integer word', () => {
    const negative = run('lxsiwax vs7,r4,r5', true, ({ view }) => view.setU32(DATA, 0x1234_5680))
    expect(hex(negative.vsr(7))).toBe('ffffffff80563412'.padEnd(32, '0'))
  })

  // A single in memory, and the double that it is in the register: 1.5, denormal, infinity, a signalling NaN, -0.
  const SINGLES = [
    [0x3fc0_0000, 0x3ff8_0000_0000_0000n],
    [0x8000_0001, 0xb6a0_0000_0000_0000n],
    [0x007f_ffff, 0x380f_ffff_c000_0000n],
    [0x0080_0000, 0x3810_0000_0000_0000n],
    [0x7f80_0000, 0x7ff0_0000_0000_0000n],
    [0xffa0_0001, 0xfff4_0000_2000_0000n],
    [0x8000_0000, 0x8000_0000_0000_0000n],
  ] as const
  it.each(SINGLES)('keep the single 0x%s as a double, and store it back', (single, double) => {
    for (const [load, store, target] of [
      ['lxsspx vs7,r4,r5', 'stxsspx vs7,r4,r5', 7],
      ['lxssp v7,0(r4)', 'stxssp v7,0(r4)', 39],
    ] as const) {
      const prepared = ({ view }: TestMachine): void =>
        view.write(DATA, new Uint8Array(new Uint32Array([single]).buffer))
      expect(hex(run(load, true, prepared).vsr(target))).toBe(hex(double << 64n))
      const stored = run(store, true, ({ cpu }) => cpu.setVsr(target, double << 64n)).m.view.read(DATA, 4)
      expect(new DataView(stored.buffer, stored.byteOffset).getUint32(0, true)).toBe(single)
    }
  })

  // Bytes 0x10.. of memory, 5 of them.
  it.each([
    ['lxvl vs7,r4,r6', '1413121110'.padStart(32, '0'), '1011121314'.padEnd(32, '0')],
    ['lxvll vs7,r4,r6', '1011121314'.padEnd(32, '0'), '1011121314'.padEnd(32, '0')],
  ])('%s of 5 bytes', (line, little, big) => {
    const five = ({ cpu }: TestMachine): void => cpu.setGpr(6, 5n << 56n)
    expect(hex(run(line, true, five).vsr(7))).toBe(little)
    expect(hex(run(line, false, five).vsr(7))).toBe(big)
  })

  it('take at most 16 bytes, and none without touching memory', () => {
    const all = run('lxvl vs7,r4,r6', true, ({ cpu }) => cpu.setGpr(6, 0xff00_0000_0000_0005n))
    expect(hex(all.vsr(7))).toBe('1f1e1d1c1b1a19181716151413121110')
    const none = run('lxvl vs7,r4,r6', true, ({ cpu }) => {
      cpu.setGpr(4, 0x7fff_ffff_0000n)
      cpu.setGpr(6, 16n)
    })
    expect(none.vsr(7)).toBe(0n)
  })
})

describe('vector-scalar stores', () => {
  it.each([
    ['stxv vs1,0(r4)', 'ffeeddccbbaa99887766554433221100', '00112233445566778899aabbccddeeff'],
    ['stxvx vs1,r4,r5', 'ffeeddccbbaa99887766554433221100', '00112233445566778899aabbccddeeff'],
    ['stxvd2x vs1,r4,r5', '7766554433221100ffeeddccbbaa9988', '00112233445566778899aabbccddeeff'],
    ['stxvw4x vs1,r4,r5', '3322110077665544bbaa9988ffeeddcc', '00112233445566778899aabbccddeeff'],
    ['stxvh8x vs1,r4,r5', '11003322554477669988bbaaddccffee', '00112233445566778899aabbccddeeff'],
    ['stxvb16x vs1,r4,r5', '00112233445566778899aabbccddeeff', '00112233445566778899aabbccddeeff'],
    ['stxsdx vs1,r4,r5', '776655443322110018191a1b1c1d1e1f', '001122334455667718191a1b1c1d1e1f'],
    ['stxsd v2,0(r4)', '8796a5b4c3d2e1f018191a1b1c1d1e1f', 'f0e1d2c3b4a5968718191a1b1c1d1e1f'],
    ['stxsiwx vs1,r4,r5', '7766554414151617', '4455667714151617'],
    ['stxsihx vs1,r4,r5', '7766121314151617', '6677121314151617'],
    ['stxsibx vs1,r4,r5', '7711121314151617', '7711121314151617'],
  ])('%s', (line, little, big) => {
    const stored = (littleEndian: boolean): string =>
      Buffer.from(run(line, littleEndian).m.view.read(DATA, little.length / 2)).toString('hex')
    expect(stored(true)).toBe(little)
    expect(stored(false)).toBe(big)
  })

  it.each([
    ['stxvl vs1,r4,r6', 'ffeeddccbb15', '001122334415'],
    ['stxvll vs1,r4,r6', '001122334415', '001122334415'],
  ])('%s of 5 bytes', (line, little, big) => {
    const five = ({ cpu }: TestMachine): void => cpu.setGpr(6, 5n << 56n)
    const stored = (littleEndian: boolean): string =>
      Buffer.from(run(line, littleEndian, five).m.view.read(DATA, 6)).toString('hex')
    expect(stored(true)).toBe(little)
    expect(stored(false)).toBe(big)
  })
})

describe('moves', () => {
  const general = ({ cpu }: TestMachine): void => {
    cpu.setGpr(6, 0x8123_4567_89ab_cdefn)
    cpu.setGpr(7, 0x1111_2222_3333_4444n)
  }
  it.each([
    ['mtvsrd vs7,r6', '8123456789abcdef0000000000000000'],
    ['mtvsrwa vs7,r6', 'ffffffff89abcdef0000000000000000'],
    ['mtvsrwz vs7,r6', '0000000089abcdef0000000000000000'],
    ['mtvsrws vs7,r6', '89abcdef89abcdef89abcdef89abcdef'],
    ['mtvsrdd vs7,r6,r7', '8123456789abcdef1111222233334444'],
    ['mtvsrdd vs7,0,r7', '00000000000000001111222233334444'],
  ])('%s', (line, expected) => {
    expect(hex(run(line, true, general).vsr(7))).toBe(expected)
  })

  it.each([
    ['mfvsrd r9,vs34', 0xf0e1_d2c3_b4a5_9687n],
    ['mfvsrld r9,vs34', 0x7869_5a4b_3c2d_1e0fn],
    ['mfvsrwz r9,vs34', 0xb4a5_9687n],
  ])('%s', (line, expected) => {
    expect(run(line).gpr(9)).toBe(expected)
  })
})

describe('bytes and bits', () => {
  const ONES = (1n << 128n) - 1n
  it.each([
    ['xxland vs7,vs1,vs2', A & B],
    ['xxlandc vs7,vs1,vs2', A & ~B],
    ['xxlor vs7,vs1,vs2', A | B],
    ['xxlxor vs7,vs1,vs2', A ^ B],
    ['xxlnor vs7,vs1,vs2', ~(A | B) & ONES],
    ['xxlorc vs7,vs1,vs2', (A | ~B) & ONES],
    ['xxlnand vs7,vs1,vs2', ~(A & B) & ONES],
    ['xxleqv vs7,vs1,vs2', ~(A ^ B) & ONES],
    ['xxsel vs7,vs1,vs3,vs2', (A & ~B) | (~A & B & ONES)],
  ])('%s', (line, expected) => {
    expect(hex(run(line).vsr(7))).toBe(hex(expected))
  })

  it.each([
    ['xxpermdi vs7,vs1,vs2,0', '0011223344556677f0e1d2c3b4a59687'],
    ['xxpermdi vs7,vs1,vs2,1', '001122334455667778695a4b3c2d1e0f'],
    ['xxpermdi vs7,vs1,vs2,2', '8899aabbccddeefff0e1d2c3b4a59687'],
    ['xxpermdi vs7,vs1,vs2,3', '8899aabbccddeeff78695a4b3c2d1e0f'],
    ['xxswapd vs7,vs1', '8899aabbccddeeff0011223344556677'],
    ['xxsldwi vs7,vs1,vs2,0', '00112233445566778899aabbccddeeff'],
    ['xxsldwi vs7,vs1,vs2,3', 'ccddeefff0e1d2c3b4a5968778695a4b'],
    ['xxspltw vs7,vs1,1', '44556677445566774455667744556677'],
    ['xxspltw vs7,vs1,2', '8899aabb8899aabb8899aabb8899aabb'],
    ['xxmrghw vs7,vs1,vs2', '00112233f0e1d2c344556677b4a59687'],
    ['xxmrglw vs7,vs1,vs2', '8899aabb78695a4bccddeeff3c2d1e0f'],
    ['xxbrh vs7,vs1', '11003322554477669988bbaaddccffee'],
    ['xxbrw vs7,vs1', '3322110077665544bbaa9988ffeeddcc'],
    ['xxbrd vs7,vs1', '7766554433221100ffeeddccbbaa9988'],
    ['xxbrq vs7,vs1', 'ffeeddccbbaa99887766554433221100'],
    ['xxspltib vs7,165', 'a5'.repeat(16)],
    ['xxextractuw vs7,vs1,3', '0000000033445566'.padEnd(32, '0')],
    ['xxextractuw vs7,vs1,12', '00000000ccddeeff'.padEnd(32, '0')],
    ['xxinsertw vs1,vs2,0', 'b4a59687445566778899aabbccddeeff'],
    ['xxinsertw vs1,vs2,5', '0011223344b4a5968799aabbccddeeff'],
    ['xxinsertw vs1,vs2,12', '00112233445566778899aabbb4a59687'],
  ])('%s', (line, expected) => {
    expect(hex(run(line).vsr(line.startsWith('xxinsertw') ? 1 : 7))).toBe(expected)
  })

  // Numbers 0 to 15 are bytes of XA, 16 to 31 of XT.
  it.each(['xxperm vs1,vs2,vs5', 'xxpermr vs1,vs2,vs5'])('%s', (line) => {
    const numbers = 0x00_0f_1f_10_0e_1f_01_0d_11_03_1e_14_02_04_15_17n
    const source = (n: number): bigint => (n < 16 ? B >> BigInt(8 * (15 - n)) : A >> BigInt(8 * (31 - n))) & 0xffn
    const result = run(line, true, ({ cpu }) => cpu.setVsr(5, numbers)).vsr(1)
    for (let i = 0; i < 16; i++) {
      const n = Number((numbers >> BigInt(8 * (15 - i))) & 0x1fn)
      const byte = (result >> BigInt(8 * (15 - i))) & 0xffn
      expect(byte, `byte ${i}`).toBe(source(line.startsWith('xxpermr') ? 31 - n : n))
    }
  })
})

describe('facilities', () => {
  const VECTOR = { fp: 0x800n, vec: 0xf20n, vsx: 0xf40n }
  /** The interrupt that a line raises with all facilities off but those given. */
  function interrupt(line: string, on: bigint): bigint | undefined {
    const made = testMachine()
    made.cpu.msr = (FLAT | on) & ~MSR.LE
    made.cpu.setGpr(4, DATA)
    write(made, 0x1000, [line], false)
    made.cpu.nia = 0x1000n
    made.cpu.run(1)
    return made.cpu.nia === 0x1004n ? undefined : made.cpu.nia
  }

  it.each([
    ['mfvsrd r3,vs1', 'fp', MSR.FP],
    ['mfvsrd r3,vs33', 'vec', MSR.VEC],
    ['mfvsrld r3,vs1', 'vsx', MSR.VSX],
    ['mfvsrld r3,vs33', 'vec', MSR.VEC],
    ['lxv vs1,0(r4)', 'vsx', MSR.VSX],
    ['lxv vs33,0(r4)', 'vec', MSR.VEC],
    ['lxvl vs33,r4,r5', 'vec', MSR.VEC],
    ['lxvd2x vs33,r4,r5', 'vsx', MSR.VSX],
    ['xxlor vs33,vs34,vs35', 'vsx', MSR.VSX],
    ['lxsd v1,0(r4)', 'vec', MSR.VEC],
  ] as const)('%s needs %s', (line, facility, bit) => {
    expect(interrupt(line, (MSR.FP | MSR.VEC | MSR.VSX) & ~bit)).toBe(VECTOR[facility])
    expect(interrupt(line, bit)).toBeUndefined()
  })
})
