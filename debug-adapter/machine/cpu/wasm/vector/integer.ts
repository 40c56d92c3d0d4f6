/** Integer operations that WebAssembly has no operator for (Power ISA 3.0C I 6.10, 6.13). */
import type { Code } from '../emitter.ts'
import type { Helper } from '../helpers.ts'
import { keep, type Node, op, shuffled } from '../vsx/build.ts'
import { and, bytes, halfwords, or, shift, table, vectorOf, xor } from './build.ts'

/** Shifts by a count of its own in each byte are products of 16 bits: what is multiplied, by which power of two, and what of it counts. */
const powers = (of: (n: number) => number): Node => table(Array.from({ length: 16 }, (_, n) => of(n % 8)))
const UP = powers((n) => 1 << n)
const DOWN = powers((n) => 1 << (7 - n))
const RIGHT_BYTES = halfwords(0x00ff)

/** The right and the left byte of each halfword, each with zeros or its sign to the left. */
const rightByte = (value: Node, sign: 's' | 'u'): Node =>
  sign === 'u' ? and(value, RIGHT_BYTES) : shift('i16x8', 'shr_s', shift('i16x8', 'shl', value, 8), 8)
const leftByte = (value: Node, sign: 's' | 'u'): Node => shift('i16x8', `shr_${sign}`, value, 8)
const byPower = (code: Code, table: Node, counts: Node): Node =>
  keep(code, 'v128', op('i8x16.swizzle', table, and(counts, bytes(7))))

/** For each byte the product with its power; `taken` makes a byte of it, at the right end of 16 bits. */
function eachByte(
  code: Code,
  [value, sign]: readonly [Node, 's' | 'u'],
  power: Node,
  taken: (product: Node) => Node,
): Node {
  const product = (part: (v: Node, s: 's' | 'u') => Node): Node =>
    keep(code, 'v128', taken(keep(code, 'v128', op('i16x8.mul', part(value, sign), part(power, 'u')))))
  const [right, left] = [product(rightByte), product(leftByte)]
  return or(and(right, RIGHT_BYTES), shift('i16x8', 'shl', left, 8))
}
const half = (product: Node, n: number): Node => shift('i16x8', 'shr_u', product, n)

const byteShifts: readonly Helper[] = [
  vectorOf('vslb', 2, (code, a, b) => eachByte(code, [a!, 'u'], byPower(code, UP, b!), (p) => p)),
  vectorOf('vsrb', 2, (code, a, b) => eachByte(code, [a!, 'u'], byPower(code, DOWN, b!), (p) => half(p, 7))),
  vectorOf('vsrab', 2, (code, a, b) =>
    eachByte(code, [a!, 's'], byPower(code, DOWN, b!), (p) => shift('i16x8', 'shr_s', p, 7)),
  ),
  vectorOf('vrlb', 2, (code, a, b) => eachByte(code, [a!, 'u'], byPower(code, UP, b!), (p) => or(p, half(p, 8)))),
]

/** A byte with the next one behind it, shifted left; and with the previous one before it, shifted right. */
const NEXT = [31, ...Array.from({ length: 15 }, (_, i) => i)]
const PREVIOUS = [...Array.from({ length: 15 }, (_, i) => i + 1), 31]
const neighbours: readonly Helper[] = [
  vectorOf('vslv', 2, (code, a, b) => {
    const power = byPower(code, UP, b!)
    const next = keep(code, 'v128', shuffled(a!, bytes(0), NEXT))
    const above = eachByte(code, [a!, 'u'], power, (p) => p)
    return or(
      above,
      eachByte(code, [next, 'u'], power, (p) => half(p, 8)),
    )
  }),
  vectorOf('vsrv', 2, (code, a, b) => {
    const power = byPower(code, DOWN, b!)
    const previous = keep(code, 'v128', shuffled(a!, bytes(0), PREVIOUS))
    const below = eachByte(code, [a!, 'u'], power, (p) => half(p, 7))
    return or(
      below,
      eachByte(code, [previous, 'u'], power, (p) => op('i16x8.add', p, p)),
    )
  }),
]

