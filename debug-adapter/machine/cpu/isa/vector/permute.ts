/** Logical operations, and instructions that only move bytes (Power ISA 3.0C I 6.9). */
import * as e from '../expr.ts'
import { family, type Insn } from '../insn.ts'
import { simd, v128 } from '../simd.ts'
import { dword, elementsOf, pair } from '../vsx/form.ts'
import {
  and,
  bytesLeft,
  bytesRight,
  differ,
  type E,
  ELEMENT,
  type Letter,
  not,
  or,
  saturates,
  splatByte,
  vectorInsn,
  vx,
  vx1,
  xor,
} from './form.ts'

const logical = family(
  [
    ['vand', 1028, and],
    ['vandc', 1092, (a: E, b: E) => simd('v128.andnot', a, b)],
    ['vor', 1156, or],
    ['vxor', 1220, xor],
    ['vnor', 1284, (a: E, b: E) => not(or(a, b))],
    ['vorc', 1348, (a: E, b: E) => or(a, not(b))],
    ['vnand', 1412, (a: E, b: E) => not(and(a, b))],
    ['veqv', 1668, (a: E, b: E) => not(xor(a, b))],
  ] as readonly (readonly [string, number, (a: E, b: E) => E])[],
  ([name, xo, of]) => vx(name, xo, `vector logical ${name.slice(1)}`, of),
)

const all = (byte: number): E => v128(BigInt(`0x${byte.toString(16).padStart(2, '0').repeat(16)}`))

/**
 * Bytes of `a` and `b` by lanes of 0 to 31 that count from the right end of `b`: a swizzle gives 0 for a lane over 15, so of the two
 * one gives the byte.
 */
const chosen = (a: E, b: E, lanes: E): E =>
  or(simd('i8x16.swizzle', b, lanes), simd('i8x16.swizzle', a, simd('i8x16.sub', lanes, all(16))))
/** The low five bits count, from the left end of `a`. */
const permuted = (a: E, b: E, control: E): E => chosen(a, b, xor(and(control, all(31)), all(31)))

const va = (name: string, xo: number, help: string, of: (a: E, b: E, c: E) => E): Insn[] =>
  vectorInsn(name, `VA:4:${xo} vrt vra vrb vrc`, 'vrt,vra,vrb,vrc', help, (o) =>
    e.set(o['vrt']!, of(o['vra']!, o['vrb']!, o['vrc']!)),
  )
const four = [
  ...va('vsel', 42, 'vector select', (a, b, c) => simd('v128.bitselect', b, a, c)),
  ...va('vperm', 43, 'vector permute', permuted),
  ...va('vpermr', 59, 'vector permute right-indexed', (a, b, c) => chosen(a, b, and(c, all(31)))),
  ...va('vpermxor', 45, 'vector permute and exclusive or', (a, b, c) => {
    const high = simd('i8x16.shr_u', c, e.i32(4))
    const low = and(c, all(15))
    const byte = (v: E, fromLeft: E): E => simd('i8x16.swizzle', v, xor(fromLeft, all(15)))
    return xor(byte(a, high), byte(b, low))
  }),
  ...vectorInsn('vsldoi', 'VA:4:44 vrt vra vrb 21=0 n22_25', 'vrt,vra,vrb,n22_25', 'shift left double by octets', (o) =>
    e.set(o['vrt']!, or(bytesLeft(o['vra']!, o['n22_25']!), bytesRight(o['vrb']!, e.sub(16, o['n22_25']!)))),
  ),
]

/** Octets by bits 121-124 of VRB, then bits by 125-127 of each byte: vsl wants all of them equal. */
const octets = (b: E): E => e.and(e.shrU(dword(1, b), 3), 15)
const bits = (b: E): E => e.and(dword(1, b), 7)
const shifts = [
  ...vx('vslo', 1036, 'shift left by octet', (a, b) => bytesLeft(a, octets(b))),
  ...vx('vsro', 1100, 'shift right by octet', (a, b) => bytesRight(a, octets(b))),
  ...vx('vsl', 452, 'shift left', (a, b) => {
    const carry = e.shrU(e.shrU(dword(1, a), 1), e.sub(63, bits(b)))
    return pair(e.or(e.shl(dword(0, a), bits(b)), carry), e.shl(dword(1, a), bits(b)))
  }),
  ...vx('vsr', 708, 'shift right', (a, b) => {
    const carry = e.shl(e.shl(dword(0, a), 1), e.sub(63, bits(b)))
    return pair(e.shrU(dword(0, a), bits(b)), e.or(e.shrU(dword(1, a), bits(b)), carry))
  }),
]

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i)
const merges = family(
  [
    ['b', 12, 268],
    ['h', 76, 332],
    ['w', 140, 396],
  ] as readonly (readonly [Letter, number, number])[],
  ([letter, high, low]) => {
    const { size, word } = ELEMENT[letter]
    const half = 8 / size
    const merge = (first: number) => (a: E, b: E) =>
      elementsOf(
        size,
        a,
        b,
        range(half).flatMap((i) => [first + i, first + i + 2 * half]),
      )
    return [
      ...vx(`vmrgh${letter}`, high, `merge high ${word}s`, merge(0)),
      ...vx(`vmrgl${letter}`, low, `merge low ${word}s`, merge(half)),
    ]
  },
)
const evenOdd = [
  ...vx('vmrgew', 1932, 'merge even words', (a, b) => elementsOf(4, a, b, [0, 4, 2, 6])),
  ...vx('vmrgow', 1676, 'merge odd words', (a, b) => elementsOf(4, a, b, [1, 5, 3, 7])),
]

