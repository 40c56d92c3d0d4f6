/** Vector-scalar instructions (Power ISA 3.0C I 7). */
import type { Insn } from '../insn.ts'
import { arithmeticInsns } from './arithmetic.ts'
import { compare } from './compare.ts'
import { conversions } from './conversions.ts'
import { parts } from './parts.ts'
import { permute } from './permute.ts'
import { quads } from './quad.ts'
import { storage } from './storage.ts'

export const vsx: readonly Insn[] = [
  ...storage,
  ...permute,
  ...parts,
  ...compare,
  ...arithmeticInsns,
  ...conversions,
  ...quads,
]