/** 1 << n for the count of each halfword, or 1 << (15 - n): its two bytes come out of a table each. */
function halfwordPowers(code: Code, counts: Node, down: boolean): Node {
  const of = (first: number): Node =>
    table(
      Array.from({ length: 16 }, (_, n) => {
        const bit = (down ? 15 - n : n) - first
        return bit >= 0 && bit < 8 ? 1 << bit : 0
      }),
    )
  const low = keep(code, 'v128', and(counts, halfwords(15)))
  // The left byte of each halfword has to give 0.
  const index = keep(code, 'v128', or(low, halfwords(0x8000)))
  const right = op('i8x16.swizzle', of(0), index)
  return keep(code, 'v128', or(right, shift('i16x8', 'shl', op('i8x16.swizzle', of(8), index), 8)))
}
const EVEN_HALFWORDS = [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29]
/** Products of 32 bits with powers of two, shifted down: the right halfword of each counts. */
function eachHalfword(code: Code, value: Node, power: Node, sign: 's' | 'u', down: number): Node {
  const product = (part: 'low' | 'high'): Node =>
    shift(
      'i32x4',
      `shr_${sign}`,
      op('i32x4.mul', op(`i32x4.extend_${part}_i16x8_${sign}`, value), op(`i32x4.extend_${part}_i16x8_u`, power)),
      down,
    )
  return shuffled(keep(code, 'v128', product('low')), keep(code, 'v128', product('high')), EVEN_HALFWORDS)
}
const halfwordShifts: readonly Helper[] = [
  vectorOf('vslh', 2, (code, a, b) => op('i16x8.mul', a!, halfwordPowers(code, b!, false))),
  vectorOf('vsrh', 2, (code, a, b) => eachHalfword(code, a!, halfwordPowers(code, b!, true), 'u', 15)),
  vectorOf('vsrah', 2, (code, a, b) => eachHalfword(code, a!, halfwordPowers(code, b!, true), 's', 15)),
  vectorOf('vrlh', 2, (code, a, b) => {
    const power = halfwordPowers(code, b!, false)
    return or(op('i16x8.mul', a!, power), eachHalfword(code, a!, power, 'u', 16))
  }),
]

/** Ones from the first one of an element to its right end; what is left are its leading zeros. */
const leadingZeros = (code: Code, shape: 'i8x16' | 'i16x8', value: Node, count: (ones: Node) => Node): Node => {
  let smeared = value
  for (let n = 1; n < (shape === 'i8x16' ? 8 : 16); n *= 2)
    smeared = keep(code, 'v128', or(smeared, shift(shape, 'shr_u', smeared, n)))
  return count(op('v128.not', smeared))
}
const bytesSet = (value: Node): Node => op('i8x16.popcnt', value)
const halfwordsSet = (value: Node): Node => op('i16x8.extadd_pairwise_i8x16_u', bytesSet(value))
/** Zeros to the right of the last one: what a subtraction of 1 makes ones of. */
const trailing = (shape: 'i8x16' | 'i16x8', value: Node, one: Node): Node =>
  op('v128.andnot', op(`${shape}.sub`, value, one), value)
const counts: readonly Helper[] = [
  vectorOf('vclzb', 1, (code, b) => leadingZeros(code, 'i8x16', b!, bytesSet)),
  vectorOf('vclzh', 1, (code, b) => leadingZeros(code, 'i16x8', b!, halfwordsSet)),
  vectorOf('vctzb', 1, (_, b) => bytesSet(trailing('i8x16', b!, bytes(1)))),
  vectorOf('vctzh', 1, (_, b) => halfwordsSet(trailing('i16x8', b!, halfwords(1)))),
]

/** The bits of each doubleword as a matrix of 8 by 8, transposed: blocks of 1, 2 and 4 bits change places. */
const transposed = vectorOf('vgbbd', 1, (code, b) => {
  let value = b!
  for (const [distance, mask] of [
    [7, 0x00aa_00aa_00aa_00aan],
    [14, 0x0000_cccc_0000_ccccn],
    [28, 0x0000_0000_f0f0_f0f0n],
  ] as const) {
    const chosen: Node = (inner) => void inner.i64(mask).simd('i64x2.splat')
    const moved = and(xor(value, shift('i64x2', 'shr_u', value, distance)), chosen)
    const change = keep(code, 'v128', moved)
    value = keep(code, 'v128', xor(value, change, shift('i64x2', 'shl', change, distance)))
  }
  return value
})

export const INTEGER_HELPERS: readonly Helper[] = [
  ...[...byteShifts, ...neighbours, ...halfwordShifts, ...counts],
  transposed,
]
