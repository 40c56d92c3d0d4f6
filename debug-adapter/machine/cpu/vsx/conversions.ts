/** Conversions of the vector-scalar instructions between formats (Power ISA 3.0C I 7.6.1.6, 7.6.1.7). */

import { convert, fromInteger, toInteger, toIntegral, widened } from '../float/conversions.ts'
import { type Control, EXCEPTION, type Outcome, type Rounding } from '../float/exact.ts'
import { DOUBLE, EXTENDED, type Format, HALF, isNan, QUAD, SINGLE } from '../float/format.ts'
import type { Procedure } from '../procedures.ts'
import * as at from './elements.ts'
import { get } from './operands.ts'
import { type Operation, scalar, vector } from './operation.ts'

type Element = at.Element
const [doubleword0] = at.DOUBLEWORD_0 as [Element]
const [word0] = at.WORD_0 as [Element]
const [halfword3] = at.HALFWORD_3 as [Element]
const [quadword] = at.QUADWORD as [Element]

const change =
  (from: Format, to: Format): Operation =>
  (control, x) =>
    convert(from, to, x!, control)
const toInt =
  (from: Format, bits: number, signed: boolean): Operation =>
  (_, x) =>
    toInteger(from, x!, bits, signed, 'zero')
const fromInt =
  (bits: number, signed: boolean, to: Format): Operation =>
  (control, x) =>
    fromInteger(to, signed ? BigInt.asIntN(bits, x!) : x!, control)

/** A word result stands in both words of its doubleword, as POWER9 leaves it. */
const WORDS_0_1 = [...at.WORD_0, ...at.WORD_1]

interface ScalarRow {
  readonly from: Element
  readonly to: readonly Element[]
  readonly operation: Operation
  readonly result?: Format
  readonly encode?: (value: bigint) => bigint
}
const SCALARS: Readonly<Record<string, ScalarRow>> = {
  xscvdpsp: { from: doubleword0, to: WORDS_0_1, operation: change(DOUBLE, SINGLE), result: SINGLE },
  xsrsp: {
    ...{ from: doubleword0, to: at.DOUBLEWORD_0, operation: change(DOUBLE, SINGLE), result: SINGLE },
    encode: widened,
  },
  xscvspdp: { from: word0, to: at.DOUBLEWORD_0, operation: change(SINGLE, DOUBLE), result: DOUBLE },
  xscvdphp: { from: doubleword0, to: at.HALFWORD_3, operation: change(DOUBLE, HALF), result: HALF },
  xscvhpdp: { from: halfword3, to: at.DOUBLEWORD_0, operation: change(HALF, DOUBLE), result: DOUBLE },
  xscvdpsxds: { from: doubleword0, to: at.DOUBLEWORD_0, operation: toInt(DOUBLE, 64, true) },
  xscvdpuxds: { from: doubleword0, to: at.DOUBLEWORD_0, operation: toInt(DOUBLE, 64, false) },
  xscvdpsxws: { from: doubleword0, to: WORDS_0_1, operation: toInt(DOUBLE, 32, true) },
  xscvdpuxws: { from: doubleword0, to: WORDS_0_1, operation: toInt(DOUBLE, 32, false) },
  xscvsxddp: { from: doubleword0, to: at.DOUBLEWORD_0, operation: fromInt(64, true, DOUBLE), result: DOUBLE },
  xscvuxddp: { from: doubleword0, to: at.DOUBLEWORD_0, operation: fromInt(64, false, DOUBLE), result: DOUBLE },
  xscvsxdsp: {
    ...{ from: doubleword0, to: at.DOUBLEWORD_0, operation: fromInt(64, true, SINGLE), result: SINGLE },
    encode: widened,
  },
  xscvuxdsp: {
    ...{ from: doubleword0, to: at.DOUBLEWORD_0, operation: fromInt(64, false, SINGLE), result: SINGLE },
    encode: widened,
  },
}

/** Quad precision: the registers are vector registers. */
const QUADS: Readonly<Record<string, ScalarRow & { readonly rounding?: Rounding }>> = {
  xscvqpdp: { from: quadword, to: at.DOUBLEWORD_0, operation: change(QUAD, DOUBLE), result: DOUBLE },
  xscvqpdpo: { from: quadword, to: at.DOUBLEWORD_0, operation: change(QUAD, DOUBLE), result: DOUBLE, rounding: 'odd' },
  xscvdpqp: { from: doubleword0, to: at.QUADWORD, operation: change(DOUBLE, QUAD), result: QUAD },
  xscvqpsdz: { from: quadword, to: at.DOUBLEWORD_0, operation: toInt(QUAD, 64, true) },
  xscvqpudz: { from: quadword, to: at.DOUBLEWORD_0, operation: toInt(QUAD, 64, false) },
  xscvqpswz: {
    ...{ from: quadword, to: at.DOUBLEWORD_0, operation: toInt(QUAD, 32, true) },
    encode: (x) => BigInt.asIntN(32, x),
  },
  xscvqpuwz: { from: quadword, to: at.DOUBLEWORD_0, operation: toInt(QUAD, 32, false) },
  xscvsdqp: { from: doubleword0, to: at.QUADWORD, operation: fromInt(64, true, QUAD), result: QUAD },
  xscvudqp: { from: doubleword0, to: at.QUADWORD, operation: fromInt(64, false, QUAD), result: QUAD },
}

