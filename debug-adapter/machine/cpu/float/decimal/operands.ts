/** Decimal numbers in floating-point registers: an extended one is in two, the even one on the left (Power ISA 3.0C I 5.2.2). */
import type { Core } from '../../core.ts'
import { get } from '../../vsx/operands.ts'
import { type DecimalFormat, EXTENDED, LONG } from './format.ts'

/** A format with the registers that it is kept in. */
export interface Width {
  readonly format: DecimalFormat
  read(core: Core, word: number, name: string): bigint
  write(core: Core, word: number, name: string, bits: bigint): void
}

export const LONGS: Width = {
  format: LONG,
  read: (core, word, name) => core.state.fpr(get(word, name)),
  write: (core, word, name, bits) => core.state.setFpr(get(word, name), bits),
}

export const PAIRS: Width = {
  format: EXTENDED,
  read(core, word, name) {
    const register = get(word, name)
    return (core.state.fpr(register) << 64n) | core.state.fpr(register + 1)
  },
  write(core, word, name, bits) {
    const register = get(word, name)
    core.state.setFpr(register, bits >> 64n)
    core.state.setFpr(register + 1, BigInt.asUintN(64, bits))
  },
}
