/** What generated code calls in this program. 64-bit values cross as BigInt: all of this is off the hot path. */
import type { PureName, RaiseName } from '../isa/expr.ts'
import type { Signature } from './emitter.ts'

export interface CallOuts {
  /** Decodes the word of the record at `record`, which is the instruction at NIA. */
  decode(record: number): void
  /** Translates NIA. @returns the offset of the first record of its page, or 0 where that raised an interrupt */
  fetch(): number
  /** So many branches led to the record at `record` that its page is worth compiling. */
  hot(record: number): void
  breakpoint(): void
  illegal(): void
  load(ea: bigint, size: number): bigint
  store(ea: bigint, value: bigint, size: number): void
  /** 16 bytes from memory to `SCRATCH`, and the other way. */
  loadVector(ea: bigint): void
  storeVector(ea: bigint): void
  raise(name: number, argument: bigint): void
  /** Executes the instruction `word` of the handler. @returns non-zero where NIA or the mode has changed */
  call(handler: number, word: number): number
  pure(name: number, a: bigint, b: bigint): bigint
  /**
   * The same for compiled code, which must not go on where its own page was written: also non-zero where some compiled page is no
   * longer valid.
   */
  unitCall(handler: number, word: number): number
}

export const RAISE_NAMES: readonly RaiseName[] = ['alignment', 'trap', 'facility']
export const PURE_NAMES: readonly PureName[] = ['divde', 'divdeu', 'divdeOverflow', 'darn']

export const IMPORTS: readonly (readonly [keyof CallOuts, Signature])[] = [
  ['decode', { parameters: ['i32'] }],
  ['fetch', { parameters: [], result: 'i32' }],
  ['hot', { parameters: ['i32'] }],
  ['breakpoint', { parameters: [] }],
  ['illegal', { parameters: [] }],
  ['load', { parameters: ['i64', 'i32'], result: 'i64' }],
  ['store', { parameters: ['i64', 'i64', 'i32'] }],
  ['loadVector', { parameters: ['i64'] }],
  ['storeVector', { parameters: ['i64'] }],
  ['raise', { parameters: ['i32', 'i64'] }],
  ['call', { parameters: ['i32', 'i32'], result: 'i32' }],
  ['pure', { parameters: ['i32', 'i64', 'i64'], result: 'i64' }],
  ['unitCall', { parameters: ['i32', 'i32'], result: 'i32' }],
]

/** Imported functions come first in a module's numbering. */
export const importIndex = (name: keyof CallOuts): number => IMPORTS.findIndex(([known]) => known === name)
