/** Vector instructions (Power ISA 3.0C I 6). */
import type { Insn } from '../insn.ts'

export const vector: readonly Insn[] = []
