/**
 * Floating-point instructions (Power ISA 3.0C I 4) that are written out. The registers are the lower 32 vector-scalar ones, so most
 * of them are what the scalar vector-scalar instruction of the same meaning is.
 */
import type { Core } from '../core.ts'
import type { Procedure } from '../procedures.ts'
import { ARITHMETIC_PROCEDURES } from '../vsx/arithmetic.ts'
import { COMPARE_PROCEDURES } from '../vsx/compare.ts'
import { CONVERSION_PROCEDURES } from '../vsx/conversions.ts'
import { DOUBLEWORD_0, type Element } from '../vsx/elements.ts'
import { get } from '../vsx/operands.ts'
import { type Operation, scalar } from '../vsx/operation.ts'
import { setCondition, summarised, writeFpscr } from '../vsx/status.ts'
import { TEST_PROCEDURES } from '../vsx/tests.ts'
import { toInteger, widened } from './conversions.ts'
import { ASSIST_PROCEDURES } from './decimal/assist.ts'
import { DECIMAL_PROCEDURES } from './decimal/procedures.ts'
import { fma, mul } from './exact.ts'
import { DOUBLE, type Format, isNan, SINGLE } from './format.ts'
import { recorded } from './recorded.ts'

/** Bits 29 to 31 extend the numbers of vector-scalar registers. */
const REGISTER_BITS = 7
const VSX: Readonly<Record<string, Procedure>> = {
  ...ARITHMETIC_PROCEDURES,
  ...COMPARE_PROCEDURES,
  ...CONVERSION_PROCEDURES,
  ...TEST_PROCEDURES,
}
/** Target, and sources A and B, are in the same bits of both. */
const as = (name: string): Procedure => {
  const procedure = VSX[name]!
  return recorded((core, word, insn) => procedure(core, word & ~REGISTER_BITS, insn))
}

const [doubleword0] = DOUBLEWORD_0 as [Element]
const common = { from: doubleword0, target: 'frt', to: DOUBLEWORD_0 }
const product =
  (to: Format): Operation =>
  (control, a, c) =>
    mul(DOUBLE, to, a!, c!, control)
/** A * C + B, or less B; negated afterwards where it is a number. */
const fused =
  (to: Format, subtract: boolean, negate: boolean): Operation =>
  (control, a, c, b) => {
    const addend = subtract && !isNan(DOUBLE, b!) ? b! ^ DOUBLE.sign : b!
    const outcome = fma(DOUBLE, to, a!, c!, addend, control)
    return negate && !isNan(to, outcome.value) ? { ...outcome, value: outcome.value ^ to.sign } : outcome
  }
const FUSED = [
  ['fmadd', false, false],
  ['fmsub', true, false],
  ['fnmadd', false, true],
  ['fnmsub', true, true],
] as const
const PRECISIONS = [
  ['', { result: DOUBLE }],
  ['s', { result: SINGLE, encode: widened }],
] as const
const multiplied = PRECISIONS.flatMap(([suffix, form]): [string, Procedure][] => [
  [`fmul${suffix}`, recorded(scalar({ ...common, ...form, sources: ['fra', 'frc'], operation: product(form.result) }))],
  ...FUSED.map(([name, subtract, negate]): [string, Procedure] => [
    `${name}${suffix}`,
    recorded(
      scalar({ ...common, ...form, sources: ['fra', 'frc', 'frb'], operation: fused(form.result, subtract, negate) }),
    ),
  ]),
])

/** By the rounding mode. A word stands in both halves of the register, as POWER9 leaves it. */
const toIntegers = (
  [
    ['fctid', 64, true],
    ['fctidu', 64, false],
    ['fctiw', 32, true],
    ['fctiwu', 32, false],
  ] as const
).map(([name, bits, signed]): [string, Procedure] => [
  name,
  recorded(
    scalar({
      ...common,
      sources: ['frb'],
      encode: (value) => (bits === 32 ? (value << 32n) | value : value),
      operation: (control, x) => toInteger(DOUBLE, x!, bits, signed, control.rounding),
    }),
  ),
])

const ENABLES = 0xf8n
const ROUNDING = 3n
const DECIMAL_ROUNDING = 7n << 32n
/** Bits that software can set: not the reserved ones, and FEX and VX follow from the others. */
const WRITABLE = 0x7_9fff_f7ffn
/** DRN, what describes the last result, and the modes: what mffsl shows. */
const LIGHTWEIGHT = DECIMAL_ROUNDING | 0x7_f0ffn

/** FPSCR to FRT, then a change of it. */
const fromStatus = (shown: bigint, change?: (fpscr: bigint, core: Core, word: number) => bigint): Procedure =>
  recorded((core, word) => {
    const { fpscr } = core.state
    // Read first: source and target may be one register.
    const to = change?.(fpscr, core, word)
    core.state.setFpr(get(word, 'frt'), fpscr & shown)
    return to === undefined ? false : writeFpscr(core, summarised(to))
  })
