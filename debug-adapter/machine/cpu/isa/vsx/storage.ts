/** Vector-scalar loads and stores (Power ISA 3.0C I 7.6.1.2). */
import * as e from '../expr.ts'
import { type Facility, family, type Insn, insn } from '../insn.ts'
import { simd } from '../simd.ts'
import { dword, elementsOf, scalar, xx1 } from './form.ts'

type E = e.Expr

const indexed = (o: Readonly<Record<string, E>>): E => e.add(o['ra0']!, o['rb']!)

/** The elements in the other order. */
const reversed = (size: number, v: E): E =>
  elementsOf(
    size,
    v,
    v,
    Array.from({ length: 16 / size }, (_, i) => 16 / size - 1 - i),
  )

/**
 * Vectors of elements that are in memory from the first one to the last one, each in the byte order of the mode: in
 * big-endian mode that is the vector itself.
 */
const ELEMENTS: readonly (readonly [name: string, load: number, store: number, size: number])[] = [
  ['vd2', 844, 972, 8],
  ['vw4', 780, 908, 4],
  ['vh8', 812, 940, 2],
  ['vb16', 876, 1004, 1],
]

const elementwise = family(ELEMENTS, ([name, load, store, size]) => {
  const swap = (v: E): E => e.select(e.littleEndian, reversed(size, v), v)
  const options = { facility: 'VSX' as const }
  return [
    ...xx1(`lx${name}x`, load, 'xt ra rb', 'xt,ra0,rb', (o) => e.set(o['xt']!, swap(e.load(16, indexed(o)))), {
      ...options,
      help: `load vector of ${16 / size} elements indexed`,
    }),
    ...xx1(`stx${name}x`, store, 'xs ra rb', 'xs,ra0,rb', (o) => e.store(16, indexed(o), swap(o['xs']!)), {
      ...options,
      help: `store vector of ${16 / size} elements indexed`,
    }),
  ]
})

/** One form for each half of the registers: bit 28 of the word, which makes the number, says which facility counts. */
const displaced = family([0, 1], (high) => {
  const facility: Facility = high ? 'VEC' : 'VSX'
  return [
    ...insn(
      'lxv',
      `DQ:61:1 xtq=${high}..... ra dq`,
      'xtq,dq(ra0)',
      (o) => e.set(o['xtq']!, e.load(16, e.add(o['ra0']!, o['dq']!))),
      { help: 'load vector', facility },
    ),
    ...insn(
      'stxv',
      `DQ:61:5 xsq=${high}..... ra dq`,
      'xsq,dq(ra0)',
      (o) => e.store(16, e.add(o['ra0']!, o['dq']!), o['xsq']!),
      { help: 'store vector', facility },
    ),
  ]
})

const VSX_VEC = { facility: 'VSX/VEC' as const }
const whole: Insn[] = [
  ...xx1('lxvx', 268, 'xt ra rb', 'xt,ra0,rb', (o) => e.set(o['xt']!, e.load(16, indexed(o))), {
    ...VSX_VEC,
    help: 'load vector indexed',
  }),
  ...xx1('stxvx', 396, 'xs ra rb', 'xs,ra0,rb', (o) => e.store(16, indexed(o), o['xs']!), {
    ...VSX_VEC,
    help: 'store vector indexed',
  }),
  ...xx1('lxvdsx', 332, 'xt ra rb', 'xt,ra0,rb', (o) => e.set(o['xt']!, simd('i64x2.splat', e.load(8, indexed(o)))), {
    facility: 'VSX',
    help: 'load doubleword and splat indexed',
  }),
  ...xx1(
    'lxvwsx',
    364,
    'xt ra rb',
    'xt,ra0,rb',
    (o) => e.set(o['xt']!, simd('i32x4.splat', e.low(e.load(4, indexed(o))))),
    { ...VSX_VEC, help: 'load word and splat indexed' },
  ),
  ...family(['lxvl', 'lxvll', 'stxvl', 'stxvll'], (name) =>
    xx1(name, { lxvl: 269, lxvll: 301, stxvl: 397, stxvll: 429 }[name]!, 'xt ra rb', 'xt,ra0,rb', () => e.call(name), {
      ...VSX_VEC,
      help: `${name.startsWith('l') ? 'load' : 'store'} as many bytes of a vector as a register says`,
    }),
  ),
]

const asDouble = (word: E): E => e.helper('doubleOfSingle', 'i64', word)
const asSingle = (double: E): E => e.helper('singleOfDouble', 'i64', double)

/** A scalar: what a load makes of the bytes, and what a store makes of doubleword 0. */
interface Scalar {
  readonly name: string
  readonly size: 1 | 2 | 4 | 8
  readonly load?: number
  readonly store?: number
  readonly loaded?: (v: E) => E
  readonly stored?: (v: E) => E
  readonly help: string
}
// biome-ignore format: a table
const SCALARS: readonly Scalar[] = [
  { name: 'sdx', size: 8, load: 588, store: 716, help: 'scalar doubleword' },
  { name: 'sspx', size: 4, load: 524, store: 652, loaded: asDouble, stored: asSingle, help: 'scalar single precision' },
  { name: 'siwzx', size: 4, load: 12, help: 'scalar as integer word and zero' },
  { name: 'siwax', size: 4, load: 76, loaded: e.ext32, help: 'scalar as integer word algebraic' },
  { name: 'siwx', size: 4, store: 140, help: 'scalar as integer word' },
  { name: 'sibzx', size: 1, load: 781, help: 'scalar as integer byte and zero' },
  { name: 'sihzx', size: 2, load: 813, help: 'scalar as integer halfword and zero' },
  { name: 'sibx', size: 1, store: 909, help: 'scalar as integer byte' },
  { name: 'sihx', size: 2, store: 941, help: 'scalar as integer halfword' },
]
const same = (v: E): E => v

const scalars = family(SCALARS, ({ name, size, load, store, loaded = same, stored = same, help }) => [
  ...(load === undefined
    ? []
    : xx1(
        `lx${name}`,
        load,
        'xt ra rb',
        'xt,ra0,rb',
        (o) => e.set(o['xt']!, scalar(loaded(e.load(size, indexed(o))))),
        { facility: 'VSX', help: `load ${help} indexed` },
      )),
  ...(store === undefined
    ? []
    : xx1(`stx${name}`, store, 'xs ra rb', 'xs,ra0,rb', (o) => e.store(size, indexed(o), stored(dword(0, o['xs']!))), {
        facility: 'VSX',
        help: `store ${help} indexed`,
      })),
])

/** These name a vector register: the upper half of the vector-scalar registers. */
const displacedScalars = family(
  [
    ['sd', 8, 2, same, same, 'scalar doubleword'],
    ['ssp', 4, 3, asDouble, asSingle, 'scalar single precision'],
  ] as const,
  ([name, size, xo, loaded, stored, help]) => [
    ...insn(
      `lx${name}`,
      `DS:57:${xo} vrt ra ds`,
      'vrt,ds(ra0)',
      (o) => e.set(o['vrt']!, scalar(loaded(e.load(size, e.add(o['ra0']!, o['ds']!))))),
      { facility: 'VEC', help: `load ${help}` },
    ),
    ...insn(
      `stx${name}`,
      `DS:61:${xo} vrs ra ds`,
      'vrs,ds(ra0)',
      (o) => e.store(size, e.add(o['ra0']!, o['ds']!), stored(dword(0, o['vrs']!))),
      { facility: 'VEC', help: `store ${help}` },
    ),
  ],
)

export const storage: readonly Insn[] = [...displaced, ...whole, ...elementwise, ...scalars, ...displacedScalars]
