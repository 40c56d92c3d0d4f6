/**
 * Signs, exponents and significands of floating-point numbers, as bits: no status and no rounding (Power ISA 3.0C I 7.6.1.3,
 * 7.6.1.10).
 */
import * as e from '../expr.ts'
import { family, type Insn, insn, type Operands } from '../insn.ts'
import { simd } from '../simd.ts'
import { doublewords, dword, pair, scalar, words, xx2, xx3 } from './form.ts'

type E = e.Expr

const and = (a: E, b: E): E => simd('v128.and', a, b)
const or = (a: E, b: E): E => simd('v128.or', a, b)
const SIGN_DP = 1n << 63n
const FRACTION_DP = (1n << 52n) - 1n
const SIGN_SP = 0x8000_0000n
const FRACTION_SP = 0x7f_ffffn

interface SignChange {
  readonly name: string
  readonly help: string
  /** Extended opcodes of the scalar and the vector forms; what bits 11-15 are in the quad-precision form. */
  readonly xs: number
  readonly sp: number
  readonly dp: number
  readonly qp: number
  scalar(v: E): E
  vector(v: E, sign: E): E
}
const SIGN_CHANGES: readonly SignChange[] = [
  {
    name: 'abs',
    help: 'absolute value',
    ...{ xs: 345, sp: 409, dp: 473, qp: 0 },
    scalar: (v) => e.and(v, ~SIGN_DP),
    vector: (v, sign) => simd('v128.andnot', v, sign),
  },
  {
    name: 'nabs',
    help: 'negative absolute value',
    ...{ xs: 361, sp: 425, dp: 489, qp: 8 },
    scalar: (v) => e.or(v, SIGN_DP),
    vector: or,
  },
  {
    name: 'neg',
    help: 'negate',
    ...{ xs: 377, sp: 441, dp: 505, qp: 16 },
    scalar: (v) => e.xor(v, SIGN_DP),
    vector: (v, sign) => simd('v128.xor', v, sign),
  },
]

/** X-form with vector registers; `vra` is what bits 11-15 have to be, where they say what is done. */
const quad = (name: string, xo: number, vra: number, help: string, of: (v: E) => E): Insn[] =>
  insn(name, `X:63:${xo} vrt vra=${vra} vrb 31=0`, 'vrt,vrb', (o) => e.set(o['vrt']!, of(o['vrb']!)), {
    help: `${help}, quad precision`,
    facility: 'VSX',
  })

const signs = family(SIGN_CHANGES, (s) => [
  ...xx2(`xs${s.name}dp`, s.xs, `${s.help}, scalar double precision`, (o) =>
    e.set(o['xt']!, scalar(s.scalar(dword(0, o['xb']!)))),
  ),
  ...xx2(`xv${s.name}sp`, s.sp, `${s.help}, vector single precision`, (o) =>
    e.set(o['xt']!, s.vector(o['xb']!, words(SIGN_SP))),
  ),
  ...xx2(`xv${s.name}dp`, s.dp, `${s.help}, vector double precision`, (o) =>
    e.set(o['xt']!, s.vector(o['xb']!, doublewords(SIGN_DP))),
  ),
  ...quad(`xs${s.name}qp`, 804, s.qp, s.help, (v) => pair(s.scalar(dword(0, v)), dword(1, v))),
])

/** The sign of `a`, all else of `b`. */
const signed = (a: E, b: E): E => e.or(e.and(a, SIGN_DP), e.and(b, ~SIGN_DP))
const copySign = (help: string): string => `sign of the first operand, magnitude of the second, ${help}`
const copies: Insn[] = [
  ...xx3('xscpsgndp', 176, copySign('scalar double precision'), (o) =>
    e.set(o['xt']!, scalar(signed(dword(0, o['xa']!), dword(0, o['xb']!)))),
  ),
  ...xx3('xvcpsgnsp', 208, copySign('vector single precision'), (o) =>
    e.set(o['xt']!, simd('v128.bitselect', o['xa']!, o['xb']!, words(SIGN_SP))),
  ),
  ...xx3('xvcpsgndp', 240, copySign('vector double precision'), (o) =>
    e.set(o['xt']!, simd('v128.bitselect', o['xa']!, o['xb']!, doublewords(SIGN_DP))),
  ),
  ...insn(
    'xscpsgnqp',
    'X:63:100 vrt vra vrb 31=0',
    'vrt,vra,vrb',
    (o) => e.set(o['vrt']!, pair(signed(dword(0, o['vra']!), dword(0, o['vrb']!)), dword(1, o['vrb']!))),
    { help: copySign('quad precision'), facility: 'VSX' },
  ),
]

