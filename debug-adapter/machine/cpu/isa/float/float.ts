/** Floating-point instructions (Power ISA 3.0C I 4). */
import type { Insn } from '../insn.ts'
import { arithmeticAndStatus } from './arithmetic.ts'
import { storage } from './storage.ts'

export const float: readonly Insn[] = [...storage, ...arithmeticAndStatus]
