/** Steps of ciphers, hashes and checksums (Power ISA 3.0C I 6.11), by the helpers of their names. */
import * as e from '../expr.ts'
import { family, type Insn } from '../insn.ts'
import { simd, v128 } from '../simd.ts'
import { and, type E, vectorInsn, vx } from './form.ts'

const two = family(
  [
    ['vcipher', 1288, 'one round of AES'],
    ['vcipherlast', 1289, 'last round of AES'],
    ['vncipher', 1352, 'one round of AES, inverse'],
    ['vncipherlast', 1353, 'last round of AES, inverse'],
    ['vpmsumb', 1032, 'polynomial multiply and sum of bytes'],
    ['vpmsumh', 1096, 'polynomial multiply and sum of halfwords'],
    ['vpmsumw', 1160, 'polynomial multiply and sum of words'],
    ['vpmsumd', 1224, 'polynomial multiply and sum of doublewords'],
  ] as const,
  ([name, xo, help]) => vx(name, xo, help, (a, b) => e.helper(name, 'v128', a, b)),
)

const box = vectorInsn('vsbox', 'VX:4:1480 vrt vra', 'vrt,vra', 'substitution box of AES', (o) =>
  e.set(o['vrt']!, e.helper('vsbox', 'v128', o['vra']!)),
)

/** A bit of SIX for each word, or every second one for each doubleword, chooses one of the two functions that ST names. */
const sigma = (name: string, xo: number, help: string, chosen: (six: E) => E): Insn[] =>
  vectorInsn(name, `VX:4:${xo} vrt vra n16_16 n17_20`, 'vrt,vra,n16_16,n17_20', help, (o) => {
    const mask = chosen(o['n17_20']!)
    const [small, large] = [0, 1].map((st) => e.helper(`${name}${st}`, 'v128', o['vra']!, mask))
    return e.set(o['vrt']!, e.select(e.low(o['n16_16']!), large!, small!))
  })
const sigmas = [
  ...sigma('vshasigmaw', 1666, 'sigma functions of SHA-256', (six) => {
    const bits = v128(0x0000_0008_0000_0004_0000_0002_0000_0001n)
    return simd('i32x4.eq', and(simd('i32x4.splat', e.low(six)), bits), bits)
  }),
  ...sigma('vshasigmad', 1730, 'sigma functions of SHA-512', (six) => {
    const bits = v128((8n << 64n) | 2n)
    return simd('i64x2.eq', and(simd('i64x2.splat', six), bits), bits)
  }),
]

export const cipher: readonly Insn[] = [...two, ...box, ...sigmas]
