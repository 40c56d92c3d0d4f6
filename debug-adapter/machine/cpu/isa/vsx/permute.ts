/** Moves between register files, logical operations, and instructions that only move bytes (Power ISA 3.0C I 7.6.1.1, 7.6.1.9). */
import * as e from '../expr.ts'
import { type Facility, family, type Insn, insn } from '../insn.ts'
import { simd, v128 } from '../simd.ts'
import { bytesOf, dword, elementsOf, pair, scalar, xx1, xx2, xx3 } from './form.ts'

type E = e.Expr

/** A move names a floating-point register, for which that facility suffices, or a vector register. */
const FP_VEC: Facility = 'FP/VEC'
const VSX_VEC: Facility = 'VSX/VEC'
const moves: Insn[] = [
  ...xx1('mfvsrd', 51, 'xs ra rb=0', 'ra,xs', (o) => e.set(o['ra']!, dword(0, o['xs']!)), {
    facility: FP_VEC,
    help: 'move from VSR doubleword',
  }),
  ...xx1('mfvsrwz', 115, 'xs ra rb=0', 'ra,xs', (o) => e.set(o['ra']!, e.zext32(dword(0, o['xs']!))), {
    facility: FP_VEC,
    help: 'move from VSR word and zero',
  }),
  ...xx1('mfvsrld', 307, 'xs ra rb=0', 'ra,xs', (o) => e.set(o['ra']!, dword(1, o['xs']!)), {
    facility: VSX_VEC,
    help: 'move from VSR lower doubleword',
  }),
  ...xx1('mtvsrd', 179, 'xt ra rb=0', 'xt,ra', (o) => e.set(o['xt']!, scalar(o['ra']!)), {
    facility: FP_VEC,
    help: 'move to VSR doubleword',
  }),
  ...xx1('mtvsrwa', 211, 'xt ra rb=0', 'xt,ra', (o) => e.set(o['xt']!, scalar(e.ext32(o['ra']!))), {
    facility: FP_VEC,
    help: 'move to VSR word algebraic',
  }),
  ...xx1('mtvsrwz', 243, 'xt ra rb=0', 'xt,ra', (o) => e.set(o['xt']!, scalar(e.zext32(o['ra']!))), {
    facility: FP_VEC,
    help: 'move to VSR word and zero',
  }),
  ...xx1('mtvsrws', 403, 'xt ra rb=0', 'xt,ra', (o) => e.set(o['xt']!, simd('i32x4.splat', e.low(o['ra']!))), {
    facility: VSX_VEC,
    help: 'move to VSR word and splat',
  }),
  ...xx1('mtvsrdd', 435, 'xt ra rb', 'xt,ra0,rb', (o) => e.set(o['xt']!, pair(o['ra0']!, o['rb']!)), {
    facility: VSX_VEC,
    help: 'move to VSR double doubleword',
  }),
]

const not = (v: E): E => simd('v128.not', v)
const LOGICAL: readonly (readonly [name: string, xo: number, of: (a: E, b: E) => E])[] = [
  ['xxland', 130, (a, b) => simd('v128.and', a, b)],
  ['xxlandc', 138, (a, b) => simd('v128.andnot', a, b)],
  ['xxlor', 146, (a, b) => simd('v128.or', a, b)],
  ['xxlxor', 154, (a, b) => simd('v128.xor', a, b)],
  ['xxlnor', 162, (a, b) => not(simd('v128.or', a, b))],
  ['xxlorc', 170, (a, b) => simd('v128.or', a, not(b))],
  ['xxlnand', 178, (a, b) => not(simd('v128.and', a, b))],
  ['xxleqv', 186, (a, b) => not(simd('v128.xor', a, b))],
]
const logical: Insn[] = [
  ...family(LOGICAL, ([name, xo, of]) =>
    xx3(name, xo, `vector logical ${name.slice(3)}`, (o) => e.set(o['xt']!, of(o['xa']!, o['xb']!))),
  ),
  ...insn(
    'xxsel',
    'XX4:60:3 xt xa xb xc',
    'xt,xa,xb,xc',
    (o) => e.set(o['xt']!, simd('v128.bitselect', o['xb']!, o['xa']!, o['xc']!)),
    { help: 'vector select: the bits of XB where XC has ones, of XA elsewhere', facility: 'VSX' },
  ),
]

/** One record for each value of the two bits, so that each is one shuffle. */
const FOUR = [0, 1, 2, 3]
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)

