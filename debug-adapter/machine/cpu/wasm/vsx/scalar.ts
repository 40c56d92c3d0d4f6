/**
 * Scalar floating-point arithmetic in the common case (Power ISA 3.0C I 4.6.5, 7.6.1.3.1): rounding to nearest, no exception
 * enabled, operands and results far from overflow and underflow. FR, FI, XX and FPRF are exact: the rounding error says whether
 * a result is inexact, and its sign which way it was rounded. The procedures of `vsx/` and `float/` do everything else.
 *
 * Operands are offsets of registers: target, sources. Doubleword 0 counts, doubleword 1 of the target becomes 0. The numbers are
 * computed with in both lanes of a vector, as there is nothing else that the vector forms do differently.
 */
import type { Code } from '../emitter.ts'
import type { Helper } from '../helpers.ts'
import { both, flipped, keep, leaveUnless, type Node, op } from './build.ts'
import { errorOfProduct, errorOfSum, fused, moderate, roundedToOdd } from './errors.ts'
import { below, narrowed, normalOrZero, scalar, singleFrom, singleOf } from './scalar-result.ts'

const add = (a: Node, b: Node): Node => op('f64x2.add', a, b)
const sub = (a: Node, b: Node): Node => op('f64x2.sub', a, b)
const mul = (a: Node, b: Node): Node => op('f64x2.mul', a, b)
const and = (a: Node, b: Node): Node => op('v128.and', a, b)
const or = (a: Node, b: Node): Node => op('v128.or', a, b)
/** Doubles whose last 29 bits are 0, so that products and quotients of two are exact enough as doubles. */
const short = (...values: readonly Node[]): Node => op('i64x2.eq', and(values.reduce(or), both(0x1fff_ffffn)), both(0n))

const sumDp = (name: string, minus: boolean): Helper =>
  scalar(name, 2, (code, a, given) => {
    const b = minus ? keep(code, 'v128', op('f64x2.neg', given!)) : given!
    const result = keep(code, 'v128', add(a!, b))
    leaveUnless(code, 'i64x2', and(and(below(a!, 1022), below(b, 1022)), normalOrZero(result)))
    return { result, error: keep(code, 'v128', errorOfSum(code, 'f64x2', a!, b, result)) }
  })

const sumSp = (name: string, minus: boolean): Helper =>
  scalar(name, 2, (code, a, given) => {
    const b = minus ? keep(code, 'v128', op('f64x2.neg', given!)) : given!
    leaveUnless(code, 'i64x2', and(below(a!, 1022), below(b, 1022)))
    const sum = keep(code, 'v128', add(a!, b))
    return singleOf(code, roundedToOdd(code, sum, keep(code, 'v128', errorOfSum(code, 'f64x2', a!, b, sum))))
  })

const productDp = scalar('xsmuldp', 2, (code, a, b) => {
  leaveUnless(code, 'i64x2', and(moderate(code, a!), moderate(code, b!)))
  const result = keep(code, 'v128', mul(a!, b!))
  return { result, error: keep(code, 'v128', errorOfProduct(code, a!, b!, result)) }
})

const productSp = scalar('xsmulsp', 2, (code, a, b) => {
  leaveUnless(code, 'i64x2', and(and(moderate(code, a!), moderate(code, b!)), short(a!, b!)))
  return singleOf(code, keep(code, 'v128', mul(a!, b!)))
})

const divisible = (code: Code, a: Node, b: Node): Node =>
  and(and(moderate(code, a), moderate(code, b)), op('f64x2.ne', b, both(0n)))
/** An error of a product in the units of a quotient: only its sign and being count. */
const bySign = (error: Node, b: Node): Node => op('v128.xor', error, and(b, both(1n << 63n)))

const quotientDp = scalar('xsdivdp', 2, (code, a, b) => {
  leaveUnless(code, 'i64x2', divisible(code, a!, b!))
  const result = keep(code, 'v128', op('f64x2.div', a!, b!))
  const back = keep(code, 'v128', mul(result, b!))
  const rest = keep(code, 'v128', sub(sub(a!, back), errorOfProduct(code, result, b!, back)))
  return { result, error: keep(code, 'v128', bySign(rest, b!)) }
})

/** A quotient of two singles that is rounded to a double first is rounded to the same single. */
const quotientSp = scalar('xsdivsp', 2, (code, a, b) => {
  leaveUnless(code, 'i64x2', and(divisible(code, a!, b!), short(a!, b!)))
  const result = narrowed(code, op('f64x2.div', a!, b!))
  leaveUnless(code, 'i64x2', singleFrom(result, a!))
  return { result, error: keep(code, 'v128', bySign(sub(a!, mul(result, b!)), b!)) }
})

const rootable = (code: Code, a: Node): Node => and(moderate(code, a), op('f64x2.ge', a, both(0n)))

const rootDp = scalar('xssqrtdp', 1, (code, a) => {
  leaveUnless(code, 'i64x2', rootable(code, a!))
  const result = keep(code, 'v128', op('f64x2.sqrt', a!))
  const back = keep(code, 'v128', mul(result, result))
  return { result, error: keep(code, 'v128', sub(sub(a!, back), errorOfProduct(code, result, result, back))) }
})

const rootSp = scalar('xssqrtsp', 1, (code, a) => {
  leaveUnless(code, 'i64x2', and(rootable(code, a!), short(a!)))
  const result = narrowed(code, op('f64x2.sqrt', a!))
  leaveUnless(code, 'i64x2', singleFrom(result, a!))
  return { result, error: keep(code, 'v128', sub(a!, mul(result, result))) }
})

/** T = ±(A * B ± C): offsets of T, A, B, C; then what is xored to C, and to the result. */
const multiplyAddDp = scalar(
  'xsmadddp',
  3,
  (code, a, b, given) => {
    const c = keep(code, 'v128', flipped(given!, 4))
    leaveUnless(code, 'i64x2', and(and(moderate(code, a!), moderate(code, b!)), moderate(code, c)))
    return fused(code, a!, b!, c)
  },
  ['i64', 'i64'],
  5,
)

const multiplyAddSp = scalar(
  'xsmaddsp',
  3,
  (code, a, b, given) => {
    const c = keep(code, 'v128', flipped(given!, 4))
    leaveUnless(code, 'i64x2', and(and(moderate(code, a!), moderate(code, b!)), and(moderate(code, c), short(a!, b!))))
    const product = keep(code, 'v128', mul(a!, b!))
    const sum = keep(code, 'v128', add(product, c))
    return singleOf(code, roundedToOdd(code, sum, keep(code, 'v128', errorOfSum(code, 'f64x2', product, c, sum))))
  },
  ['i64', 'i64'],
  5,
)

export const SCALAR_HELPERS: readonly Helper[] = [
  sumDp('xsadddp', false),
  sumDp('xssubdp', true),
  sumSp('xsaddsp', false),
  sumSp('xssubsp', true),
  productDp,
  productSp,
  quotientDp,
  quotientSp,
  rootDp,
  rootSp,
  multiplyAddDp,
  multiplyAddSp,
]
