/** Steps of AES and of the SHA-2 hashes (Power ISA 3.0C I 6.11.1, 6.11.2; FIPS 197, FIPS 180-4). */
import { fromBytes, joined, split, toBytes } from './elements.ts'
import type { Operation } from './integer.ts'

/** Multiplication in GF(2^8) with the polynomial of AES. */
function times(a: number, b: number): number {
  let product = 0
  for (let x = a, y = b; y; y >>= 1, x = (x << 1) ^ (x & 0x80 ? 0x11b : 0)) if (y & 1) product ^= x
  return product & 0xff
}

/** Inverse in the field, then the affine map of FIPS 197 5.1.1. */
const SBOX = Array.from({ length: 256 }, (_, value) => {
  let inverse = 0
  for (let i = 1; i < 256; i++) if (times(value, i) === 1) inverse = i
  let result = 0x63
  for (let turn = 0; turn < 5; turn++) result ^= ((inverse << turn) | (inverse >> (8 - turn))) & 0xff
  return result
})
const INVERSE_SBOX = Array.from({ length: 256 }, (_, value) => SBOX.indexOf(value))
/** Products with the constants of the column mixes. */
const TIMES = new Map([1, 2, 3, 9, 11, 13, 14].map((n) => [n, Array.from({ length: 256 }, (_, v) => times(v, n))]))

/** The state is four columns of four bytes, a column after the other: rows move by their number. */
const shiftRows = (state: readonly number[], direction: 1 | -1): number[] =>
  state.map((_, i) => state[(i + 4 * (i % 4) * direction + 16) % 16]!)
const mixColumns = (state: readonly number[], row: readonly number[]): number[] =>
  state.map((_, i) => {
    const column = i - (i % 4)
    return row.reduce((sum, factor, k) => sum ^ TIMES.get(factor)![state[column + (((i % 4) + k) % 4)]!]!, 0)
  })
const MIX = [2, 3, 1, 1]
const UNMIX = [14, 11, 13, 9]
const addKey = (state: readonly number[], key: bigint): bigint => fromBytes(state) ^ key
const encrypted = (a: bigint): number[] =>
  shiftRows(
    toBytes(a).map((byte) => SBOX[byte]!),
    1,
  )
const decrypted = (a: bigint): number[] => shiftRows(toBytes(a), -1).map((byte) => INVERSE_SBOX[byte]!)

const rotr = (value: bigint, n: bigint, bits: bigint): bigint =>
  BigInt.asUintN(Number(bits), (value >> n) | (value << (bits - n)))
/** Rotations, rotations, and a rotation or a shift, of the four functions: ST=0 then ST=1, bit of SIX 0 then 1. */
const SIGMA_32 = [
  [7n, 18n, 3n],
  [17n, 19n, 10n],
  [2n, 13n, 22n],
  [6n, 11n, 25n],
] as const
const SIGMA_64 = [
  [1n, 8n, 7n],
  [19n, 61n, 6n],
  [28n, 34n, 39n],
  [14n, 18n, 41n],
] as const

/** @param st which pair of functions; @param six a bit for each word, or for each even bit for doublewords, chooses one of it */
export function sigma(a: bigint, bits: 32 | 64, st: number, six: number): bigint {
  const table = bits === 32 ? SIGMA_32 : SIGMA_64
  return joined(
    bits,
    split(a, bits).map((x, i) => {
      const bit = bits === 32 ? i : 2 * i
      const [first, second, third] = table[2 * st + ((six >> (3 - bit)) & 1)]!
      const width = BigInt(bits)
      const last = st === 0 ? x >> third : rotr(x, third, width)
      return rotr(x, first, width) ^ rotr(x, second, width) ^ last
    }),
  )
}

export const CIPHER: Readonly<Record<string, Operation>> = {
  vcipher: ({ a, b }) => addKey(mixColumns(encrypted(a), MIX), b),
  vcipherlast: ({ a, b }) => addKey(encrypted(a), b),
  vncipher: ({ a, b }) => fromBytes(mixColumns(toBytes(addKey(decrypted(a), b)), UNMIX)),
  vncipherlast: ({ a, b }) => addKey(decrypted(a), b),
  vsbox: ({ a }) => fromBytes(toBytes(a).map((byte) => SBOX[byte]!)),
}
