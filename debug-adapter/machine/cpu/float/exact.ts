/**
 * Exact binary floating-point arithmetic for every format of the processor (Power ISA 3.0C I 4.3 to 4.5, 7.3): a result is computed
 * as one big number and rounded once.
 *
 *   add(DOUBLE, SINGLE, a, b, control)   operands as bits of their format, the result rounded to another one
 *   sub, mul, div, sqrt; fma(f, to, a, c, b, control) = a * c + b
 *   `conversions.ts`: convert, toIntegral, toInteger, fromInteger
 *
 * All return an {@link Outcome}: the bits of the result, the exceptions as bits of FPSCR, and FR and FI. What is stored where an
 * exception is enabled is the caller's business, but for the exponent that an enabled overflow or underflow wraps.
 */
import { type Format, isInfinite, isNan, isNegative, isSignalling, isZero, quieted } from './format.ts'

/** `odd` is for the quad-precision instructions that round again later; `away` rounds ties away from zero. */
export type Rounding = 'nearest' | 'zero' | 'up' | 'down' | 'odd' | 'away'

/** The part of FPSCR that results depend on. */
export interface Control {
  readonly rounding: Rounding
  /** OE and UE: the exponent of what overflows or underflows is wrapped. */
  readonly overflowEnabled: boolean
  readonly underflowEnabled: boolean
}

export interface Outcome {
  readonly value: bigint
  /** Bits of {@link EXCEPTION}. */
  readonly raised: bigint
  /** The magnitude was rounded up; the result is not exact. */
  readonly fr: boolean
  readonly fi: boolean
}

/** Exception bits of FPSCR, which stay set until software clears them (Power ISA 3.0C I 4.2.2). */
export const EXCEPTION = {
  OX: 1n << 28n,
  UX: 1n << 27n,
  ZX: 1n << 26n,
  XX: 1n << 25n,
  VXSNAN: 1n << 24n,
  VXISI: 1n << 23n,
  VXIDI: 1n << 22n,
  VXZDZ: 1n << 21n,
  VXIMZ: 1n << 20n,
  VXVC: 1n << 19n,
  VXSQRT: 1n << 9n,
  VXCVI: 1n << 8n,
} as const
const { OX, UX, ZX, XX, VXSNAN, VXISI, VXIDI, VXZDZ, VXIMZ, VXSQRT } = EXCEPTION

const ROUNDINGS: readonly Rounding[] = ['nearest', 'zero', 'up', 'down']
/** What FPSCR asks for: RN, OE and UE. */
export const controlOf = (fpscr: bigint, rounding: Rounding = ROUNDINGS[Number(fpscr & 3n)]!): Control => ({
  rounding,
  overflowEnabled: (fpscr & 0x40n) !== 0n,
  underflowEnabled: (fpscr & 0x20n) !== 0n,
})

export const exactly = (value: bigint, raised = 0n): Outcome => ({ value, raised, fr: false, fi: false })

const bias = (f: Format): bigint => f.infinity >> (f.fraction + 1n)
/** The quiet NaN that invalid operations give. */
const defaultNan = (f: Format): bigint => f.infinity | f.quiet
export const signOf = (f: Format, negative: boolean): bigint => (negative ? f.sign : 0n)
export const infinity = (f: Format, negative: boolean): bigint => signOf(f, negative) | f.infinity

/** (-1)^negative * mantissa * 2^exponent. */
export interface Exact {
  readonly negative: boolean
  readonly mantissa: bigint
  readonly exponent: bigint
}

/** Not for infinities and NaNs. */
export function unpack(f: Format, x: bigint): Exact {
  const exponent = (x & f.infinity) >> f.fraction
  const fraction = x & f.fractionMask
  const hidden = exponent === 0n ? 0n : f.fractionMask + 1n
  return {
    negative: isNegative(f, x),
    mantissa: hidden | fraction,
    exponent: (exponent === 0n ? 1n : exponent) - bias(f) - f.fraction,
  }
}

/** Bits of a positive number. */
function bitLength(x: bigint): bigint {
  const digits = x.toString(16)
  return BigInt(4 * digits.length + 28 - Math.clz32(Number.parseInt(digits[0]!, 16)))
}

/** `mantissa >> shift`, rounded. */
export function shiftRounded(
  mantissa: bigint,
  shift: bigint,
  negative: boolean,
  rounding: Rounding,
): { value: bigint; up: boolean; inexact: boolean } {
  if (shift <= 0n) return { value: mantissa << -shift, up: false, inexact: false }
  const value = mantissa >> shift
  const rest = mantissa - (value << shift)
  if (rest === 0n) return { value, up: false, inexact: false }
  const half = 1n << (shift - 1n)
  const odd = (value & 1n) === 1n
  const up = {
    nearest: rest > half || (rest === half && odd),
    away: rest >= half,
    zero: false,
    up: !negative,
    down: negative,
    odd: !odd,
  }[rounding]
  return { value: up ? value + 1n : value, up, inexact: true }
}

