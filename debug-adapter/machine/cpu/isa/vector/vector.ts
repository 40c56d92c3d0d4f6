/** Vector instructions (Power ISA 3.0C I 6). */
import type { Insn } from '../insn.ts'
import { integer } from './integer.ts'
import { permute } from './permute.ts'
import { storage } from './storage.ts'
import { written } from './written.ts'

export const vector: readonly Insn[] = [...storage, ...permute, ...integer, ...written]
