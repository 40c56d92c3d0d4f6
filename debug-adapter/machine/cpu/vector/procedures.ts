/** Vector instructions (Power ISA 3.0C I 6) that are written out. */
import type { Procedure } from '../procedures.ts'

export const VECTOR_PROCEDURES: Readonly<Record<string, Procedure>> = {}
