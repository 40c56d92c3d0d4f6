/**
 * Vector comparisons, maximum and minimum of numbers (Power ISA 3.0C I 7.6.1.4, 7.6.1.5): without a NaN they have no effect on
 * FPSCR, whatever it asks for. The procedures of `vsx/` do the rest.
 */
import type { SimdName } from '../../isa/simd.ts'
import { CR } from '../../layout.ts'
import { Code } from '../emitter.ts'
import type { Helper } from '../helpers.ts'
import { finish, keep, leaveUnless, type Node, op, register } from './build.ts'

type Format = 'dp' | 'sp'
const FORMATS: readonly Format[] = ['dp', 'sp']
const SHAPE = { dp: 'f64x2', sp: 'f32x4' } as const
const LANES = { dp: 'i64x2', sp: 'i32x4' } as const

/** Leaves the helper where one of the operands, which are offsets in parameters 1 and 2, has a NaN. */
function numbers(code: Code, format: Format): readonly [Node, Node] {
  const ordered = (v: Node): Node => op(`${SHAPE[format]}.eq`, v, v)
  const [a, b] = [keep(code, 'v128', register(1)), keep(code, 'v128', register(2))]
  leaveUnless(code, LANES[format], op('v128.and', ordered(a), ordered(b)))
  return [a, b]
}

const PLACES = ['i32', 'i32', 'i32'] as const

/** (T, A, B, whether CR field 6 is set). */
const compare = (name: string, operator: 'eq' | 'gt' | 'ge', format: Format): Helper => ({
  name: `xvcmp${name}${format}`,
  signature: { parameters: [...PLACES, 'i32'], result: 'i32' },
  code() {
    const code = new Code([...PLACES, 'i32'])
    const result = keep(code, 'v128', op(`${SHAPE[format]}.${operator}`, ...numbers(code, format)))
    code.get(3).if().i32(0)
    op(`${LANES[format]}.all_true`, result)(code)
    code.i32(3).op(0x74)
    op('v128.any_true', result)(code)
    code
      .op(0x45)
      .i32(1)
      .op(0x74, 0x72)
      .store(4, 'i32', CR + 4 * 6)
    code.end()
    finish(code, 0, result)
    return code
  },
})

/** WebAssembly orders -0 below +0, as the book does. */
const extreme = (name: 'max' | 'min', format: Format): Helper => ({
  name: `xv${name}${format}`,
  signature: { parameters: PLACES, result: 'i32' },
  code() {
    const code = new Code(PLACES)
    const operator: SimdName = `${SHAPE[format]}.${name}`
    finish(code, 0, op(operator, ...numbers(code, format)))
    return code
  },
})

/** Doubleword 0 of a register whose offset is in a parameter, as a double. */
const double = (code: Code, parameter: number): number => {
  const value = code.local('f64')
  code.get(parameter).load(8, 'f64', 8).set(value)
  return value
}

const F64_EQ = 0x61
/** The scalar forms leave 0 in doubleword 1. */
function finishScalar(code: Code, result: () => void): void {
  code.get(0)
  result()
  code.store(8, 'f64', 8).get(0).i64(0n).store(8, 'i64', 0).i32(1)
}

/** (T, A, B) of doubles in doubleword 0; `result` gets the locals of A and B. */
const scalar = (name: string, result: (code: Code, a: number, b: number) => void): Helper => ({
  name,
  signature: { parameters: PLACES, result: 'i32' },
  code() {
    const code = new Code(PLACES)
    const [a, b] = [double(code, 1), double(code, 2)]
    code.get(a).get(a).op(F64_EQ).get(b).get(b).op(F64_EQ, 0x71, 0x45).if().i32(0).return().end()
    finishScalar(code, () => result(code, a, b))
    return code
  },
})

const F64_MIN = 0xa4
const F64_MAX = 0xa5
const F64_LT = 0x63
const F64_GT = 0x64
const SELECT = 0x1b

export const COMPARE_HELPERS: readonly Helper[] = [
  ...FORMATS.flatMap((format) => [
    compare('eq', 'eq', format),
    compare('gt', 'gt', format),
    compare('ge', 'ge', format),
    extreme('max', format),
    extreme('min', format),
  ]),
  scalar('xsmaxdp', (code, a, b) => void code.get(a).get(b).op(F64_MAX)),
  scalar('xsmindp', (code, a, b) => void code.get(a).get(b).op(F64_MIN)),
  // The C forms compare as that language does: of two zeros the second one.
  scalar('xsmaxcdp', (code, a, b) => void code.get(a).get(b).get(a).get(b).op(F64_GT, SELECT)),
  scalar('xsmincdp', (code, a, b) => void code.get(a).get(b).get(a).get(b).op(F64_LT, SELECT)),
]
