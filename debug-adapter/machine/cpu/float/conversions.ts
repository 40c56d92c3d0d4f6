/** Conversions between floating-point formats and integers, exact as the arithmetic of `exact.ts` (Power ISA 3.0C I 4.6.6, 7.6.1.6). */
import {
  type Control,
  EXCEPTION,
  exactly,
  infinity,
  type Outcome,
  propagated,
  type Rounding,
  round,
  shiftRounded,
  unpack,
} from './exact.ts'
import { DOUBLE, type Format, isInfinite, isNan, isNegative, isSignalling, isZero, SINGLE } from './format.ts'

const { XX, VXSNAN, VXCVI } = EXCEPTION

/** To another format; a signalling NaN becomes quiet and is an invalid operation. */
export function convert(f: Format, to: Format, x: bigint, control: Control): Outcome {
  const nan = propagated(f, to, [x])
  if (nan) return nan
  if (isInfinite(f, x)) return exactly(infinity(to, isNegative(f, x)))
  return round(to, unpack(f, x), control)
}

/** To an integral value of the same format. Only where `inexact` does a loss count as one. */
export function toIntegral(f: Format, x: bigint, rounding: Rounding, inexact: boolean): Outcome {
  const nan = propagated(f, f, [x])
  if (nan) return nan
  if (isInfinite(f, x) || isZero(f, x)) return exactly(x)
  const { negative, mantissa, exponent } = unpack(f, x)
  if (exponent >= 0n) return exactly(x)
  const to = shiftRounded(mantissa, -exponent, negative, rounding)
  const control: Control = { rounding, overflowEnabled: false, underflowEnabled: false }
  const { value } = round(f, { negative, mantissa: to.value, exponent: 0n }, control)
  const lost = inexact && to.inexact
  return { value, raised: lost ? XX : 0n, fr: lost && to.up, fi: lost }
}

/** To an integer of `bits` bits; what does not fit becomes the nearest that does, a NaN the most negative one. */
export function toInteger(f: Format, x: bigint, bits: number, signed: boolean, rounding: Rounding): Outcome {
  const size = BigInt(bits)
  const min = signed ? -(1n << (size - 1n)) : 0n
  const max = signed ? -min - 1n : (1n << size) - 1n
  const invalid = (value: bigint, more = 0n): Outcome => exactly(BigInt.asUintN(bits, value), VXCVI | more)
  if (isNan(f, x)) return invalid(min, isSignalling(f, x) ? VXSNAN : 0n)
  const negative = isNegative(f, x)
  if (isInfinite(f, x)) return invalid(negative ? min : max)
  const { mantissa, exponent } = unpack(f, x)
  const to = shiftRounded(mantissa, -exponent, negative, rounding)
  const value = negative ? -to.value : to.value
  if (value < min || value > max) return invalid(value < min ? min : max)
  return { value: BigInt.asUintN(bits, value), raised: to.inexact ? XX : 0n, fr: to.up, fi: to.inexact }
}

/** From an integer, as a signed number of any size. */
export const fromInteger = (to: Format, x: bigint, control: Control): Outcome =>
  round(to, { negative: x < 0n, mantissa: x < 0n ? -x : x, exponent: 0n }, control)

const EXACT: Control = { rounding: 'zero', overflowEnabled: false, underflowEnabled: false }

/** A single as a double without any exception: a signalling NaN stays one (Power ISA 3.0C I 4.6.2, 7.6.1.6 xscvspdpn). */
export function widened(x: bigint): bigint {
  const { value } = convert(SINGLE, DOUBLE, x, EXACT)
  return isSignalling(SINGLE, x) ? value & ~DOUBLE.quiet : value
}
