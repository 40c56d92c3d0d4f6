/** Floating-point instructions, binary and decimal (Power ISA 3.0C I 4, 5). */
import type { Insn } from '../insn.ts'
import { arithmeticAndStatus } from './arithmetic.ts'
import { decimal } from './decimal.ts'
import { storage } from './storage.ts'

export const float: readonly Insn[] = [...storage, ...arithmeticAndStatus, ...decimal]
