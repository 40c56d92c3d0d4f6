/**
 * The tables of AES that the helpers look bytes up in, from the definitions (FIPS 197 4.2, 5.1, 5.3): the substitution box and the
 * inverse one, 256 bytes each; then for both directions, and for each row, 256 columns of four bytes: what a byte of that row
 * contributes to its column once it is substituted and multiplied.
 */

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

/** Factors of the column mixes: what a byte of row 0 is multiplied by for each row. */
const MIX = [2, 1, 1, 3]
const UNMIX = [14, 9, 13, 11]

/** Columns of `row`, the byte of row 0 being the most significant one of a word. */
const columns = (box: readonly number[], factors: readonly number[], row: number): number[] =>
  box.map((byte) => [0, 1, 2, 3].reduce((word, i) => (word << 8) | times(byte, factors[(i - row + 4) % 4]!), 0))

/** Where they are among the bytes. */
export const BOXES = { forward: 0, inverse: 256 } as const
export const COLUMNS = { forward: 512, inverse: 512 + 4096 } as const
/** Bytes of the columns of one row. */
export const ROW_BYTES = 1024

export const CIPHER_TABLE_BYTES: Uint8Array = (() => {
  const rows = [0, 1, 2, 3]
  const words = [
    ...rows.flatMap((row) => columns(SBOX, MIX, row)),
    ...rows.flatMap((row) => columns(INVERSE_SBOX, UNMIX, row)),
  ]
  const bytes = new Uint8Array(COLUMNS.forward + 4 * words.length)
  bytes.set([...SBOX, ...INVERSE_SBOX])
  const data = new DataView(bytes.buffer)
  for (const [i, word] of words.entries()) data.setInt32(COLUMNS.forward + 4 * i, word, true)
  return bytes
})()
