/** Vector-scalar instructions (Power ISA 3.0C I 7). */
import type { Insn } from '../insn.ts'

export const vsx: readonly Insn[] = []