const fixedShuffles: Insn[] = [
  ...family(FOUR, (dm) =>
    insn(
      'xxpermdi',
      `XX3S:60:10 xt xa xb 21=0 n22_23=${dm}`,
      'xt,xa,xb,n22_23',
      (o) => e.set(o['xt']!, elementsOf(8, o['xa']!, o['xb']!, [dm >> 1, 2 + (dm & 1)])),
      { help: 'permute doublewords immediate', facility: 'VSX' },
    ),
  ),
  ...family(FOUR, (shw) =>
    insn(
      'xxsldwi',
      `XX3S:60:2 xt xa xb 21=0 n22_23=${shw}`,
      'xt,xa,xb,n22_23',
      (o) => e.set(o['xt']!, elementsOf(4, o['xa']!, o['xb']!, range(shw, 4))),
      { help: 'shift left double by word immediate', facility: 'VSX' },
    ),
  ),
  ...family(FOUR, (uim) =>
    insn(
      'xxspltw',
      `XX2:60:164 xt 11=0 12=0 13=0 n14_15=${uim} xb`,
      'xt,xb,n14_15',
      (o) => e.set(o['xt']!, elementsOf(4, o['xb']!, o['xb']!, [uim, uim, uim, uim])),
      { help: 'splat word', facility: 'VSX' },
    ),
  ),
  ...xx3('xxmrghw', 18, 'merge the words of the upper halves', (o) =>
    e.set(o['xt']!, elementsOf(4, o['xa']!, o['xb']!, [0, 4, 1, 5])),
  ),
  ...xx3('xxmrglw', 50, 'merge the words of the lower halves', (o) =>
    e.set(o['xt']!, elementsOf(4, o['xa']!, o['xb']!, [2, 6, 3, 7])),
  ),
  ...family(
    [
      ['xxbrh', 2, 7],
      ['xxbrw', 4, 15],
      ['xxbrd', 8, 23],
      ['xxbrq', 16, 31],
    ] as const,
    ([name, size, uim]) =>
      xx2(
        name,
        475,
        `reverse the bytes of each element of ${size} bytes`,
        (o) =>
          e.set(
            o['xt']!,
            bytesOf(
              o['xb']!,
              o['xb']!,
              range(0, 16).map((i) => i ^ (size - 1)),
            ),
          ),
        uim,
      ),
  ),
]

const bytes = (value: number): E => v128(BigInt(value) * 0x0101_0101_0101_0101_0101_0101_0101_0101n)
const splat8 = (value: E): E => simd('i8x16.splat', e.low(value))
/** A byte of each lane's own number. */
const OWN_LANE = v128(0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100n)

/**
 * Bytes of two registers by their number, 0 to 31. `i8x16.swizzle` gives 0 for a lane that is none, so each register gives its
 * part: number n is lane 15-n of the first, lane 31-n of the second.
 */
const permuted = (first: E, second: E, laneOfFirst: E, laneOfSecond: E): E =>
  simd('v128.or', simd('i8x16.swizzle', first, laneOfFirst), simd('i8x16.swizzle', second, laneOfSecond))

const bySelector: Insn[] = [
  ...xx3('xxperm', 26, 'permute the bytes of XA and XT as XB says', (o) => {
    const number = simd('v128.and', o['xb']!, bytes(31))
    const sub = (from: number): E => simd('i8x16.sub', bytes(from), number)
    return e.set(o['xt']!, permuted(o['xa']!, o['xt']!, sub(15), sub(31)))
  }),
  ...xx3('xxpermr', 58, 'permute the bytes of XA and XT as XB says, counted from the right', (o) => {
    const number = simd('v128.and', o['xb']!, bytes(31))
    return e.set(o['xt']!, permuted(o['xa']!, o['xt']!, simd('i8x16.sub', number, bytes(16)), number))
  }),
  ...insn('xxspltib', 'X:60:360 xt 11=0 12=0 n13_20', 'xt,n13_20', (o) => e.set(o['xt']!, splat8(o['n13_20']!)), {
    help: 'splat immediate byte',
    facility: VSX_VEC,
  }),
  // Lane j gets what is at byte UIM-4 behind it, where that is in word 1.
  ...insn(
    'xxinsertw',
    'XX2:60:181 xt 11=0 n12_15 xb',
    'xt,xb,n12_15',
    (o) => {
      const from = simd('i8x16.add', OWN_LANE, splat8(e.sub(o['n12_15']!, 4)))
      const inWord = simd('i8x16.eq', simd('v128.and', from, bytes(0xfc)), bytes(8))
      return e.set(o['xt']!, simd('v128.bitselect', simd('i8x16.swizzle', o['xb']!, from), o['xt']!, inWord))
    },
    { help: 'insert word 1 at a byte', facility: 'VSX' },
  ),
  ...insn(
    'xxextractuw',
    'XX2:60:165 xt 11=0 n12_15 xb',
    'xt,xb,n12_15',
    (o) => {
      // 0x80 minus any UIM is no lane, which leaves 0 there.
      const last = v128(0x8080_8080_0f0e_0d0c_8080_8080_8080_8080n)
      return e.set(o['xt']!, simd('i8x16.swizzle', o['xb']!, simd('i8x16.sub', last, splat8(o['n12_15']!))))
    },
    { help: 'extract unsigned word at a byte', facility: 'VSX' },
  ),
]

export const permute: readonly Insn[] = [...moves, ...logical, ...fixedShuffles, ...bySelector]
