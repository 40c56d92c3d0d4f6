/** Integer arithmetic of vectors that WebAssembly has operators for (Power ISA 3.0C I 6.10). */
import * as e from '../expr.ts'
import { family, type Insn } from '../insn.ts'
import { lane, type SimdName, simd, v128 } from '../simd.ts'
import { dword, elementsOf, pair } from '../vsx/form.ts'
import {
  and,
  differ,
  type E,
  ELEMENT,
  type Letter,
  or,
  recorded,
  type Shape,
  saturates,
  vectorInsn,
  vx,
  vx1,
  xor,
} from './form.ts'

const op =
  (name: SimdName) =>
  (a: E, b: E): E =>
    simd(name, a, b)
type Rows = readonly (readonly [name: string, xo: number, of: (a: E, b: E) => E])[]
const rows = (list: Rows, help: string): Insn[] => family(list, ([name, xo, of]) => vx(name, xo, help, of))

const sums = [
  ...rows(
    [
      ['vaddubm', 0, op('i8x16.add')],
      ['vadduhm', 64, op('i16x8.add')],
      ['vadduwm', 128, op('i32x4.add')],
      ['vaddudm', 192, op('i64x2.add')],
    ],
    'add modulo',
  ),
  ...rows(
    [
      ['vsububm', 1024, op('i8x16.sub')],
      ['vsubuhm', 1088, op('i16x8.sub')],
      ['vsubuwm', 1152, op('i32x4.sub')],
      ['vsubudm', 1216, op('i64x2.sub')],
    ],
    'subtract modulo',
  ),
  ...vx('vaddcuw', 384, 'carries of adding words', (a, b) =>
    simd('i32x4.shr_u', simd('i32x4.lt_u', simd('i32x4.add', a, b), a), e.i32(31)),
  ),
  ...vx('vsubcuw', 1408, 'carries of subtracting words', (a, b) =>
    simd('i32x4.shr_u', simd('i32x4.ge_u', a, b), e.i32(31)),
  ),
]

const saturating = family(
  [
    ['vaddubs', 512, 'i8x16', 'add', 'u'],
    ['vadduhs', 576, 'i16x8', 'add', 'u'],
    ['vaddsbs', 768, 'i8x16', 'add', 's'],
    ['vaddshs', 832, 'i16x8', 'add', 's'],
    ['vsububs', 1536, 'i8x16', 'sub', 'u'],
    ['vsubuhs', 1600, 'i16x8', 'sub', 'u'],
    ['vsubsbs', 1792, 'i8x16', 'sub', 's'],
    ['vsubshs', 1856, 'i16x8', 'sub', 's'],
  ] as const,
  ([name, xo, shape, operator, sign]) =>
    vectorInsn(name, `VX:4:${xo} vrt vra vrb`, 'vrt,vra,vrb', `${operator} with saturation`, (o) => {
      const result = simd(`${shape}.${operator}_sat_${sign}`, o['vra']!, o['vrb']!)
      return [e.set(o['vrt']!, result), saturates(differ(result, simd(`${shape}.${operator}`, o['vra']!, o['vrb']!)))]
    }),
)

const SIGNS = v128((1n << 63n) | (1n << 127n))
/** Unsigned comparison of doublewords, which WebAssembly has only signed. */
const greaterUnsigned = (a: E, b: E): E => simd('i64x2.gt_s', xor(a, SIGNS), xor(b, SIGNS))
const choose = (condition: E, a: E, b: E): E => simd('v128.bitselect', a, b, condition)

