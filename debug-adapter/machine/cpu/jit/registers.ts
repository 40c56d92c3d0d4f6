/**
 * Registers in locals while compiled code runs. A local is `valid` where it holds what the register does, and `dirty` where memory may
 * not; both are known while code is made, so every exit stores just what memory lacks.
 */
import type { Expr } from '../isa/expr.ts'
import { CR, GPR, STATE } from '../layout.ts'
import type { Code } from '../wasm/emitter.ts'

/** Offset in memory of a register that may be in a local. */
export type Cell = number

/** GPRs, LR and CTR have 64 bits; fields of CR, carry and overflow 32. */
export const typeOf = (cell: Cell): 'i32' | 'i64' => (cell < CR ? 'i64' : 'i32')
export const isCrField = (cell: Cell): boolean => cell >= CR && cell < CR + 32
export const gprCell = (number: number): Cell => GPR + 8 * number
/** State by its offset; the rest is read and written in memory, where helpers find it. */
export const STATE_CELLS: ReadonlySet<number> = new Set(
  (['lr', 'ctr', 'ca', 'ca32', 'ov', 'ov32', 'so'] as const).map((name) => STATE[name]),
)

/** A field of CR as the comparison that made it, whose sides are in locals of their own: it is computed only where it is wanted. */
export interface Comparison {
  readonly signed: boolean
  readonly type: 'i32' | 'i64'
  /** A local, or a constant. */
  readonly a: number | bigint
  readonly b: number | bigint
  readonly so: number
}

interface Compared {
  readonly signed: boolean
  readonly a: Expr
  readonly b: Expr
  readonly so: Expr
}

const same = (a: Expr, b: Expr): boolean => a === b || (a.op === 'const' && b.op === 'const' && a.value === b.value)
const isValue = (e: Expr, value: bigint): boolean => e.op === 'const' && e.value === value

/** The comparison behind a value for a field of CR: LT, GT or EQ, with SO. @returns undefined where it is something else */
export function comparisonIn(value: Expr): Compared | undefined {
  if (value.op !== 'binary' || value.name !== 'or') return undefined
  const [bits, so] = value.args
  if (bits.op !== 'select' || !isValue(bits.args[1], 8n)) return undefined
  const less = bits.args[0]
  const rest = bits.args[2]
  if (rest.op !== 'select' || !isValue(rest.args[1], 4n) || !isValue(rest.args[2], 2n)) return undefined
  const greater = rest.args[0]
  if (less.op !== 'compare' || greater.op !== 'compare') return undefined
  if (!same(less.args[0], greater.args[0]) || !same(less.args[1], greater.args[1])) return undefined
  const kind = `${less.name} ${greater.name}`
  if (kind !== 'lt_s gt_s' && kind !== 'lt_u gt_u') return undefined
  return { signed: less.name === 'lt_s', a: less.args[0], b: less.args[1], so }
}

/** A test of one bit of CR: the field's cell, and the bit from the right. */
export function crBitIn(e: Expr): { readonly cell: Cell; readonly bit: number } | undefined {
  if (e.op !== 'binary' || e.name !== 'and' || !isValue(e.args[1], 1n)) return undefined
  const [shifted] = e.args
  const [field, bit] =
    shifted.op === 'binary' && shifted.name === 'shr_u' && shifted.args[1].op === 'const'
      ? [shifted.args[0], Number(shifted.args[1].value)]
      : [shifted, 0]
  if (field.op !== 'cr' || field.args[0].op !== 'const') return undefined
  return { cell: CR + Number(field.args[0].value), bit }
}

const OPCODES = {
  i32: { eq: 0x46, lt: { s: 0x48, u: 0x49 }, gt: { s: 0x4a, u: 0x4b } },
  i64: { eq: 0x51, lt: { s: 0x53, u: 0x54 }, gt: { s: 0x55, u: 0x56 } },
} as const

/** What is where at one place of the code. */
export interface Knowledge {
  readonly valid: ReadonlySet<Cell>
  readonly dirty: ReadonlySet<Cell>
  readonly comparisons: ReadonlyMap<Cell, Comparison>
  /** Fields of CR that are neither in memory nor in their local, but only as a comparison. */
  readonly pending: ReadonlySet<Cell>
  /** The same where a local tells whether it is so. */
  readonly perhaps: ReadonlyMap<Cell, Comparison>
}

