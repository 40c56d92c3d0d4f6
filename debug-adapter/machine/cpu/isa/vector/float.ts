/** Floating-point arithmetic of vectors (Power ISA 3.0C I 6.12), by the helpers of its names (wasm/vector/float.ts). */
import * as e from '../expr.ts'
import { family, type Insn } from '../insn.ts'
import { simd, v128 } from '../simd.ts'
import { type E, or, recorded, saturates, vectorInsn, vx, vx1 } from './form.ts'

const of = (name: string, ...operands: E[]): E => e.helper(name, 'v128', ...operands, e.state('vscr'))

const two = family(
  [
    ['vaddfp', 10, 'add single-precision numbers'],
    ['vsubfp', 74, 'subtract single-precision numbers'],
    ['vmaxfp', 1034, 'greater single-precision number'],
    ['vminfp', 1098, 'lesser single-precision number'],
  ] as const,
  ([name, xo, help]) => vx(name, xo, help, (a, b) => of(name, a, b)),
)
const one = family(
  [
    ['vrefp', 266, 'estimate of the reciprocal'],
    ['vrsqrtefp', 330, 'estimate of the reciprocal of the square root'],
    ['vrfin', 522, 'round to the nearest integer'],
    ['vrfiz', 586, 'round to an integer towards zero'],
    ['vrfip', 650, 'round to an integer upwards'],
    ['vrfim', 714, 'round to an integer downwards'],
  ] as const,
  ([name, xo, help]) => vx1(name, xo, help, (b) => of(name, b)),
)
/** The addend is VRB, which is written last. */
const fused = family(
  [
    ['vmaddfp', 46, 'multiply and add single-precision numbers'],
    ['vnmsubfp', 47, 'multiply, subtract and negate single-precision numbers'],
  ] as const,
  ([name, xo, help]) =>
    vectorInsn(name, `VA:4:${xo} vrt vra vrb vrc`, 'vrt,vra,vrc,vrb', help, (o) =>
      e.set(o['vrt']!, of(name, o['vra']!, o['vrb']!, o['vrc']!)),
    ),
)

const compares = family(
  [
    ['vcmpeqfp', 198, 'compare single-precision numbers for equal'],
    ['vcmpgefp', 454, 'compare single-precision numbers for greater or equal'],
    ['vcmpgtfp', 710, 'compare single-precision numbers for greater'],
    ['vcmpbfp', 966, 'compare single-precision numbers with bounds'],
  ] as const,
  ([name, xo, help]) => {
    // With bounds, CR6 says only whether all are inside.
    const all = name === 'vcmpbfp' ? undefined : 'i32x4'
    return recorded(name, xo, help, (a, b) => of(name, a, b), all)
  },
)

const splatted = (bits: E): E => simd('i32x4.splat', bits)
/** Fixed-point numbers have UIM bits behind the point: 2 to that power, or to its negative, as a single-precision number. */
const power = (uim: E): E => splatted(e.shl(e.add(e.low(uim), 127), 23))
const inversePower = (uim: E): E => splatted(e.shl(e.sub(127, e.low(uim)), 23))
const words = (value: number): E => v128(BigInt(`0x${value.toString(16).padStart(8, '0').repeat(4)}`))
const [MINUS_1, TWO_31, MINUS_TWO_31, TWO_32] = [0xbf80_0000, 0x4f00_0000, 0xcf00_0000, 0x4f80_0000].map(words) as [
  E,
  E,
  E,
  E,
]
const conversions = family(
  [
    ['u', 'vcfux', 778, 'vctuxs', 906],
    ['s', 'vcfsx', 842, 'vctsxs', 970],
  ] as const,
  ([sign, from, fromXo, to, toXo]) => [
    ...vectorInsn(from, `VX:4:${fromXo} vrt n11_15 vrb`, 'vrt,vrb,n11_15', 'convert from fixed-point words', (o) => {
      const whole = simd(`f32x4.convert_i32x4_${sign}`, o['vrb']!)
      return e.set(o['vrt']!, simd('f32x4.mul', whole, inversePower(o['n11_15']!)))
    }),
    ...vectorInsn(
      to,
      `VX:4:${toXo} vrt n11_15 vrb`,
      'vrt,vrb,n11_15',
      'convert to fixed-point words with saturation',
      (o) => {
        const scaled = simd('f32x4.mul', o['vrb']!, power(o['n11_15']!))
        const over = simd('f32x4.ge', scaled, sign === 'u' ? TWO_32 : TWO_31)
        const under = sign === 'u' ? simd('f32x4.le', scaled, MINUS_1) : simd('f32x4.lt', scaled, MINUS_TWO_31)
        return [
          e.set(o['vrt']!, simd(`i32x4.trunc_sat_f32x4_${sign}`, scaled)),
          saturates(simd('v128.any_true', or(over, under))),
        ]
      },
    ),
  ],
)

export const float: readonly Insn[] = [...two, ...one, ...fused, ...compares, ...conversions]
