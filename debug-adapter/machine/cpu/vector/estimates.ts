/**
 * Estimates of 2 to a power and of logarithms, elements being single-precision numbers (Power ISA 3.0C I 6.12.6). The book asks for
 * less than single precision; these are as near as the series go, by sums and products alone, so that every host gives the same.
 */
import { joined, split } from './elements.ts'

const view = new DataView(new ArrayBuffer(8))
const QUIET = 0x0040_0000
const DEFAULT_NAN = 0x7fc0_0000
const SIGN = 0x8000_0000
const TERMS = 20

function numberOf(bits: number): number {
  view.setUint32(0, bits)
  return view.getFloat32(0)
}
function bitsOf(value: number): number {
  if (Number.isNaN(value)) return DEFAULT_NAN
  view.setFloat32(0, value)
  return view.getUint32(0)
}

/** Exponent of a double that is neither 0 nor denormal, and the number between 1 and 2 that it belongs to. */
function parts(value: number): { exponent: number; fraction: number } {
  view.setFloat64(0, value)
  const left = view.getUint32(0)
  view.setUint32(0, (left & 0xf_ffff) | (1023 << 20))
  return { exponent: ((left >>> 20) & 0x7ff) - 1023, fraction: view.getFloat64(0) }
}
function powerOfTwo(exponent: number): number {
  view.setBigUint64(0, BigInt(1023 + exponent) << 52n)
  return view.getFloat64(0)
}

/** The series of the exponential function between two integers, which come out exactly. */
function exponential(x: number): number {
  if (Number.isNaN(x)) return x
  const limited = Math.max(-200, Math.min(200, x))
  const whole = Math.floor(limited)
  const y = (limited - whole) * Math.LN2
  let [sum, term] = [1, 1]
  for (let k = 1; k < TERMS; k++) sum += term *= y / k
  return sum * powerOfTwo(whole)
}

/** The series of twice the inverse hyperbolic tangent between two powers of two, which come out exactly. */
function logarithm(x: number): number {
  if (Number.isNaN(x) || x < 0) return Number.NaN
  if (x === 0) return -Infinity
  if (x === Infinity) return x
  const { exponent, fraction } = parts(x)
  const z = (fraction - 1) / (fraction + 1)
  let [sum, power] = [0, z]
  for (let k = 1; k < 2 * TERMS; k += 2, power *= z * z) sum += power / k
  return exponent + (2 * sum) / Math.LN2
}

/** @param nj VSCR[NJ]: denormal operands and results are zeros of the same sign */
const elementwise =
  (of: (value: number) => number) =>
  (vector: bigint, nj: boolean): bigint => {
    const flushed = (bits: number): number => (nj && (bits & 0x7f80_0000) === 0 ? (bits & SIGN) >>> 0 : bits)
    return joined(
      32,
      split(vector, 32).map((element) => {
        const bits = Number(element)
        const nan = (bits & 0x7fff_ffff) > 0x7f80_0000
        return BigInt(nan ? (bits | QUIET) >>> 0 : flushed(bitsOf(of(numberOf(flushed(bits))))))
      }),
    )
  }

export const ESTIMATES: Readonly<Record<string, (vector: bigint, nj: boolean) => bigint>> = {
  vexptefp: elementwise(exponential),
  vlogefp: elementwise(logarithm),
}
