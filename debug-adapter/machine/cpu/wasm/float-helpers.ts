import type { Helper } from './helpers.ts'

export const FLOAT_HELPERS: readonly Helper[] = []