/** What an overflow leaves where OE is 0 (Power ISA 3.0C I 4.4.3). */
function overflowed(f: Format, negative: boolean, rounding: Rounding): bigint {
  const toInfinity = rounding === 'nearest' || rounding === 'away' || rounding === (negative ? 'down' : 'up')
  return infinity(f, negative) - (toInfinity ? 0n : 1n)
}

/** What the exponent of an enabled overflow or underflow changes by (Power ISA 3.0C I 4.4.3, 4.4.4, 7.4.3, 7.4.4). */
const wrap = (f: Format): bigint => 3n << (BigInt(f.bits) - f.fraction - 3n)

/**
 * Rounds an exact number to a format. Tininess is detected before rounding.
 * @param zeroNegative the sign of a result that is exactly 0
 */
export function round(f: Format, exact: Exact, control: Control, zeroNegative = exact.negative): Outcome {
  const { negative, mantissa, exponent } = exact
  if (mantissa === 0n) return exactly(signOf(f, zeroNegative))
  const max = bias(f)
  const top = bitLength(mantissa) - 1n + exponent
  const tiny = top < 1n - max
  const wrapped = tiny && control.underflowEnabled
  // The exponent of the last bit that is kept.
  const last = (tiny && !wrapped ? 1n - max : top) - f.fraction
  const { value, up, inexact } = shiftRounded(mantissa, last - exponent, negative, control.rounding)
  const status = { fr: up, fi: inexact }
  let raised = (inexact ? XX : 0n) | (wrapped || (tiny && inexact) ? UX : 0n)
  // The hidden bit of a normal number carries into the exponent, and so does a fraction that was rounded up to 2.
  const encode = (biased: bigint): bigint => signOf(f, negative) | ((biased << f.fraction) + value)
  let biased = last + f.fraction + max - 1n
  if (tiny && !wrapped) return { value: encode(0n), raised, ...status }
  if (wrapped) return { value: encode(biased + wrap(f)), raised, ...status }
  if ((biased << f.fraction) + value < f.infinity) return { value: encode(biased), raised, ...status }
  raised |= OX
  if (control.overflowEnabled) {
    biased -= wrap(f)
    return { value: encode(biased), raised, ...status }
  }
  return { value: overflowed(f, negative, control.rounding), raised: raised | XX, fr: up, fi: true }
}

/** The result of an operation with a NaN among its operands: the first one, quiet; undefined where there is none. */
export function propagated(f: Format, to: Format, operands: readonly bigint[]): Outcome | undefined {
  const nan = operands.find((x) => isNan(f, x))
  if (nan === undefined) return undefined
  return exactly(convertNan(f, to, nan), operands.some((x) => isSignalling(f, x)) ? VXSNAN : 0n)
}

/** The left part of the fraction is kept, the right part is cut off or filled with zeros. */
function convertNan(f: Format, to: Format, nan: bigint): bigint {
  const shift = to.fraction - f.fraction
  const fraction = quieted(f, nan) & f.fractionMask
  return infinity(to, isNegative(f, nan)) | (shift >= 0n ? fraction << shift : fraction >> -shift)
}

/** The sum of two exact numbers; where it is 0 the sign is left to the caller. */
function sum(a: Exact, b: Exact): Exact {
  const exponent = a.exponent < b.exponent ? a.exponent : b.exponent
  const signed = (x: Exact): bigint => {
    const aligned = x.mantissa << (x.exponent - exponent)
    return x.negative ? -aligned : aligned
  }
  const total = signed(a) + signed(b)
  return { negative: total < 0n, mantissa: total < 0n ? -total : total, exponent }
}

/** The sign of a sum that is exactly 0: that of both, or by the rounding mode. */
const zeroSign = (a: boolean, b: boolean, { rounding }: Control): boolean => (a === b ? a : rounding === 'down')

export function add(f: Format, to: Format, a: bigint, b: bigint, control: Control): Outcome {
  const nan = propagated(f, to, [a, b])
  if (nan) return nan
  const [negativeA, negativeB] = [isNegative(f, a), isNegative(f, b)]
  if (isInfinite(f, a) && isInfinite(f, b) && negativeA !== negativeB) return exactly(defaultNan(to), VXISI)
  if (isInfinite(f, a)) return exactly(infinity(to, negativeA))
  if (isInfinite(f, b)) return exactly(infinity(to, negativeB))
  return round(to, sum(unpack(f, a), unpack(f, b)), control, zeroSign(negativeA, negativeB, control))
}

