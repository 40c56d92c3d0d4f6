import type { Helper } from './helpers.ts'
import { CIPHER_HELPERS } from './vector/cipher.ts'
import { FLOAT_VECTOR_HELPERS } from './vector/float.ts'
import { INTEGER_HELPERS } from './vector/integer.ts'
import { POLYNOMIAL_HELPERS } from './vector/polynomial.ts'

export const VECTOR_HELPERS: readonly Helper[] = [
  ...CIPHER_HELPERS,
  ...POLYNOMIAL_HELPERS,
  ...INTEGER_HELPERS,
  ...FLOAT_VECTOR_HELPERS,
]
