/**
 * Decimal floating-point arithmetic (Power ISA 3.0C I 5.5): a result is computed as one big number, rounded once, and given the
 * exponent that the operation wants as far as that loses nothing. Everything returns a {@link DecimalOutcome}.
 */
import { EXCEPTION } from '../exact.ts'
import { type Decimal, type DecimalFormat, digits, isNan, isSubnormal, isZero, power, quieted } from './format.ts'

const { OX, UX, ZX, XX, VXSNAN, VXISI, VXIDI, VXZDZ, VXIMZ, VXCVI } = EXCEPTION

/** `half...` round to nearest, and ties as the rest says; `shorter` prepares for another rounding (Power ISA 3.0C I 5.5.2). */
export type DecimalRounding = 'halfEven' | 'zero' | 'up' | 'down' | 'halfAway' | 'halfZero' | 'away' | 'shorter'
/** In the order of FPSCR[DRN]. */
export const DECIMAL_ROUNDINGS: readonly DecimalRounding[] = [
  'halfEven',
  'zero',
  'up',
  'down',
  'halfAway',
  'halfZero',
  'away',
  'shorter',
]

/** The part of FPSCR that results depend on. */
export interface DecimalControl {
  readonly rounding: DecimalRounding
  readonly overflowEnabled: boolean
  readonly underflowEnabled: boolean
}

export interface DecimalOutcome {
  readonly value: Decimal
  /** Bits of {@link EXCEPTION}. */
  readonly raised: bigint
  /** The magnitude was rounded up; the result is not exact. */
  readonly fr: boolean
  readonly fi: boolean
}

export const exactly = (value: Decimal, raised = 0n): DecimalOutcome => ({ value, raised, fr: false, fi: false })
const NAN: Decimal = { kind: 'quiet', negative: false, coefficient: 0n, exponent: 0 }
/** The quiet NaN that invalid operations give. */
export const invalid = (raised: bigint): DecimalOutcome => exactly(NAN, raised)
export const finite = (negative: boolean, coefficient: bigint, exponent: number): Decimal => ({
  kind: 'finite',
  negative,
  coefficient,
  exponent,
})
export const infinity = (negative: boolean): Decimal => ({ kind: 'infinite', negative, coefficient: 0n, exponent: 0 })

/** `coefficient / 10^count`, rounded. */
export function dropDigits(
  coefficient: bigint,
  count: number,
  negative: boolean,
  rounding: DecimalRounding,
): { value: bigint; up: boolean; inexact: boolean } {
  if (count <= 0) return { value: coefficient * power(-count), up: false, inexact: false }
  const unit = power(count)
  const value = coefficient / unit
  const rest = coefficient % unit
  if (rest === 0n) return { value, up: false, inexact: false }
  const twice = 2n * rest
  const last = value % 10n
  const up = {
    halfEven: twice > unit || (twice === unit && value % 2n === 1n),
    halfAway: twice >= unit,
    halfZero: twice > unit,
    zero: false,
    away: true,
    up: !negative,
    down: negative,
    shorter: last === 0n || last === 5n,
  }[rounding]
  return { value: up ? value + 1n : value, up, inexact: true }
}

/** An exact number with an exponent as near to `ideal` as its digits allow. */
function towards(f: DecimalFormat, x: Decimal, ideal: number): Decimal {
  let { coefficient, exponent } = x
  for (; exponent < ideal && coefficient % 10n === 0n; exponent++) coefficient /= 10n
  const room = Math.min(exponent - ideal, f.precision - digits(coefficient))
  return room > 0 ? finite(x.negative, coefficient * power(room), exponent - room) : { ...x, coefficient, exponent }
}

/** What an overflow leaves where OE is 0 (Power ISA 3.0C I 5.5.10.3). */
function overflowed(f: DecimalFormat, negative: boolean, rounding: DecimalRounding): Decimal {
  const largest = rounding === 'zero' || rounding === 'shorter' || rounding === (negative ? 'up' : 'down')
  return largest ? finite(negative, power(f.precision) - 1n, f.maxExponent) : infinity(negative)
}

