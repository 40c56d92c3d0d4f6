/**
 * Scalar conversions, rounding to integral values and comparisons in the common case (Power ISA 3.0C I 7.6.1.4, 7.6.1.6, 7.6.1.7):
 * numbers that fit, and for what is rounded by FPSCR the mode to nearest with no exception enabled. The procedures do the rest.
 */
import { CR, STATE } from '../../layout.ts'
import { Code } from '../emitter.ts'
import type { Helper } from '../helpers.ts'
import { both, keep, leaveUnless, leaveUnlessPlain, type Node, op, power, register } from './build.ts'
import { below, finishScalar, narrowed, scalar, singleFrom } from './scalar-result.ts'

const PLACES = ['i32', 'i32'] as const
const NOTHING = both(0n)

const I64_TRUNC_SAT_F64 = { s: 6, u: 7 } as const
/** f64.convert_i64, f32.convert_i64. */
const CONVERT_I64 = { dp: { s: 0xb9, u: 0xba }, sp: { s: 0xb4, u: 0xb5 } } as const
const F64_PROMOTE = 0xbb
const AS_BITS = 0xbd
const EQ_I64 = 0x51

/** A doubleword to a floating-point number; the error is what is missing after the way back. */
const fromInteger = (name: string, sign: 's' | 'u', to: 'dp' | 'sp'): Helper => ({
  name,
  signature: { parameters: PLACES, result: 'i32' },
  code() {
    const code = new Code(PLACES)
    leaveUnlessPlain(code)
    const [x, result] = [code.local('i64'), code.local('f64')]
    code.get(1).load(8, 'i64', 8).tee(x).op(CONVERT_I64[to][sign])
    if (to === 'sp') code.op(F64_PROMOTE)
    code.tee(result)
    // 2^63, or 2^64 without a sign, does not come back.
    code
      .op(AS_BITS)
      .i64(power(sign === 's' ? 63 : 64))
      .op(EQ_I64)
      .if()
      .i32(0)
      .return()
      .end()
    const bits: Node = (inner) => void inner.get(result).op(AS_BITS).simd('i64x2.splat')
    const error: Node = (inner) =>
      void inner.get(x).get(result).op(0xfc, I64_TRUNC_SAT_F64[sign], 0x7d).simd('i64x2.splat')
    finishScalar(code, { result: bits, error })
    return code
  },
})

const FR_FI = 0x6_0000n
const FI_XX = (1n << 17n) | (1n << 25n)
const XX = 1n << 25n
const FX = 1n << 31n

/** A double to an integer, toward zero: FR is 0, FPRF is not defined. A word stands in both halves of doubleword 0. */
const toInteger = (name: string, sign: 's' | 'u', words: boolean): Helper => ({
  name,
  signature: { parameters: PLACES, result: 'i32' },
  code() {
    const code = new Code(PLACES)
    leaveUnlessPlain(code)
    const b = keep(code, 'v128', (inner) => void inner.get(1).load(8, 'i64', 8).simd('i64x2.splat'))
    const limit = both(power((words ? 32 : 64) - (sign === 's' ? 1 : 0)))
    const inside = op('f64x2.lt', sign === 's' ? op('f64x2.abs', b) : b, limit)
    leaveUnless(code, 'i64x2', sign === 's' ? inside : op('v128.and', inside, op('f64x2.ge', b, NOTHING)))
    const fpscr = code.local('i64')
    code.i32(0).load(8, 'i64', STATE.fpscr).i64(~FR_FI).op(0x83).set(fpscr)
    op('f64x2.ne', op('f64x2.trunc', b), b)(code)
    code.simd('v128.any_true').if()
    code.get(fpscr).i64(XX).op(0x83, 0x50).if().get(fpscr).i64(FX).op(0x84).set(fpscr).end()
    code.get(fpscr).i64(FI_XX).op(0x84).set(fpscr).end()
    code.i32(0).get(fpscr).store(8, 'i64', STATE.fpscr)
    const value = code.local('i64')
    code.get(1).load(8, 'f64', 8).op(0xfc, I64_TRUNC_SAT_F64[sign]).set(value)
    code.get(0).get(value)
    if (words) code.i64(0xffff_ffffn).op(0x83).get(value).i64(32n).op(0x86, 0x84)
    code.store(8, 'i64', 8).get(0).i64(0n).store(8, 'i64', 0).i32(1)
    return code
  },
})

/** A double rounded to a single, and kept as a double. */
const roundToSingle = scalar('xsrsp', 1, (code, b) => {
  const result = narrowed(code, b!)
  leaveUnless(code, 'i64x2', singleFrom(result, b!))
  return { result, error: keep(code, 'v128', op('f64x2.sub', b!, result)) }
})

