import { describe, expect, it } from 'vitest'
import { SINGLE } from '../../debug-adapter/machine/cpu/float/format.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { FLAT, testMachine, write } from './machine.ts'
import { Random } from './oracle/random.ts'

const OX = 1n << 28n
const UX = 1n << 27n
const ZX = 1n << 26n
const XX = 1n << 25n
const VXSNAN = 1n << 24n
const VXISI = 1n << 23n
const VXCVI = 1n << 8n
const FX = 1n << 31n
const FEX = 1n << 30n
const VX = 1n << 29n
const FR = 1n << 18n
const FI = 1n << 17n
const [VE, OE, UE, ZE, XE] = [1n << 7n, 1n << 6n, 1n << 5n, 1n << 4n, 1n << 3n] as const
const EXCEPTIONS = 0xfff8_0700n

const machine = testMachine()
const { cpu } = machine
let written = ''

/** Executes one line with VSR 1 to 3, and 33 to 35 as vector registers, holding the values. */
function run(line: string, values: readonly bigint[], { fpscr = 0n, msr = 0n } = {}) {
  if (line !== written) write(machine, 0x1000, [line])
  written = line
  for (const [i, value] of values.entries()) for (const base of [1, 33]) cpu.setVsr(base + i, value)
  cpu.msr = FLAT | MSR.FP | MSR.VEC | MSR.VSX | msr
  cpu.fpscr = fpscr
  cpu.cr = 0
  cpu.nia = 0x1000n
  cpu.run(1)
  return { vsr: (i: number) => cpu.vsr(i), fpscr: cpu.fpscr, cr: cpu.cr, nia: cpu.nia }
}

const bits = new DataView(new ArrayBuffer(8))
const double = (x: number): bigint => {
  bits.setFloat64(0, x)
  return bits.getBigUint64(0)
}
/** Doubleword 0. */
const scalar = (x: number | bigint): bigint => (typeof x === 'number' ? double(x) : x) << 64n
const pair = (a: number, b: number): bigint => scalar(a) | double(b)
const QNAN = 0x7ff8_0000_0000_0000n
const SNAN = 0x7ff4_0000_0000_0000n

describe('enabled exceptions', () => {
  it('of invalid operations and division by zero leave a scalar target, FPRF too, and clear FR and FI', () => {
    const before = { fpscr: VE | FR | FI | 0x4000n }
    const result = run('xsadddp vs3,vs1,vs2', [scalar(Infinity), scalar(-Infinity), 7n], before)
    expect(result.vsr(3)).toBe(7n)
    expect(result.fpscr).toBe(FX | FEX | VX | VXISI | VE | 0x4000n)
    const divided = run('xsdivdp vs3,vs1,vs2', [scalar(1), scalar(0), 7n], { fpscr: ZE })
    expect(divided.vsr(3)).toBe(7n)
    expect(divided.fpscr).toBe(FX | FEX | ZX | ZE)
  })

  it('of overflow and underflow give a scalar with its exponent wrapped', () => {
    const big = run('xsmuldp vs3,vs1,vs2', [scalar(2 ** 1000), scalar(2 ** 100)], { fpscr: OE })
    expect(big.vsr(3)).toBe(scalar(2 ** (1100 - 1536)))
    expect(big.fpscr & EXCEPTIONS).toBe(FX | FEX | OX)
    const small = run('xsmuldp vs3,vs1,vs2', [scalar(2 ** -1000), scalar(2 ** -100)], { fpscr: UE })
    expect(small.vsr(3)).toBe(scalar(2 ** (1536 - 1100)))
    expect(small.fpscr & EXCEPTIONS).toBe(FX | FEX | UX)
    const single = run('xsmulsp vs3,vs1,vs2', [scalar(2 ** 100), scalar(2 ** 100)], { fpscr: OE })
    expect(single.vsr(3)).toBe(scalar(2 ** (200 - 192)))
  })

  it('of inexact results write a scalar all the same', () => {
    const third = run('xsdivdp vs3,vs1,vs2', [scalar(1), scalar(3)], { fpscr: XE })
    expect(third.vsr(3)).toBe(scalar(1 / 3))
    expect(third.fpscr & EXCEPTIONS).toBe(FX | FEX | XX)
  })

  it.each([
    ['VE', VE, pair(Infinity, 1), pair(-Infinity, 2), VX | VXISI],
    ['OE', OE, pair(1e308, 1), pair(1e308, 2), OX],
    ['XE', XE, pair(1e20, 1), pair(1, 2), XX],
  ] as const)('of any element leave a whole vector as it was: %s', (_, enable, a, b, raised) => {
    const result = run('xvadddp vs3,vs1,vs2', [a, b, 7n], { fpscr: enable })
    expect(result.vsr(3)).toBe(7n)
    expect(result.fpscr & ((EXCEPTIONS & ~XX) | raised)).toBe(FX | FEX | raised)
  })

  it('interrupt the program where MSR wants that, with the result written', () => {
    const result = run('xsdivdp vs3,vs1,vs2', [scalar(1), scalar(3)], { fpscr: XE, msr: MSR.FE0 | MSR.FE1 })
    expect(result.nia).toBe(0x700n)
    expect(cpu.spr(26)).toBe(0x1000n)
    expect(cpu.spr(27) & 0x10_0000n).toBe(0x10_0000n)
    expect(result.vsr(3)).toBe(scalar(1 / 3))
  })
})

