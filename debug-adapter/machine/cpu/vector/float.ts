/**
 * Floating-point arithmetic of vectors: single precision, rounding to nearest, no exceptions (Power ISA 3.0C I 6.6, 6.12). VSCR[NJ] set:
 * denormal operands and results are zeros of the same sign.
 */
import { joined, split } from './elements.ts'

const view = new DataView(new ArrayBuffer(4))
const QUIET = 0x0040_0000
const DEFAULT_NAN = 0x7fc0_0000
const SIGN = 0x8000_0000

const isNaNBits = (bits: number): boolean => (bits & 0x7fff_ffff) > 0x7f80_0000
function numberOf(bits: number): number {
  view.setUint32(0, bits)
  return view.getFloat32(0)
}
function bitsOf(value: number): number {
  if (Number.isNaN(value)) return DEFAULT_NAN
  view.setFloat32(0, value)
  return view.getUint32(0)
}
const flushed = (bits: number, nj: boolean): number => (nj && (bits & 0x7f80_0000) === 0 ? (bits & SIGN) >>> 0 : bits)

/** A function of numbers lifted to bits: the first operand that is a NaN is the result, made quiet. */
const lifted =
  (of: (...values: number[]) => number) =>
  (nj: boolean, ...operands: number[]): number => {
    const nan = operands.find(isNaNBits)
    if (nan !== undefined) return (nan | QUIET) >>> 0
    return flushed(bitsOf(of(...operands.map((bits) => numberOf(flushed(bits, nj))))), nj)
  }

const doubleView = new DataView(new ArrayBuffer(8))
/** a * c + b rounded once: the exact product and the sum rounded to odd, which rounding to single then gets right. */
export function fusedSingle(a: number, c: number, b: number): number {
  const product = a * c
  const sum = product + b
  if (!Number.isFinite(sum) || !Number.isFinite(product)) return Math.fround(sum)
  const shifted = sum - product
  const error = product - (sum - shifted) + (b - shifted)
  if (error === 0) return Math.fround(sum)
  doubleView.setFloat64(0, sum)
  const bits = doubleView.getBigInt64(0)
  if ((bits & 1n) === 0n) {
    // Towards the error: away from zero where it has the sign of the sum.
    doubleView.setBigInt64(0, error > 0 === sum > 0 ? bits + 1n : bits - 1n)
    return Math.fround(doubleView.getFloat64(0))
  }
  return Math.fround(sum)
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  const result = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
  return result === 0 && (value < 0 || Object.is(value, -0)) ? -0 : result
}

type Bits = (nj: boolean, ...operands: number[]) => number
const elementwise =
  (of: Bits) =>
  (nj: boolean, ...vectors: bigint[]): bigint => {
    const operands = vectors.map((vector) => split(vector, 32).map(Number))
    return joined(
      32,
      [0, 1, 2, 3].map((i) => BigInt(of(nj, ...operands.map((elements) => elements[i]!)))),
    )
  }

/** Results of vectors by name: `(VSCR[NJ], VRA, VRB)`, or `(NJ, VRB)`, or VRA, VRB, VRC. */
export const FLOAT: Readonly<Record<string, (nj: boolean, ...vectors: bigint[]) => bigint>> = {
  vaddfp: elementwise(lifted((a, b) => a! + b!)),
  vsubfp: elementwise(lifted((a, b) => a! - b!)),
  vmaxfp: elementwise(lifted((a, b) => Math.max(a!, b!))),
  vminfp: elementwise(lifted((a, b) => Math.min(a!, b!))),
  vmaddfp: elementwise(lifted((a, b, c) => fusedSingle(a!, c!, b!))),
  vnmsubfp: elementwise((nj, ...operands) => {
    const result = lifted((a, b, c) => fusedSingle(a!, c!, -b!))(nj, ...operands)
    return isNaNBits(result) ? result : (result ^ SIGN) >>> 0
  }),
  vrefp: elementwise(lifted((b) => 1 / b!)),
  vrsqrtefp: elementwise(lifted((b) => 1 / Math.sqrt(b!))),
  vexptefp: elementwise(lifted((b) => 2 ** b!)),
  vlogefp: elementwise(lifted((b) => Math.log2(b!))),
  vrfin: elementwise(lifted((b) => roundHalfEven(b!))),
  vrfiz: elementwise(lifted((b) => Math.trunc(b!))),
  vrfip: elementwise(lifted((b) => Math.ceil(b!))),
  vrfim: elementwise(lifted((b) => Math.floor(b!))),
}

const compared = (of: (a: number, b: number) => boolean) =>
  elementwise((nj, a, b) =>
    !isNaNBits(a!) && !isNaNBits(b!) && of(numberOf(flushed(a!, nj)), numberOf(flushed(b!, nj))) ? 0xffff_ffff : 0,
  )
export const COMPARE: Readonly<Record<string, (nj: boolean, ...vectors: bigint[]) => bigint>> = {
  vcmpeqfp: compared((a, b) => a === b),
  vcmpgefp: compared((a, b) => a >= b),
  vcmpgtfp: compared((a, b) => a > b),
  /** Bit 0: not below or at the bound; bit 1: not above or at its negative. */
  vcmpbfp: elementwise((nj, a, b) => {
    if (isNaNBits(a!) || isNaNBits(b!)) return 0xc000_0000
    const [value, bound] = [numberOf(flushed(a!, nj)), numberOf(flushed(b!, nj))]
    return ((value <= bound ? 0 : SIGN) | (value >= -bound ? 0 : 0x4000_0000)) >>> 0
  }),
}

/** Fixed-point numbers with `scale` bits behind the point, to single precision. */
export const fromFixed = (vector: bigint, scale: number, signed: boolean): bigint =>
  joined(
    32,
    split(vector, 32, signed).map((value) => BigInt(bitsOf(Math.fround(Number(value)) / 2 ** scale))),
  )

/** To fixed-point numbers, cut towards zero; what does not fit is the nearest that does, a NaN is 0. */
export function toFixed(
  vector: bigint,
  scale: number,
  signed: boolean,
  nj: boolean,
): { value: bigint; saturated: boolean } {
  let saturated = false
  const [least, most] = signed ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1]
  const elements = split(vector, 32).map((bits) => {
    const value = Math.trunc(numberOf(flushed(Number(bits), nj)) * 2 ** scale)
    if (Number.isNaN(value)) return 0n
    const result = Math.min(most!, Math.max(least!, value))
    if (result !== value) saturated = true
    return BigInt(result)
  })
  return { value: joined(32, elements), saturated }
}
