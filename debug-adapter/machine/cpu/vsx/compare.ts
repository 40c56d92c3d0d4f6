/** Comparisons, tests, maximum and minimum of the vector-scalar instructions (Power ISA 3.0C I 7.6.1.4, 7.6.1.5, 7.6.1.10). */
import type { Core } from '../core.ts'
import { EXCEPTION } from '../float/exact.ts'
import * as n from '../float/format.ts'
import type { Procedure } from '../procedures.ts'
import { DOUBLEWORD_0, DOUBLEWORDS, type Element, join, QUADWORD, read, WORDS } from './elements.ts'
import { get, register, registerNumber } from './operands.ts'
import { enabled, recordCondition, recordVector } from './status.ts'

const { VXSNAN, VXVC } = EXCEPTION

/** Operands of a scalar instruction: doubles in doubleword 0, or quads in vector registers. */
interface Scalars {
  readonly format: n.Format
  readonly element: Element
  readonly a: string
  readonly b: string
}
const DOUBLES: Scalars = { format: n.DOUBLE, element: DOUBLEWORD_0[0]!, a: 'xa', b: 'xb' }
const QUADS: Scalars = { format: n.QUAD, element: QUADWORD[0]!, a: 'vra', b: 'vrb' }

const operands = (core: Core, word: number, { a, b, element }: Scalars): readonly [bigint, bigint] => [
  read(register(core, word, a), element),
  read(register(core, word, b), element),
]

/** The invalid-operation exceptions of a comparison; an ordered one does not want any NaN. */
function invalid(f: n.Format, fpscr: bigint, ordered: boolean, ...values: readonly bigint[]): bigint {
  if (values.some((x) => n.isSignalling(f, x)))
    // With VXSNAN enabled, VXVC is not looked for.
    return ordered && enabled(fpscr, VXSNAN) === 0n ? VXSNAN | VXVC : VXSNAN
  return ordered && values.some((x) => n.isNan(f, x)) ? VXVC : 0n
}

const toCondition =
  (scalars: Scalars, ordered: boolean): Procedure =>
  (core, word) => {
    const [a, b] = operands(core, word, scalars)
    const { format } = scalars
    const raised = invalid(format, core.state.fpscr, ordered, a, b)
    return recordCondition(core, get(word, 'bf'), n.compare(format, a, b), raised)
  }

/** Exponents alone; a NaN is unordered, and no exception is raised. */
const exponents =
  (scalars: Scalars): Procedure =>
  (core, word) => {
    const { format } = scalars
    const [a, b] = operands(core, word, scalars)
    const [x, y] = [a & format.infinity, b & format.infinity]
    const unordered = n.isNan(format, a) || n.isNan(format, b)
    const condition = unordered ? n.UNORDERED : x < y ? n.LESS : x > y ? n.GREATER : n.EQUAL
    return recordCondition(core, get(word, 'bf'), condition, 0n)
  }

const HOLDS = { eq: n.EQUAL, gt: n.GREATER, ge: n.GREATER | n.EQUAL } as const
type Relation = keyof typeof HOLDS
const RELATIONS: readonly Relation[] = ['eq', 'gt', 'ge']

/** Ones where the relation holds, zeros elsewhere. */
const mask = (f: n.Format, relation: Relation, a: bigint, b: bigint): bigint =>
  (n.compare(f, a, b) & HOLDS[relation]) !== 0 ? -1n : 0n

const toMask =
  (relation: Relation): Procedure =>
  (core, word) => {
    const [a, b] = operands(core, word, DOUBLES)
    const raised = invalid(n.DOUBLE, core.state.fpscr, relation !== 'eq', a, b)
    if (enabled(core.state.fpscr, raised) === 0n)
      core.state.setVsr(registerNumber(word, 'xt'), join(DOUBLEWORD_0, [mask(n.DOUBLE, relation, a, b)]))
    return recordVector(core, raised)
  }

/** Elements of two registers, and the exceptions of all of them together. */
function elementwise(
  core: Core,
  word: number,
  elements: readonly Element[],
  each: (a: bigint, b: bigint) => { value: bigint; raised: bigint },
): { values: bigint[]; raised: bigint } {
  const [x, y] = [register(core, word, 'xa'), register(core, word, 'xb')]
  const results = elements.map((element) => each(read(x, element), read(y, element)))
  return {
    values: results.map(({ value }) => value),
    raised: results.reduce((sum, result) => sum | result.raised, 0n),
  }
}

