/** Vector instructions (Power ISA 3.0C I 6). */
import type { Insn } from '../insn.ts'
import { cipher } from './cipher.ts'
import { elements } from './elements.ts'
import { float } from './float.ts'
import { integer } from './integer.ts'
import { permute } from './permute.ts'
import { quad } from './quad.ts'
import { saturating } from './saturate.ts'
import { storage } from './storage.ts'
import { helped, written } from './written.ts'

export const vector: readonly Insn[] = [
  ...[...storage, ...permute, ...elements, ...integer, ...saturating, ...quad, ...cipher, ...float],
  ...[...helped, ...written],
]
