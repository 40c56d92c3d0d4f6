/** What the helpers of vector instructions are written with, besides `vsx/build.ts`. Lane 0 is the right end of a register. */
import type { SimdName } from '../../isa/simd.ts'
import { Code, type ValueType } from '../emitter.ts'
import type { Helper } from '../helpers.ts'
import { local, type Node, op } from '../vsx/build.ts'

/** A function of its parameters that has no side effects. */
export const pureOf = (
  name: string,
  parameters: readonly ValueType[],
  body: (code: Code, ...parameters: Node[]) => Node,
  result: ValueType = 'v128',
): Helper => ({
  name,
  signature: { parameters, result },
  code() {
    const code = new Code(parameters)
    body(code, ...parameters.map((_, i) => local(i)))(code)
    return code
  },
})

/** Of one, two or three vectors. */
export const vectorOf = (name: string, count: 1 | 2 | 3, body: (code: Code, ...vectors: Node[]) => Node): Helper =>
  pureOf(name, Array<ValueType>(count).fill('v128'), body)

/** A constant by its bytes, lane 0 first. */
export const table =
  (bytes: readonly number[]): Node =>
  (code) =>
    void code.simd('v128.const', bytes)
export const bytes = (value: number): Node => table(Array<number>(16).fill(value))
export const halfwords = (value: number): Node =>
  table(Array.from({ length: 16 }, (_, i) => (value >> (8 * (i % 2))) & 0xff))

type Shape = 'i8x16' | 'i16x8' | 'i32x4' | 'i64x2'
/** All elements by the same count. */
export const shift =
  (shape: Shape, direction: 'shl' | 'shr_u' | 'shr_s', value: Node, count: number): Node =>
  (code) => {
    value(code)
    code.i32(count).simd(`${shape}.${direction}`)
  }

const fold =
  (name: SimdName) =>
  (first: Node, ...rest: readonly Node[]): Node =>
    rest.reduce((sum, value) => op(name, sum, value), first)
export const xor = fold('v128.xor')
export const or = fold('v128.or')
export const and = fold('v128.and')
