/** Vector-scalar instructions (Power ISA 3.0C I 7) that are written out. */
import type { Procedure } from '../procedures.ts'
import { ARITHMETIC_PROCEDURES } from './arithmetic.ts'
import { COMPARE_PROCEDURES } from './compare.ts'
import { CONVERSION_PROCEDURES } from './conversions.ts'
import { loadPart, storePart } from './storage.ts'
import { TEST_PROCEDURES } from './tests.ts'

export const VSX_PROCEDURES: Readonly<Record<string, Procedure>> = {
  lxvl: loadPart(false),
  lxvll: loadPart(true),
  stxvl: storePart(false),
  stxvll: storePart(true),
  ...ARITHMETIC_PROCEDURES,
  ...CONVERSION_PROCEDURES,
  ...COMPARE_PROCEDURES,
  ...TEST_PROCEDURES,
}