describe('rounding to single', () => {
  it('happens once', () => {
    // The sum is just above the middle between two singles; as a double it is in the middle, which would go to the even one.
    const sum = run('xsaddsp vs3,vs1,vs2', [scalar(0x42f9_60e7_9000_0000n), scalar(0x3fbf_ffff_ffff_fffdn)])
    expect(sum.vsr(3)).toBe(scalar(0x42f9_60e7_a000_0000n))
    const difference = run('xssubsp vs3,vs1,vs2', [scalar(0x42f9_60e7_9000_0000n), scalar(0xbfbf_ffff_ffff_fffdn)])
    expect(difference.vsr(3)).toBe(scalar(0x42f9_60e7_a000_0000n))
  })

  it('is that of the double sum for singles', () => {
    const random = new Random(3)
    const single = (): number => Math.fround((random.word() / 2 ** 32 - 0.5) * 2 ** random.below(60))
    for (let i = 0; i < 500; i++) {
      const [a, b] = [single(), single()]
      expect(run('xsaddsp vs3,vs1,vs2', [scalar(a), scalar(b)]).vsr(3)).toBe(scalar(Math.fround(a + b)))
      expect(run('xssubsp vs3,vs1,vs2', [scalar(a), scalar(b)]).vsr(3)).toBe(scalar(Math.fround(a - b)))
    }
  })
})

