/** Carry-less products (Power ISA 3.0C I 6.11.4). */
import type { Code } from '../emitter.ts'
import { type Helper, helperIndex } from '../helpers.ts'
import { keep, type Node } from '../vsx/build.ts'
import { and, pureOf, shift, vectorOf, xor } from './build.ts'

const fold =
  (opcode: number) =>
  (...values: readonly Node[]): Node =>
  (code) => {
    for (const [i, value] of values.entries()) {
      value(code)
      if (i > 0) code.op(opcode)
    }
  }
const [and64, xor64, times64] = [fold(0x83), fold(0x85), fold(0x7e)]
const constant =
  (value: bigint): Node =>
  (code) =>
    void code.i64(value)
const shifted = (value: Node, opcode: 0x86 | 0x88, count: bigint): Node => fold(opcode)(value, constant(count))

/** Every fourth bit, from bit `k` on. */
const everyFourth = (k: number): Node => constant(0x1111_1111_1111_1111n << BigInt(k))

/**
 * 32 by 32 bits: in an ordinary product of numbers that have one bit in four, at most 8 ones meet in a place, whose carries stay
 * within the three bits above it; so the lowest bit of each group of four is the sum without carries.
 */
const product32 = pureOf(
  'clmul32',
  ['i64', 'i64'],
  (code, x, y) => {
    const [a, b] = [x!, y!].map((value) =>
      [0, 1, 2, 3].map((k) => keep(code, 'i64', and64(value, everyFourth(k)))),
    ) as [Node[], Node[]]
    const parts = [0, 1, 2, 3].map((k) => {
      const products = a.map((left, i) => times64(left, b[(k - i + 4) % 4]!))
      return and64(xor64(...products), everyFourth(k))
    })
    return xor64(...parts)
  },
  'i64',
)
const product =
  (a: Node, b: Node): Node =>
  (code) => {
    a(code)
    b(code)
    code.call(helperIndex('clmul32'))
  }

const doubleword =
  (value: Node, lane: 0 | 1): Node =>
  (code) => {
    value(code)
    code.simd('i64x2.extract_lane', [lane])
  }
const upper = (value: Node): Node => shifted(value, 0x88, 32n)
const lower = (value: Node): Node => and64(value, constant(0xffff_ffffn))
const pair =
  (high: Node, low: Node): Node =>
  (code) => {
    low(code)
    code.simd('i64x2.splat')
    high(code)
    code.simd('i64x2.replace_lane', [1])
  }
const kept = (code: Code, value: Node): Node => keep(code, 'i64', value)

/** The sum of both products of doublewords, each by three of halves (Karatsuba). */
const doublewords = vectorOf('vpmsumd', 2, (code, a, b) => {
  const sums: [low: Node[], middle: Node[], high: Node[]] = [[], [], []]
  for (const lane of [0, 1] as const) {
    const [x, y] = [a!, b!].map((value) => kept(code, doubleword(value, lane))) as [Node, Node]
    const [xl, yl, xh, yh] = [lower(x), lower(y), upper(x), upper(y)]
    sums[0].push(product(xl, yl))
    sums[1].push(product(xor64(xl, xh), xor64(yl, yh)))
    sums[2].push(product(xh, yh))
  }
  const [low, high] = [kept(code, xor64(...sums[0])), kept(code, xor64(...sums[2]))]
  const middle = kept(code, xor64(...sums[1], low, high))
  return pair(xor64(high, upper(middle)), xor64(low, shifted(middle, 0x86, 32n)))
})

const words = vectorOf('vpmsumw', 2, (code, a, b) => {
  const [high, low] = ([1, 0] as const).map((lane) => {
    const [x, y] = [a!, b!].map((value) => kept(code, doubleword(value, lane))) as [Node, Node]
    return xor64(product(lower(x), lower(y)), product(upper(x), upper(y)))
  })
  return pair(high!, low!)
})

/** Shift and add, in all elements of the wider shape at once. */
const narrow = (name: string, wide: 'i16x8' | 'i32x4', bits: 8 | 16): Helper =>
  vectorOf(name, 2, (code, a, b) => {
    const right = (value: Node): Node => keep(code, 'v128', shift(wide, 'shr_u', shift(wide, 'shl', value, bits), bits))
    const left = (value: Node): Node => keep(code, 'v128', shift(wide, 'shr_u', value, bits))
    const products = [right, left].map((half) => {
      const [x, y] = [half(a!), half(b!)]
      const terms = Array.from({ length: bits }, (_, k) => {
        // Bit k of y at the left end of the element, then everywhere in it.
        const mask = shift(wide, 'shr_s', shift(wide, 'shl', y, 2 * bits - 1 - k), 2 * bits - 1)
        return and(shift(wide, 'shl', x, k), mask)
      })
      return keep(code, 'v128', xor(terms[0]!, ...terms.slice(1)))
    })
    return xor(products[0]!, products[1]!)
  })

export const POLYNOMIAL_HELPERS: readonly Helper[] = [
  product32,
  doublewords,
  words,
  narrow('vpmsumh', 'i32x4', 16),
  narrow('vpmsumb', 'i16x8', 8),
]
