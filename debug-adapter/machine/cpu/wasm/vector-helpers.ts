import type { Helper } from './helpers.ts'

export const VECTOR_HELPERS: readonly Helper[] = []
