/** Loads and stores of a part of a vector, whose length is in a register (Power ISA 3.0C I 7.6.1.2, lxvl to stxvll). */
import type { Core } from '../core.ts'
import { MSR } from '../msr.ts'
import type { Procedure } from '../procedures.ts'
import { get } from './operands.ts'

/** The address, and the number of bytes: bits 0-7 of RB, at most 16. */
function operands(core: Core, word: number): { ea: bigint; count: number } {
  const ra = get(word, 'ra')
  const length = core.state.gpr(get(word, 'rb')) >> 56n
  return { ea: ra === 0 ? 0n : core.state.gpr(ra), count: Number(length < 16n ? length : 16n) }
}

/** Where byte `i` of memory is in the vector, in bits from the right: left-justified ones begin at the left in either mode. */
const shiftOf = (core: Core, i: number, left: boolean): bigint =>
  BigInt(8 * (left || !core.state.is(MSR.LE) ? 15 - i : i))

export const loadPart =
  (left: boolean): Procedure =>
  (core, word) => {
    const { ea, count } = operands(core, word)
    let value = 0n
    for (let i = 0; i < count; i++) value |= core.load(core.state.address(ea + BigInt(i)), 1) << shiftOf(core, i, left)
    core.state.setVsr(get(word, 'xt'), value)
    return false
  }

export const storePart =
  (left: boolean): Procedure =>
  (core, word) => {
    const { ea, count } = operands(core, word)
    const value = core.state.vsr(get(word, 'xs'))
    const at = (i: number): bigint => core.state.address(ea + BigInt(i))
    // Both pages must allow it before the first byte is written.
    if (count > 0) for (const i of [0, count - 1]) core.reach(at(i), 'store')
    for (let i = 0; i < count; i++) core.store(at(i), (value >> shiftOf(core, i, left)) & 0xffn, 1)
    return false
  }
