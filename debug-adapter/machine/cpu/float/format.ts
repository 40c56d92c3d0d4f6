/** Binary floating-point formats as bits: classes, order, NaNs (Power ISA 3.0C I 4.3.2, 7.3.2). */

export interface Format {
  readonly bits: number
  readonly fraction: bigint
  readonly sign: bigint
  /** All ones in the exponent, in its place; also the bits of infinity. */
  readonly infinity: bigint
  readonly fractionMask: bigint
  readonly quiet: bigint
}

function formatOf(bits: number, fractionBits: number): Format {
  const fraction = BigInt(fractionBits)
  const fractionMask = (1n << fraction) - 1n
  const sign = 1n << BigInt(bits - 1)
  return { bits, fraction, sign, infinity: sign - 1n - fractionMask, fractionMask, quiet: 1n << (fraction - 1n) }
}

export const HALF = formatOf(16, 10)
export const SINGLE = formatOf(32, 23)
export const DOUBLE = formatOf(64, 52)
export const QUAD = formatOf(128, 112)
/** Double-extended precision with its leading bit left out: numbers are only rounded to it, never stored. */
export const EXTENDED = formatOf(79, 63)

/** The number without its sign. */
export const magnitude = (f: Format, x: bigint): bigint => x & ~f.sign
export const isNegative = (f: Format, x: bigint): boolean => (x & f.sign) !== 0n
export const isNan = (f: Format, x: bigint): boolean => magnitude(f, x) > f.infinity
export const isSignalling = (f: Format, x: bigint): boolean => isNan(f, x) && (x & f.quiet) === 0n
export const isInfinite = (f: Format, x: bigint): boolean => magnitude(f, x) === f.infinity
export const isZero = (f: Format, x: bigint): boolean => magnitude(f, x) === 0n
export const isDenormal = (f: Format, x: bigint): boolean => !isZero(f, x) && (x & f.infinity) === 0n
export const quieted = (f: Format, x: bigint): bigint => x | f.quiet

/** A number that is ordered as the value is; both zeros are equal. Not for NaNs. */
const rank = (f: Format, x: bigint): bigint => (isNegative(f, x) ? -magnitude(f, x) : x)

/** The bits of a condition register field: less, greater, equal, unordered. */
export const LESS = 8
export const GREATER = 4
export const EQUAL = 2
export const UNORDERED = 1

export function compare(f: Format, a: bigint, b: bigint): number {
  if (isNan(f, a) || isNan(f, b)) return UNORDERED
  const difference = rank(f, a) - rank(f, b)
  return difference < 0n ? LESS : difference > 0n ? GREATER : EQUAL
}

/** What FPRF says of a result, C on the left of FPCC (Power ISA 3.0C I 4.2.2, Figure 47). */
export function classOf(f: Format, x: bigint): number {
  const negative = isNegative(f, x)
  if (isNan(f, x)) return 0b10001
  if (isInfinite(f, x)) return negative ? 0b01001 : 0b00101
  if (isZero(f, x)) return negative ? 0b10010 : 0b00010
  const denormal = isDenormal(f, x) ? 0b10000 : 0
  return denormal | (negative ? 0b01000 : 0b00100)
}

/** Whether a number is of one of the classes in a data class mask DCMX (Power ISA 3.0C I 7.6.1.10). */
export function inClass(f: Format, x: bigint, mask: number): boolean {
  const negative = isNegative(f, x) ? 1 : 0
  if (isNan(f, x)) return (mask & 0x40) !== 0
  if (isInfinite(f, x)) return (mask & (0x20 >> negative)) !== 0
  if (isZero(f, x)) return (mask & (0x08 >> negative)) !== 0
  return isDenormal(f, x) && (mask & (0x02 >> negative)) !== 0
}
