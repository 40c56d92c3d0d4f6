/** Floating-point instructions (Power ISA 3.0C I 4). */
import type { Insn } from '../insn.ts'

export const float: readonly Insn[] = []
