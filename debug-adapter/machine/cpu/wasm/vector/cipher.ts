/** Steps of AES and of the SHA-2 hashes (Power ISA 3.0C I 6.11.1, 6.11.2; FIPS 197, FIPS 180-4). */
import { CIPHER_TABLES } from '../../layout.ts'
import { BOXES, COLUMNS, ROW_BYTES } from '../../vector/cipher-tables.ts'
import type { Code } from '../emitter.ts'
import type { Helper } from '../helpers.ts'
import { keep, type Node, op, shuffled } from '../vsx/build.ts'
import { and, bytes, or, shift, vectorOf, xor } from './build.ts'

/**
 * Every byte by a table of 256 bytes in memory: a swizzle gives 0 outside of its 16 entries, so of 16 swizzles one gives the byte.
 * A vector that is loaded costs V8 one instruction, a constant four.
 */
function substituted(code: Code, value: Node, box: number): Node {
  const sixteen = keep(code, 'v128', bytes(16))
  let index = keep(code, 'v128', value)
  let result: Node | undefined
  for (let at = box; at < box + 256; at += 16) {
    const entries: Node = (inner) => void inner.i32(0).load(16, 'v128', at)
    const found = op('i8x16.swizzle', entries, index)
    result = keep(code, 'v128', result ? or(result, found) : found)
    index = keep(code, 'v128', op('i8x16.sub', index, sixteen))
  }
  return result!
}
const BOX = CIPHER_TABLES + BOXES.forward
const INVERSE_BOX = CIPHER_TABLES + BOXES.inverse

/** The lanes of a permutation of the 16 bytes of a state, which count from the left. */
const lanesOf = (source: (byte: number) => number): number[] =>
  Array.from({ length: 16 }, (_, lane) => 15 - source(15 - lane))
const permuted = (value: Node, source: (byte: number) => number): Node => shuffled(value, value, lanesOf(source))

/** The state is four columns of four bytes, a column after the other: rows move by their number. */
const shiftRows = (value: Node): Node => permuted(value, (i) => (i + 4 * (i % 4)) % 16)
const unshiftRows = (value: Node): Node => permuted(value, (i) => (i + 12 * (i % 4)) % 16)
/** The byte `n` rows below, around the end of the column. */
const below = (value: Node, n: number): Node => permuted(value, (i) => i - (i % 4) + (((i % 4) + n) % 4))

/** Every byte times x. */
function doubled(code: Code, value: Node): Node {
  const carry = and(op('i8x16.lt_s', value, bytes(0)), bytes(0x1b))
  return keep(code, 'v128', xor(op('i8x16.add', value, value), carry))
}

/** 2a + 3b + c + d = 2(a + b) + b + (c + d), and c + d is a + b two rows below. */
function mixColumns(code: Code, state: Node): Node {
  const next = keep(code, 'v128', below(state, 1))
  const sum = keep(code, 'v128', xor(state, next))
  return xor(doubled(code, sum), next, below(sum, 2))
}
/** The matrix of the inverse is that of `mixColumns` times one with 5, 0, 4, 0. */
function unmixColumns(code: Code, state: Node): Node {
  const sum = keep(code, 'v128', xor(state, below(state, 2)))
  return mixColumns(code, keep(code, 'v128', xor(state, doubled(code, doubled(code, sum)))))
}

const doubleword =
  (value: Node, n: 0 | 1): Node =>
  (code) => {
    value(code)
    code.simd('i64x2.extract_lane', [1 - n])
  }

/**
 * A round but for the key: each column is the sum of what its four bytes contribute, which come from other columns as the rows
 * were moved. Rounds wait for each other, and this way is the shortest from one to the next.
 * @param tables offset of the columns of row 0
 * @param direction where the byte of row r comes from: r columns to the right, or to the left
 */
function roundOf(code: Code, state: Node, tables: number, direction: 1 | -1): Node {
  const halves = ([0, 1] as const).map((n) => keep(code, 'i64', doubleword(state, n)))
  const contribution =
    (column: number, row: number): Node =>
    (inner) => {
      const byte = 4 * ((column + 4 + direction * row) % 4) + row
      // Its number, times the bytes of an entry.
      const down = 56 - 8 * (byte % 8) - 2
      halves[byte >> 3]!(inner)
      if (down > 0) inner.i64(BigInt(down)).op(0x88)
      else inner.i64(2n).op(0x86)
      inner
        .op(0xa7)
        .i32(0x3fc)
        .op(0x71)
        .load(4, 'i64', tables + row * ROW_BYTES)
    }
  const pairOf = (first: number): Node => {
    const columnOf =
      (column: number): Node =>
      (inner) => {
        for (const row of [0, 1, 2, 3]) {
          contribution(column, row)(inner)
          if (row > 0) inner.op(0x85)
        }
      }
    return (inner) => {
      columnOf(first)(inner)
      inner.i64(32n).op(0x86)
      columnOf(first + 1)(inner)
      inner.op(0x84)
    }
  }
  return keep(code, 'v128', (inner) => {
    pairOf(2)(inner)
    inner.simd('i64x2.splat')
    pairOf(0)(inner)
    inner.simd('i64x2.replace_lane', [1])
  })
}

const FORWARD = CIPHER_TABLES + COLUMNS.forward
const INVERSE = CIPHER_TABLES + COLUMNS.inverse
const AES: readonly Helper[] = [
  vectorOf('vcipher', 2, (code, a, b) => xor(roundOf(code, a!, FORWARD, 1), b!)),
  // The key is added before the columns are mixed, which is the same as mixing it by itself.
  vectorOf('vncipher', 2, (code, a, b) => xor(roundOf(code, a!, INVERSE, -1), unmixColumns(code, b!))),
  vectorOf('vcipherlast', 2, (code, a, b) => xor(shiftRows(substituted(code, a!, BOX)), b!)),
  vectorOf('vncipherlast', 2, (code, a, b) => xor(substituted(code, unshiftRows(a!), INVERSE_BOX), b!)),
  vectorOf('vsbox', 1, (code, a) => substituted(code, a!, BOX)),
]

/** Two rotations, and a shift (with ST=0) or a third one; those for a bit of SIX that is 0, then those for 1. */
const SIGMA = {
  vshasigmaw0: ['i32x4', 32, [7, 18, 3], [17, 19, 10]],
  vshasigmaw1: ['i32x4', 32, [2, 13, 22], [6, 11, 25]],
  vshasigmad0: ['i64x2', 64, [1, 8, 7], [19, 61, 6]],
  vshasigmad1: ['i64x2', 64, [28, 34, 39], [14, 18, 41]],
} as const
type SigmaName = keyof typeof SIGMA

/** (vector, mask): where the mask has ones the second function counts. */
const sigma = (name: SigmaName): Helper =>
  vectorOf(name, 2, (code, value, second) => {
    const [shape, width, ...functions] = SIGMA[name]
    const right = (n: number): Node => shift(shape, 'shr_u', value!, n)
    const rotated = (n: number): Node => or(right(n), shift(shape, 'shl', value!, width - n))
    const [first, other] = functions.map(([a, b, c]) =>
      keep(code, 'v128', xor(rotated(a), rotated(b), name.endsWith('0') ? right(c) : rotated(c))),
    )
    return op('v128.bitselect', other!, first!, second!)
  })

export const CIPHER_HELPERS: readonly Helper[] = [...AES, ...(Object.keys(SIGMA) as SigmaName[]).map(sigma)]
