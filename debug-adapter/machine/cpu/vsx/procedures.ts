/** Vector-scalar instructions (Power ISA 3.0C I 7) that are written out. */
import type { Procedure } from '../procedures.ts'

export const VSX_PROCEDURES: Readonly<Record<string, Procedure>> = {}
