/** Error-free transformations: a sum of two numbers is a number and its error (Knuth), so is a product (Dekker, Veltkamp). */
import type { Code } from '../emitter.ts'
import { both, keep, type Node, op, power } from './build.ts'

/** The rounding error of `sum` = fl(a + b), which is a number itself. */
export function errorOfSum(code: Code, shape: 'f64x2' | 'f32x4', a: Node, b: Node, sum: Node): Node {
  const second = keep(code, 'v128', op(`${shape}.sub`, sum, a))
  const first = op(`${shape}.sub`, sum, second)
  return op(`${shape}.add`, op(`${shape}.sub`, a, first), op(`${shape}.sub`, b, second))
}

/** Upper and lower half of a double's 53 bits, which multiply without rounding. */
function halves(code: Code, value: Node): { high: Node; low: Node } {
  const scaled = keep(code, 'v128', op('f64x2.mul', value, both(0x41a0_0000_0200_0000n))) // 2^27 + 1
  const high = keep(code, 'v128', op('f64x2.sub', scaled, op('f64x2.sub', scaled, value)))
  return { high, low: keep(code, 'v128', op('f64x2.sub', value, high)) }
}

/** The rounding error of `product` = fl(a * b), exact for {@link moderate} operands. */
export function errorOfProduct(code: Code, a: Node, b: Node, product: Node): Node {
  const [x, y] = [halves(code, a), halves(code, b)]
  const mul = (u: Node, v: Node): Node => op('f64x2.mul', u, v)
  const add = (u: Node, v: Node): Node => op('f64x2.add', u, v)
  const high = op('f64x2.sub', mul(x.high, y.high), product)
  return add(add(add(high, mul(x.high, y.low)), mul(x.low, y.high)), mul(x.low, y.low))
}

const MODERATE = 450
/** Lanes that are 0, or whose products and their errors are normal numbers. */
export function moderate(code: Code, value: Node): Node {
  const size = keep(code, 'v128', op('f64x2.abs', value))
  const inside = op(
    'v128.and',
    op('f64x2.ge', size, both(power(-MODERATE))),
    op('f64x2.lt', size, both(power(MODERATE))),
  )
  return op('v128.or', inside, op('f64x2.eq', size, both(0n)))
}

/**
 * `sum` rounded to odd: the last bit is set where the sum of which `error` is the rest was not exact, so that rounding it once
 * more rounds correctly (Boldo and Melquiond, Emulation of FMA and correctly rounded sums, 2008).
 */
export function roundedToOdd(code: Code, sum: Node, error: Node): Node {
  const even = op('i64x2.eq', op('v128.and', sum, both(1n)), both(0n))
  const change = op('v128.and', op('f64x2.ne', error, both(0n)), even)
  // One more where the rest has the sign of the sum, else one less.
  const shifted: Node = (inner) => {
    op('v128.xor', sum, error)(inner)
    inner.i32(63).simd('i64x2.shr_s')
  }
  const step = op('v128.or', shifted, both(1n))
  return keep(code, 'v128', op('i64x2.add', sum, op('v128.and', step, change)))
}

/**
 * a * b + c rounded once, and the rounding error, whose sign and being count: 0 only where the result is exact. For
 * {@link moderate} operands.
 */
export function fused(code: Code, a: Node, b: Node, c: Node): { readonly result: Node; readonly error: Node } {
  const add = (x: Node, y: Node): Node => keep(code, 'v128', op('f64x2.add', x, y))
  const rest = (x: Node, y: Node, sum: Node): Node => keep(code, 'v128', errorOfSum(code, 'f64x2', x, y, sum))
  const product = keep(code, 'v128', op('f64x2.mul', a, b))
  const productRest = keep(code, 'v128', errorOfProduct(code, a, b, product))
  const upper = add(c, productRest)
  const upperRest = rest(c, productRest, upper)
  const total = add(product, upper)
  const totalRest = rest(product, upper, total)
  const tail = add(totalRest, upperRest)
  const odd = roundedToOdd(code, tail, rest(totalRest, upperRest, tail))
  const result = add(total, odd)
  // A sum that is 0 is exact; its sign is that of the plain sum.
  const zero = op('f64x2.eq', result, both(0n))
  const signed = keep(code, 'v128', op('v128.bitselect', op('f64x2.add', product, c), result, zero))
  return { result: signed, error: rest(total, odd, result) }
}
