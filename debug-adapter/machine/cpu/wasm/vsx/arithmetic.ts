/**
 * Vector floating-point arithmetic in the common case (Power ISA 3.0C I 7.6.1.3.1): rounding to nearest, no exception enabled,
 * operands and results far from overflow and underflow. All that can happen to FPSCR then is XX. The procedures of `vsx/` do
 * everything else.
 */
import type { Helper } from '../helpers.ts'
import {
  anyNotZero,
  attemptOf,
  both,
  finish,
  flipped,
  four,
  joined,
  keep,
  leaveUnless,
  type Node,
  normalSingle,
  op,
  power,
  powerSingle,
  promoted,
  recordInexact,
  shuffled,
} from './build.ts'
import { errorOfProduct, errorOfSum, fused, moderate, roundedToOdd } from './errors.ts'

/** Sums cannot underflow: where their result is denormal it is exact. */
function sum(name: string, shape: 'f64x2' | 'f32x4', operator: 'add' | 'sub'): Helper {
  const lanes = shape === 'f64x2' ? 'i64x2' : 'i32x4'
  const limit = shape === 'f64x2' ? both(power(1022)) : four(powerSingle(126))
  return attemptOf(name, 2, (code, a, given) => {
    const b = operator === 'sub' ? keep(code, 'v128', op(`${shape}.neg`, given!)) : given!
    const small = (v: Node): Node => op(`${shape}.lt`, op(`${shape}.abs`, v), limit)
    leaveUnless(code, lanes, op('v128.and', small(a!), small(b)))
    const result = keep(code, 'v128', op(`${shape}.add`, a!, b))
    recordInexact(code, (inner) => anyNotZero(shape, errorOfSum(inner, shape, a!, b, result))(inner))
    finish(code, 0, result)
  })
}

const productDp = attemptOf('xvmuldp', 2, (code, a, b) => {
  leaveUnless(code, 'i64x2', op('v128.and', moderate(code, a!), moderate(code, b!)))
  const result = keep(code, 'v128', op('f64x2.mul', a!, b!))
  recordInexact(code, (inner) => anyNotZero('f64x2', errorOfProduct(inner, a!, b!, result))(inner))
  finish(code, 0, result)
})

const quotientDp = attemptOf('xvdivdp', 2, (code, a, b) => {
  const divisor = op('v128.and', moderate(code, b!), op('f64x2.ne', b!, both(0n)))
  leaveUnless(code, 'i64x2', op('v128.and', moderate(code, a!), divisor))
  const result = keep(code, 'v128', op('f64x2.div', a!, b!))
  recordInexact(code, (inner) => {
    const back = keep(inner, 'v128', op('f64x2.mul', result, b!))
    const error = keep(inner, 'v128', errorOfProduct(inner, result, b!, back))
    anyNotZero('f64x2', op('f64x2.add', op('f64x2.sub', back, a!), error))(inner)
  })
  finish(code, 0, result)
})

const rootDp = attemptOf('xvsqrtdp', 1, (code, a) => {
  leaveUnless(code, 'i64x2', op('v128.and', moderate(code, a!), op('f64x2.ge', a!, both(0n))))
  const result = keep(code, 'v128', op('f64x2.sqrt', a!))
  recordInexact(code, (inner) => {
    const back = keep(inner, 'v128', op('f64x2.mul', result, result))
    const error = keep(inner, 'v128', errorOfProduct(inner, result, result, back))
    anyNotZero('f64x2', op('f64x2.add', op('f64x2.sub', back, a!), error))(inner)
  })
  finish(code, 0, result)
})

const add64 = (a: Node, b: Node): Node => op('f64x2.add', a, b)
const or = (a: Node, b: Node): Node => op('v128.or', a, b)

/** T = ±(A * B ± C): offsets of T, A, B, C; then what is xored to C, and to the result. */
const multiplyAddDp = attemptOf(
  'xvmadddp',
  3,
  (code, a, b, given) => {
    const c = keep(code, 'v128', flipped(given!, 4))
    leaveUnless(
      code,
      'i64x2',
      op('v128.and', op('v128.and', moderate(code, a!), moderate(code, b!)), moderate(code, c)),
    )
    const { result, error } = fused(code, a!, b!, c)
    recordInexact(code, anyNotZero('f64x2', error))
    finish(code, 0, flipped(result, 5))
  },
  ['i64', 'i64'],
)

