/**
 * Vector conversions in the common case (Power ISA 3.0C I 7.6.1.6): numbers that the other format can hold, rounding to nearest,
 * no exception enabled. The procedures of `vsx/` do the rest.
 */
import { Code } from '../emitter.ts'
import type { Helper } from '../helpers.ts'
import {
  attemptOf,
  both,
  finish,
  four,
  keep,
  leaveUnless,
  type Node,
  normalSingle,
  op,
  power,
  powerSingle,
  promoted,
  recordInexact,
  register,
  shuffled,
} from './build.ts'

/** Words 0 and 2 side by side at the right, and back with a copy in words 1 and 3, as POWER9 leaves it. */
const evenWords = (v: Node): Node => shuffled(v, v, [4, 5, 6, 7, 12, 13, 14, 15, 0, 1, 2, 3, 8, 9, 10, 11])
const spread = (v: Node): Node => shuffled(v, v, [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7])

const anyTrue =
  (mask: Node): Node =>
  (code) => {
    mask(code)
    code.simd('v128.any_true')
  }

/** A single is a double already; only a NaN needs a look. */
const singleToDouble: Helper = {
  name: 'xvcvspdp',
  signature: { parameters: ['i32', 'i32'], result: 'i32' },
  code() {
    const code = new Code(['i32', 'i32'])
    const words = keep(code, 'v128', evenWords(register(1)))
    const result = keep(code, 'v128', op('f64x2.promote_low_f32x4', words))
    leaveUnless(code, 'i64x2', op('f64x2.eq', result, result))
    finish(code, 0, result)
    return code
  },
}

const doubleToSingle = attemptOf('xvcvdpsp', 1, (code, b) => {
  const result = keep(code, 'v128', spread(op('f32x4.demote_f64x2_zero', b!)))
  // A double that is 0 is one in both of its words here.
  const zero = op('f64x2.eq', b!, both(0n))
  leaveUnless(code, 'i32x4', op('v128.or', normalSingle(code, result), zero))
  recordInexact(code, anyTrue(op('f64x2.ne', op('f64x2.promote_low_f32x4', evenWords(result)), b!)))
  finish(code, 0, result)
})

/** Rounds toward zero to an integer of 32 bits. */
function toWords(name: string, from: 'dp' | 'sp', sign: 's' | 'u'): Helper {
  const [shape, lanes] = from === 'dp' ? (['f64x2', 'i64x2'] as const) : (['f32x4', 'i32x4'] as const)
  const limit = (exponent: number): Node => (from === 'dp' ? both(power(exponent)) : four(powerSingle(exponent)))
  return attemptOf(name, 1, (code, b) => {
    const above = sign === 's' ? op(`${shape}.abs`, b!) : b!
    const inside = op(`${shape}.lt`, above, limit(sign === 's' ? 31 : 32))
    const zero = from === 'dp' ? both(0n) : four(0)
    leaveUnless(code, lanes, sign === 's' ? inside : op('v128.and', inside, op(`${shape}.ge`, b!, zero)))
    recordInexact(code, anyTrue(op(`${shape}.ne`, op(`${shape}.trunc`, b!), b!)))
    const converted = op(from === 'dp' ? `i32x4.trunc_sat_f64x2_${sign}_zero` : `i32x4.trunc_sat_f32x4_${sign}`, b!)
    finish(code, 0, from === 'dp' ? spread(converted) : converted)
  })
}

const I64_TRUNC_SAT_F64 = { s: 6, u: 7 } as const
const F64_CONVERT_I64 = { s: 0xb9, u: 0xba } as const

/** Reads the bits of a double as one, and the other way. */
const AS_DOUBLE = 0xbf
const AS_BITS = 0xbd

/** Each lane of two by its own: `convert` finds 64 bits on the stack and leaves 64. */
const each =
  (source: Node, convert: (code: Code) => void): Node =>
  (code) => {
    for (const i of [0, 1]) {
      source(code)
      code.simd('i64x2.extract_lane', [i])
      convert(code)
      if (i === 0) code.simd('i64x2.splat')
      else code.simd('i64x2.replace_lane', [1])
    }
  }
const truncated = (source: Node, sign: 's' | 'u'): Node =>
  each(source, (code) => void code.op(AS_DOUBLE, 0xfc, I64_TRUNC_SAT_F64[sign]))

/** Rounds toward zero to an integer of 64 bits. */
function toDoublewords(name: string, from: 'dp' | 'sp', sign: 's' | 'u'): Helper {
  return attemptOf(name, 1, (code, given) => {
    const b = from === 'dp' ? given! : keep(code, 'v128', op('f64x2.promote_low_f32x4', evenWords(given!)))
    const above = sign === 's' ? op('f64x2.abs', b) : b
    const inside = op('f64x2.lt', above, both(power(sign === 's' ? 63 : 64)))
    leaveUnless(code, 'i64x2', sign === 's' ? inside : op('v128.and', inside, op('f64x2.ge', b, both(0n))))
    recordInexact(code, anyTrue(op('f64x2.ne', op('f64x2.trunc', b), b)))
    finish(code, 0, truncated(b, sign))
  })
}

/** Integers of 64 bits to doubles: below 2^53 they are exact, and so is what has zeros at its end. */
function fromDoublewords(name: string, sign: 's' | 'u'): Helper {
  return attemptOf(name, 1, (code, b) => {
    const result = keep(
      code,
      'v128',
      each(b!, (inner) => void inner.op(F64_CONVERT_I64[sign], AS_BITS)),
    )
    // Converting back saturates only what was rounded up to a power of two, which differs as well: but 2^64-1 as unsigned,
    // and 2^63-1 as signed, come back as themselves.
    const limit = op('f64x2.eq', result, both(power(sign === 's' ? 63 : 64)))
    const back = truncated(result, sign)
    recordInexact(code, anyTrue(op('v128.or', op('i64x2.ne', back, b!), limit)))
    finish(code, 0, result)
  })
}

/** Integers of 32 bits to singles. */
function fromWords(name: string, sign: 's' | 'u'): Helper {
  return attemptOf(name, 1, (code, b) => {
    const result = keep(code, 'v128', op(`f32x4.convert_i32x4_${sign}`, b!))
    recordInexact(code, (inner) => {
      const upper = shuffled(b!, b!, [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7])
      const [r, s] = promoted(result)
      const exact = (v: Node): Node => op(`f64x2.convert_low_i32x4_${sign}`, v)
      anyTrue(op('v128.or', op('f64x2.ne', exact(b!), r), op('f64x2.ne', exact(upper), s)))(inner)
    })
    finish(code, 0, result)
  })
}

const SIGNS = ['s', 'u'] as const
export const CONVERT_HELPERS: readonly Helper[] = [
  singleToDouble,
  doubleToSingle,
  ...SIGNS.flatMap((sign) => [
    toWords(`xvcvdp${sign}xws`, 'dp', sign),
    toWords(`xvcvsp${sign}xws`, 'sp', sign),
    toDoublewords(`xvcvdp${sign}xds`, 'dp', sign),
    toDoublewords(`xvcvsp${sign}xds`, 'sp', sign),
    fromDoublewords(`xvcv${sign}xddp`, sign),
    fromWords(`xvcv${sign}xwsp`, sign),
  ]),
]
