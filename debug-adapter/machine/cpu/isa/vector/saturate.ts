/** Arithmetic that saturates, and sums of products (Power ISA 3.0C I 6.8.1, 6.10.1, 6.10.2): VSCR[SAT] notes what did not fit. */
import * as e from '../expr.ts'
import { family, type Insn } from '../insn.ts'
import { lane, simd, v128 } from '../simd.ts'
import { elementsOf } from '../vsx/form.ts'
import { and, differ, type E, not, or, saturates, vectorInsn, xor } from './form.ts'

/** A value, and in `over` ones in some elements where it was limited. */
interface Limited {
  readonly value: E
  readonly over: E
}

const effects = (target: E, { value, over }: Limited): e.Effect[] => [
  e.set(target, value),
  saturates(simd('v128.any_true', over)),
]
const two = (name: string, xo: number, help: string, of: (a: E, b: E) => Limited): Insn[] =>
  vectorInsn(name, `VX:4:${xo} vrt vra vrb`, 'vrt,vra,vrb', help, (o) => effects(o['vrt']!, of(o['vra']!, o['vrb']!)))
const va = (
  name: string,
  xo: number,
  help: string,
  of: (target: E, a: E, b: E, c: E) => e.Effect | e.Effect[],
): Insn[] =>
  vectorInsn(name, `VA:4:${xo} vrt vra vrb vrc`, 'vrt,vra,vrb,vrc', help, (o) =>
    of(o['vrt']!, o['vra']!, o['vrb']!, o['vrc']!),
  )

const words = (value: number): E => v128(BigInt(`0x${value.toString(16).padStart(8, '0').repeat(4)}`))
const choose = (condition: E, a: E, b: E): E => simd('v128.bitselect', a, b, condition)
const signs = (v: E): E => simd('i32x4.shr_s', v, e.i32(31))

function addUnsigned(a: E, b: E): Limited {
  const sum = simd('i32x4.add', a, b)
  const over = simd('i32x4.lt_u', sum, a)
  return { value: or(sum, over), over }
}
/** The limit on the side of `a`, where the sign of `result` is one that it cannot have. */
const limitedSigned = (a: E, result: E, wrong: E): Limited => {
  const over = signs(wrong)
  return { value: choose(over, xor(signs(a), words(0x7fff_ffff)), result), over }
}
function addSigned(a: E, b: E): Limited {
  const sum = simd('i32x4.add', a, b)
  return limitedSigned(a, sum, and(xor(a, sum), xor(b, sum)))
}
const sums = [
  ...two('vadduws', 640, 'add unsigned words with saturation', addUnsigned),
  ...two('vaddsws', 896, 'add signed words with saturation', addSigned),
  ...two('vsubuws', 1664, 'subtract unsigned words with saturation', (a, b) => {
    const over = simd('i32x4.lt_u', a, b)
    return { value: and(simd('i32x4.sub', a, b), not(over)), over }
  }),
  ...two('vsubsws', 1920, 'subtract signed words with saturation', (a, b) => {
    const difference = simd('i32x4.sub', a, b)
    return limitedSigned(a, difference, and(xor(a, b), xor(a, difference)))
  }),
]

/** Rounded up: the common bits and half of the others, which is half of their sum but for the carry. */
const averages = family(
  [
    ['vavgsb', 1282, 'i8x16', 's'],
    ['vavgsh', 1346, 'i16x8', 's'],
    ['vavgsw', 1410, 'i32x4', 's'],
    ['vavguw', 1154, 'i32x4', 'u'],
  ] as const,
  ([name, xo, shape, sign]) =>
    vectorInsn(name, `VX:4:${xo} vrt vra vrb`, 'vrt,vra,vrb', 'average', (o) => {
      const [a, b] = [o['vra']!, o['vrb']!]
      return e.set(o['vrt']!, simd(`${shape}.sub`, or(a, b), simd(`${shape}.shr_${sign}`, xor(a, b), e.i32(1))))
    }),
)

