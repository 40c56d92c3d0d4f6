/** Arithmetic of the vector-scalar instructions (Power ISA 3.0C I 7.6.1.3). */

import { toIntegral, widened } from '../float/conversions.ts'
import { add, type Control, div, fma, mul, type Outcome, sqrt, sub } from '../float/exact.ts'
import { DOUBLE, type Format, isNan, QUAD, SINGLE } from '../float/format.ts'
import type { Procedure } from '../procedures.ts'
import { DOUBLEWORD_0, DOUBLEWORDS, type Element, QUADWORD, WORDS } from './elements.ts'
import { type Operation, scalar, vector } from './operation.ts'

type Make = (from: Format, to: Format) => Operation

const BINARY: Readonly<Record<string, Make>> = {
  add: (f, to) => (control, a, b) => add(f, to, a!, b!, control),
  sub: (f, to) => (control, a, b) => sub(f, to, a!, b!, control),
  mul: (f, to) => (control, a, b) => mul(f, to, a!, b!, control),
  div: (f, to) => (control, a, b) => div(f, to, a!, b!, control),
}

/** Estimates are exact to the last place here, which the book allows; what it leaves undefined follows from that. */
const one = (f: Format): bigint => (f.infinity >> 1n) & f.infinity
function reciprocalRoot(f: Format, to: Format, x: bigint, control: Control): Outcome {
  const root = sqrt(f, f, x, control)
  const result = div(f, to, one(f), root.value, control)
  return { ...result, raised: root.raised | result.raised }
}
const UNARY: Readonly<Record<string, Make>> = {
  sqrt: (f, to) => (control, x) => sqrt(f, to, x!, control),
  re: (f, to) => (control, x) => div(f, to, one(f), x!, control),
  rsqrte: (f, to) => (control, x) => reciprocalRoot(f, to, x!, control),
}

/** The sign of a NaN stays. */
const negated = (f: Format, outcome: Outcome): Outcome =>
  isNan(f, outcome.value) ? outcome : { ...outcome, value: outcome.value ^ f.sign }
const opposite = (f: Format, x: bigint): bigint => (isNan(f, x) ? x : x ^ f.sign)

/** Operands A, C, B: A * C + B. */
const FUSED: Readonly<Record<string, Make>> = {
  madd: (f, to) => (control, a, c, b) => fma(f, to, a!, c!, b!, control),
  msub: (f, to) => (control, a, c, b) => fma(f, to, a!, c!, opposite(f, b!), control),
  nmadd: (f, to) => (control, a, c, b) => negated(to, fma(f, to, a!, c!, b!, control)),
  nmsub: (f, to) => (control, a, c, b) => negated(to, fma(f, to, a!, c!, opposite(f, b!), control)),
}
/** In the A forms the target is the addend, in the M forms a factor. */
const FUSED_SOURCES = { a: ['xa', 'xb', 'xt'], m: ['xa', 'xt', 'xb'] } as const

type Row = readonly [name: string, sources: readonly string[], make: Make]
const ROWS: readonly Row[] = [
  ...Object.entries(BINARY).map(([name, make]): Row => [name, ['xa', 'xb'], make]),
  ...Object.entries(UNARY).map(([name, make]): Row => [name, ['xb'], make]),
  ...Object.entries(FUSED).flatMap(([name, make]) =>
    (['a', 'm'] as const).map((form): Row => [`${name}${form}`, FUSED_SOURCES[form], make]),
  ),
]

const [doubleword0] = DOUBLEWORD_0 as [Element]
/** A scalar single is computed from doubles and kept as one. */
const scalars = ROWS.flatMap(([name, sources, make]): [string, Procedure][] => {
  const common = { sources, from: doubleword0, target: 'xt', to: DOUBLEWORD_0 }
  return [
    [`xs${name}dp`, scalar({ ...common, result: DOUBLE, operation: make(DOUBLE, DOUBLE) })],
    [`xs${name}sp`, scalar({ ...common, result: SINGLE, encode: widened, operation: make(DOUBLE, SINGLE) })],
  ]
})
const itself = (elements: readonly Element[]): Element[][] => elements.map((element) => [element])
const vectors = ROWS.flatMap(([name, sources, make]): [string, Procedure][] => [
  [`xv${name}dp`, vector({ sources, from: DOUBLEWORDS, to: itself(DOUBLEWORDS), operation: make(DOUBLE, DOUBLE) })],
  [`xv${name}sp`, vector({ sources, from: WORDS, to: itself(WORDS), operation: make(SINGLE, SINGLE) })],
])

/** The forms that end in `o` round to odd. */
const quads = [
  ...Object.entries(BINARY).map(([name, make]): Row => [name, ['vra', 'vrb'], make]),
  ['sqrt', ['vrb'], UNARY['sqrt']!] as Row,
  ...Object.entries(FUSED).map(([name, make]): Row => [name, ['vra', 'vrb', 'vrt'], make]),
].flatMap(([name, sources, make]): [string, Procedure][] => {
  const common = { sources, from: QUADWORD[0]!, target: 'vrt', to: QUADWORD, result: QUAD, operation: make(QUAD, QUAD) }
  return [
    [`xs${name}qp`, scalar(common)],
    [`xs${name}qpo`, scalar({ ...common, rounding: 'odd' })],
  ]
})

/** Rounding to an integral value; only the form that rounds as FPSCR says tells of a loss. */
const INTEGRAL: Readonly<Record<string, (f: Format) => Operation>> = {
  i: (f) => (_, x) => toIntegral(f, x!, 'away', false),
  iz: (f) => (_, x) => toIntegral(f, x!, 'zero', false),
  ip: (f) => (_, x) => toIntegral(f, x!, 'up', false),
  im: (f) => (_, x) => toIntegral(f, x!, 'down', false),
  ic: (f) => (control, x) => toIntegral(f, x!, control.rounding, true),
}
const integral = Object.entries(INTEGRAL).flatMap(([name, make]): [string, Procedure][] => {
  const sources = ['xb']
  return [
    [
      `xsrdp${name}`,
      scalar({
        ...{ sources, from: doubleword0, target: 'xt', to: DOUBLEWORD_0 },
        ...{ result: DOUBLE, operation: make(DOUBLE) },
      }),
    ],
    [`xvrdp${name}`, vector({ sources, from: DOUBLEWORDS, to: itself(DOUBLEWORDS), operation: make(DOUBLE) })],
    [`xvrsp${name}`, vector({ sources, from: WORDS, to: itself(WORDS), operation: make(SINGLE) })],
  ]
})

export const ARITHMETIC_PROCEDURES: Readonly<Record<string, Procedure>> = Object.fromEntries([
  ...scalars,
  ...vectors,
  ...quads,
  ...integral,
])
