/** What the vector instructions share: their forms, and the facility that they need (Power ISA 3.0C I 6). */
import * as e from '../expr.ts'
import { type Insn, insn, type Semantics } from '../insn.ts'
import { simd, v128 } from '../simd.ts'

export type E = e.Expr
export type Shape = 'i8x16' | 'i16x8' | 'i32x4' | 'i64x2'

/** Elements by the letter that names end in: shape, bytes, and what a book calls them. */
export const ELEMENT = {
  b: { shape: 'i8x16', size: 1, word: 'byte' },
  h: { shape: 'i16x8', size: 2, word: 'halfword' },
  w: { shape: 'i32x4', size: 4, word: 'word' },
  d: { shape: 'i64x2', size: 8, word: 'doubleword' },
} as const
export type Letter = keyof typeof ELEMENT

/** VX-form with two operands. */
export const vx = (name: string, xo: number, help: string, of: (a: E, b: E) => E | e.Effect[]): Insn[] =>
  vectorInsn(name, `VX:4:${xo} vrt vra vrb`, 'vrt,vra,vrb', help, (o) => asEffects(o['vrt']!, of(o['vra']!, o['vrb']!)))

/** VX-form with one operand, VRB; `vra` is what bits 11-15 have to be, where they say what is done. */
export const vx1 = (name: string, xo: number, help: string, of: (b: E) => E | e.Effect[], vra?: number): Insn[] => {
  const field = vra === undefined ? '' : ` vra=${vra}`
  return vectorInsn(name, `VX:4:${xo} vrt${field} vrb`, 'vrt,vrb', help, (o) => asEffects(o['vrt']!, of(o['vrb']!)))
}

export const vectorInsn = (
  name: string,
  pattern: string,
  operands: string,
  help: string,
  semantics: Semantics,
): Insn[] => insn(name, pattern, operands, semantics, { help, facility: 'VEC' })

/** A written-out instruction, by the name of its procedure. */
export const written = (name: string, pattern: string, operands: string, help: string, procedure: string): Insn[] =>
  vectorInsn(name, pattern, operands, help, () => e.call(procedure))

const asEffects = (target: E, result: E | e.Effect[]): e.Effect[] =>
  Array.isArray(result) ? result : [e.set(target, result)]

export const not = (v: E): E => simd('v128.not', v)
export const and = (a: E, b: E): E => simd('v128.and', a, b)
export const or = (a: E, b: E): E => simd('v128.or', a, b)
export const xor = (a: E, b: E): E => simd('v128.xor', a, b)

/** VSCR[SAT] becomes 1 where `condition` holds, and stays otherwise. */
export const saturates = (condition: E): e.Effect => e.setState('vscr', e.or(e.state('vscr'), condition))
/** Whether two vectors differ. */
export const differ = (a: E, b: E): E => simd('v128.any_true', xor(a, b))

/** The low eight bits of a number in every byte. */
export const splatByte = (value: E): E => simd('i8x16.splat', e.low(value))
/** Lane i holds i. */
const IOTA = v128(0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100n)
/** Whole bytes to the left, or to the right; zeros follow. */
export const bytesLeft = (v: E, count: E): E => simd('i8x16.swizzle', v, simd('i8x16.sub', IOTA, splatByte(count)))
export const bytesRight = (v: E, count: E): E => simd('i8x16.swizzle', v, simd('i8x16.add', IOTA, splatByte(count)))

/**
 * A comparison, alone and with CR6: whether all elements, of a shape, compare true, and whether none does. Without a shape only the
 * latter is noted.
 */
export const recorded = (name: string, xo: number, help: string, of: (a: E, b: E) => E, shape?: Shape): Insn[] =>
  [0, 1].flatMap((rc) =>
    vectorInsn(
      `${name}${rc ? '.' : ''}`,
      `VC:4:${xo} vrt vra vrb 21=${rc}`,
      'vrt,vra,vrb',
      rc ? `${help}, and note all and none in CR6` : help,
      (o) => {
        const mask = of(o['vra']!, o['vrb']!)
        const result = e.set(o['vrt']!, mask)
        if (!rc) return result
        const all = shape ? e.shl(simd(`${shape}.all_true`, mask), 3) : e.i32(0)
        const none = e.shl(e.eqz(simd('v128.any_true', mask)), 1)
        return [result, e.setCr(e.i64(6), e.or(all, none))]
      },
    ),
  )