const doublewords = (value: bigint): E => v128((BigInt.asUintN(64, value) << 64n) | BigInt.asUintN(64, value))
const above = (v: E, limit: bigint): E => simd('i64x2.gt_s', v, doublewords(limit))
const below = (v: E, limit: bigint): E => simd('i64x2.lt_s', v, doublewords(limit))
/** Doublewords to words, of which the right ones count. */
const PACKS: readonly (readonly [string, number, (v: E) => Limited])[] = [
  [
    'vpkudus',
    1230,
    (v) => {
      const over = simd('i64x2.ne', and(v, doublewords(0xffff_ffff_0000_0000n)), doublewords(0n))
      return { value: or(v, over), over }
    },
  ],
  [
    'vpksdus',
    1358,
    (v) => {
      const [negative, large] = [below(v, 0n), above(v, 0xffff_ffffn)]
      return { value: and(or(v, large), not(negative)), over: or(negative, large) }
    },
  ],
  [
    'vpksdss',
    1486,
    (v) => {
      const [small, large] = [below(v, -0x8000_0000n), above(v, 0x7fff_ffffn)]
      const limited = choose(large, words(0x7fff_ffff), choose(small, words(0x8000_0000), v))
      return { value: limited, over: or(small, large) }
    },
  ],
]
const packs = family(PACKS, ([name, xo, limit]) =>
  two(name, xo, 'pack doublewords with saturation', (a, b) => {
    const [left, right] = [limit(a), limit(b)]
    return { value: elementsOf(4, left.value, right.value, [1, 3, 5, 7]), over: or(left.over, right.over) }
  }),
)

/** The even and the odd words of two vectors, added. */
const pairs = (low: E, high: E): E =>
  simd('i32x4.add', elementsOf(4, high, low, [0, 2, 4, 6]), elementsOf(4, high, low, [1, 3, 5, 7]))
const addWords = (a: E, b: E): E => simd('i32x4.add', a, b)
const halves = (of: (half: 'low' | 'high') => E): readonly [low: E, high: E] => [of('low'), of('high')]

const productSums = [
  ...va('vmsumubm', 36, 'multiply and sum bytes modulo', (target, a, b, c) => {
    const sum = (half: 'low' | 'high'): E =>
      simd('i32x4.extadd_pairwise_i16x8_u', simd(`i16x8.extmul_${half}_i8x16_u`, a, b))
    return e.set(target, addWords(pairs(...halves(sum)), c))
  }),
  ...va('vmsummbm', 37, 'multiply and sum bytes modulo', (target, a, b, c) => {
    const sum = (half: 'low' | 'high'): E => {
      const product = simd(
        'i16x8.mul',
        simd(`i16x8.extend_${half}_i8x16_s`, a),
        simd(`i16x8.extend_${half}_i8x16_u`, b),
      )
      return simd('i32x4.extadd_pairwise_i16x8_s', product)
    }
    return e.set(target, addWords(pairs(...halves(sum)), c))
  }),
  ...va('vmsumuhm', 38, 'multiply and sum halfwords modulo', (target, a, b, c) =>
    e.set(target, addWords(pairs(...halves((half) => simd(`i32x4.extmul_${half}_i16x8_u`, a, b))), c)),
  ),
  ...va('vmsumuhs', 39, 'multiply and sum halfwords with saturation', (target, a, b, c) => {
    const [low, high] = halves((half) => simd(`i32x4.extmul_${half}_i16x8_u`, a, b))
    const products = addUnsigned(elementsOf(4, high, low, [0, 2, 4, 6]), elementsOf(4, high, low, [1, 3, 5, 7]))
    const total = addUnsigned(products.value, c)
    return effects(target, { value: total.value, over: or(products.over, total.over) })
  }),
  ...va('vmsumshs', 41, 'multiply and sum halfwords with saturation', (target, a, b, c) => {
    // One sum of products does not fit: 2^31, of four times -32768. It is the only one that comes out as -2^31.
    const products = simd('i32x4.dot_i16x8_s', a, b)
    const large = simd('i32x4.eq', products, words(0x8000_0000))
    const sum = addSigned(products, c)
    const [wrapped, positive] = [addWords(products, c), simd('i32x4.ge_s', c, words(0))]
    const value = choose(large, choose(positive, words(0x7fff_ffff), wrapped), sum.value)
    return effects(target, { value, over: choose(large, positive, sum.over) })
  }),
  ...family(
    [
      ['vmhaddshs', 32, 0],
      ['vmhraddshs', 33, 0x4000],
    ] as const,
    ([name, xo, rounding]) =>
      va(name, xo, 'multiply high and add halfwords with saturation', (target, a, b, c) => {
        const [low, high] = halves((half) => {
          const product = addWords(simd(`i32x4.extmul_${half}_i16x8_s`, a, b), words(rounding))
          return addWords(simd('i32x4.shr_s', product, e.i32(15)), simd(`i32x4.extend_${half}_i16x8_s`, c))
        })
        const value = simd('i16x8.narrow_i32x4_s', low, high)
        const lost = halves((half) => simd(`i32x4.extend_${half}_i16x8_s`, value))
        return [e.set(target, value), saturates(e.or(differ(lost[0], low), differ(lost[1], high)))]
      }),
  ),
]