/** The second operand is subtracted; a NaN keeps its sign. */
export const sub = (f: Format, to: Format, a: bigint, b: bigint, control: Control): Outcome =>
  add(f, to, a, isNan(f, b) ? b : b ^ f.sign, control)

function product(a: Exact, b: Exact): Exact {
  return {
    negative: a.negative !== b.negative,
    mantissa: a.mantissa * b.mantissa,
    exponent: a.exponent + b.exponent,
  }
}

export function mul(f: Format, to: Format, a: bigint, b: bigint, control: Control): Outcome {
  const nan = propagated(f, to, [a, b])
  if (nan) return nan
  const negative = isNegative(f, a) !== isNegative(f, b)
  if (isInfinite(f, a) || isInfinite(f, b))
    return isZero(f, a) || isZero(f, b) ? exactly(defaultNan(to), VXIMZ) : exactly(infinity(to, negative))
  return round(to, product(unpack(f, a), unpack(f, b)), control)
}

/** a * c + b, rounded once; of several NaNs the result is that of a, else of b, else of c. */
export function fma(f: Format, to: Format, a: bigint, c: bigint, b: bigint, control: Control): Outcome {
  const timesZero = (isInfinite(f, a) && isZero(f, c)) || (isZero(f, a) && isInfinite(f, c))
  const nan = propagated(f, to, [a, b, c])
  if (nan) return timesZero ? { ...nan, raised: nan.raised | VXIMZ } : nan
  if (timesZero) return exactly(defaultNan(to), VXIMZ)
  const negative = isNegative(f, a) !== isNegative(f, c)
  const negativeB = isNegative(f, b)
  if (isInfinite(f, a) || isInfinite(f, c)) {
    if (isInfinite(f, b) && negativeB !== negative) return exactly(defaultNan(to), VXISI)
    return exactly(infinity(to, negative))
  }
  if (isInfinite(f, b)) return exactly(infinity(to, negativeB))
  const total = sum(product(unpack(f, a), unpack(f, c)), unpack(f, b))
  return round(to, total, control, zeroSign(negative, negativeB, control))
}

/** A quotient or root of more bits than are kept, its last one set where something was left over: it rounds as the exact one. */
const withRest = (negative: boolean, value: bigint, rest: bigint, exponent: bigint): Exact => ({
  negative,
  mantissa: (value << 1n) | (rest === 0n ? 0n : 1n),
  exponent: exponent - 1n,
})

export function div(f: Format, to: Format, a: bigint, b: bigint, control: Control): Outcome {
  const nan = propagated(f, to, [a, b])
  if (nan) return nan
  const negative = isNegative(f, a) !== isNegative(f, b)
  if (isInfinite(f, a)) return isInfinite(f, b) ? exactly(defaultNan(to), VXIDI) : exactly(infinity(to, negative))
  if (isInfinite(f, b)) return exactly(signOf(to, negative))
  if (isZero(f, b)) return isZero(f, a) ? exactly(defaultNan(to), VXZDZ) : exactly(infinity(to, negative), ZX)
  const [x, y] = [unpack(f, a), unpack(f, b)]
  // A denormal dividend has fewer bits than its divisor.
  const shift = 2n * f.fraction + 4n
  const dividend = x.mantissa << shift
  const quotient = dividend / y.mantissa
  const exponent = x.exponent - y.exponent - shift
  return round(to, withRest(negative, quotient, dividend - quotient * y.mantissa, exponent), control)
}

/** The largest number whose square is not above `x`. */
function integerRoot(x: bigint): bigint {
  if (x === 0n) return 0n
  let root = 1n << ((bitLength(x) + 1n) / 2n)
  for (;;) {
    const next = (root + x / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

export function sqrt(f: Format, to: Format, x: bigint, control: Control): Outcome {
  const nan = propagated(f, to, [x])
  if (nan) return nan
  if (isZero(f, x)) return exactly(signOf(to, isNegative(f, x)))
  if (isNegative(f, x)) return exactly(defaultNan(to), VXSQRT)
  if (isInfinite(f, x)) return exactly(infinity(to, false))
  const { mantissa, exponent } = unpack(f, x)
  // An even exponent, and a root of more bits than are kept.
  const shift = 2n * f.fraction + 4n + (exponent & 1n)
  const radicand = mantissa << shift
  const root = integerRoot(radicand)
  return round(to, withRest(false, root, radicand - root * root, (exponent - shift) / 2n), control)
}
