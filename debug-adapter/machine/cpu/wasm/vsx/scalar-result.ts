/** What the scalar helpers share: how operands come in, and how a result, FR, FI, XX and FPRF go out (Power ISA 3.0C I 4.2.2, 4.5). */
import { STATE } from '../../layout.ts'
import { Code, type ValueType } from '../emitter.ts'
import type { Helper } from '../helpers.ts'
import { both, keep, leaveUnless, leaveUnlessPlain, type Node, op, power } from './build.ts'

const and = (a: Node, b: Node): Node => op('v128.and', a, b)
const or = (a: Node, b: Node): Node => op('v128.or', a, b)
export const isZero = (a: Node): Node => op('f64x2.eq', a, both(0n))
const sizeOf = (a: Node): Node => op('f64x2.abs', a)
export const below = (a: Node, exponent: number): Node => op('f64x2.lt', sizeOf(a), both(power(exponent)))
const atLeast = (a: Node, exponent: number): Node => op('f64x2.ge', sizeOf(a), both(power(exponent)))

/** 0, or a normal number that is not the smallest one. */
export const normalOrZero = (a: Node): Node => or(isZero(a), atLeast(a, -1021))
/** The same for a single. */
const singleOrZero = (a: Node): Node => or(isZero(a), and(atLeast(a, -125), below(a, 127)))
/** To a single, kept as a double. */
export const narrowed = (code: Code, value: Node): Node =>
  keep(code, 'v128', op('f64x2.promote_low_f32x4', op('f32x4.demote_f64x2_zero', value)))

/** What a single lost against a double that was rounded to odd: 0 only where nothing was lost before. */
export function singleOf(code: Code, value: Node): Rounded {
  const result = narrowed(code, value)
  leaveUnless(code, 'i64x2', singleFrom(result, value))
  return { result, error: keep(code, 'v128', op('f64x2.sub', value, result)) }
}
/** A result that neither overflowed nor came near underflow: 0 only where `value` is 0. */
export const singleFrom = (result: Node, value: Node): Node =>
  and(singleOrZero(result), op('i64x2.eq', isZero(result), isZero(value)))

const AND = 0x83
const OR = 0x84
const XOR = 0x85
const SHL = 0x86
const SHR_U = 0x88
const EQZ = 0x50
const LT_S = 0x53
const WIDE = 0xad
const SELECT = 0x1b

const XX = 1n << 25n
/** FR, FI and FPRF. */
const RESULT_STATUS = 0x7_f000n

/** A result, and the sign and being of what rounding took away: exact value minus result. */
export interface Rounded {
  readonly result: Node
  readonly error: Node
}

/** Writes the result and FPSCR. @param negate a parameter that is xored to the result after rounding */
export function finishScalar(code: Code, { result, error }: Rounded, negate?: number): void {
  const [bits, rest, inexact, fpscr] = [code.local('i64'), code.local('i64'), code.local('i64'), code.local('i64')]
  result(code)
  code.simd('i64x2.extract_lane', [0]).set(bits)
  error(code)
  code.simd('i64x2.extract_lane', [0]).set(rest)
  code.get(rest).i64(1n).op(SHL, EQZ, 0x45, WIDE).set(inexact)
  code.i32(0).load(8, 'i64', STATE.fpscr).set(fpscr)
  code.i32(0)
  code.get(fpscr).i64(~RESULT_STATUS).op(AND)
  // FI, XX, and FX where XX was 0: it is six bits to the left of XX.
  code.get(inexact).i64(17n).op(SHL, OR)
  code.get(inexact).i64(25n).op(SHL, OR)
  code.get(inexact).i64(31n).op(SHL)
  code.i64(XX).get(fpscr).i64(XX).op(AND, XOR).i64(6n).op(SHL, AND, OR)
  // FR: the magnitude was rounded up where the error has the other sign.
  code.get(inexact).get(rest).get(bits).op(XOR).i64(0n).op(LT_S, WIDE, AND).i64(18n).op(SHL, OR)
  if (negate !== undefined) code.get(bits).get(negate).op(XOR).set(bits)
  // FPRF: 2 and 18 for zeros, 4 and 8 for normal numbers.
  code.i64(2n).get(bits).i64(63n).op(SHR_U).i64(4n).op(SHL, OR)
  code.i64(4n).get(bits).i64(63n).op(SHR_U, SHL)
  code.get(bits).i64(1n).op(SHL, EQZ, SELECT).i64(12n).op(SHL, OR)
  code.store(8, 'i64', STATE.fpscr)
  code.get(0).get(bits).store(8, 'i64', 8)
  code.get(0).i64(0n).store(8, 'i64', 0).i32(1)
}

export const scalar = (
  name: string,
  operands: number,
  body: (code: Code, ...operands: Node[]) => Rounded,
  more: readonly ValueType[] = [],
  negate?: number,
): Helper => {
  const parameters: readonly ValueType[] = [...Array.from({ length: operands + 1 }, () => 'i32' as const), ...more]
  return {
    name,
    signature: { parameters, result: 'i32' },
    code() {
      const code = new Code(parameters)
      leaveUnlessPlain(code)
      const loaded = Array.from({ length: operands }, (_, i) =>
        keep(
          code,
          'v128',
          (inner) =>
            void inner
              .get(i + 1)
              .load(8, 'i64', 8)
              .simd('i64x2.splat'),
        ),
      )
      finishScalar(code, body(code, ...loaded), negate)
      return code
    },
  }
}