/** Rounds a finite number to a format; an exact result gets the exponent `ideal` or one near to it. Tininess is detected before. */
export function round(f: DecimalFormat, x: Decimal, ideal: number, control: DecimalControl): DecimalOutcome {
  const { negative, coefficient, exponent } = x
  const clamped = (e: number): number => Math.min(Math.max(e, f.minExponent), f.maxExponent)
  if (coefficient === 0n) return exactly(finite(negative, 0n, clamped(ideal)))
  const tiny = isSubnormal(f, x)
  if (tiny && control.underflowEnabled) {
    const { value, fr, fi } = round(f, { ...x, exponent: exponent + f.wrap }, ideal + f.wrap, control)
    return { value, raised: UX | (fi ? XX : 0n), fr, fi }
  }
  const count = Math.max(digits(coefficient) - f.precision, f.minExponent - exponent, 0)
  const rounded = dropDigits(coefficient, count, negative, control.rounding)
  let result = finite(negative, rounded.value, exponent + count)
  // 99.9 rounded up has a digit more.
  if (digits(rounded.value) > f.precision) result = finite(negative, rounded.value / 10n, result.exponent + 1)
  if (digits(result.coefficient) + result.exponent > f.precision + f.maxExponent) {
    if (!control.overflowEnabled) {
      const value = overflowed(f, negative, control.rounding)
      return { value, raised: OX | XX, fr: rounded.up, fi: true }
    }
    const { value, fr, fi } = round(f, { ...x, exponent: exponent - f.wrap }, ideal - f.wrap, control)
    return { value, raised: OX | (fi ? XX : 0n), fr, fi }
  }
  const { inexact: fi, up: fr } = rounded
  if (!fi) result = towards(f, result, clamped(ideal))
  return { value: result, raised: (fi ? XX : 0n) | (tiny && fi ? UX : 0n), fr, fi }
}

/** The result of an operation with a NaN among its operands: the first signalling one, else the first; undefined without one. */
export function propagated(to: DecimalFormat, ...operands: readonly Decimal[]): DecimalOutcome | undefined {
  const signalling = operands.find(({ kind }) => kind === 'signalling')
  const nan = signalling ?? operands.find(isNan)
  return nan && exactly(quieted(to, nan), signalling ? VXSNAN : 0n)
}

export function add(f: DecimalFormat, a: Decimal, b: Decimal, control: DecimalControl): DecimalOutcome {
  const nan = propagated(f, a, b)
  if (nan) return nan
  if (a.kind === 'infinite' && b.kind === 'infinite' && a.negative !== b.negative) return invalid(VXISI)
  if (a.kind === 'infinite' || b.kind === 'infinite')
    return exactly(infinity(a.kind === 'infinite' ? a.negative : b.negative))
  const ideal = Math.min(a.exponent, b.exponent)
  const signed = (x: Decimal): bigint => (x.negative ? -1n : 1n) * x.coefficient * power(x.exponent - ideal)
  const sum = signed(a) + signed(b)
  if (sum === 0n) {
    const negative = a.negative === b.negative ? a.negative : control.rounding === 'down'
    return exactly(finite(negative, 0n, ideal))
  }
  return round(f, finite(sum < 0n, sum < 0n ? -sum : sum, ideal), ideal, control)
}

/** A NaN keeps its sign. */
export const sub = (f: DecimalFormat, a: Decimal, b: Decimal, control: DecimalControl): DecimalOutcome =>
  add(f, a, isNan(b) ? b : { ...b, negative: !b.negative }, control)

export function mul(f: DecimalFormat, a: Decimal, b: Decimal, control: DecimalControl): DecimalOutcome {
  const nan = propagated(f, a, b)
  if (nan) return nan
  const negative = a.negative !== b.negative
  if (a.kind === 'infinite' || b.kind === 'infinite')
    return isZero(a) || isZero(b) ? invalid(VXIMZ) : exactly(infinity(negative))
  const ideal = a.exponent + b.exponent
  return round(f, finite(negative, a.coefficient * b.coefficient, ideal), ideal, control)
}