type Shape = 'f64x2' | 'f32x4'
const splat = (shape: Shape, value: bigint): Node => (shape === 'f64x2' ? both(value) : both((value << 32n) | value))
/** Ties away from zero: what a half or more was cut off from is one more. */
function away(code: Code, shape: Shape, b: Node): Node {
  const [half, one, sign] = (
    shape === 'f64x2' ? [power(-1), power(0), 1n << 63n] : [0x3f00_0000n, 0x3f80_0000n, 0x8000_0000n]
  ).map((value) => splat(shape, value)) as [Node, Node, Node]
  const cut = keep(code, 'v128', op(`${shape}.trunc`, b))
  const rest = op(`${shape}.abs`, op(`${shape}.sub`, b, cut))
  const more = op('v128.and', one, op(`${shape}.ge`, rest, half))
  // A zero keeps its sign: minus nothing is added to a negative number.
  return op(`${shape}.add`, cut, op('v128.or', more, op('v128.and', b, sign)))
}
const INTEGRAL = {
  i: away,
  iz: (_: Code, shape: Shape, b: Node) => op(`${shape}.trunc`, b),
  ip: (_: Code, shape: Shape, b: Node) => op(`${shape}.ceil`, b),
  im: (_: Code, shape: Shape, b: Node) => op(`${shape}.floor`, b),
} as const

const integral = Object.entries(INTEGRAL).flatMap(([name, of]): Helper[] => [
  scalar(`xsrdp${name}`, 1, (code, b) => {
    leaveUnless(code, 'i64x2', below(b!, 1023))
    return { result: keep(code, 'v128', of(code, 'f64x2', b!)), error: NOTHING }
  }),
  ...(['f64x2', 'f32x4'] as const).map(
    (shape): Helper => ({
      name: `xvr${shape === 'f64x2' ? 'dp' : 'sp'}${name}`,
      signature: { parameters: PLACES, result: 'i32' },
      code() {
        const code = new Code(PLACES)
        const b = keep(code, 'v128', register(1))
        leaveUnless(code, shape === 'f64x2' ? 'i64x2' : 'i32x4', op(`${shape}.eq`, b, b))
        code.get(0)
        of(code, shape, b)(code)
        code.store(16, 'v128').i32(1)
        return code
      },
    }),
  ),
])

const integralByMode = scalar('xsrdpic', 1, (code, b) => {
  leaveUnless(code, 'i64x2', below(b!, 1023))
  const result = keep(code, 'v128', op('f64x2.nearest', b!))
  return { result, error: keep(code, 'v128', op('f64x2.sub', b!, result)) }
})

const FPCC = 0xf000n
const F64 = { eq: 0x61, lt: 0x63, gt: 0x64, ge: 0x66 } as const

/** Loads doubleword 0 of two registers as doubles, and leaves where one is a NaN. */
function numbers(code: Code, first: number): readonly [number, number] {
  const [a, b] = [code.local('f64'), code.local('f64')]
  code.get(first).load(8, 'f64', 8).set(a)
  code
    .get(first + 1)
    .load(8, 'f64', 8)
    .set(b)
  code.get(a).get(a).op(F64.eq).get(b).get(b).op(F64.eq, 0x71, 0x45).if().i32(0).return().end()
  return [a, b]
}

/** (A, B, four times the number of the condition register field): the condition, also in FPCC. */
const compare: Helper = {
  name: 'xscmpdp',
  signature: { parameters: ['i32', 'i32', 'i32'], result: 'i32' },
  code() {
    const code = new Code(['i32', 'i32', 'i32'])
    const [a, b] = numbers(code, 0)
    const condition = code.local('i32')
    // 8 for less, 4 for greater, 2 for equal.
    code.i32(8).i32(4).i32(2).get(a).get(b).op(F64.gt, 0x1b).get(a).get(b).op(F64.lt, 0x1b).set(condition)
    code.get(2).get(condition).store(4, 'i32', CR)
    code.i32(0).i32(0).load(8, 'i64', STATE.fpscr).i64(~FPCC).op(0x83)
    code.get(condition).op(0xad).i64(12n).op(0x86, 0x84).store(8, 'i64', STATE.fpscr).i32(1)
    return code
  },
}

/** (T, A, B): ones in doubleword 0 where the relation holds. */
const masks = (['eq', 'gt', 'ge'] as const).map(
  (relation): Helper => ({
    name: `xscmp${relation}dp`,
    signature: { parameters: ['i32', 'i32', 'i32'], result: 'i32' },
    code() {
      const code = new Code(['i32', 'i32', 'i32'])
      const [a, b] = numbers(code, 1)
      code.get(0).i64(0n).get(a).get(b).op(F64[relation], 0xad, 0x7d).store(8, 'i64', 8)
      code.get(0).i64(0n).store(8, 'i64', 0).i32(1)
      return code
    },
  }),
)

export const SCALAR_CONVERT_HELPERS: readonly Helper[] = [
  ...(['s', 'u'] as const).flatMap((sign) => [
    fromInteger(`xscv${sign}xddp`, sign, 'dp'),
    fromInteger(`xscv${sign}xdsp`, sign, 'sp'),
    toInteger(`xscvdp${sign}xds`, sign, false),
    toInteger(`xscvdp${sign}xws`, sign, true),
  ]),
  roundToSingle,
  ...integral,
  integralByMode,
  compare,
  ...masks,
]
