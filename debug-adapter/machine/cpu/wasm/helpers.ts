/**
 * Functions written in WebAssembly that instructions share: too long to repeat in each, or without an operator. They stand in the
 * module behind the imports and the function `run`; expressions call them by name (`helper`, `attempt`).
 */
import { IMPORTS } from './call-outs.ts'
import { Code, type Signature } from './emitter.ts'
import { VECTOR_HELPERS } from './vector-helpers.ts'
import { VSX_HELPERS } from './vsx-helpers.ts'

export interface Helper {
  readonly name: string
  readonly signature: Signature
  /** Makes the body; its first locals are the parameters. */
  code(): Code
}

/** (x: i64) => i64 with the bytes of the low `size` bytes in the other order, and zeros above. */
function swapFunction(size: 2 | 4 | 8): Code {
  const code = new Code(['i64'])
  const step = (mask: bigint, shift: bigint): void => {
    code.get(0).i64(mask).op(0x83).i64(shift).op(0x86)
    code.get(0).i64(shift).op(0x88).i64(mask).op(0x83).op(0x84).set(0)
  }
  step(0x00ff_00ff_00ff_00ffn, 8n)
  if (size > 2) step(0x0000_ffff_0000_ffffn, 16n)
  if (size > 4) step(0x0000_0000_ffff_ffffn, 32n)
  code.get(0)
  if (size < 8) code.i64((1n << BigInt(8 * size)) - 1n).op(0x83)
  return code
}

const swap = (size: 2 | 4 | 8): Helper => ({
  name: `swap${size}`,
  signature: { parameters: ['i64'], result: 'i64' },
  code: () => swapFunction(size),
})

const REVERSED = Array.from({ length: 16 }, (_, i) => 15 - i)

export const HELPERS: readonly Helper[] = [
  swap(2),
  swap(4),
  swap(8),
  {
    name: 'swap16',
    signature: { parameters: ['v128'], result: 'v128' },
    code: () => new Code(['v128']).get(0).get(0).simd('i8x16.shuffle', REVERSED),
  },
  ...VECTOR_HELPERS,
  ...VSX_HELPERS,
]

const INDEX = new Map(HELPERS.map(({ name }, i) => [name, IMPORTS.length + 1 + i]))

/**
 * Number of a helper in its module.
 * @throws TypeError where none has this name
 */
export function helperIndex(name: string): number {
  const index = INDEX.get(name)
  if (index === undefined) throw new TypeError(`no helper is called ${name}: add it to wasm/helpers.ts`)
  return index
}
