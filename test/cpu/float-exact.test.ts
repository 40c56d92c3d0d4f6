import { describe, expect, it } from 'vitest'
import {
  convert,
  fromInteger,
  toInteger,
  toIntegral,
  widened,
} from '../../debug-adapter/machine/cpu/float/conversions.ts'
import * as x from '../../debug-adapter/machine/cpu/float/exact.ts'
import {
  classOf,
  DOUBLE,
  type Format,
  HALF,
  isNan,
  QUAD,
  SINGLE,
} from '../../debug-adapter/machine/cpu/float/format.ts'
import { Random } from './oracle/random.ts'

/** Exact arithmetic against that of the machine the tests run on, and against what has to hold between results. */
const CASES = 5000
const { OX, UX, XX } = x.EXCEPTION
const NEAREST: x.Control = { rounding: 'nearest', overflowEnabled: false, underflowEnabled: false }
const by = (rounding: x.Rounding): x.Control => ({ ...NEAREST, rounding })

const view = new DataView(new ArrayBuffer(8))
const asNumber = (f: Format, bits: bigint): number => {
  if (f === SINGLE) view.setUint32(0, Number(bits))
  else view.setBigUint64(0, bits)
  return f === SINGLE ? view.getFloat32(0) : view.getFloat64(0)
}
const asBits = (f: Format, value: number): bigint => {
  if (f === SINGLE) view.setFloat32(0, value)
  else view.setFloat64(0, value)
  return f === SINGLE ? BigInt(view.getUint32(0)) : view.getBigUint64(0)
}
/** NaNs of the machine have no payload to rely on. */
const same = (f: Format, a: bigint, b: bigint): boolean => (isNan(f, a) && isNan(f, b)) || a === b

const ROWS = [
  ['add', x.add, (a: number, b: number) => a + b],
  ['sub', x.sub, (a: number, b: number) => a - b],
  ['mul', x.mul, (a: number, b: number) => a * b],
  ['div', x.div, (a: number, b: number) => a / b],
  ['sqrt', (f, to, a, _, control) => x.sqrt(f, to, a, control), (a: number) => Math.sqrt(a)],
] as readonly (readonly [string, typeof x.add, (a: number, b: number) => number])[]

describe.each([
  ['double', DOUBLE],
  ['single', SINGLE],
] as const)('%s precision', (_, f) => {
  const draw = (random: Random): bigint => (f === SINGLE ? BigInt(random.single()) : random.double())

  it.each(ROWS)('%s rounds to nearest as this machine does', (_name, exact, host) => {
    const random = new Random(1)
    for (let i = 0; i < CASES; i++) {
      const [a, b] = [draw(random), draw(random)]
      const { value } = exact(f, f, a, b, NEAREST)
      const expected = asBits(f, host(asNumber(f, a), asNumber(f, b)))
      if (!same(f, value, expected)) expect([a, b, value].map((v) => v.toString(16))).toEqual(expected.toString(16))
    }
  })

  it.each(ROWS)('%s: the modes surround the exact result', (_name, exact) => {
    const random = new Random(2)
    for (let i = 0; i < CASES; i++) {
      const [a, b] = [draw(random), draw(random)]
      const of = (rounding: x.Rounding): x.Outcome => exact(f, f, a, b, by(rounding))
      const [down, up, zero, nearest, odd] = [of('down'), of('up'), of('zero'), of('nearest'), of('odd')]
      const what = `${a.toString(16)} ${b.toString(16)}`
      if (isNan(f, nearest.value)) continue
      const [low, high] = [down, up].map(({ value }) => asNumber(f, value)) as [number, number]
      expect(low <= high, what).toBe(true)
      expect(nearest.value === down.value || nearest.value === up.value, what).toBe(true)
      expect(zero.value === (low >= 0 ? down.value : up.value) || low * high === 0, what).toBe(true)
      expect(nearest.fi, what).toBe(down.fi)
      if (!down.fi) expect([up.value, zero.value, odd.value].every((v) => v === up.value) || low === 0, what).toBe(true)
      // Inexact and rounded to odd: the last bit is set, but for what overflowed.
      else if ((odd.raised & OX) === 0n) expect(odd.value & 1n, what).toBe(1n)
    }
  })
})