export function div(f: DecimalFormat, a: Decimal, b: Decimal, control: DecimalControl): DecimalOutcome {
  const nan = propagated(f, a, b)
  if (nan) return nan
  const negative = a.negative !== b.negative
  if (a.kind === 'infinite') return b.kind === 'infinite' ? invalid(VXIDI) : exactly(infinity(negative))
  const ideal = a.exponent - b.exponent
  if (b.kind === 'infinite') return exactly(finite(negative, 0n, f.minExponent))
  if (isZero(b)) return isZero(a) ? invalid(VXZDZ) : exactly(infinity(negative), ZX)
  // More digits than are kept, and one that is not 0 where something is left over: it rounds as the exact quotient.
  const more = 2 * f.precision + 2
  const dividend = a.coefficient * power(more)
  const rest = dividend % b.coefficient
  const quotient = (dividend / b.coefficient) * 10n + (rest === 0n ? 0n : 1n)
  return round(f, finite(negative, quotient, ideal - more - 1), ideal, control)
}

/** With the exponent of another number; what does not fit then is an invalid conversion (Power ISA 3.0C I 5.6.4 dqua). */
export function quantize(f: DecimalFormat, x: Decimal, exponent: number, rounding: DecimalRounding): DecimalOutcome {
  const { value, up, inexact } = dropDigits(x.coefficient, exponent - x.exponent, x.negative, rounding)
  if (digits(value) > f.precision || exponent > f.maxExponent || exponent < f.minExponent) return invalid(VXCVI)
  return { value: finite(x.negative, value, exponent), raised: inexact ? XX : 0n, fr: up, fi: inexact }
}

/** To another format, or the same one in canonical form. */
export const convert = (to: DecimalFormat, x: Decimal, control: DecimalControl): DecimalOutcome =>
  x.kind === 'infinite' ? exactly(infinity(x.negative)) : round(to, x, x.exponent, control)

/** To a signed integer of 64 bits; what does not fit becomes the nearest that does, a NaN the most negative one. */
export function toInteger(
  x: Decimal,
  rounding: DecimalRounding,
): { value: bigint; raised: bigint; fr: boolean; fi: boolean } {
  const [min, max] = [-(1n << 63n), (1n << 63n) - 1n]
  const saturated = (value: bigint, raised = 0n) => ({ value, raised: VXCVI | raised, fr: false, fi: false })
  if (isNan(x)) return saturated(min, x.kind === 'signalling' ? VXSNAN : 0n)
  // No number of more than 20 digits fits.
  if (x.kind === 'infinite' || (digits(x.coefficient) + x.exponent > 20 && !isZero(x)))
    return saturated(x.negative ? min : max)
  const { value, up, inexact } = dropDigits(x.coefficient, isZero(x) ? 0 : -x.exponent, x.negative, rounding)
  const signed = x.negative ? -value : value
  if (signed < min || signed > max) return saturated(signed < min ? min : max)
  return { value: signed, raised: inexact ? XX : 0n, fr: up, fi: inexact }
}

export type DecimalOrder = 'less' | 'greater' | 'equal' | 'unordered'
export function compare(a: Decimal, b: Decimal): DecimalOrder {
  if (isNan(a) || isNan(b)) return 'unordered'
  const size = (x: Decimal): bigint => (x.negative ? -1n : 1n)
  let difference: bigint
  if (a.kind === 'infinite' || b.kind === 'infinite')
    difference = (a.kind === 'infinite' ? size(a) : 0n) - (b.kind === 'infinite' ? size(b) : 0n)
  else {
    const exponent = Math.min(a.exponent, b.exponent)
    const signed = (x: Decimal): bigint => size(x) * x.coefficient * power(x.exponent - exponent)
    difference = signed(a) - signed(b)
  }
  return difference < 0n ? 'less' : difference > 0n ? 'greater' : 'equal'
}
