/**
 * Accesses of a block that lie close together: those whose addresses are the same value plus constants. One look at the translation
 * serves them all, as fields of a structure or of a stack frame.
 */
import type { Effect, Expr, Size } from '../isa/expr.ts'
import { extract, fieldNamed } from '../isa/fields.ts'
import { visit } from '../wasm/record.ts'
import type { Decoded } from './blocks.ts'

/** Bytes from the first to the last of a group: more would often cross a page. */
const MAX_SPAN = 512

export interface Group {
  readonly store: boolean
  /** Offsets from the common value: of the first byte, and behind the last one. */
  from: number
  to: number
  members: number
  /** While code is made: the local that holds where the first byte is in memory, or 0; from its first member on. */
  host?: number
}

export interface Access {
  readonly group: Group
  readonly offset: number
}

/** By position, then by the expression of the address. */
export type Accesses = ReadonlyMap<number, ReadonlyMap<Expr, Access>>

/** A value that is not known, plus a constant. */
interface Sum {
  readonly root: object
  readonly offset: number
}

/** @param at the instruction at a position of the block from `start` to `end` */
export function findAccesses(start: number, end: number, at: (position: number) => Decoded): Accesses {
  const registers = new Map<number, Sum>()
  const found = new Map<number, Map<Expr, Access>>()
  const open = new Map<object, Group[]>()
  /** Values of the present instruction: the same word somewhere else has the same expressions, but other values. */
  const roots = new Map<Expr, object>()
  const registerSum = (number: number): Sum => {
    let sum = registers.get(number)
    if (!sum) registers.set(number, (sum = { root: {}, offset: 0 }))
    return sum
  }
  const sumOf = (e: Expr, word: number): Sum => {
    if (e.op === 'gpr') return registerSum(extract(word, fieldNamed(e.name)))
    if (e.op === 'binary' && e.name === 'add' && e.args[1].op === 'const') {
      const { root, offset } = sumOf(e.args[0], word)
      return { root, offset: offset + Number(BigInt.asIntN(64, e.args[1].value)) }
    }
    let root = roots.get(e)
    if (!root) roots.set(e, (root = {}))
    return { root, offset: 0 }
  }
  const note = (position: number, word: number, ea: Expr, size: Size, store: boolean): void => {
    const { root, offset } = sumOf(ea, word)
    const groups = open.get(root) ?? []
    open.set(root, groups)
    let group = groups.find((one) => one.store === store && fits(one, offset, size))
    if (group) {
      group.from = Math.min(group.from, offset)
      group.to = Math.max(group.to, offset + size)
      group.members++
    } else groups.push((group = { store, from: offset, to: offset + size, members: 1 }))
    let here = found.get(position)
    if (!here) found.set(position, (here = new Map()))
    here.set(ea, { group, offset })
  }
  for (let position = start; position < end; position++) {
    const { insn, effects, word } = at(position)
    roots.clear()
    // Procedures may change translations.
    if (insn.privilege !== 'problem' || effects.some(({ op }) => op === 'call')) {
      open.clear()
      registers.clear()
      continue
    }
    const sure = effects.filter(({ op }) => op !== 'when')
    visit(sure, (e) => {
      if (e.op === 'load') note(position, word, e.args[0], e.size, false)
      return true
    })
    for (const f of sure) if (f.op === 'store') note(position, word, f.ea, f.size, true)
    const written = effects.flatMap((f) => writes(f))
    const sums = written.map(
      ({ target, value }) => [extract(word, fieldNamed(target.name)), sumOf(value, word)] as const,
    )
    for (const [number, sum] of sums) registers.set(number, sum)
  }
  return found
}

const fits = ({ from, to }: Group, offset: number, size: number): boolean =>
  Math.max(to, offset + size) - Math.min(from, offset) <= MAX_SPAN

/** The general purpose registers that an effect sets. */
function writes(f: Effect): { readonly target: { readonly name: string }; readonly value: Expr }[] {
  if (f.op === 'when') return f.effects.flatMap(writes).map(({ target }) => ({ target, value: UNKNOWN() }))
  return f.op === 'set' && f.target.op === 'gpr' ? [{ target: f.target, value: f.value }] : []
}

/** A value of which nothing is known, not the same as any other. */
const UNKNOWN = (): Expr => ({ op: 'cia', type: 'i64' })