const isZeroSingle = (value: Node): Node => op('f32x4.eq', value, four(0))

/** Products of singles are exact as doubles: `values` multiplied by `by` differ from `product` where it was rounded. */
const differs =
  (values: Node, by: Node, product: Node): Node =>
  (code) => {
    const [v, w, p] = [promoted(values), promoted(by), promoted(product)]
    const half = (i: 0 | 1): Node => op('f64x2.ne', op('f64x2.mul', v[i], w[i]), p[i])
    or(half(0), half(1))(code)
    code.simd('v128.any_true')
  }

const productSp = attemptOf('xvmulsp', 2, (code, a, b) => {
  const result = keep(code, 'v128', op('f32x4.mul', a!, b!))
  // 0 times infinity is NaN, which is not below infinity; 0 times a number is 0.
  const zero = op('v128.and', or(isZeroSingle(a!), isZeroSingle(b!)), isZeroSingle(result))
  leaveUnless(code, 'i32x4', or(normalSingle(code, result), zero))
  recordInexact(code, differs(a!, b!, result))
  finish(code, 0, result)
})

const quotientSp = attemptOf('xvdivsp', 2, (code, a, b) => {
  const result = keep(code, 'v128', op('f32x4.div', a!, b!))
  // What is divided by infinity is an exact 0, which is left to the procedure.
  const finite = op('f32x4.lt', op('f32x4.abs', b!), four(powerSingle(128)))
  const zero = op('v128.and', op('v128.and', isZeroSingle(a!), isZeroSingle(result)), finite)
  leaveUnless(code, 'i32x4', or(normalSingle(code, result), zero))
  recordInexact(code, differs(result, b!, a!))
  finish(code, 0, result)
})

const rootSp = attemptOf('xvsqrtsp', 1, (code, a) => {
  const result = keep(code, 'v128', op('f32x4.sqrt', a!))
  leaveUnless(code, 'i32x4', or(normalSingle(code, result), isZeroSingle(a!)))
  recordInexact(code, differs(result, result, a!))
  finish(code, 0, result)
})

/** As {@link multiplyAddDp}, in doubles: a product of singles is exact there, and the sum is rounded to odd before it is narrowed. */
const multiplyAddSp = attemptOf(
  'xvmaddsp',
  3,
  (code, a, b, given) => {
    const c = keep(code, 'v128', flipped(given!, 4))
    const [x, y, z] = [promoted(a!), promoted(b!), promoted(c)]
    const halves = ([0, 1] as const).map((i) => {
      const product = keep(code, 'v128', op('f64x2.mul', x[i], y[i]))
      const addend = keep(code, 'v128', z[i])
      const sum = keep(code, 'v128', add64(product, addend))
      const error = keep(code, 'v128', errorOfSum(code, 'f64x2', product, addend, sum))
      return { error, odd: roundedToOdd(code, sum, error) }
    })
    const [lower, upper] = [halves[0]!, halves[1]!]
    const narrow = (v: Node): Node => op('f32x4.demote_f64x2_zero', v)
    const result = keep(code, 'v128', joined(narrow(lower.odd), narrow(upper.odd)))
    // Where the sum itself is 0 the result is exact; one that only became 0 by narrowing is not.
    const zeros = ({ odd }: { odd: Node }): Node => op('f64x2.eq', odd, both(0n))
    const zero = shuffled(zeros(lower), zeros(upper), [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27])
    leaveUnless(code, 'i32x4', or(normalSingle(code, result), zero))
    recordInexact(code, (inner) => {
      const [r, s] = promoted(result)
      const lost = or(op('f64x2.ne', r, lower.odd), op('f64x2.ne', s, upper.odd))
      const rests = or(op('f64x2.ne', lower.error, both(0n)), op('f64x2.ne', upper.error, both(0n)))
      or(lost, rests)(inner)
      inner.simd('v128.any_true')
    })
    finish(code, 0, flipped(result, 5))
  },
  ['i64', 'i64'],
)

export const ARITHMETIC_HELPERS: readonly Helper[] = [
  sum('xvadddp', 'f64x2', 'add'),
  sum('xvsubdp', 'f64x2', 'sub'),
  sum('xvaddsp', 'f32x4', 'add'),
  sum('xvsubsp', 'f32x4', 'sub'),
  productDp,
  quotientDp,
  rootDp,
  multiplyAddDp,
  productSp,
  quotientSp,
  rootSp,
  multiplyAddSp,
]