const splats = family(
  [
    ['b', 524, 780, 'n12_15'],
    ['h', 588, 844, 'n13_15'],
    ['w', 652, 908, 'n14_15'],
  ] as readonly (readonly [Letter, number, number, string])[],
  ([letter, xo, immediate, field]) => {
    const { shape, size, word } = ELEMENT[letter]
    // The bytes of the element, over and over.
    const inElement = v128(BigInt(range(16).reduce((hex, i) => `${hex}0${size - 1 - (i % size)}`, '0x')))
    return [
      ...vectorInsn(`vsplt${letter}`, `VX:4:${xo} vrt ${field} vrb`, `vrt,vrb,${field}`, `splat ${word}`, (o) => {
        const last = splatByte(e.sub(16 - size, e.mul(o[field]!, size)))
        return e.set(o['vrt']!, simd('i8x16.swizzle', o['vrb']!, simd('i8x16.add', inElement, last)))
      }),
      ...vectorInsn(
        `vspltis${letter}`,
        `VX:4:${immediate} vrt ns11_15`,
        'vrt,ns11_15',
        `splat immediate signed ${word}`,
        (o) => e.set(o['vrt']!, simd(`${shape}.splat`, e.low(o['ns11_15']!))),
      ),
    ]
  },
)

/** Each element of `a`, then of `b`, without its upper half. */
const packs = family(
  [
    ['vpkuhum', 14, 1],
    ['vpkuwum', 78, 2],
    ['vpkudum', 1102, 4],
  ] as readonly (readonly [string, number, number])[],
  ([name, xo, size]) =>
    vx(name, xo, 'pack unsigned modulo', (a, b) =>
      elementsOf(
        size,
        a,
        b,
        range(16 / size).map((i) => 2 * i + 1),
      ),
    ),
)

/** Saturating packs of halfwords and words: `narrow` of WebAssembly takes signed numbers. */
const saturating = family(
  [
    ['vpkshss', 398, 'i8x16', 'i16x8', 's', 's'],
    ['vpkshus', 270, 'i8x16', 'i16x8', 's', 'u'],
    ['vpkuhus', 142, 'i8x16', 'i16x8', 'u', 'u'],
    ['vpkswss', 462, 'i16x8', 'i32x4', 's', 's'],
    ['vpkswus', 334, 'i16x8', 'i32x4', 's', 'u'],
    ['vpkuwus', 206, 'i16x8', 'i32x4', 'u', 'u'],
  ] as const,
  ([name, xo, to, from, signed, result]) =>
    vectorInsn(name, `VX:4:${xo} vrt vra vrb`, 'vrt,vra,vrb', 'pack with saturation', (o) => {
      const limit = v128(
        from === 'i16x8' ? 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ffn : 0x0000_ffff_0000_ffff_0000_ffff_0000_ffffn,
      )
      const clamp = (v: E): E => (signed === 'u' ? simd(`${from}.min_u`, v, limit) : v)
      const packed = simd(`${to}.narrow_${from}_${result}`, clamp(o['vrb']!), clamp(o['vra']!))
      const back = (half: 'low' | 'high'): E => simd(`${from}.extend_${half}_${to}_${result}`, packed)
      const lost = e.or(differ(back('low'), o['vrb']!), differ(back('high'), o['vra']!))
      return [e.set(o['vrt']!, packed), saturates(lost)]
    }),
)

const unpacks = family(
  [
    ['vupkhsb', 526, 'i16x8.extend_high_i8x16_s'],
    ['vupklsb', 654, 'i16x8.extend_low_i8x16_s'],
    ['vupkhsh', 590, 'i32x4.extend_high_i16x8_s'],
    ['vupklsh', 718, 'i32x4.extend_low_i16x8_s'],
    ['vupkhsw', 1614, 'i64x2.extend_high_i32x4_s'],
    ['vupklsw', 1742, 'i64x2.extend_low_i32x4_s'],
  ] as const,
  ([name, xo, operator]) => vx1(name, xo, 'unpack signed', (b) => simd(operator, b)),
)

export const permute: readonly Insn[] = [
  ...[...logical, ...four, ...shifts, ...merges, ...evenOdd, ...splats, ...packs, ...saturating, ...unpacks],
]
