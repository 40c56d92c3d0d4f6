/** Floating-point instructions (Power ISA 3.0C I 4) that are written out. */
import type { Procedure } from '../procedures.ts'

export const FLOAT_PROCEDURES: Readonly<Record<string, Procedure>> = {}