describe('conversions of vectors to integers', () => {
  // Two elements, each as the scalar instruction converts it, the exceptions together.
  const VALUES = [
    1.5,
    -2.5,
    -0.25,
    2 ** 31,
    2 ** 40,
    -(2 ** 63),
    2 ** 63,
    2 ** 64,
    Infinity,
    -Infinity,
    NaN,
    4294967295.5,
  ]
  const elements = [...VALUES.map(double), SNAN]
  it.each(['sxds', 'uxds', 'sxws', 'uxws'])('to %s', (to) => {
    for (const a of elements)
      for (const b of elements) {
        const one = (x: bigint): { value: bigint; raised: bigint } => {
          const { vsr, fpscr } = run(`xscvdp${to} vs3,vs1`, [x << 64n])
          return { value: vsr(3) >> 64n, raised: fpscr & EXCEPTIONS }
        }
        const [first, second] = [one(a), one(b)]
        const both = run(`xvcvdp${to} vs3,vs1`, [(a << 64n) | b])
        expect(both.vsr(3)).toBe((first.value << 64n) | second.value)
        expect(both.fpscr).toBe(first.raised | second.raised)
      }
  })

  it.each(['sxds', 'uxds', 'sxws', 'uxws'])('from singles to %s', (to) => {
    const singles = [
      0x3fc0_0000n,
      0xbe80_0000n,
      0x4f00_0000n,
      0x5f00_0000n,
      0xdf80_0000n,
      SINGLE.infinity,
      0x7fa0_0000n,
    ]
    for (const a of singles)
      for (const b of singles) {
        const one = (x: bigint): { value: bigint; raised: bigint } => {
          const wide = run('xscvspdpn vs3,vs1', [x << 96n]).vsr(3)
          const { vsr, fpscr } = run(`xscvdp${to} vs3,vs1`, [wide])
          return { value: vsr(3) >> 64n, raised: fpscr & EXCEPTIONS }
        }
        const [first, second] = [one(a), one(b)]
        const word = (x: bigint): bigint => x & 0xffff_ffffn
        const sources = to.endsWith('ds') ? (a << 96n) | (b << 32n) : (a << 96n) | (a << 64n) | (b << 32n) | b
        const both = run(`xvcvsp${to} vs3,vs1`, [sources])
        const expected = to.endsWith('ds')
          ? (first.value << 64n) | second.value
          : [first, first, second, second].reduce((sum, { value }) => (sum << 32n) | word(value), 0n)
        expect(both.vsr(3)).toBe(expected)
        expect(both.fpscr).toBe(first.raised | second.raised)
      }
  })

  it('saturate, and say so', () => {
    const result = run('xvcvdpsxws vs3,vs1', [pair(3e9, NaN)])
    expect(result.vsr(3)).toBe(0x7fff_ffff_7fff_ffff_8000_0000_8000_0000n)
    expect(result.fpscr).toBe(FX | VX | VXCVI)
  })
})

describe('maximum and minimum of two languages', () => {
  const [MINUS_0, PLUS_0] = [1n << 63n, 0n]
  it.each([
    ['xsmaxcdp', PLUS_0, MINUS_0, MINUS_0, 0n],
    ['xsmaxcdp', MINUS_0, PLUS_0, PLUS_0, 0n],
    ['xsmincdp', MINUS_0, PLUS_0, PLUS_0, 0n],
    ['xsmaxcdp', QNAN, double(1), double(1), 0n],
    ['xsmaxcdp', double(1), QNAN, QNAN, 0n],
    ['xsmincdp', SNAN, double(1), double(1), VXSNAN],
    ['xsmaxcdp', double(2), double(1), double(2), 0n],
    ['xsmincdp', double(2), double(1), double(1), 0n],
    ['xsmaxjdp', MINUS_0, PLUS_0, PLUS_0, 0n],
    ['xsminjdp', PLUS_0, MINUS_0, MINUS_0, 0n],
    ['xsmaxjdp', QNAN, double(1), QNAN, 0n],
    ['xsminjdp', double(1), QNAN, QNAN, 0n],
    ['xsmaxjdp', QNAN, SNAN, QNAN, VXSNAN],
    ['xsmaxjdp', SNAN, double(1), SNAN, VXSNAN],
  ] as const)('%s of %s and %s', (name, a, b, expected, raised) => {
    const result = run(`${name} vs3,vs1,vs2`, [scalar(a), scalar(b), 7n])
    expect(result.vsr(3)).toBe(scalar(expected))
    expect(result.fpscr).toBe(raised && FX | VX | raised)
  })
})

describe('test data class of a single', () => {
  // The mask names NaN 64, +Inf 32, -Inf 16, +0 8, -0 4, +denormal 2, -denormal 1. 8: negative, 2: in a class, 1: no single.
  it.each([
    [double(1.5), 127, 0],
    [double(-1.5), 127, 8],
    [double(0.1), 127, 1],
    [double(2 ** -140), 2, 2],
    [double(2 ** -140), 1, 0],
    [double(-(2 ** -140)), 1, 10],
    [double(2 ** -149) + 1n, 2, 3],
    [double(2 ** -200), 2, 3],
    [double(Infinity), 32, 2],
    [double(-Infinity), 32, 8],
    [0n, 8, 2],
    [1n << 63n, 4, 10],
    [QNAN, 64, 2],
    [double(2 ** 200), 127, 1],
  ])('%s with mask %s', (value, mask, expected) => {
    const result = run(`xststdcsp cr0,vs1,${mask}`, [scalar(value)])
    expect(result.cr >>> 28).toBe(expected)
    expect(result.fpscr).toBe(BigInt(expected) << 12n)
  })
})

