import { Code } from './emitter.ts'
import type { Helper } from './helpers.ts'

const all = (byte: number): number[] => Array(16).fill(byte)

/**
 * Bytes of `a` and `b` by control bytes that count from the left of `a`, of which the low five bits count. A swizzle counts from
 * the right and gives 0 for an index over 15, so of the two halves one gives the byte.
 */
const vperm: Helper = {
  name: 'vperm',
  signature: { parameters: ['v128', 'v128', 'v128'], result: 'v128' },
  code: () => {
    const code = new Code(['v128', 'v128', 'v128'])
    // 31 - index: below 16 it is a byte of `b`, from 16 on one of `a`.
    code.simd('v128.const', all(31)).get(2).simd('v128.const', all(31)).simd('v128.and').simd('i8x16.sub').set(2)
    code.get(1).get(2).simd('i8x16.swizzle')
    code.get(0).get(2).simd('v128.const', all(16)).simd('i8x16.sub').simd('i8x16.swizzle')
    return code.simd('v128.or')
  },
}

export const VECTOR_HELPERS: readonly Helper[] = [vperm]