const acrossWords = family(
  [
    ['vsum4ubs', 1544, 'unsigned bytes', addUnsigned, 'u'],
    ['vsum4sbs', 1800, 'signed bytes', addSigned, 's'],
    ['vsum4shs', 1608, 'halfwords', addSigned, 'h'],
  ] as const,
  ([name, xo, what, add, kind]) =>
    two(name, xo, `sum across each word of ${what} with saturation`, (a, b) => {
      const halfwords = kind === 'h' ? a : simd(`i16x8.extadd_pairwise_i8x16_${kind}`, a)
      return add(simd(`i32x4.extadd_pairwise_i16x8_${kind === 'u' ? 'u' : 's'}`, halfwords), b)
    }),
)

/** A sum of 64 bits that is to be one of 32, and whether it was limited. */
function limitedWord(sum: E): { readonly value: E; readonly over: E } {
  const value = e.select(e.gtS(sum, 0x7fff_ffff), 0x7fff_ffff, e.select(e.ltS(sum, -0x8000_0000), -0x8000_0000, sum))
  return { value, over: e.ne(value, sum) }
}
const word = (i: number, v: E): E => e.ext32(e.wide(lane('i32x4.extract_lane', i, v)))
const acrossHalves = [
  ...vectorInsn(
    'vsum2sws',
    'VX:4:1672 vrt vra vrb',
    'vrt,vra,vrb',
    'sum across each half, words with saturation',
    (o) => {
      const [a, b] = [o['vra']!, o['vrb']!]
      const sum = (first: number): { value: E; over: E } =>
        limitedWord(e.add(e.add(word(first, a), word(first + 1, a)), word(first, b)))
      const [right, left] = [sum(0), sum(2)]
      const placed = (i: number, v: E, value: E): E => lane('i32x4.replace_lane', i, v, e.low(value))
      return [
        e.set(o['vrt']!, placed(2, placed(0, v128(0n), right.value), left.value)),
        saturates(e.or(right.over, left.over)),
      ]
    },
  ),
  ...vectorInsn('vsumsws', 'VX:4:1928 vrt vra vrb', 'vrt,vra,vrb', 'sum across all words with saturation', (o) => {
    const parts = [0, 1, 2, 3].map((i) => word(i, o['vra']!))
    const { value, over } = limitedWord(parts.reduce((total, part) => e.add(total, part), word(0, o['vrb']!)))
    return [e.set(o['vrt']!, lane('i32x4.replace_lane', 0, v128(0n), e.low(value))), saturates(over)]
  }),
]

export const saturating: readonly Insn[] = [
  ...[...sums, ...averages, ...packs, ...productSums],
  ...[...acrossWords, ...acrossHalves],
]