const toMasks =
  (f: n.Format, elements: readonly Element[], relation: Relation): Procedure =>
  (core, word) => {
    const { fpscr } = core.state
    const { values, raised } = elementwise(core, word, elements, (a, b) => ({
      value: mask(f, relation, a, b),
      raised: invalid(f, fpscr, relation !== 'eq', a, b),
    }))
    if (enabled(fpscr, raised) === 0n) {
      core.state.setVsr(registerNumber(word, 'xt'), join(elements, values))
      if (get(word, 'n21_21') === 1) {
        const all = values.every((value) => value !== 0n)
        const none = values.every((value) => value === 0n)
        core.state.cr = ((core.state.cr & ~0xf0) | (all ? 0x80 : 0) | (none ? 0x20 : 0)) >>> 0
      }
    }
    return recordVector(core, raised)
  }

/** Maximum or minimum: a NaN gives way to a number, and where both are NaNs the first one is the result. */
function extreme(f: n.Format, max: boolean, a: bigint, b: bigint): { value: bigint; raised: bigint } {
  const raised = n.isSignalling(f, a) || n.isSignalling(f, b) ? VXSNAN : 0n
  if (n.isSignalling(f, a)) return { value: n.quieted(f, a), raised }
  if (n.isNan(f, a)) return { value: n.isNan(f, b) ? a : b, raised }
  if (n.isNan(f, b)) return { value: n.isSignalling(f, b) ? n.quieted(f, b) : a, raised }
  return { value: larger(f, a, b) === max ? a : b, raised }
}

/** Whether `a` is the larger one, -0 being less than +0. */
function larger(f: n.Format, a: bigint, b: bigint): boolean {
  const order = n.compare(f, a, b)
  return order === n.EQUAL ? !n.isNegative(f, a) : order === n.GREATER
}

const scalarExtreme =
  (of: (a: bigint, b: bigint) => { value: bigint; raised: bigint }): Procedure =>
  (core, word) => {
    const { value, raised } = of(...operands(core, word, DOUBLES))
    if (enabled(core.state.fpscr, raised) === 0n)
      core.state.setVsr(registerNumber(word, 'xt'), join(DOUBLEWORD_0, [value]))
    return recordVector(core, raised)
  }

/** As C and as Java compare: what is not a number is not skipped. */
const typeC =
  (max: boolean) =>
  (a: bigint, b: bigint): { value: bigint; raised: bigint } => {
    const raised = n.isSignalling(n.DOUBLE, a) || n.isSignalling(n.DOUBLE, b) ? VXSNAN : 0n
    return { value: n.compare(n.DOUBLE, a, b) === (max ? n.GREATER : n.LESS) ? a : b, raised }
  }
const typeJ =
  (max: boolean) =>
  (a: bigint, b: bigint): { value: bigint; raised: bigint } => {
    const f = n.DOUBLE
    const raised = n.isSignalling(f, a) || n.isSignalling(f, b) ? VXSNAN : 0n
    if (n.isNan(f, a)) return { value: a, raised }
    if (n.isNan(f, b)) return { value: b, raised }
    return { value: larger(f, a, b) === max ? a : b, raised }
  }

const vectorExtreme =
  (f: n.Format, elements: readonly Element[], max: boolean): Procedure =>
  (core, word) => {
    const { values, raised } = elementwise(core, word, elements, (a, b) => extreme(f, max, a, b))
    if (enabled(core.state.fpscr, raised) === 0n) core.state.setVsr(registerNumber(word, 'xt'), join(elements, values))
    return recordVector(core, raised)
  }

const VECTORS = [
  ['dp', n.DOUBLE, DOUBLEWORDS],
  ['sp', n.SINGLE, WORDS],
] as const

export const COMPARE_PROCEDURES: Readonly<Record<string, Procedure>> = {
  xscmpudp: toCondition(DOUBLES, false),
  xscmpodp: toCondition(DOUBLES, true),
  xscmpuqp: toCondition(QUADS, false),
  xscmpoqp: toCondition(QUADS, true),
  xscmpexpdp: exponents(DOUBLES),
  xscmpexpqp: exponents(QUADS),
  xsmaxdp: scalarExtreme((a, b) => extreme(n.DOUBLE, true, a, b)),
  xsmindp: scalarExtreme((a, b) => extreme(n.DOUBLE, false, a, b)),
  xsmaxcdp: scalarExtreme(typeC(true)),
  xsmincdp: scalarExtreme(typeC(false)),
  xsmaxjdp: scalarExtreme(typeJ(true)),
  xsminjdp: scalarExtreme(typeJ(false)),
  ...Object.fromEntries(RELATIONS.map((relation) => [`xscmp${relation}dp`, toMask(relation)])),
  ...Object.fromEntries(
    VECTORS.flatMap(([suffix, format, elements]) => [
      ...RELATIONS.map((relation) => [`xvcmp${relation}${suffix}`, toMasks(format, elements, relation)] as const),
      [`xvmax${suffix}`, vectorExtreme(format, elements, true)] as const,
      [`xvmin${suffix}`, vectorExtreme(format, elements, false)] as const,
    ]),
  ),
}