describe('one rounding', () => {
  it('is what a wider format rounded once more to odd gives', () => {
    const random = new Random(3)
    for (let i = 0; i < CASES; i++) {
      const [a, b, c] = [random.double(), random.double(), random.double()]
      const wide = [a, b, c].map((v) => convert(DOUBLE, QUAD, v, NEAREST).value) as [bigint, bigint, bigint]
      const pairs = [
        [x.fma(DOUBLE, DOUBLE, a, b, c, NEAREST), x.fma(QUAD, QUAD, ...wide, by('odd'))],
        [x.div(DOUBLE, DOUBLE, a, b, NEAREST), x.div(QUAD, QUAD, wide[0], wide[1], by('odd'))],
        [x.mul(DOUBLE, SINGLE, a, b, NEAREST), x.mul(QUAD, QUAD, wide[0], wide[1], by('odd'))],
      ] as const
      for (const [j, [once, odd]] of pairs.entries()) {
        const to = j === 2 ? SINGLE : DOUBLE
        const twice = convert(QUAD, to, odd.value, NEAREST)
        if (!same(to, once.value, twice.value)) expect([a, b, c, once.value]).toEqual(twice.value)
        if (!isNan(to, once.value)) expect(once.fi).toBe(odd.fi || twice.fi)
      }
    }
  })

  it('of a sum of products is exact where they cancel', () => {
    const near = 0x3ff0_0000_0000_0001n
    const { value, fi } = x.fma(DOUBLE, DOUBLE, near, near, 0xbff0_0000_0000_0002n, NEAREST)
    expect([asNumber(DOUBLE, value), fi]).toEqual([2 ** -104, false])
  })
})

describe('exceptions', () => {
  const max = DOUBLE.infinity - 1n
  it('wrap the exponent by 1536, 192 and 24576 where they are enabled', () => {
    const enabled: x.Control = { rounding: 'nearest', overflowEnabled: true, underflowEnabled: true }
    for (const [f, wrap] of [
      [SINGLE, 192n],
      [DOUBLE, 1536n],
      [QUAD, 24576n],
    ] as const) {
      const one = (f.infinity >> 1n) & f.infinity
      const large = f.infinity - f.fractionMask - 1n
      const overflow = x.mul(f, f, large, large, enabled)
      expect(overflow.raised).toBe(OX)
      // large is 2^emax and one is 2^0.
      const exponentOf = (v: bigint): bigint => (v >> f.fraction) - (one >> f.fraction)
      expect(exponentOf(overflow.value)).toBe(2n * exponentOf(large) - wrap)
      const small = f.fractionMask + 1n
      const underflow = x.mul(f, f, small, small, enabled)
      expect(underflow.raised).toBe(UX)
      expect(exponentOf(underflow.value)).toBe(2n * exponentOf(small) + wrap)
    }
  })

  it('by rounding mode leave infinity or the largest number', () => {
    for (const [rounding, plus, minus] of [
      ['nearest', DOUBLE.infinity, DOUBLE.infinity],
      ['zero', max, max],
      ['up', DOUBLE.infinity, max],
      ['down', max, DOUBLE.infinity],
    ] as const) {
      const positive = x.add(DOUBLE, DOUBLE, max, max, by(rounding))
      const negative = x.add(DOUBLE, DOUBLE, max | DOUBLE.sign, max | DOUBLE.sign, by(rounding))
      expect([positive.value, negative.value]).toEqual([plus, minus | DOUBLE.sign])
      expect(positive.raised).toBe(OX | XX)
    }
  })

  it('see a tiny result before it is rounded', () => {
    // The largest number below the smallest normal one, rounded up to it.
    const tiny = x.mul(DOUBLE, DOUBLE, 0x000f_ffff_ffff_ffffn, 0x3ff0_0000_0000_0001n, NEAREST)
    expect([tiny.value, tiny.raised]).toEqual([0x0010_0000_0000_0000n, UX | XX])
    const exact = x.mul(DOUBLE, DOUBLE, 0x0010_0000_0000_0000n, 0x3fe0_0000_0000_0000n, NEAREST)
    expect([exact.value, exact.raised]).toEqual([0x0008_0000_0000_0000n, 0n])
  })
})

