/** The record forms of floating-point instructions, binary and decimal (Power ISA 3.0C I 4.6, 5.6). */
import type { Procedure } from '../procedures.ts'
import { setCondition } from '../vsx/status.ts'

/** FX, FEX, VX and OX to CR1, where the mnemonic ends in a dot. */
export const recorded =
  (of: Procedure): Procedure =>
  (core, word, insn) => {
    const left = of(core, word, insn)
    if (insn.mnemonic.endsWith('.')) setCondition(core, 1, Number((core.state.fpscr >> 28n) & 15n))
    return left
  }
