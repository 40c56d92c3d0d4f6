/** Quad precision: numbers of 128 bits in the vector registers (Power ISA 3.0C I 7.6.1.3.2, 7.6.1.7). */
import * as e from '../expr.ts'
import { family, type Insn, insn } from '../insn.ts'

const quad = (name: string, pattern: string, operands: string, help: string): Insn[] =>
  insn(name, pattern, operands, () => e.call(name), { help: `${help}, quad precision`, facility: 'VSX' })

/** Bit 31 makes the form that rounds to odd. */
const ODD = [
  ['', 0, ''],
  ['o', 1, ' rounding to odd'],
] as const

const arithmetic = family(
  [
    ['add', 4, 'add'],
    ['mul', 36, 'multiply'],
    ['madd', 388, 'multiply-add'],
    ['msub', 420, 'multiply-subtract'],
    ['nmadd', 452, 'negative multiply-add'],
    ['nmsub', 484, 'negative multiply-subtract'],
    ['sub', 516, 'subtract'],
    ['div', 548, 'divide'],
  ] as const,
  ([name, xo, help]) =>
    family(ODD, ([suffix, bit, how]) =>
      quad(`xs${name}qp${suffix}`, `X:63:${xo} vrt vra vrb 31=${bit}`, 'vrt,vra,vrb', `${help}${how}`),
    ),
)

const root = family(ODD, ([suffix, bit, how]) =>
  quad(`xssqrtqp${suffix}`, `X:63:804 vrt vra=27 vrb 31=${bit}`, 'vrt,vrb', `square root${how}`),
)

/** One opcode; bits 11-15 say what is converted. */
const conversions = family(
  [
    ['xscvqpuwz', 1, 'convert to an unsigned word'],
    ['xscvudqp', 2, 'convert from an unsigned doubleword'],
    ['xscvqpswz', 9, 'convert to a signed word'],
    ['xscvsdqp', 10, 'convert from a signed doubleword'],
    ['xscvqpudz', 17, 'convert to an unsigned doubleword'],
    ['xscvdpqp', 22, 'convert from double precision'],
    ['xscvqpsdz', 25, 'convert to a signed doubleword'],
  ] as const,
  ([name, vra, help]) => quad(name, `X:63:836 vrt vra=${vra} vrb 31=0`, 'vrt,vrb', help),
)
const toDouble = family(ODD, ([suffix, bit, how]) =>
  quad(`xscvqpdp${suffix}`, `X:63:836 vrt vra=20 vrb 31=${bit}`, 'vrt,vrb', `convert to double precision${how}`),
)

const roundings = family(
  [
    ['xsrqpi', 5, 0, 'round to an integral value'],
    ['xsrqpix', 5, 1, 'round to an integral value, inexact if it changes'],
    ['xsrqpxp', 37, 0, 'round to double-extended precision'],
  ] as const,
  ([name, xo, bit, help]) => quad(name, `Z23:63:${xo} n15_15 vrt vrb n21_22 31=${bit}`, 'n15_15,vrt,vrb,n21_22', help),
)

export const quads: readonly Insn[] = [...arithmetic, ...root, ...conversions, ...toDouble, ...roundings]
