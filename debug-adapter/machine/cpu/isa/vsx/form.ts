/** What the vector-scalar instructions share: their forms, and elements counted as the books count them. */
import type * as e from '../expr.ts'
import { type Insn, type InsnOptions, insn, type Semantics } from '../insn.ts'
import { lane, shuffle, simd, v128 } from '../simd.ts'

type E = e.Expr

/** Bits 21-28 are the extended opcode: XT, XA, XB (Power ISA 3.0C I 1.6.1, XX3-form). */
export const xx3 = (name: string, xo: number, help: string, semantics: Semantics): Insn[] =>
  insn(name, `XX3:60:${xo} xt xa xb`, 'xt,xa,xb', semantics, { help, facility: 'VSX' })

/** Bits 21-29 are the extended opcode: XT, XB; `uim` is what bits 11-15 have to be. */
export const xx2 = (name: string, xo: number, help: string, semantics: Semantics, uim = 0): Insn[] =>
  insn(name, `XX2:60:${xo} xt uim=${uim} xb`, 'xt,xb', semantics, { help, facility: 'VSX' })

/** Bits 21-30 are the extended opcode; XT with bit 31. */
export const xx1 = (
  name: string,
  xo: number,
  fields: string,
  operands: string,
  semantics: Semantics,
  options: InsnOptions,
): Insn[] => insn(name, `X:31:${xo} ${fields}`, operands, semantics, options)

/** Byte `n` of the 32 in `a` and `b`, counted from the most significant one, as `i8x16.shuffle` counts it. */
const laneOfByte = (n: number): number => (n < 16 ? 15 - n : 47 - n)

/** Bytes of `a` (0 to 15) and `b` (16 to 31), most significant first, as the books count them. */
export const bytesOf = (a: E, b: E, bytes: readonly number[]): E => shuffle(a, b, bytes.map(laneOfByte).toReversed())

/** Elements of `size` bytes of `a` and `b`, most significant first. */
export const elementsOf = (size: number, a: E, b: E, elements: readonly number[]): E =>
  bytesOf(
    a,
    b,
    elements.flatMap((n) => Array.from({ length: size }, (_, i) => size * n + i)),
  )

/** Doubleword 0 or 1 as a number. */
export const dword = (n: 0 | 1, v: E): E => lane('i64x2.extract_lane', 1 - n, v)

/** A vector of two doublewords. */
export const pair = (dword0: E, dword1: E): E => lane('i64x2.replace_lane', 1, simd('i64x2.splat', dword1), dword0)

/** Doubleword 0; what POWER9 leaves in doubleword 1 is 0. */
export const scalar = (value: E): E => lane('i64x2.replace_lane', 1, v128(0n), value)

/** The same 64 or 32 bits in every element. */
export const doublewords = (value: bigint): E => v128((value << 64n) | value)
export const words = (value: bigint): E => doublewords((value << 32n) | value)
