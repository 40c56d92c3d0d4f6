/** Expressions inside of helpers that compute with vectors: what is written nested comes out in the order of the stack. */

import type { SimdName } from '../../isa/simd.ts'
import { STATE } from '../../layout.ts'
import { Code, type ValueType } from '../emitter.ts'
import type { Helper } from '../helpers.ts'

/** Leaves one value on the stack. */
export type Node = (code: Code) => void

export const op =
  (name: SimdName, ...args: readonly Node[]): Node =>
  (code) => {
    for (const arg of args) arg(code)
    code.simd(name)
  }

export const local =
  (index: number): Node =>
  (code) =>
    void code.get(index)

/** Computes a value once. */
export function keep(code: Code, type: ValueType, value: Node): Node {
  const index = code.local(type)
  value(code)
  code.set(index)
  return local(index)
}

/** The same 64 bits twice. */
export const both =
  (value: bigint): Node =>
  (code) =>
    void code.i64(value).simd('i64x2.splat')

/** The same 32 bits four times. */
export const four =
  (value: number): Node =>
  (code) =>
    void code.i32(value).simd('i32x4.splat')

/** Loads the register whose offset is in a parameter. */
export const register =
  (parameter: number): Node =>
  (code) =>
    void code.get(parameter).load(16, 'v128')

/** FPSCR: the rounding mode is to nearest, no exception is enabled, and denormal numbers are numbers. */
const CONTROLS = 0xffn
/** FPSCR[FX] and [XX] (Power ISA 3.0C I 4.2.2). */
const FX = 1n << 31n
const XX = 1n << 25n

/** Returns 0 from the helper where FPSCR asks for more than the helper can do. */
export function leaveUnlessPlain(code: Code): void {
  code.i32(0).load(8, 'i64', STATE.fpscr).i64(CONTROLS).op(0x83).op(0x50, 0x45).if().i32(0).return().end()
}

/** Returns 0 from the helper where not every lane of `mask` is set. */
export function leaveUnless(code: Code, shape: 'i64x2' | 'i32x4', mask: Node): void {
  op(`${shape}.all_true`, mask)(code)
  code.op(0x45).if().i32(0).return().end()
}

/**
 * Records an inexact result: sets XX and, where XX was 0, FX. Where XX is set already there is nothing to find out, so `inexact`,
 * which leaves an i32, is computed only where it is not.
 */
export function recordInexact(code: Code, inexact: Node): void {
  code.i32(0).load(8, 'i64', STATE.fpscr).i64(XX).op(0x83, 0x50).if()
  inexact(code)
  code.if()
  code
    .i32(0)
    .i32(0)
    .load(8, 'i64', STATE.fpscr)
    .i64(FX | XX)
    .op(0x84)
    .store(8, 'i64', STATE.fpscr)
  code.end().end()
}

/** Writes the result and returns 1. */
export function finish(code: Code, target: number, value: Node): void {
  code.get(target)
  value(code)
  code.store(16, 'v128').i32(1)
}

export const anyNotZero =
  (shape: 'f64x2' | 'f32x4', value: Node): Node =>
  (code) => {
    op(`${shape}.ne`, value, shape === 'f64x2' ? both(0n) : four(0))(code)
    code.simd('v128.any_true')
  }

/** (target, operands, further parameters) => 1 where the instruction is done. */
export const attemptOf = (
  name: string,
  operands: number,
  body: (code: Code, ...operands: Node[]) => void,
  more: readonly ValueType[] = [],
): Helper => {
  const parameters: readonly ValueType[] = [...Array.from({ length: operands + 1 }, () => 'i32' as const), ...more]
  return {
    name,
    signature: { parameters, result: 'i32' },
    code() {
      const code = new Code(parameters)
      leaveUnlessPlain(code)
      body(code, ...Array.from({ length: operands }, (_, i) => keep(code, 'v128', register(i + 1))))
      return code
    },
  }
}

const UPPER_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]
const LOWER_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]
export const shuffled =
  (a: Node, b: Node, lanes: readonly number[]): Node =>
  (code) => {
    a(code)
    b(code)
    code.simd('i8x16.shuffle', lanes)
  }
/** The two lower and the two upper elements as doubles. */
export const promoted = (value: Node): readonly [Node, Node] => [
  op('f64x2.promote_low_f32x4', value),
  op('f64x2.promote_low_f32x4', shuffled(value, value, UPPER_HALF)),
]
export const joined = (lower: Node, upper: Node): Node => shuffled(lower, upper, LOWER_HALVES)

/** Lanes of single-precision results that neither overflowed nor are near underflow. */
export const normalSingle = (code: Code, value: Node): Node => {
  const size = keep(code, 'v128', op('f32x4.abs', value))
  return op('v128.and', op('f32x4.ge', size, four(powerSingle(-125))), op('f32x4.lt', size, four(powerSingle(128))))
}

/** A power of two as the bits of a double, and of a single. */
export const power = (exponent: number): bigint => BigInt(1023 + exponent) << 52n
export const powerSingle = (exponent: number): number => (127 + exponent) << 23

/** Changes the signs of all elements by the 64 bits of a parameter. */
export const flipped =
  (value: Node, parameter: number): Node =>
  (code) => {
    value(code)
    code.get(parameter).simd('i64x2.splat').simd('v128.xor')
  }