const extremes = [
  ...family(
    [
      ['vmaxub', 2, 'i8x16.max_u'],
      ['vmaxuh', 66, 'i16x8.max_u'],
      ['vmaxuw', 130, 'i32x4.max_u'],
      ['vmaxsb', 258, 'i8x16.max_s'],
      ['vmaxsh', 322, 'i16x8.max_s'],
      ['vmaxsw', 386, 'i32x4.max_s'],
      ['vminub', 514, 'i8x16.min_u'],
      ['vminuh', 578, 'i16x8.min_u'],
      ['vminuw', 642, 'i32x4.min_u'],
      ['vminsb', 770, 'i8x16.min_s'],
      ['vminsh', 834, 'i16x8.min_s'],
      ['vminsw', 898, 'i32x4.min_s'],
      ['vavgub', 1026, 'i8x16.avgr_u'],
      ['vavguh', 1090, 'i16x8.avgr_u'],
    ] as const,
    ([name, xo, operator]) => vx(name, xo, operator.includes('avg') ? 'average' : 'greater or lesser', op(operator)),
  ),
  ...rows(
    [
      ['vmaxud', 194, (a, b) => choose(greaterUnsigned(a, b), a, b)],
      ['vmaxsd', 450, (a, b) => choose(simd('i64x2.gt_s', a, b), a, b)],
      ['vminud', 706, (a, b) => choose(greaterUnsigned(a, b), b, a)],
      ['vminsd', 962, (a, b) => choose(simd('i64x2.gt_s', a, b), b, a)],
    ],
    'greater or lesser doubleword',
  ),
  ...family(
    [
      ['vabsdub', 1027, 'i8x16'],
      ['vabsduh', 1091, 'i16x8'],
      ['vabsduw', 1155, 'i32x4'],
    ] as const,
    ([name, xo, shape]) =>
      vx(name, xo, 'absolute difference', (a, b) =>
        simd(`${shape}.sub`, simd(`${shape}.max_u`, a, b), simd(`${shape}.min_u`, a, b)),
      ),
  ),
]

const compare = (name: string, xo: number, shape: Shape, of: (a: E, b: E) => E): Insn[] =>
  recorded(name, xo, 'compare elements', of, shape)
const zero = (shape: Shape, v: E): E => simd(`${shape}.eq`, v, v128(0n))
const compares = [
  ...family(
    [
      ['b', 6, 518, 774, 7, 263],
      ['h', 70, 582, 838, 71, 327],
      ['w', 134, 646, 902, 135, 391],
    ] as readonly (readonly [Letter, number, number, number, number, number])[],
    ([letter, equal, greaterU, greaterS, differs, differsOrZero]) => {
      const { shape } = ELEMENT[letter]
      return [
        ...compare(`vcmpequ${letter}`, equal, shape, op(`${shape}.eq`)),
        ...compare(`vcmpgtu${letter}`, greaterU, shape, op(`${shape}.gt_u`)),
        ...compare(`vcmpgts${letter}`, greaterS, shape, op(`${shape}.gt_s`)),
        ...compare(`vcmpne${letter}`, differs, shape, op(`${shape}.ne`)),
        ...compare(`vcmpnez${letter}`, differsOrZero, shape, (a, b) =>
          or(simd(`${shape}.ne`, a, b), or(zero(shape, a), zero(shape, b))),
        ),
      ]
    },
  ),
  ...compare('vcmpequd', 199, 'i64x2', op('i64x2.eq')),
  ...compare('vcmpgtud', 711, 'i64x2', greaterUnsigned),
  ...compare('vcmpgtsd', 967, 'i64x2', op('i64x2.gt_s')),
]

/** Shifts by a count of its own in each element, one lane after the other. */
type Lane = (value: E, count: E) => E
const eachWord = (of: Lane) => (a: E, b: E) =>
  [0, 1, 2, 3].reduce((sum, i) => {
    const word = (v: E): E => lane('i32x4.extract_lane', i, v)
    return lane('i32x4.replace_lane', i, sum, of(word(a), e.and(word(b), 31)))
  }, a)
const eachDoubleword = (of: Lane) => (a: E, b: E) =>
  pair(of(dword(0, a), e.and(dword(0, b), 63)), of(dword(1, a), e.and(dword(1, b), 63)))
