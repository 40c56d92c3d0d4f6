/**
 * The vector operators of WebAssembly (WebAssembly core specification 2.0 §5.4.5) by name, and functions that make
 * expressions of them. Lanes count from the least significant end; the books count elements from the other one.
 */
import type { Expr, Type } from './expr.ts'

const COMPARE = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'
const COMPARE_FLOAT = 'eq ne lt gt le ge'
const FLOAT = 'abs neg - sqrt add sub mul div min max pmin pmax'

/** Runs of consecutive opcodes: where a run starts, the shape, names; `-` is a gap. */
const RUNS: readonly (readonly [number, string, string])[] = [
  [12, 'v128', 'const'],
  [13, 'i8x16', 'shuffle swizzle splat'],
  [16, 'i16x8', 'splat'],
  [17, 'i32x4', 'splat'],
  [18, 'i64x2', 'splat'],
  [21, 'i8x16', 'extract_lane_s extract_lane_u replace_lane'],
  [24, 'i16x8', 'extract_lane_s extract_lane_u replace_lane'],
  [27, 'i32x4', 'extract_lane replace_lane'],
  [29, 'i64x2', 'extract_lane replace_lane'],
  [35, 'i8x16', COMPARE],
  [45, 'i16x8', COMPARE],
  [55, 'i32x4', COMPARE],
  [65, 'f32x4', COMPARE_FLOAT],
  [71, 'f64x2', COMPARE_FLOAT],
  [77, 'v128', 'not and andnot or xor bitselect any_true'],
  [94, 'f32x4', 'demote_f64x2_zero'],
  [95, 'f64x2', 'promote_low_f32x4'],
  [96, 'i8x16', 'abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u'],
  [103, 'f32x4', 'ceil floor trunc nearest'],
  [107, 'i8x16', 'shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u'],
  [116, 'f64x2', 'ceil floor'],
  [118, 'i8x16', 'min_s min_u max_s max_u'],
  [122, 'f64x2', 'trunc'],
  [123, 'i8x16', 'avgr_u'],
  [124, 'i16x8', 'extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u'],
  [126, 'i32x4', 'extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u'],
  [128, 'i16x8', 'abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u'],
  [135, 'i16x8', 'extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u'],
  [139, 'i16x8', 'shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u'],
  [148, 'f64x2', 'nearest'],
  [149, 'i16x8', 'mul min_s min_u max_s max_u - avgr_u'],
  [156, 'i16x8', 'extmul_low_i8x16_s extmul_high_i8x16_s extmul_low_i8x16_u extmul_high_i8x16_u'],
  [160, 'i32x4', 'abs neg - all_true bitmask'],
  [167, 'i32x4', 'extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u'],
  [171, 'i32x4', 'shl shr_s shr_u add - - sub - - - mul min_s min_u max_s max_u dot_i16x8_s'],
  [188, 'i32x4', 'extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u'],
  [192, 'i64x2', 'abs neg - all_true bitmask'],
  [199, 'i64x2', 'extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u'],
  [203, 'i64x2', 'shl shr_s shr_u add - - sub - - - mul eq ne lt_s gt_s le_s ge_s'],
  [220, 'i64x2', 'extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u extmul_high_i32x4_u'],
  [224, 'f32x4', FLOAT],
  [236, 'f64x2', FLOAT],
  [248, 'i32x4', 'trunc_sat_f32x4_s trunc_sat_f32x4_u'],
  [250, 'f32x4', 'convert_i32x4_s convert_i32x4_u'],
  [252, 'i32x4', 'trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero'],
  [254, 'f64x2', 'convert_low_i32x4_s convert_low_i32x4_u'],
]

/** Shape and operator, as `i8x16.add`. */
export type SimdName = `${'v128' | 'i8x16' | 'i16x8' | 'i32x4' | 'i64x2' | 'f32x4' | 'f64x2'}.${string}`

/** The number behind the prefix byte 0xfd. */
export const SIMD_OPCODE: ReadonlyMap<SimdName, number> = new Map(
  RUNS.flatMap(([first, shape, names]) =>
    names.split(' ').flatMap((name, i) => (name === '-' ? [] : [[`${shape}.${name}` as SimdName, first + i] as const])),
  ),
)

const typeOf = (name: SimdName): Type => {
  if (/^i64x2\.extract/.test(name)) return 'i64'
  return /extract_lane|_true|bitmask/.test(name) ? 'i32' : 'v128'
}

/**
 * An expression of a vector operator. Operators that take a scalar (`splat`, `replace_lane`, shift counts) want it as i32, those
 * of `i64x2` as i64; a shift count is always i32 and counts modulo the width of an element.
 * @throws TypeError where WebAssembly has no such operator; instructions are defined when the program is loaded
 */
export function simd(name: SimdName, ...args: Expr[]): Expr {
  if (!SIMD_OPCODE.has(name)) throw new TypeError(`WebAssembly has no vector operator ${name}`)
  return { op: 'simd', type: typeOf(name), name, lanes: [], args }
}

/** `extract_lane` and `replace_lane` of one lane. */
export const lane = (name: SimdName, number: number, ...args: Expr[]): Expr =>
  ({ ...simd(name, ...args), lanes: [number] }) as Expr

/** Bytes of `a` (0 to 15) and `b` (16 to 31), the least significant byte of the result first. */
export const shuffle = (a: Expr, b: Expr, lanes: readonly number[]): Expr =>
  ({ ...simd('i8x16.shuffle', a, b), lanes }) as Expr

/** A constant. @param value 128 bits */
export const v128 = (value: bigint): Expr =>
  ({
    ...simd('v128.const'),
    lanes: Array.from({ length: 16 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn)),
  }) as Expr
