/**
 * Floating-point arithmetic of vectors (Power ISA 3.0C I 6.6, 6.12): single precision, rounding to nearest, no exceptions. With
 * VSCR[NJ], denormal operands and results are zeros of the same sign. The first operand that is a NaN is the result, made quiet;
 * WebAssembly leaves open which NaN an operator gives, so its own ones are replaced.
 */
import type { SimdName } from '../../isa/simd.ts'
import type { Code } from '../emitter.ts'
import type { Helper } from '../helpers.ts'
import { both, four, joined, keep, type Node, op, powerSingle, promoted } from '../vsx/build.ts'
import { errorOfSum, roundedToOdd } from '../vsx/errors.ts'
import { and, or, pureOf, xor } from './build.ts'

const SIGN = four(0x8000_0000 | 0)
const EXPONENT = four(0x7f80_0000)
const QUIET = four(0x0040_0000)
const DEFAULT_NAN = four(0x7fc0_0000)
const INFINITY_64 = both(0x7ff0_0000_0000_0000n)

const choose = (condition: Node, a: Node, b: Node): Node => op('v128.bitselect', a, b, condition)
const isNan = (value: Node): Node => op('f32x4.ne', value, value)

/** Ones everywhere where VSCR has NJ. */
const nonJava = (code: Code, vscr: Node): Node =>
  keep(code, 'v128', (inner) => {
    vscr(inner)
    inner.i32(15).op(0x74).i32(31).op(0x75).simd('i32x4.splat')
  })
/** Denormal numbers are those without an exponent; zeros among them stay. */
function flushed(code: Code, value: Node, nj: Node): Node {
  const denormal = op('i32x4.eq', and(value, EXPONENT), four(0))
  return keep(code, 'v128', choose(and(denormal, nj), and(value, SIGN), value))
}

/** (operands, VSCR) => `of` of the operands, with the book's NaNs. */
const arithmetic = (
  name: string,
  count: 1 | 2 | 3,
  of: (code: Code, ...operands: Node[]) => Node,
  negated = false,
): Helper =>
  pureOf(name, [...Array.from({ length: count }, () => 'v128' as const), 'i32'], (code, ...parameters) => {
    const operands = parameters.slice(0, count)
    const nj = nonJava(code, parameters[count]!)
    const result = keep(code, 'v128', of(code, ...operands.map((value) => flushed(code, value, nj))))
    const number = flushed(code, result, nj)
    const own = choose(isNan(result), DEFAULT_NAN, negated ? xor(number, SIGN) : number)
    return operands.reduceRight((rest, value) => choose(isNan(value), or(value, QUIET), rest), own)
  })

const plain = (name: string, operator: SimdName, count: 1 | 2): Helper =>
  arithmetic(name, count, (_, ...operands) => op(operator, ...operands))

/**
 * a * c + b rounded once: as doubles the product is exact, and the sum is rounded to odd before it becomes a single. What is not
 * finite has no error that says something.
 */
function fused(code: Code, a: Node, b: Node, c: Node): Node {
  const [x, y, z] = [promoted(a), promoted(c), promoted(b)]
  const [lower, upper] = ([0, 1] as const).map((i) => {
    const product = keep(code, 'v128', op('f64x2.mul', x[i], y[i]))
    const addend = keep(code, 'v128', z[i])
    const sum = keep(code, 'v128', op('f64x2.add', product, addend))
    const odd = roundedToOdd(code, sum, keep(code, 'v128', errorOfSum(code, 'f64x2', product, addend, sum)))
    const finite = op('f64x2.lt', op('f64x2.abs', sum), INFINITY_64)
    return op('f32x4.demote_f64x2_zero', choose(finite, odd, sum))
  })
  return joined(lower!, upper!)
}

const ONE = four(powerSingle(0))
const results: readonly Helper[] = [
  plain('vaddfp', 'f32x4.add', 2),
  plain('vsubfp', 'f32x4.sub', 2),
  plain('vmaxfp', 'f32x4.max', 2),
  plain('vminfp', 'f32x4.min', 2),
  plain('vrfin', 'f32x4.nearest', 1),
  plain('vrfiz', 'f32x4.trunc', 1),
  plain('vrfip', 'f32x4.ceil', 1),
  plain('vrfim', 'f32x4.floor', 1),
  arithmetic('vrefp', 1, (_, b) => op('f32x4.div', ONE, b!)),
  arithmetic('vrsqrtefp', 1, (_, b) => op('f32x4.div', ONE, op('f32x4.sqrt', b!))),
  arithmetic('vmaddfp', 3, (code, a, b, c) => fused(code, a!, b!, c!)),
  arithmetic('vnmsubfp', 3, (code, a, b, c) => fused(code, a!, op('f32x4.neg', b!), c!), true),
]

/** (VRA, VRB, VSCR) => ones in the elements that compare true. */
const comparison = (name: string, of: (a: Node, b: Node) => Node): Helper =>
  pureOf(name, ['v128', 'v128', 'i32'], (code, a, b, vscr) => {
    const nj = nonJava(code, vscr!)
    return of(flushed(code, a!, nj), flushed(code, b!, nj))
  })
const comparisons: readonly Helper[] = [
  comparison('vcmpeqfp', (a, b) => op('f32x4.eq', a, b)),
  comparison('vcmpgefp', (a, b) => op('f32x4.ge', a, b)),
  comparison('vcmpgtfp', (a, b) => op('f32x4.gt', a, b)),
  /** Bit 0: not below or at the bound; bit 1: not above or at its negative. A NaN is neither. */
  comparison('vcmpbfp', (a, b) => {
    const outside = (inside: Node, bit: number): Node => and(op('v128.not', inside), four(bit))
    const above = outside(op('f32x4.le', a, b), 0x8000_0000 | 0)
    return or(above, outside(op('f32x4.ge', a, op('f32x4.neg', b)), 0x4000_0000))
  }),
]

export const FLOAT_VECTOR_HELPERS: readonly Helper[] = [...results, ...comparisons]