const shifts = rows(
  [
    ['vrlw', 132, eachWord((v, n) => e.rotl(v, n))],
    ['vslw', 388, eachWord((v, n) => e.shl(v, n))],
    ['vsrw', 644, eachWord((v, n) => e.shrU(v, n))],
    ['vsraw', 900, eachWord((v, n) => e.shrS(v, n))],
    ['vrld', 196, eachDoubleword((v, n) => e.rotl(v, n))],
    ['vsld', 1476, eachDoubleword((v, n) => e.shl(v, n))],
    ['vsrd', 1732, eachDoubleword((v, n) => e.shrU(v, n))],
    ['vsrad', 964, eachDoubleword((v, n) => e.shrS(v, n))],
  ],
  'shift or rotate each element',
)

/** Products of the even (left) or odd (right) elements of each pair, twice as wide. */
const WIDER = { i8x16: 'i16x8', i16x8: 'i32x4' } as const
const products = family(
  [
    ['b', 'u', 520, 8],
    ['b', 's', 776, 264],
    ['h', 'u', 584, 72],
    ['h', 's', 840, 328],
  ] as const,
  ([letter, sign, even, odd]) => {
    const { size, shape } = ELEMENT[letter]
    const wide = WIDER[shape]
    const bits = e.i32(8 * size)
    const left = (v: E): E => simd(`${wide}.shr_${sign}`, v, bits)
    const right = (v: E): E => left(simd(`${wide}.shl`, v, bits))
    const multiply = (part: (v: E) => E) => (a: E, b: E) => simd(`${wide}.mul`, part(a), part(b))
    return [
      ...vx(`vmule${sign}${letter}`, even, 'multiply even elements', multiply(left)),
      ...vx(`vmulo${sign}${letter}`, odd, 'multiply odd elements', multiply(right)),
    ]
  },
)
const wordProducts = family(
  [
    ['vmuleuw', 648, 'u', 0],
    ['vmulouw', 136, 'u', 1],
    ['vmulesw', 904, 's', 0],
    ['vmulosw', 392, 's', 1],
  ] as const,
  ([name, xo, sign, first]) =>
    vx(name, xo, 'multiply words', (a, b) => {
      const chosen = (v: E): E => elementsOf(4, v, v, [first, first + 2, first, first + 2])
      return simd(`i64x2.extmul_low_i32x4_${sign}`, chosen(a), chosen(b))
    }),
)
const multiplyAdd = [
  ...vx('vmuluwm', 137, 'multiply words modulo', op('i32x4.mul')),
  ...vectorInsn('vmladduhm', 'VA:4:34 vrt vra vrb vrc', 'vrt,vra,vrb,vrc', 'multiply low and add halfwords', (o) =>
    e.set(o['vrt']!, simd('i16x8.add', simd('i16x8.mul', o['vra']!, o['vrb']!), o['vrc']!)),
  ),
  ...vectorInsn('vmsumshm', 'VA:4:40 vrt vra vrb vrc', 'vrt,vra,vrb,vrc', 'multiply and sum halfwords', (o) =>
    e.set(o['vrt']!, simd('i32x4.add', simd('i32x4.dot_i16x8_s', o['vra']!, o['vrb']!), o['vrc']!)),
  ),
]

const elements = (value: bigint, bits: 32 | 64): E =>
  v128(Array.from({ length: 128 / bits }).reduce<bigint>((sum) => (sum << BigInt(bits)) | value, 0n))

const eachDword = (of: (v: E) => E) => (b: E) => pair(of(dword(0, b)), of(dword(1, b)))
const eachLane = (of: (v: E) => E) => (b: E) =>
  [0, 1, 2, 3].reduce((sum, i) => lane('i32x4.replace_lane', i, sum, of(lane('i32x4.extract_lane', i, b))), b)
