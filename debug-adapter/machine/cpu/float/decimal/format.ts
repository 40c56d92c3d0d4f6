/** Decimal floating-point formats as bits: short, long and extended (Power ISA 3.0C I 5.3, 5.4). */
import { fromDeclets, toDeclets } from './declet.ts'

export interface DecimalFormat {
  readonly bits: number
  /** Digits of the significand; all but the first one are in declets. */
  readonly precision: number
  readonly declets: number
  /** Bits of the exponent behind the five bits of the combination field that are shared with the first digit. */
  readonly continuation: number
  /** Exponents of the last digit. */
  readonly minExponent: number
  readonly maxExponent: number
  /** What the exponent of an enabled overflow or underflow changes by (Power ISA 3.0C I 5.5.10.3, 5.5.10.4). */
  readonly wrap: number
}

const format = (bits: number, declets: number, bias: number, wrap: number): DecimalFormat => {
  const continuation = bits - 6 - 10 * declets
  return {
    ...{ bits, declets, continuation, wrap },
    precision: 3 * declets + 1,
    minExponent: -bias,
    maxExponent: 3 * 2 ** continuation - 1 - bias,
  }
}
export const SHORT = format(32, 2, 101, 192)
export const LONG = format(64, 5, 398, 576)
export const EXTENDED = format(128, 11, 6176, 9216)

export type DecimalKind = 'finite' | 'infinite' | 'quiet' | 'signalling'

/** (-1)^negative * coefficient * 10^exponent. Of infinities and NaNs, all digits but the first, which is 0. */
export interface Decimal {
  readonly kind: DecimalKind
  readonly negative: boolean
  readonly coefficient: bigint
  /** 0 where it says nothing. */
  readonly exponent: number
}

export const isNan = ({ kind }: Decimal): boolean => kind === 'quiet' || kind === 'signalling'
export const isZero = ({ kind, coefficient }: Decimal): boolean => kind === 'finite' && coefficient === 0n

/** 10^n. */
export const power = (n: number): bigint => 10n ** BigInt(n)
/** Significant digits; 0 has none. */
export const digits = (x: bigint): number => (x === 0n ? 0 : x.toString().length)

/** Reads a number; declets that are not canonical are taken for what they say. */
export function decode(f: DecimalFormat, bits: bigint): Decimal {
  const negative = (bits >> BigInt(f.bits - 1)) % 2n === 1n
  const trailing = fromDeclets(bits, f.declets)
  const combination = Number((bits >> BigInt(f.bits - 6)) & 31n)
  const continuation = Number((bits >> BigInt(10 * f.declets)) & BigInt(2 ** f.continuation - 1))
  if (combination === 30) return { kind: 'infinite', negative, coefficient: trailing, exponent: 0 }
  if (combination === 31) {
    const kind = continuation >> (f.continuation - 1) === 1 ? 'signalling' : 'quiet'
    return { kind, negative, coefficient: trailing, exponent: 0 }
  }
  const large = combination >= 24
  const first = large ? 8 + (combination & 1) : combination & 7
  const left = (large ? combination >> 1 : combination >> 3) & 3
  return {
    kind: 'finite',
    negative,
    coefficient: BigInt(first) * power(f.precision - 1) + trailing,
    exponent: left * 2 ** f.continuation + continuation + f.minExponent,
  }
}

/** Writes a number in canonical form; it has to fit the format. */
export function encode(f: DecimalFormat, x: Decimal): bigint {
  const sign = x.negative ? 1n << BigInt(f.bits - 1) : 0n
  const trailing = toDeclets(x.coefficient, f.declets)
  const put = (combination: number, continuation: number): bigint =>
    sign | (BigInt(combination) << BigInt(f.bits - 6)) | (BigInt(continuation) << BigInt(10 * f.declets)) | trailing
  if (x.kind === 'infinite') return put(30, 0)
  if (x.kind !== 'finite') return put(31, x.kind === 'signalling' ? 2 ** (f.continuation - 1) : 0)
  const first = Number(x.coefficient / power(f.precision - 1))
  const biased = x.exponent - f.minExponent
  const left = Math.floor(biased / 2 ** f.continuation)
  return put(first >= 8 ? 24 | (left << 1) | (first & 1) : (left << 3) | first, biased % 2 ** f.continuation)
}

/** What FPRF says of a result (Power ISA 3.0C I 5.5.8). */
export function classOf(f: DecimalFormat, x: Decimal): number {
  if (isNan(x)) return x.kind === 'quiet' ? 0b10001 : 0b00001
  if (x.kind === 'infinite') return x.negative ? 0b01001 : 0b00101
  if (x.coefficient === 0n) return x.negative ? 0b10010 : 0b00010
  return (isSubnormal(f, x) ? 0b10000 : 0) | (x.negative ? 0b01000 : 0b00100)
}

/** Whether a finite number other than 0 has its first digit below that of the smallest normal one. */
export const isSubnormal = (f: DecimalFormat, { coefficient, exponent }: Decimal): boolean =>
  digits(coefficient) + exponent < f.precision + f.minExponent

/** Sign and payload of a NaN in another format, quiet: digits on the left are cut off where there is no room for them. */
export const quieted = (to: DecimalFormat, x: Decimal): Decimal => ({
  ...x,
  kind: 'quiet',
  coefficient: x.coefficient % power(to.precision - 1),
})
