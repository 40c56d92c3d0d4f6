/** Vector instructions (Power ISA 3.0C I 6) that are written out. */
import type { Core } from '../core.ts'
import { extract, fieldNamed } from '../isa/fields.ts'
import type { Procedure } from '../procedures.ts'
import { DECIMAL } from './decimal.ts'
import { ESTIMATES } from './estimates.ts'
import { INTEGER } from './integer.ts'

type Register = 'vrt' | 'vra' | 'vrb' | 'vrc'
const numberOf = (word: number, name: Register): number => 32 + extract(word, fieldNamed(name))
const vr = (core: Core, word: number, name: Register): bigint => core.state.vsr(numberOf(word, name))

function give(core: Core, word: number, value: bigint): false {
  core.state.setVsr(numberOf(word, 'vrt'), value)
  return false
}

const operation =
  (name: string): Procedure =>
  (core, word) => {
    const [a, b, c, t] = (['vra', 'vrb', 'vrc', 'vrt'] as const).map((field) => vr(core, word, field))
    return give(core, word, INTEGER[name]!({ a: a!, b: b!, c: c!, t: t! }))
  }

const NJ = 0x1_0000
const estimate =
  (name: string): Procedure =>
  (core, word) =>
    give(core, word, ESTIMATES[name]!(vr(core, word, 'vrb'), (core.state.small('vscr') & NJ) !== 0))

/** Decimal instructions are all record forms; PS is bit 22, where there is one. */
const decimal =
  (name: string): Procedure =>
  (core, word) => {
    const ps = extract(word, fieldNamed('n22_22')) === 1
    const { value, cr } = DECIMAL[name]!(vr(core, word, 'vra'), vr(core, word, 'vrb'), ps)
    core.state.cr = ((core.state.cr & ~0xf0) | (cr << 4)) >>> 0
    return give(core, word, value)
  }

const named = (table: object, make: (name: string) => Procedure): Record<string, Procedure> =>
  Object.fromEntries(Object.keys(table).map((name) => [name, make(name)]))

export const VECTOR_PROCEDURES: Readonly<Record<string, Procedure>> = {
  ...named(INTEGER, operation),
  ...named(ESTIMATES, estimate),
  ...named(DECIMAL, decimal),
}