const ALL = (1n << 64n) - 1n
const replaced = (fpscr: bigint, mask: bigint, value: bigint): bigint => (fpscr & ~mask) | (value & mask)
/** @param mask bits of FPSCR to be written */
const intoStatus = (core: Core, mask: bigint, value: bigint): boolean =>
  writeFpscr(core, summarised(replaced(core.state.fpscr, mask & WRITABLE, value)))

/** A bit of the right half by its number, from 32 to 63. */
const statusBit = (word: number): bigint => 1n << BigInt(31 - get(word, 'n6_10'))
/** What a bit that is set to 1 says besides: an exception was raised. */
const FX = 1n << 31n
const EXCEPTIONS = 0x1ff8_0700n

export const FLOAT_PROCEDURES: Readonly<Record<string, Procedure>> = {
  ...DECIMAL_PROCEDURES,
  ...ASSIST_PROCEDURES,
  ...Object.fromEntries(multiplied),
  ...Object.fromEntries(toIntegers),
  fadd: as('xsadddp'),
  fadds: as('xsaddsp'),
  fsub: as('xssubdp'),
  fsubs: as('xssubsp'),
  fdiv: as('xsdivdp'),
  fdivs: as('xsdivsp'),
  fsqrt: as('xssqrtdp'),
  fsqrts: as('xssqrtsp'),
  fre: as('xsredp'),
  fres: as('xsresp'),
  frsqrte: as('xsrsqrtedp'),
  frsqrtes: as('xsrsqrtesp'),
  frsp: as('xsrsp'),
  fctidz: as('xscvdpsxds'),
  fctiduz: as('xscvdpuxds'),
  fctiwz: as('xscvdpsxws'),
  fctiwuz: as('xscvdpuxws'),
  fcfid: as('xscvsxddp'),
  fcfidu: as('xscvuxddp'),
  fcfids: as('xscvsxdsp'),
  fcfidus: as('xscvuxdsp'),
  frin: as('xsrdpi'),
  friz: as('xsrdpiz'),
  frip: as('xsrdpip'),
  frim: as('xsrdpim'),
  fcmpu: as('xscmpudp'),
  fcmpo: as('xscmpodp'),
  ftdiv: as('xstdivdp'),
  ftsqrt: as('xstsqrtdp'),
  mffs: fromStatus(ALL),
  mffsl: fromStatus(LIGHTWEIGHT),
  mffsce: fromStatus(ALL, (fpscr) => fpscr & ~ENABLES),
  mffscrn: fromStatus(LIGHTWEIGHT, (fpscr, core, word) => replaced(fpscr, ROUNDING, core.state.fpr(get(word, 'frb')))),
  mffscrni: fromStatus(LIGHTWEIGHT, (fpscr, _, word) => replaced(fpscr, ROUNDING, BigInt(get(word, 'n19_20')))),
  mffscdrn: fromStatus(LIGHTWEIGHT, (fpscr, core, word) =>
    replaced(fpscr, DECIMAL_ROUNDING, core.state.fpr(get(word, 'frb'))),
  ),
  mffscdrni: fromStatus(LIGHTWEIGHT, (fpscr, _, word) =>
    replaced(fpscr, DECIMAL_ROUNDING, BigInt(get(word, 'n18_20')) << 32n),
  ),
  /** The exception bits of the field are cleared. */
  mcrfs: (core, word) => {
    const field = get(word, 'bfa')
    const shift = BigInt(28 - 4 * field)
    const bits = (core.state.fpscr >> shift) & 15n
    setCondition(core, get(word, 'bf'), Number(bits))
    return writeFpscr(core, summarised(core.state.fpscr & ~((bits << shift) & (EXCEPTIONS | FX))))
  },
  mtfsb0: recorded((core, word) => intoStatus(core, statusBit(word), 0n)),
  mtfsb1: recorded((core, word) => {
    const bit = statusBit(word)
    const raises = (bit & EXCEPTIONS) !== 0n && (core.state.fpscr & bit) === 0n
    return intoStatus(core, raises ? bit | FX : bit, bit | FX)
  }),
  mtfsfi: recorded((core, word) => {
    // W chooses the left half; fields are numbered from the left of each.
    const shift = BigInt(28 - 4 * get(word, 'n6_8') + 32 * get(word, 'n15_15'))
    return intoStatus(core, 15n << shift, BigInt(get(word, 'n16_19')) << shift)
  }),
  mtfsf: recorded((core, word) => {
    const value = core.state.fpr(get(word, 'frb'))
    if (get(word, 'n6_6') === 1) return intoStatus(core, ALL, value)
    const fields = get(word, 'n7_14')
    let mask = 0n
    for (let i = 0; i < 8; i++) if (fields & (0x80 >> i)) mask |= 15n << BigInt(28 - 4 * i)
    return get(word, 'n15_15') === 1 ? intoStatus(core, mask << 32n, value << 32n) : intoStatus(core, mask, value)
  }),
}