/** Nothing is known but that everything is in memory. */
export const NOTHING: Knowledge = {
  valid: new Set(),
  dirty: new Set(),
  comparisons: new Map(),
  pending: new Set(),
  perhaps: new Map(),
}

export class Registers {
  readonly #locals = new Map<Cell, number>()
  #valid = new Set<Cell>()
  #dirty = new Set<Cell>()
  #comparisons = new Map<Cell, Comparison>()
  #pending = new Set<Cell>()
  #perhaps = new Map<Cell, Comparison>()
  /** Locals of comparisons, by cell and type. */
  readonly #sides = new Map<string, number>()

  constructor(readonly code: Code) {}

  #local(cell: Cell): number {
    let local = this.#locals.get(cell)
    if (local === undefined) this.#locals.set(cell, (local = this.code.local(typeOf(cell))))
    return local
  }

  #load(cell: Cell): Code {
    const type = typeOf(cell)
    return this.code.i32(0).load(type === 'i32' ? 4 : 8, type, cell)
  }

  #storeLocal(cell: Cell): void {
    const type = typeOf(cell)
    this.code
      .i32(0)
      .get(this.#local(cell))
      .store(type === 'i32' ? 4 : 8, type, cell)
  }

  /** Puts a register on the stack. @param sure whether this code is executed on every path to what follows */
  read(cell: Cell, sure: boolean): void {
    const comparison = this.#comparisons.get(cell)
    const perhaps = this.#perhaps.get(cell)
    if (perhaps) {
      this.#storePerhaps(cell, perhaps)
      if (sure) this.#perhaps.delete(cell)
    }
    if (this.#valid.has(cell)) return void this.code.get(this.#local(cell))
    const pending = comparison && this.#pending.has(cell)
    if (pending) this.#bits(comparison)
    else this.#load(cell)
    if (!sure) return
    this.code.tee(this.#local(cell))
    this.#valid.add(cell)
    if (!pending) return
    this.#pending.delete(cell)
    this.#dirty.add(cell)
  }

  /** Takes the value on the stack into a register. */
  write(cell: Cell): void {
    this.code.set(this.#local(cell))
    this.#valid.add(cell)
    this.#dirty.add(cell)
    this.#comparisons.delete(cell)
    this.#pending.delete(cell)
    this.#perhaps.delete(cell)
  }

  /** Like {@link write}, in code that is not executed on every path; {@link flush} came before the paths parted. */
  writeMaybe(cell: Cell, value: () => void): void {
    const type = typeOf(cell)
    this.code.i32(0)
    value()
    if (this.#valid.has(cell)) this.code.tee(this.#local(cell))
    this.code.store(type === 'i32' ? 4 : 8, type, cell)
    this.#comparisons.delete(cell)
  }

  /** A field of CR is set by a comparison. */
  compare(cell: Cell, comparison: Comparison): void {
    this.#valid.delete(cell)
    this.#dirty.delete(cell)
    this.#perhaps.delete(cell)
    this.#comparisons.set(cell, comparison)
    this.#pending.add(cell)
  }

  /** The local for a side of a comparison, or for what tells whether it is the field's value yet. */
  side(cell: Cell, which: 'a' | 'b' | 'so' | 'perhaps', type: 'i32' | 'i64'): number {
    const key = `${cell} ${which} ${type}`
    let local = this.#sides.get(key)
    if (local === undefined) this.#sides.set(key, (local = this.code.local(type)))
    return local
  }

  /** Puts one bit of a field of CR on the stack. @returns false where it is not known as a comparison */
  readBit(cell: Cell, bit: number): boolean {
    const comparison = this.#comparisons.get(cell)
    if (!comparison) return false
    if (bit === 0) this.code.get(comparison.so)
    else this.#test(comparison, bit === 3 ? 'lt' : bit === 2 ? 'gt' : 'eq')
    return true
  }

  #test({ a, b, type, signed }: Comparison, relation: 'lt' | 'gt' | 'eq'): void {
    for (const side of [a, b])
      if (typeof side === 'number') this.code.get(side)
      else if (type === 'i64') this.code.i64(side)
      else this.code.i32(Number(BigInt.asIntN(32, side)))
    const opcodes = OPCODES[type]
    this.code.op(relation === 'eq' ? opcodes.eq : opcodes[relation][signed ? 's' : 'u'])
  }

  /** Puts the four bits of a field that is a comparison on the stack. */
  #bits(comparison: Comparison): void {
    const { code } = this
    code.i32(8).i32(4).i32(2)
    this.#test(comparison, 'gt')
    code.op(0x1b)
    this.#test(comparison, 'lt')
    code.op(0x1b).get(comparison.so).op(0x72)
  }

  #storeComparison(cell: Cell, comparison: Comparison): void {
    this.code.i32(0)
    this.#bits(comparison)
    this.code.store(4, 'i32', cell)
  }

  #storePerhaps(cell: Cell, comparison: Comparison): void {
    this.code.get(this.side(cell, 'perhaps', 'i32')).if()
    this.#storeComparison(cell, comparison)
    this.code.end()
  }

  /** Stores what memory lacks, on a path that leaves or calls out; what is known on the main path stays as it is. */
  save(which: (cell: Cell) => boolean = () => true): void {
    for (const cell of this.#dirty) if (which(cell)) this.#storeLocal(cell)
    for (const cell of this.#pending) if (which(cell)) this.#storeComparison(cell, this.#comparisons.get(cell)!)
    for (const [cell, comparison] of this.#perhaps) if (which(cell)) this.#storePerhaps(cell, comparison)
  }

  /** Stores what memory lacks. */
  flush(which: (cell: Cell) => boolean = () => true): void {
    this.save(which)
    for (const cell of [...this.#dirty]) if (which(cell)) this.#dirty.delete(cell)
    for (const cell of [...this.#pending]) if (which(cell)) this.#pending.delete(cell)
    for (const cell of [...this.#perhaps.keys()]) if (which(cell)) this.#perhaps.delete(cell)
  }

  /** After {@link save} and a call that may have written registers: reads again what the main path relies on. */
  reload(): void {
    for (const cell of this.#valid) this.#load(cell).set(this.#local(cell))
  }

  /** Memory was written: what locals hold is out of date. */
  forget(which: (cell: Cell) => boolean = () => true): void {
    for (const cell of [...this.#valid]) if (which(cell)) this.#valid.delete(cell)
    for (const cell of [...this.#comparisons.keys()]) if (which(cell)) this.#comparisons.delete(cell)
  }

  get knowledge(): Knowledge {
    return {
      valid: new Set(this.#valid),
      dirty: new Set(this.#dirty),
      comparisons: new Map(this.#comparisons),
      pending: new Set(this.#pending),
      perhaps: new Map(this.#perhaps),
    }
  }

  /** What is known where several paths meet of which this is one, after {@link save}. */
  get common(): Knowledge {
    return { ...NOTHING, valid: new Set(this.#valid) }
  }

  /** Begins a block where this is known. */
  begin(known: Knowledge = NOTHING): void {
    this.#valid = new Set(known.valid)
    this.#dirty = new Set(known.dirty)
    this.#comparisons = new Map(known.comparisons)
    this.#pending = new Set(known.pending)
    this.#perhaps = new Map(known.perhaps)
  }

  /** Loads registers whose locals do not hold them. */
  ensure(cells: Iterable<Cell>): void {
    for (const cell of cells)
      if (!this.#valid.has(cell)) {
        this.#load(cell).set(this.#local(cell))
        this.#valid.add(cell)
      }
  }

  /** Sets the locals that tell of comparisons where a loop is entered: memory has them. */
  enterLoop(known: Knowledge): void {
    for (const cell of known.perhaps.keys()) this.code.i32(0).set(this.side(cell, 'perhaps', 'i32'))
  }

  /** Goes back to the beginning of a loop, where `known` holds; a path of its own. */
  repeat(known: Knowledge): void {
    const { code } = this
    this.save((cell) => !known.dirty.has(cell) && !known.perhaps.has(cell))
    for (const cell of known.valid) if (!this.#valid.has(cell)) this.#load(cell).set(this.#local(cell))
    for (const cell of known.perhaps.keys()) {
      if (this.#perhaps.has(cell)) continue
      if (this.#dirty.has(cell)) this.#storeLocal(cell)
      code.i32(this.#pending.has(cell) ? 1 : 0).set(this.side(cell, 'perhaps', 'i32'))
    }
  }
}

/** What both of two paths know. */
export function both(a: Knowledge, b: Knowledge): Knowledge {
  return { ...NOTHING, valid: new Set([...a.valid].filter((cell) => b.valid.has(cell))) }
}