describe('quad precision', () => {
  const ONE = 0x3fff_0000_0000_0000_0000_0000_0000_0000n
  const SIGN = 1n << 127n
  it('rounds to odd, and negates after that', () => {
    // 1 - (1 - 2^-113)(1 + 2^-112): what is left has more bits than fit.
    const values = [ONE - 1n, ONE + 1n, ONE + (1n << 100n)]
    const plain = run('xsmsubqpo v3,v1,v2', values).vsr(35)
    const negated = run('xsnmsubqpo v3,v1,v2', values).vsr(35)
    expect(negated).toBe(plain ^ SIGN)
    expect(plain & 1n).toBe(1n)
  })

  it.each([
    // 64 bits of significand are kept: the last bit is 49 from the right.
    ['0', ONE + (1n << 48n), ONE + (1n << 49n), 'away from zero, of two as near'],
    ['1', ONE + (1n << 48n), ONE, 'to the even one'],
    ['1', ONE + (3n << 48n), ONE + (2n << 49n), 'to the even one'],
    ['1', ONE + (1n << 48n) + 1n, ONE + (1n << 49n), 'to the nearest'],
  ])('rounds to double-extended with R=%s: %s', (r, value, expected) => {
    const result = run(`xsrqpxp ${r},v3,v1,0`, [value])
    expect(result.vsr(35)).toBe(expected)
    expect(result.fpscr & (XX | FI)).toBe(XX | FI)
  })

  it('keeps a NaN whole when it rounds to double-extended', () => {
    const nan = 0x7fff_8000_0000_0000_0000_0000_0000_0001n
    expect(run('xsrqpxp 1,v3,v1,0', [nan]).vsr(35)).toBe(nan)
    const result = run('xsrqpxp 1,v3,v1,0', [0x7fff_4000_0000_0000_0000_0000_0000_0001n])
    expect(result.vsr(35)).toBe(0x7fff_c000_0000_0000_0000_0000_0000_0001n)
    expect(result.fpscr & EXCEPTIONS).toBe(FX | VX | VXSNAN)
  })

  it.each([
    [1n, 2.5, 2],
    [2n, 2.5, 3],
    [3n, 2.5, 2],
    [3n, -2.5, -3],
    [0n, 2.5, 2],
    [0n, 3.5, 4],
  ])('rounds to an integer by RN=%s: %s', (mode, value, expected) => {
    const quad = (x: number): bigint => run('xscvdpqp v3,v1', [scalar(x)]).vsr(35)
    const source = quad(value)
    const wanted = quad(expected)
    expect(run('xsrqpi 0,v3,v1,3', [source], { fpscr: mode }).vsr(35)).toBe(wanted)
  })
})

describe('estimates', () => {
  it.each(['xsredp', 'xsrsqrtedp', 'xsresp', 'xsrsqrtesp'])('%s is near enough', (name) => {
    const random = new Random(5)
    for (let i = 0; i < 200; i++) {
      const x = (1 + random.word() / 2 ** 32) * 2 ** (random.below(60) - 30)
      const got = run(`${name} vs3,vs1`, [scalar(x)]).vsr(3) >> 64n
      bits.setBigUint64(0, got)
      const exact = name.includes('sqrt') ? 1 / Math.sqrt(x) : 1 / x
      expect(Math.abs(bits.getFloat64(0) / exact - 1)).toBeLessThan(2 ** -14)
    }
  })

  it('of zero are infinite, by a division by zero', () => {
    for (const name of ['xsredp', 'xsrsqrtedp']) {
      const result = run(`${name} vs3,vs1`, [scalar(-0)])
      expect(result.vsr(3)).toBe(scalar(-Infinity))
      expect(result.fpscr & EXCEPTIONS).toBe(FX | ZX)
    }
    const vector = run('xvredp vs3,vs1', [pair(0, 4)])
    expect(vector.vsr(3)).toBe(pair(Infinity, 0.25))
    expect(vector.fpscr).toBe(FX | ZX)
  })
})
