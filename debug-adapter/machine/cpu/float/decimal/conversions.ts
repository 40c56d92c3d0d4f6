/** Parts of decimal numbers: packed digits, exponents, shifted significands (Power ISA 3.0C I 5.6.6). */
import type { Procedure } from '../../procedures.ts'
import { get } from '../../vsx/operands.ts'
import { recordResult, suppressing } from '../../vsx/status.ts'
import { EXCEPTION } from '../exact.ts'
import { classOf, type Decimal, type DecimalKind, decode, encode, power } from './format.ts'
import type { Width } from './operands.ts'

const PLUS = [0xcn, 0xfn] as const
const MINUS = 0xdn

/** Digits in four bits each, as many as there is room for. */
const pack = (x: bigint, count: number): bigint => BigInt(`0x${(x % power(count)).toString()}`)

/** SP: all of the digits, or one less with a sign behind them, of which plus has two forms. */
const toPacked =
  (width: Width): Procedure =>
  (core, word) => {
    const x = decode(width.format, width.read(core, word, 'frb'))
    const sp = get(word, 'n11_12')
    const count = width.format.bits / 4
    const sign = x.negative ? MINUS : PLUS[sp & 1]!
    const packed = sp < 2 ? pack(x.coefficient, count) : (pack(x.coefficient, count - 1) << 4n) | sign
    width.write(core, word, 'frt', packed)
    return false
  }

/** S: the last four bits are a sign. */
const fromPacked =
  (width: Width): Procedure =>
  (core, word) => {
    const packed = width.read(core, word, 'frb')
    const signed = get(word, 'n11_11') === 1
    const text = (signed ? packed >> 4n : packed).toString(16)
    const sign = Number(packed & 15n)
    if (/[a-f]/.test(text) || (signed && sign < 10)) {
      const raised = EXCEPTION.VXCVI
      const status = { raised, fr: false, fi: false }
      if (suppressing(core.state.fpscr, raised) !== 0n) return recordResult(core, status)
      const nan: Decimal = { kind: 'quiet', negative: false, coefficient: 0n, exponent: 0 }
      width.write(core, word, 'frt', encode(width.format, nan))
      return recordResult(core, { ...status, fprf: classOf(width.format, nan) })
    }
    const negative = signed && (sign === 0xb || sign === 0xd)
    const value: Decimal = { kind: 'finite', negative, coefficient: BigInt(text), exponent: 0 }
    width.write(core, word, 'frt', encode(width.format, value))
    return recordResult(core, { raised: 0n, fr: false, fi: false, fprf: classOf(width.format, value) })
  }

const NO_EXPONENT: Readonly<Record<Exclude<DecimalKind, 'finite'>, bigint>> = {
  infinite: -1n,
  quiet: -2n,
  signalling: -3n,
}
const extractExponent =
  (width: Width): Procedure =>
  (core, word) => {
    const x = decode(width.format, width.read(core, word, 'frb'))
    const biased = x.kind === 'finite' ? BigInt(x.exponent - width.format.minExponent) : NO_EXPONENT[x.kind]
    core.state.setFpr(get(word, 'frt'), BigInt.asUintN(64, biased))
    return false
  }

/** Sign and digits of FRB with the exponent of FRA; what is none makes a quiet NaN. */
const insertExponent =
  (width: Width): Procedure =>
  (core, word) => {
    const { format } = width
    const x = decode(format, width.read(core, word, 'frb'))
    const biased = BigInt.asIntN(64, core.state.fpr(get(word, 'fra')))
    const finite = biased >= 0n && biased <= BigInt(format.maxExponent - format.minExponent)
    const special = biased === -1n ? 'infinite' : biased === -3n ? 'signalling' : 'quiet'
    const exponent = finite ? Number(biased) + format.minExponent : 0
    width.write(core, word, 'frt', encode(format, { ...x, kind: finite ? 'finite' : special, exponent }))
    return false
  }

/** The digits move, sign and exponent stay; of an infinity or a NaN those behind the first one move. */
const shift =
  (left: boolean) =>
  (width: Width): Procedure =>
  (core, word) => {
    const { format } = width
    const x = decode(format, width.read(core, word, 'fra'))
    const by = power(get(word, 'n16_21'))
    const room = power(x.kind === 'finite' ? format.precision : format.precision - 1)
    const coefficient = left ? (x.coefficient * by) % room : x.coefficient / by
    width.write(core, word, 'frt', encode(format, { ...x, coefficient }))
    return false
  }

export const CONVERSIONS: Readonly<Record<string, (width: Width) => Procedure>> = {
  ddedpd: toPacked,
  denbcd: fromPacked,
  dxex: extractExponent,
  diex: insertExponent,
  dscli: shift(true),
  dscri: shift(false),
}
