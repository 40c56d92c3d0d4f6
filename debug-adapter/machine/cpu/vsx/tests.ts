/** Tests of the vector-scalar instructions: data classes, software division and square root (Power ISA 3.0C I 7.6.1.4, 7.6.1.10). */
import type { Core } from '../core.ts'
import * as n from '../float/format.ts'
import type { Procedure } from '../procedures.ts'
import { DOUBLEWORD_0, DOUBLEWORDS, type Element, join, QUADWORD, read, WORDS } from './elements.ts'
import { get, register, registerNumber } from './operands.ts'
import { recordCondition, setCondition } from './status.ts'

/** LT is the sign, EQ whether the number is in one of the classes. */
const testClass =
  (f: n.Format, element: Element, b: string, single = false): Procedure =>
  (core, word) => {
    const value = read(register(core, word, b), element)
    const classes = get(word, 'n9_15')
    const inClass = single ? inClassAsSingle(value, classes) : { matches: n.inClass(f, value, classes), exact: true }
    const condition =
      (n.isNegative(f, value) ? n.LESS : 0) | (inClass.matches ? n.EQUAL : 0) | (inClass.exact ? 0 : n.UNORDERED)
    return recordCondition(core, get(word, 'bf'), condition, 0n)
  }

/** A double that a single cannot hold is told by SO. What would be denormal as a single counts as that. */
function inClassAsSingle(x: bigint, classes: number): { matches: boolean; exact: boolean } {
  const f = n.DOUBLE
  const exponent = Number((x & f.infinity) >> f.fraction)
  const tiny = exponent > 0 && exponent < 897
  const matches = tiny ? (classes & (0x02 >> (n.isNegative(f, x) ? 1 : 0))) !== 0 : n.inClass(f, x, classes)
  return { matches, exact: isSingle(x) }
}

/** Whether a double is the value of a single. */
function isSingle(x: bigint): boolean {
  const f = n.DOUBLE
  const exponent = Number((x & f.infinity) >> f.fraction)
  const fraction = x & f.fractionMask
  if (exponent === 2047 || n.isZero(f, x)) return (fraction & 0x1fff_ffffn) === 0n
  if (exponent > 1150) return false
  // A denormal single has fewer bits.
  const lost = 29 + Math.max(0, 897 - exponent)
  return lost <= 52 && (fraction & ((1n << BigInt(lost)) - 1n)) === 0n
}

const testClasses =
  (f: n.Format, elements: readonly Element[]): Procedure =>
  (core, word) => {
    const x = register(core, word, 'xb')
    const classes = get(word, 'n25_25_29_29_11_15')
    const values = elements.map((element) => (n.inClass(f, read(x, element), classes) ? -1n : 0n))
    core.state.setVsr(registerNumber(word, 'xt'), join(elements, values))
    return false
  }

/** Numbers that a software division or square root has to look at (Power ISA 3.0C I 7.6.1.3.1). */
interface Danger {
  /** FE: some step of the algorithm could go wrong; FG: an operand would have to be scaled. */
  readonly fe: boolean
  readonly fg: boolean
}

/** Largest and smallest exponent of a normal number. */
const range = (f: n.Format): { exponent: (x: bigint) => number; max: number; min: number; fraction: number } => {
  const max = Number(f.infinity >> (f.fraction + 1n))
  const fraction = Number(f.fraction)
  return { exponent: (x) => Number((x & f.infinity) >> f.fraction) - max, max, min: 1 - max, fraction }
}

function divisionDanger(f: n.Format, a: bigint, b: bigint): Danger {
  const { exponent, max, min, fraction } = range(f)
  const [x, y] = [exponent(a), exponent(b)]
  const extremeQuotient = !n.isZero(f, a) && (x - y >= max || x - y <= min + 1 || x <= min + fraction)
  const special = n.isNan(f, a) || n.isInfinite(f, a) || n.isNan(f, b) || n.isInfinite(f, b) || n.isZero(f, b)
  return {
    fe: special || y <= min || y >= max - 2 || extremeQuotient,
    fg: n.isInfinite(f, a) || n.isInfinite(f, b) || n.isZero(f, b) || n.isDenormal(f, b),
  }
}

function rootDanger(f: n.Format, b: bigint): Danger {
  const { exponent, min, fraction } = range(f)
  const special = n.isZero(f, b) || n.isNan(f, b) || n.isInfinite(f, b) || n.isNegative(f, b)
  return {
    fe: special || exponent(b) <= min + fraction,
    fg: n.isZero(f, b) || n.isInfinite(f, b) || n.isDenormal(f, b),
  }
}

/** The leftmost bit says that estimates are as precise as software wants them. */
const testDanger =
  (elements: readonly Element[], of: (core: Core, word: number, element: Element) => Danger): Procedure =>
  (core, word) => {
    const dangers = elements.map((element) => of(core, word, element))
    const condition = 8 | (dangers.some(({ fg }) => fg) ? 4 : 0) | (dangers.some(({ fe }) => fe) ? 2 : 0)
    setCondition(core, get(word, 'bf'), condition)
    return false
  }
const testDivision = (f: n.Format, elements: readonly Element[]): Procedure =>
  testDanger(elements, (core, word, element) =>
    divisionDanger(f, read(register(core, word, 'xa'), element), read(register(core, word, 'xb'), element)),
  )
const testRoot = (f: n.Format, elements: readonly Element[]): Procedure =>
  testDanger(elements, (core, word, element) => rootDanger(f, read(register(core, word, 'xb'), element)))

const VECTORS = [
  ['dp', n.DOUBLE, DOUBLEWORDS],
  ['sp', n.SINGLE, WORDS],
] as const

export const TEST_PROCEDURES: Readonly<Record<string, Procedure>> = {
  xstdivdp: testDivision(n.DOUBLE, DOUBLEWORD_0),
  xstsqrtdp: testRoot(n.DOUBLE, DOUBLEWORD_0),
  xststdcdp: testClass(n.DOUBLE, DOUBLEWORD_0[0]!, 'xb'),
  xststdcsp: testClass(n.DOUBLE, DOUBLEWORD_0[0]!, 'xb', true),
  xststdcqp: testClass(n.QUAD, QUADWORD[0]!, 'vrb'),
  ...Object.fromEntries(
    VECTORS.flatMap(([suffix, format, elements]) => [
      [`xvtstdc${suffix}`, testClasses(format, elements)],
      [`xvtdiv${suffix}`, testDivision(format, elements)],
      [`xvtsqrt${suffix}`, testRoot(format, elements)],
    ]),
  ),
}
