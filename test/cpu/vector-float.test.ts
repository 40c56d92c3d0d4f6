import { describe, expect, it } from 'vitest'
import { VectorMachine } from './vector-machine.ts'

const machine = new VectorMachine()
const NJ = 0x1_0000n

const view = new DataView(new ArrayBuffer(4))
function bitsOf(x: number): number {
  view.setFloat32(0, x)
  return view.getUint32(0)
}
function numberOf(bits: number): number {
  view.setUint32(0, bits)
  return view.getFloat32(0)
}
const words = (...list: readonly number[]): bigint => list.reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n)
const numbers = (...list: readonly number[]): bigint => words(...list.map(bitsOf))
const elements = (vector: bigint): number[] => [96n, 64n, 32n, 0n].map((at) => Number(BigInt.asUintN(32, vector >> at)))
const of = (line: string, values: readonly bigint[], vscr = 0n): bigint => machine.run(line, values, vscr).v(7)

const [QNAN, SNAN, DEFAULT, DENORMAL] = [0x7fc0_1234, 0xff80_0001, 0x7fc0_0000, 0x0000_0100]
const INF = Number.POSITIVE_INFINITY

describe('the first operand that is a NaN is the result, made quiet', () => {
  it.each(['vaddfp', 'vsubfp', 'vmaxfp', 'vminfp'])('%s', (name) => {
    const result = of(`${name} v7,v1,v2`, [words(QNAN, SNAN, 0, SNAN), words(SNAN, 0, QNAN, QNAN)])
    expect(elements(result)).toEqual([QNAN, 0xffc0_0001, QNAN, 0xffc0_0001])
  })

  it('and one that no operand is, is the default', () => {
    expect(elements(of('vsubfp v7,v1,v2', [numbers(INF, 1, 2, 3), numbers(INF, 1, 1, 1)]))[0]).toBe(DEFAULT)
    expect(
      elements(of('vmaddfp v7,v1,v2,v3', [numbers(0, 1, 1, 1), numbers(INF, 1, 1, 1), numbers(1, 1, 1, 1)]))[0],
    ).toBe(DEFAULT)
    // A negated one keeps its sign.
    expect(elements(of('vnmsubfp v7,v1,v2,v3', [words(SNAN, 0, 0, 0), 0n, 0n]))[0]).toBe(0xffc0_0001)
    expect(elements(of('vrsqrtefp v7,v1', [numbers(-1, -0, 4, INF)]))).toEqual([DEFAULT, bitsOf(-INF), bitsOf(0.5), 0])
  })
})

describe('multiply-add rounds once', () => {
  it('where a product that is rounded first gives another number', () => {
    // (1 + 2^-23)^2 = 1 + 2^-22 + 2^-46: with -(1 + 2^-22) the last term is left.
    const a = 1 + 2 ** -23
    expect(
      of('vmaddfp v7,v1,v2,v3', [numbers(a, a, a, a), numbers(a, a, a, a), numbers(...Array(4).fill(-(1 + 2 ** -22)))]),
    ).toBe(numbers(...Array(4).fill(2 ** -46)))
    expect(
      of('vnmsubfp v7,v1,v2,v3', [numbers(a, 2, INF, 0), numbers(a, 3, 1, 0), numbers(1 + 2 ** -22, 7, 1, 0)]),
    ).toBe(numbers(-(2 ** -46), 1, -INF, -0))
  })

  it('into the range of denormal numbers too', () => {
    // 2^-75 * 2^-75 is half of the least number, a tie that goes to 0; the least bit more goes up.
    const small = 2 ** -75
    const result = of('vmaddfp v7,v1,v2,v3', [
      numbers(small, small, small, small),
      numbers(small, small * (1 + 2 ** -23), 3 * small, -small),
      0n,
    ])
    expect(elements(result)).toEqual([0, 1, 2, 0x8000_0000])
  })
})

describe('VSCR[NJ]', () => {
  it('makes zeros of denormal operands and results', () => {
    const operands = [words(DENORMAL, 0x8000_0001, 0x0080_0001, bitsOf(1)), words(0, 0, 0x8080_0000, 0)]
    expect(of('vaddfp v7,v1,v2', operands)).toBe(words(DENORMAL, 0x8000_0001, 1, bitsOf(1)))
    expect(of('vaddfp v7,v1,v2', operands, NJ)).toBe(words(0, 0, 0, bitsOf(1)))
    expect(of('vmaxfp v7,v1,v1', operands, NJ)).toBe(words(0, 0x8000_0000, 0x0080_0001, bitsOf(1)))
    expect(of('vcmpgtfp v7,v1,v2', operands)).toBe(words(-1, 0, -1, -1))
    expect(of('vcmpgtfp v7,v1,v2', operands, NJ)).toBe(words(0, 0, -1, -1))
  })
})

describe('estimates', () => {
  const samples = Array.from({ length: 400 }, (_, i) => Math.fround(1.0123 ** (i - 200) * (1 + i / 1000)))
  const near = (line: string, of: (x: number) => number, close: (found: number, right: number) => boolean): void => {
    for (let i = 0; i < samples.length; i += 4) {
      const four = samples.slice(i, i + 4)
      const result = elements(machine.run(line, [numbers(...four)]).v(7)).map(numberOf)
      for (const [k, found] of result.entries())
        expect(close(found, of(four[k]!)), `${line} of ${four[k]}: ${found}`).toBe(true)
    }
  }
  const relative = (limit: number) => (found: number, right: number) =>
    Math.abs(found - right) <= limit * Math.abs(right)

  it('are as near as the book wants them', () => {
    near('vrefp v7,v1', (x) => 1 / x, relative(2 ** -12))
    near('vrsqrtefp v7,v1', (x) => 1 / Math.sqrt(x), relative(2 ** -12))
    near('vexptefp v7,v1', (x) => 2 ** x, relative(1 / 16))
    near(
      'vlogefp v7,v1',
      (x) => Math.log2(x),
      (found, right) => Math.abs(found - right) <= 1 / 32,
    )
  })

  it('of integral powers are exact', () => {
    for (let n = -126; n < 124; n += 4) {
      const powers = [n, n + 1, n + 2, n + 3].map((i) => 2 ** i)
      const exponents = numbers(n, n + 1, n + 2, n + 3)
      expect(of('vexptefp v7,v1', [exponents])).toBe(numbers(...powers))
      expect(of('vlogefp v7,v1', [numbers(...powers)])).toBe(exponents)
    }
  })

  it.each([
    ['vrefp v7,v1', [0, -0, INF, -INF], [INF, -INF, 0, -0]],
    ['vexptefp v7,v1', [0, -0, INF, -INF], [1, 1, INF, 0]],
    ['vexptefp v7,v1', [128, 1e38, -150, -1e38], [INF, INF, 0, 0]],
    ['vlogefp v7,v1', [0, -0, INF, 1], [-INF, -INF, INF, 0]],
  ] as const)('%s of special numbers', (line, operands, results) => {
    expect(of(line, [numbers(...operands)])).toBe(numbers(...results))
  })

  it('of NaNs and negative numbers', () => {
    expect(elements(of('vlogefp v7,v1', [words(SNAN, bitsOf(-1), QNAN, bitsOf(-INF))]))).toEqual([
      0xffc0_0001,
      DEFAULT,
      QNAN,
      DEFAULT,
    ])
    expect(elements(of('vexptefp v7,v1', [words(SNAN, QNAN, 0, 0)])).slice(0, 2)).toEqual([0xffc0_0001, QNAN])
  })
})
