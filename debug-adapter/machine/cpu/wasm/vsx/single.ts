/**
 * A single in a register is kept as a double: what loads and stores make of it, without any exception (Power ISA 3.0C I 4.6.2,
 * 4.6.3). A signalling NaN stays one.
 */
import { Code } from '../emitter.ts'
import type { Helper } from '../helpers.ts'

const AND = 0x83
const OR = 0x84
const SHL = 0x86
const SHR_U = 0x88

/** (word: i64) => i64, the double. */
const doubleOfSingle: Helper = {
  name: 'doubleOfSingle',
  signature: { parameters: ['i64'], result: 'i64' },
  code() {
    const code = new Code(['i64'])
    code.get(0).i64(0x7fff_ffffn).op(AND).i64(0x7f80_0000n).op(0x56).if('i64')
    // A NaN: WebAssembly may change one when it converts it.
    code.get(0).i64(0x8000_0000n).op(AND).i64(32n).op(SHL)
    code.get(0).i64(0x7f_ffffn).op(AND).i64(29n).op(SHL).op(OR)
    code.i64(0x7ffn << 52n).op(OR)
    code.else()
    // i32.wrap_i64, f32.reinterpret_i32, f64.promote_f32, i64.reinterpret_f64
    code.get(0).op(0xa7, 0xbe, 0xbb, 0xbd).end()
    return code
  },
}

/** (double: i64) => i64, the word with zeros above. What is too small for a denormal single becomes 0. */
const singleOfDouble: Helper = {
  name: 'singleOfDouble',
  signature: { parameters: ['i64'], result: 'i64' },
  code() {
    const code = new Code(['i64'])
    const exponent = code.local('i64')
    code.get(0).i64(52n).op(SHR_U).i64(0x7ffn).op(AND).tee(exponent).i64(896n).op(0x56)
    code.get(0).i64(1n).op(SHL, 0x50, 0x72).if('i64')
    // The sign with the first bit of the exponent, and all behind the three bits that say the same as that one.
    code.get(0).i64(32n).op(SHR_U).i64(0xc000_0000n).op(AND)
    code.get(0).i64(29n).op(SHR_U).i64(0x3fff_ffffn).op(AND, OR)
    code.else()
    code.get(0).i64(63n).op(SHR_U).i64(31n).op(SHL)
    code.get(exponent).i64(874n).op(0x5a).if('i64')
    const hidden = 1n << 52n
    code
      .get(0)
      .i64(hidden - 1n)
      .op(AND)
      .i64(hidden)
      .op(OR)
    code.i64(926n).get(exponent).op(0x7d, SHR_U)
    code.else().i64(0n).end().op(OR).end()
    return code
  },
}

export const SINGLE_HELPERS: readonly Helper[] = [doubleOfSingle, singleOfDouble]
