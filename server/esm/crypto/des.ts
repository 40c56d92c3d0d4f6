/**
 * DES (FIPS 46-3), as far as old key files need it: decryption with three keys in CBC mode. Nothing is encrypted with it, and no
 * library here has it. Tables count bits from 1 at the left, as the standard does.
 */

const BLOCK_BYTES = 8
const KEY_BYTES = 24

/** Initial permutation; its inverse is the final one. */
const IP = [
  58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24,
  16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31,
  23, 15, 7,
]
const FP = IP.map((_, i) => IP.indexOf(i + 1) + 1)
/** Expansion of a half block: each group of four bits with its neighbours. */
const E = Array.from({ length: 48 }, (_, i) => ((Math.floor(i / 6) * 4 + (i % 6) + 31) % 32) + 1)
const P = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
]
const PC1 = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36, 63, 55,
  47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
]
const PC2 = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55, 30,
  40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
]
/** How far both halves of the key turn before each round. */
const SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1]
/** The eight substitution boxes: rows 0 to 3 of sixteen hexadecimal digits each. */
const S = [
  'e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d',
  'f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9',
  'a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c',
  '7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e',
  '2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453',
  'c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d',
  '4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c',
  'd2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b',
].map((box) => Array.from(box.replaceAll(' ', ''), (digit) => Number.parseInt(digit, 16)))

type Bits = readonly number[]

const bitsOf = (bytes: Uint8Array): Bits =>
  Array.from({ length: bytes.length * 8 }, (_, i) => (bytes[i >> 3]! >> (7 - (i & 7))) & 1)
const pick = (bits: Bits, table: readonly number[]): Bits => table.map((place) => bits[place - 1]!)
const xor = (a: Bits, b: Bits): Bits => a.map((bit, i) => bit ^ b[i]!)
const rotate = (bits: Bits, by: number): Bits => [...bits.slice(by), ...bits.slice(0, by)]

/** The sixteen round keys of one key of eight bytes, in the order of encryption. Parity bits are not looked at. */
function schedule(key: Uint8Array): readonly Bits[] {
  let [c, d] = [pick(bitsOf(key), PC1.slice(0, 28)), pick(bitsOf(key), PC1.slice(28))]
  return SHIFTS.map((by) => {
    ;[c, d] = [rotate(c, by), rotate(d, by)]
    return pick([...c, ...d], PC2)
  })
}

function substitute(bits: Bits): Bits {
  return S.flatMap((box, i) => {
    const [a, b, c, d, e, f] = bits.slice(6 * i, 6 * i + 6) as [number, number, number, number, number, number]
    const value = box[(2 * a + f) * 16 + 8 * b + 4 * c + 2 * d + e]!
    return [(value >> 3) & 1, (value >> 2) & 1, (value >> 1) & 1, value & 1]
  })
}

function cipher(block: Bits, roundKeys: readonly Bits[]): Bits {
  const start = pick(block, IP)
  let [left, right] = [start.slice(0, 32) as Bits, start.slice(32) as Bits]
  for (const key of roundKeys) [left, right] = [right, xor(left, pick(substitute(xor(pick(right, E), key)), P))]
  return pick([...right, ...left], FP)
}

/**
 * DES-EDE3-CBC without its padding taken off.
 * @param key 24 bytes
 * @param iv 8 bytes
 * @param data a multiple of 8 bytes
 * @throws RangeError for other lengths
 */
export function desEde3CbcDecrypt(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  if (key.length !== KEY_BYTES) throw new RangeError(`a key of DES-EDE3 has 24 bytes, not ${key.length}`)
  if (iv.length !== BLOCK_BYTES) throw new RangeError(`the IV of DES-EDE3-CBC has 8 bytes, not ${iv.length}`)
  if (data.length % BLOCK_BYTES !== 0) throw new RangeError(`DES data come in blocks of 8 bytes, not ${data.length}`)
  const [k1, k2, k3] = [0, 8, 16].map((at) => schedule(key.subarray(at, at + 8)))
  const backwards = (keys: readonly Bits[] | undefined): readonly Bits[] => [...keys!].reverse()
  const stages = [backwards(k3), k2!, backwards(k1)]
  const out = new Uint8Array(data.length)
  let previous = bitsOf(iv)
  for (let at = 0; at < data.length; at += BLOCK_BYTES) {
    const block = bitsOf(data.subarray(at, at + BLOCK_BYTES))
    const plain = xor(stages.reduce(cipher, block), previous)
    for (const [i, bit] of plain.entries()) out[at + (i >> 3)]! |= bit << (7 - (i & 7))
    previous = block
  }
  return out
}
