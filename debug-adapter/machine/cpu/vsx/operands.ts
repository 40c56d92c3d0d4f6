/** What the fields of a word name. */
import type { Core } from '../core.ts'
import { extract, fieldNamed } from '../isa/fields.ts'

/** The value of a field. */
export const get = (word: number, name: string): number => extract(word, fieldNamed(name))

/** Number, 0 to 63, of the vector-scalar register that a field names: the vector registers are the upper half. */
export const registerNumber = (word: number, name: string): number =>
  get(word, name) + (fieldNamed(name).kind === 'vr' ? 32 : 0)

export const register = (core: Core, word: number, name: string): bigint => core.state.vsr(registerNumber(word, name))