/** The implicit leading bit belongs to the significand of a normal number only. */
const significand = (v: E, fractionBits: number, exponentMask: number): E => {
  const exponent = e.and(e.shrU(v, fractionBits), exponentMask)
  const normal = e.ltU(e.sub(exponent, 1), exponentMask - 1)
  return e.or(e.and(v, (1n << BigInt(fractionBits)) - 1n), e.shl(e.wide(normal), fractionBits))
}

const toGpr = (name: string, uim: number, help: string, of: (v: E) => E): Insn[] =>
  insn(name, `XX2:60:347 rt uim=${uim} xb 31=0`, 'rt,xb', (o) => e.set(o['rt']!, of(dword(0, o['xb']!))), {
    help,
    facility: 'VSX',
  })

const scalarParts: Insn[] = [
  ...toGpr('xsxexpdp', 0, 'extract the exponent of a double', (v) => e.and(e.shrU(v, 52), 0x7ff)),
  ...toGpr('xsxsigdp', 1, 'extract the significand of a double', (v) => significand(v, 52, 0x7ff)),
  ...insn(
    'xsiexpdp',
    'X:60:918 xt ra rb',
    'xt,ra,rb',
    (o) => e.set(o['xt']!, scalar(e.or(e.and(o['ra']!, SIGN_DP | FRACTION_DP), e.shl(e.and(o['rb']!, 0x7ff), 52)))),
    { help: 'insert an exponent into a double', facility: 'VSX' },
  ),
  ...quad('xsxexpqp', 804, 2, 'extract the exponent', (v) => scalar(e.and(e.shrU(dword(0, v), 48), 0x7fff))),
  ...quad('xsxsigqp', 804, 18, 'extract the significand', (v) =>
    pair(significand(dword(0, v), 48, 0x7fff), dword(1, v)),
  ),
  ...insn(
    'xsiexpqp',
    'X:63:868 vrt vra vrb 31=0',
    'vrt,vra,vrb',
    (o) => {
      const rest = e.and(dword(0, o['vra']!), ~(0x7fffn << 48n))
      const exponent = e.shl(e.and(dword(0, o['vrb']!), 0x7fff), 48)
      return e.set(o['vrt']!, pair(e.or(rest, exponent), dword(1, o['vra']!)))
    },
    { help: 'insert an exponent, quad precision', facility: 'VSX' },
  ),
]

interface VectorFormat {
  readonly suffix: 'sp' | 'dp'
  readonly shape: 'i32x4' | 'i64x2'
  readonly what: string
  readonly fractionBits: number
  readonly exponentMask: bigint
  /** The same number in each element. */
  readonly every: (value: bigint) => E
  /** What bits 11-15 are in the extractions, and the extended opcode of the insertion. */
  readonly exponent: number
  readonly significand: number
  readonly insert: number
}
const VECTOR_FORMATS: readonly VectorFormat[] = [
  {
    ...{ suffix: 'dp', shape: 'i64x2', what: 'vector double precision', every: doublewords },
    ...{ fractionBits: 52, exponentMask: 0x7ffn, exponent: 0, significand: 1, insert: 248 },
  },
  {
    ...{ suffix: 'sp', shape: 'i32x4', what: 'vector single precision', every: words },
    ...{ fractionBits: 23, exponentMask: 0xffn, exponent: 8, significand: 9, insert: 216 },
  },
]
const vectorParts = family(VECTOR_FORMATS, (f) => {
  const shift = e.i32(f.fractionBits)
  const mask = f.every(f.exponentMask)
  const fraction = f.every(f.suffix === 'dp' ? FRACTION_DP : FRACTION_SP)
  const exponent = (v: E): E => and(simd(`${f.shape}.shr_u`, v, shift), mask)
  const is = (v: E, value: E): E => simd(`${f.shape}.eq`, v, value)
  const extract = (name: string, uim: number, help: string, of: (v: E) => E): Insn[] =>
    xx2(name, 475, `${help}, ${f.what}`, (o: Operands) => e.set(o['xt']!, of(o['xb']!)), uim)
  return [
    ...extract(`xvxexp${f.suffix}`, f.exponent, 'extract exponents', exponent),
    ...extract(`xvxsig${f.suffix}`, f.significand, 'extract significands', (v) => {
      const special = or(is(exponent(v), f.every(0n)), is(exponent(v), mask))
      return or(and(v, fraction), simd('v128.andnot', f.every(1n << BigInt(f.fractionBits)), special))
    }),
    ...xx3(`xviexp${f.suffix}`, f.insert, `insert exponents, ${f.what}`, (o) =>
      e.set(
        o['xt']!,
        simd(
          'v128.bitselect',
          simd(`${f.shape}.shl`, o['xb']!, shift),
          o['xa']!,
          f.every(f.exponentMask << BigInt(f.fractionBits)),
        ),
      ),
    ),
  ]
})

export const parts: readonly Insn[] = [...signs, ...copies, ...scalarParts, ...vectorParts]