describe('conversions', () => {
  it('between formats agree with this machine', () => {
    const random = new Random(4)
    for (let i = 0; i < CASES; i++) {
      const [double, single] = [random.double(), BigInt(random.single())]
      const narrow = convert(DOUBLE, SINGLE, double, NEAREST).value
      expect(same(SINGLE, narrow, asBits(SINGLE, asNumber(DOUBLE, double)))).toBe(true)
      expect(same(DOUBLE, widened(single), asBits(DOUBLE, asNumber(SINGLE, single)))).toBe(true)
      expect(convert(DOUBLE, SINGLE, widened(single), NEAREST).value & ~SINGLE.quiet).toBe(single & ~SINGLE.quiet)
    }
  })

  it('to half precision and back', () => {
    for (let half = 0n; half < 0x7c00n; half++) {
      const double = convert(HALF, DOUBLE, half, NEAREST).value
      expect(convert(DOUBLE, HALF, double, NEAREST)).toEqual(x.exactly(half))
    }
    expect(asNumber(DOUBLE, convert(HALF, DOUBLE, 0x7bffn, NEAREST).value)).toBe(65504)
    expect(convert(DOUBLE, HALF, asBits(DOUBLE, 65520), NEAREST).value).toBe(0x7c00n)
  })

  it('to integers round by the mode and saturate', () => {
    const of = (value: number, rounding: x.Rounding = 'nearest', bits = 64, signed = true): readonly bigint[] => {
      const { value: result, raised } = toInteger(DOUBLE, asBits(DOUBLE, value), bits, signed, rounding)
      return [signed ? BigInt.asIntN(bits, result) : result, raised]
    }
    const { VXCVI } = x.EXCEPTION
    expect([of(2.5), of(3.5), of(-2.5), of(2.5, 'away'), of(-0.5, 'down')]).toEqual([
      [2n, XX],
      [4n, XX],
      [-2n, XX],
      [3n, XX],
      [-1n, XX],
    ])
    expect(of(2 ** 63)).toEqual([2n ** 63n - 1n, VXCVI])
    expect(of(-(2 ** 63))).toEqual([-(2n ** 63n), 0n])
    expect(of(-1, 'zero', 32, false)).toEqual([0n, VXCVI])
    expect(of(-0.9, 'zero', 32, false)).toEqual([0n, XX])
    expect(of(Number.NaN, 'zero', 32)).toEqual([-(2n ** 31n), VXCVI])
    expect(of(4294967295.5, 'nearest', 32, false)).toEqual([2n ** 32n - 1n, VXCVI])
  })

  it('from integers', () => {
    const random = new Random(5)
    for (let i = 0; i < CASES; i++) {
      const integer = BigInt.asIntN(64, random.value())
      expect(fromInteger(DOUBLE, integer, NEAREST).value).toBe(asBits(DOUBLE, Number(integer)))
    }
  })

  it('to integral values keep the sign of 0', () => {
    const of = (value: number, rounding: x.Rounding): number =>
      asNumber(DOUBLE, toIntegral(DOUBLE, asBits(DOUBLE, value), rounding, true).value)
    const values = [-0.4, 0.5, 2.5, -2.5, 1e300, 2 ** 52 + 0.5]
    expect(values.map((value) => of(value, 'zero'))).toEqual(values.map(Math.trunc))
    expect(values.map((value) => of(value, 'down'))).toEqual(values.map(Math.floor))
    expect(values.map((value) => of(value, 'up'))).toEqual(values.map(Math.ceil))
    expect(values.map((value) => of(value, 'away'))).toEqual([-0, 1, 3, -3, 1e300, 2 ** 52])
  })
})

it('classes are those of FPRF', () => {
  const class5 = (value: number): string => classOf(DOUBLE, asBits(DOUBLE, value)).toString(2).padStart(5, '0')
  expect([Number.NaN, -Infinity, -1, -5e-324, -0, 0, 5e-324, 1, Infinity].map(class5)).toEqual([
    '10001',
    '01001',
    '01000',
    '11000',
    '10010',
    '00010',
    '10100',
    '00100',
    '00101',
  ])
})