type VectorRow = readonly [from: readonly Element[], to: readonly (readonly Element[])[], operation: Operation]
const each = (elements: readonly Element[]): Element[][] => elements.map((element) => [element])
/** Both words of each doubleword. */
const BOTH_WORDS = [at.WORDS.slice(0, 2), at.WORDS.slice(2)]
const VECTORS: Readonly<Record<string, VectorRow>> = {
  xvcvdpsp: [at.DOUBLEWORDS, BOTH_WORDS, change(DOUBLE, SINGLE)],
  xvcvspdp: [at.EVEN_WORDS, each(at.DOUBLEWORDS), change(SINGLE, DOUBLE)],
  xvcvhpsp: [at.ODD_HALFWORDS, each(at.WORDS), change(HALF, SINGLE)],
  xvcvsphp: [at.WORDS, each(at.ODD_HALFWORDS), change(SINGLE, HALF)],
  xvcvdpsxds: [at.DOUBLEWORDS, each(at.DOUBLEWORDS), toInt(DOUBLE, 64, true)],
  xvcvdpuxds: [at.DOUBLEWORDS, each(at.DOUBLEWORDS), toInt(DOUBLE, 64, false)],
  xvcvdpsxws: [at.DOUBLEWORDS, BOTH_WORDS, toInt(DOUBLE, 32, true)],
  xvcvdpuxws: [at.DOUBLEWORDS, BOTH_WORDS, toInt(DOUBLE, 32, false)],
  xvcvspsxds: [at.EVEN_WORDS, each(at.DOUBLEWORDS), toInt(SINGLE, 64, true)],
  xvcvspuxds: [at.EVEN_WORDS, each(at.DOUBLEWORDS), toInt(SINGLE, 64, false)],
  xvcvspsxws: [at.WORDS, each(at.WORDS), toInt(SINGLE, 32, true)],
  xvcvspuxws: [at.WORDS, each(at.WORDS), toInt(SINGLE, 32, false)],
  xvcvsxddp: [at.DOUBLEWORDS, each(at.DOUBLEWORDS), fromInt(64, true, DOUBLE)],
  xvcvuxddp: [at.DOUBLEWORDS, each(at.DOUBLEWORDS), fromInt(64, false, DOUBLE)],
  xvcvsxdsp: [at.DOUBLEWORDS, BOTH_WORDS, fromInt(64, true, SINGLE)],
  xvcvuxdsp: [at.DOUBLEWORDS, BOTH_WORDS, fromInt(64, false, SINGLE)],
  xvcvsxwsp: [at.WORDS, each(at.WORDS), fromInt(32, true, SINGLE)],
  xvcvuxwsp: [at.WORDS, each(at.WORDS), fromInt(32, false, SINGLE)],
}

/** The rounding mode that R and RMC name; undefined where FPSCR says it. */
const MODES: readonly (readonly (Rounding | undefined)[])[] = [
  ['away', 'away', 'away', undefined],
  ['nearest', 'zero', 'up', 'down'],
]
/** A rounding of a quad-precision number by a mode in the instruction. */
const quadRounding =
  (of: (x: bigint, control: Control) => Outcome): Procedure =>
  (core, word, insn) => {
    const rounding = MODES[get(word, 'n15_15')]![get(word, 'n21_22')]
    const procedure = scalar({
      ...{ sources: ['vrb'], from: quadword, target: 'vrt', to: at.QUADWORD, result: QUAD },
      ...(rounding && { rounding }),
      operation: (control, x) => of(x!, control),
    })
    return procedure(core, word, insn)
  }

/** Rounds to the 64 bits of a double-extended number. */
function toExtended(x: bigint, control: Control): Outcome {
  const rounded = convert(QUAD, EXTENDED, x, control)
  if (isNan(QUAD, x))
    return rounded.raised === EXCEPTION.VXSNAN ? { ...rounded, value: x | QUAD.quiet } : { ...rounded, value: x }
  return { ...rounded, value: convert(EXTENDED, QUAD, rounded.value, control).value }
}

export const CONVERSION_PROCEDURES: Readonly<Record<string, Procedure>> = {
  ...Object.fromEntries(
    Object.entries(SCALARS).map(([name, row]) => [name, scalar({ ...row, sources: ['xb'], target: 'xt' })]),
  ),
  ...Object.fromEntries(
    Object.entries(QUADS).map(([name, row]) => [name, scalar({ ...row, sources: ['vrb'], target: 'vrt' })]),
  ),
  ...Object.fromEntries(
    Object.entries(VECTORS).map(([name, [from, to, operation]]) => [
      name,
      vector({ sources: ['xb'], from, to, operation }),
    ]),
  ),
  xsrqpi: quadRounding((x, control) => toIntegral(QUAD, x, control.rounding, false)),
  xsrqpix: quadRounding((x, control) => toIntegral(QUAD, x, control.rounding, true)),
  xsrqpxp: quadRounding(toExtended),
}