const popcountHalf = (b: E): E => simd('i16x8.extadd_pairwise_i8x16_u', simd('i8x16.popcnt', b))
const counts = [
  ...vx1('vpopcntb', 1795, 'population count of bytes', (b) => simd('i8x16.popcnt', b)),
  ...vx1('vpopcnth', 1859, 'population count of halfwords', popcountHalf),
  ...vx1('vpopcntw', 1923, 'population count of words', (b) => simd('i32x4.extadd_pairwise_i16x8_u', popcountHalf(b))),
  ...vx1('vpopcntd', 1987, 'population count of doublewords', eachDword(e.popcnt)),
  ...vx1('vclzw', 1922, 'count leading zeros of words', eachLane(e.clz)),
  ...vx1('vclzd', 1986, 'count leading zeros of doublewords', eachDword(e.clz)),
  ...vx1('vctzw', 1538, 'count trailing zeros of words', eachLane(e.ctz), 30),
  ...vx1('vctzd', 1538, 'count trailing zeros of doublewords', eachDword(e.ctz), 31),
  ...vx1('vnegw', 1538, 'negate words', (b) => simd('i32x4.neg', b), 6),
  ...vx1('vnegd', 1538, 'negate doublewords', (b) => simd('i64x2.neg', b), 7),
]

/** The last bits of all bytes of an element, added modulo 2 by halves. */
const halved = (shape: 'i32x4' | 'i64x2', v: E, bits: number): E => xor(v, simd(`${shape}.shr_u`, v, e.i32(bits)))
const wordParity = (v: E): E => halved('i32x4', halved('i32x4', v, 16), 8)
const doublewordParity = (v: E): E => halved('i64x2', halved('i64x2', halved('i64x2', v, 32), 16), 8)
const parities = [
  ...vx1('vprtybw', 1538, 'parity of the bytes of words', (b) => and(wordParity(b), elements(1n, 32)), 8),
  ...vx1('vprtybd', 1538, 'parity of the bytes of doublewords', (b) => and(doublewordParity(b), elements(1n, 64)), 9),
  ...vx1(
    'vprtybq',
    1538,
    'parity of the bytes of quadword',
    (b) => and(doublewordParity(xor(b, pair(e.i64(0), dword(0, b)))), v128(1n)),
    10,
  ),
]

/** Sign extension inside of an element: up, and down again. */
const extend = (shape: 'i32x4' | 'i64x2', bits: number) => (b: E) =>
  simd(`${shape}.shr_s`, simd(`${shape}.shl`, b, e.i32(bits)), e.i32(bits))
const extensions = [
  ...vx1('vextsb2w', 1538, 'extend signs of bytes to words', extend('i32x4', 24), 16),
  ...vx1('vextsh2w', 1538, 'extend signs of halfwords to words', extend('i32x4', 16), 17),
  ...vx1('vextsb2d', 1538, 'extend signs of bytes to doublewords', extend('i64x2', 56), 24),
  ...vx1('vextsh2d', 1538, 'extend signs of halfwords to doublewords', extend('i64x2', 48), 25),
  ...vx1('vextsw2d', 1538, 'extend signs of words to doublewords', extend('i64x2', 32), 26),
]

const vscr = [
  ...vectorInsn('mfvscr', 'VX:4:1540 vrt', 'vrt', 'move from VSCR', (o) =>
    e.set(o['vrt']!, pair(e.i64(0), e.wide(e.state('vscr')))),
  ),
  ...vectorInsn('mtvscr', 'VX:4:1604 vrb', 'vrb', 'move to VSCR', (o) =>
    // Only NJ and SAT are there.
    e.setState('vscr', e.and(e.low(dword(1, o['vrb']!)), 0x1_0001)),
  ),
]

export const integer: readonly Insn[] = [
  ...[...sums, ...saturating, ...extremes, ...compares, ...shifts, ...products, ...wordProducts, ...multiplyAdd],
  ...[...counts, ...parities, ...extensions, ...vscr],
]
