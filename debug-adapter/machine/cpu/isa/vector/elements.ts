/** Single elements and bits of a vector (Power ISA 3.0C I 6.8.4, 6.8.5, 6.13, 6.14). */
import * as e from '../expr.ts'
import { family, type Insn } from '../insn.ts'
import { simd, v128 } from '../simd.ts'
import { dword, pair } from '../vsx/form.ts'
import { and, bytesLeft, bytesRight, type E, ELEMENT, type Letter, vectorInsn, vx } from './form.ts'

/** The right end of doubleword 0 is where elements come from and go to. */
const maskOf = (size: number): bigint => (1n << BigInt(8 * size)) - 1n
const atRightEnd = (size: number): E => v128(maskOf(size) << 64n)

const moves = family(
  [
    ['b', 525, 781],
    ['h', 589, 845],
    ['w', 653, 909],
    ['d', 717, 973],
  ] as readonly (readonly [Letter, number, number])[],
  ([letter, extractXo, insertXo]) => {
    const { size, word } = ELEMENT[letter]
    const extract = letter === 'd' ? 'vextractd' : `vextractu${letter}`
    const fields = 'vrt n12_15 vrb'
    // How far byte UIM of an element that starts there is from where doubleword 0 has it; negative to the right.
    const distance = (o: Readonly<Record<string, E>>): E => e.sub(o['n12_15']!, 8 - size)
    return [
      ...vectorInsn(extract, `VX:4:${extractXo} ${fields}`, 'vrt,vrb,n12_15', `extract one of the ${word}s`, (o) =>
        e.set(o['vrt']!, and(bytesLeft(o['vrb']!, distance(o)), atRightEnd(size))),
      ),
      ...vectorInsn(
        `vinsert${letter}`,
        `VX:4:${insertXo} ${fields}`,
        'vrt,vrb,n12_15',
        `insert one of the ${word}s`,
        (o) => {
          const moved = (v: E): E => bytesRight(v, distance(o))
          return e.set(o['vrt']!, simd('v128.bitselect', moved(o['vrb']!), o['vrt']!, moved(atRightEnd(size))))
        },
      ),
    ]
  },
)

/** An element by the number of its byte in RA, to a general register. */
const indexed = family(
  [
    ['b', 1549, 1805],
    ['h', 1613, 1869],
    ['w', 1677, 1933],
  ] as readonly (readonly [Letter, number, number])[],
  ([letter, leftXo, rightXo]) => {
    const { size, word } = ELEMENT[letter]
    const by = (name: string, xo: number, from: string, distance: (index: E) => E): Insn[] =>
      vectorInsn(
        name,
        `VX:4:${xo} rt ra vrb`,
        'rt,ra,vrb',
        `extract one of the ${word}s by index from the ${from}`,
        (o) => {
          const element = dword(1, bytesRight(o['vrb']!, distance(e.and(o['ra']!, 15))))
          return e.set(o['rt']!, e.and(element, maskOf(size)))
        },
      )
    return [
      ...by(`vextu${letter}lx`, leftXo, 'left', (index) => e.sub(16 - size, index)),
      ...by(`vextu${letter}rx`, rightXo, 'right', (index) => index),
    ]
  },
)

/** The last bits of all bytes, that of byte 0 as the most significant one of 16. */
const lastBits = (v: E): E => simd('i8x16.bitmask', simd('i8x16.shl', v, e.i32(7)))
const counts = [
  ...vectorInsn('vclzlsbb', 'VX:4:1538 rt vra=0 vrb', 'rt,vrb', 'count leading bytes whose last bit is 0', (o) =>
    e.set(o['rt']!, e.wide(e.clz(e.or(e.shl(lastBits(o['vrb']!), 16), 0x8000)))),
  ),
  ...vectorInsn('vctzlsbb', 'VX:4:1538 rt vra=1 vrb', 'rt,vrb', 'count trailing bytes whose last bit is 0', (o) =>
    e.set(o['rt']!, e.wide(e.ctz(e.or(lastBits(o['vrb']!), 0x1_0000)))),
  ),
]

const all = (byte: number): E => v128(BigInt(`0x${byte.toString(16).padStart(2, '0').repeat(16)}`))
/** Byte n & 7 holds the bit that the books call n. */
const BITS = v128(0x0102_0408_1020_4080_0102_0408_1020_4080n)
/** Bits of `v` by their numbers from the left in each byte of `numbers`; `last` is the lane that holds bit 0. */
const bitsBy = (v: E, numbers: E, last: E): E => {
  const byte = simd('i8x16.swizzle', v, simd('i8x16.sub', last, simd('i8x16.shr_u', numbers, e.i32(3))))
  const bit = simd('i8x16.swizzle', BITS, and(numbers, all(7)))
  return simd('i8x16.ne', and(byte, bit), v128(0n))
}
const EIGHTS = (0x0f0f_0f0f_0f0f_0f0fn << 64n) | 0x0707_0707_0707_0707n
const permutations = [
  ...vx('vbpermq', 1356, 'choose bits of a quadword', (a, b) =>
    pair(e.wide(simd('i8x16.bitmask', bitsBy(a, b, all(15)))), e.i64(0)),
  ),
  ...vx('vbpermd', 1484, 'choose bits of each doubleword', (a, b) => {
    const inside = simd('i8x16.lt_u', b, all(64))
    const bits = e.wide(simd('i8x16.bitmask', and(bitsBy(a, b, v128(EIGHTS)), inside)))
    return pair(e.shrU(bits, 8), e.and(bits, 0xff))
  }),
]

export const elements: readonly Insn[] = [...moves, ...indexed, ...counts, ...permutations]
