import type { Helper } from './helpers.ts'
import { ARITHMETIC_HELPERS } from './vsx/arithmetic.ts'
import { COMPARE_HELPERS } from './vsx/compare.ts'
import { CONVERT_HELPERS } from './vsx/convert.ts'
import { SCALAR_HELPERS } from './vsx/scalar.ts'
import { SCALAR_CONVERT_HELPERS } from './vsx/scalar-convert.ts'
import { SINGLE_HELPERS } from './vsx/single.ts'

export const VSX_HELPERS: readonly Helper[] = [
  ...ARITHMETIC_HELPERS,
  ...COMPARE_HELPERS,
  ...CONVERT_HELPERS,
  ...SCALAR_HELPERS,
  ...SCALAR_CONVERT_HELPERS,
  ...SINGLE_HELPERS,
]
