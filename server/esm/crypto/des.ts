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

/** What the boxes and the permutation behind them make of six bits: a word for each box and value. */
const SP = S.map((box, i) =>
  Uint32Array.from({ length: 64 }, (_, bits) => {
    const value = box[(((bits >> 4) & 2) | (bits & 1)) * 16 + ((bits >> 1) & 15)]! << (28 - 4 * i)
    return P.reduce((word, place, to) => word | (((value >>> (32 - place)) & 1) << (31 - to)), 0)
  }),
)

type Bits = readonly number[]

const bitsOf = (bytes: Uint8Array): Bits =>
  Array.from({ length: bytes.length * 8 }, (_, i) => (bytes[i >> 3]! >> (7 - (i & 7))) & 1)
const pick = (bits: Bits, table: readonly number[]): Bits => table.map((place) => bits[place - 1]!)
const rotate = (bits: Bits, by: number): Bits => [...bits.slice(by), ...bits.slice(0, by)]

/** The sixteen round keys of one key of eight bytes, in the order of encryption: six bits for each box. Parity bits are not looked at. */
function schedule(key: Uint8Array): Uint8Array[] {
  let [c, d] = [pick(bitsOf(key), PC1.slice(0, 28)), pick(bitsOf(key), PC1.slice(28))]
  return SHIFTS.map((by) => {
    ;[c, d] = [rotate(c, by), rotate(d, by)]
    const bits = pick([...c, ...d], PC2)
    return Uint8Array.from({ length: 8 }, (_, box) =>
      bits.slice(6 * box, 6 * box + 6).reduce((n, bit) => 2 * n + bit, 0),
    )
  })
}

/** The round function: each box takes four bits of the half block with their neighbours (the expansion), and its part of the key. */
function round(half: number, key: Uint8Array): number {
  let word = 0
  for (let box = 0; box < 8; box++) {
    const by = (27 - 4 * box) & 31
    const bits = ((half >>> by) | (half << ((32 - by) & 31))) & 0x3f
    word ^= SP[box]![bits ^ key[box]!]!
  }
  return word
}

/** Moves the bits of a block of two words; in the arguments and the result the left word is first. */
function permute(block: readonly [number, number], table: readonly number[]): [number, number] {
  const out: [number, number] = [0, 0]
  for (let to = 0; to < 64; to++) {
    const from = table[to]! - 1
    out[to >> 5] = out[to >> 5]! | (((block[from >> 5]! >>> (31 - (from & 31))) & 1) << (31 - (to & 31)))
  }
  return out
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
  const stages = [k3!.reverse(), k2!, k1!.reverse()]
  const out = new Uint8Array(data.length)
  const [from, to] = [data, out].map(
    ({ buffer, byteOffset, byteLength }) => new DataView(buffer, byteOffset, byteLength),
  )
  const ivWords = new DataView(iv.buffer, iv.byteOffset, iv.byteLength)
  let previous = [ivWords.getUint32(0), ivWords.getUint32(4)]
  for (let at = 0; at < data.length; at += BLOCK_BYTES) {
    const block: [number, number] = [from!.getUint32(at), from!.getUint32(at + 4)]
    let [left, right] = permute(block, IP)
    // The final permutation of one stage and the initial one of the next undo each other; what stays is that the halves change places.
    for (const keys of stages) {
      for (const key of keys) [left, right] = [right, left ^ round(right, key)]
      ;[left, right] = [right, left]
    }
    const plain = permute([left, right], FP)
    to!.setUint32(at, plain[0] ^ previous[0]!)
    to!.setUint32(at + 4, plain[1] ^ previous[1]!)
    previous = block
  }
  return out
}
