/**
 * Compiles a page: one WebAssembly function with an entry for each place that branches from elsewhere lead to. Blocks stand in the
 * order of their addresses, so branches forward leave nested `block`s and branches back repeat `loop`s; a branch into the middle of a
 * loop goes through a table at the loop's beginning.
 */
import { type Effect, type Expr, isConstant, type Register, type Size, type StateName, type Type } from '../isa/expr.ts'
import { extract, fieldNamed } from '../isa/fields.ts'
import {
  COUNTERS,
  COUNTERS_PAGE,
  CR,
  INTERPRET,
  LEAST_LEFT,
  NIA,
  RECORDS,
  REMAINING,
  STATE,
  TLB_BASE,
  TLB_STORES,
} from '../layout.ts'
import type { CallOuts } from '../wasm/call-outs.ts'
import { Code } from '../wasm/emitter.ts'
import { registerOffset, visit } from '../wasm/record.ts'
import { type Mode, Semantics } from '../wasm/semantics.ts'
import { type Access, type Accesses, findAccesses } from './accesses.ts'
import {
  type Block,
  branchOf,
  type Decoded,
  type Edges,
  findBlocks,
  findEdges,
  findLoops,
  type Loop,
  loopsAround,
  staticTarget,
} from './blocks.ts'
import {
  both,
  type Comparison,
  comparisonIn,
  crBitIn,
  gprCell,
  isCrField,
  type Knowledge,
  Registers,
  STATE_CELLS,
} from './registers.ts'

/** A loop of more instructions gets no registers beforehand. */
const MAX_PRELOADED = 256

/** Up to so many, what a loop writes stays in locals from one time to the next. */
const MAX_CARRIED = 64

/** What compiled code calls: numbers of functions in the module that it becomes part of. */
export interface Linker {
  callOut(name: keyof CallOuts): number
  helper(name: string): number
}

export interface PageToCompile {
  /** Its number among the decoded pages. */
  readonly index: number
  readonly mode: Mode
  /** Positions that must be entries. */
  readonly entries: readonly number[]
  at(position: number): Decoded | undefined
}

export class UnitCode extends Semantics {
  readonly code = new Code(['i32'])
  protected readonly tlb = this.code.local('i32')
  protected readonly entry = this.code.local('i32')
  protected readonly ea = this.code.local('i64')
  protected readonly value = this.code.local('i64')
  protected readonly vector = this.code.local('v128')
  readonly #left = this.code.local('i32')
  readonly #pageEa = this.code.local('i64')
  readonly #nia = this.code.local('i64')
  readonly #registers = new Registers(this.code)
  readonly #blocks: readonly Block[]
  readonly #edges: readonly Edges[]
  readonly #loops: readonly Loop[]
  readonly #around: readonly Loop[][]
  /** Positions that other code enters. */
  readonly #wanted = new Set<number>()
  /** Blocks that are entered through a table, with their numbers there from 1 on. */
  readonly #numbers = new Map<number, number>()
  /** What is known where a block begins, by what came from the branches to it so far. */
  readonly #incoming = new Map<number, Knowledge>()
  readonly #atLoop = new Map<number, Knowledge>()
  readonly #open: string[] = []
  /** How many branches lead to each block, and going on from the one before. */
  readonly #ways: number[]
  /** Fields of CR whose comparisons have both sides in locals, by how many loops want it. */
  readonly #shaped = new Map<number, number>()
  /** The instruction that is being compiled: its position, how many of its block come behind it. */
  #position = 0
  #behind = 0
  #decoded!: Decoded
  /** Not 0 in code that is not executed on every path to the end of the instruction. */
  #aside = 0
  #checked = new Set<bigint>()
  #accesses: Accesses = new Map()
  /** Locals for groups of accesses; how many of them this block uses. */
  readonly #hosts: number[] = []
  #hostsUsed = 0

  constructor(
    readonly page: PageToCompile,
    readonly linker: Linker,
  ) {
    super(page.mode)
    const at = (position: number): Decoded | undefined => page.at(position)
    this.#blocks = findBlocks(page.entries, at)
    this.#edges = findEdges(this.#blocks, at)
    this.#loops = findLoops(this.#edges)
    this.#around = loopsAround(this.#blocks.length, this.#loops)
    for (const position of page.entries) this.#wanted.add(position)
    // Where calls return to.
    for (const { end } of this.#blocks) {
      const { insn } = page.at(end - 1)!
      if (/^b(c|cl|cc)?(lr|ctr)?la?$/.test(insn.mnemonic) && insn.effects.length > 1) this.#wanted.add(end)
    }
    for (const [i, { start }] of this.#blocks.entries()) if (this.#wanted.has(start)) this.#number(i)
    this.#ways = this.#blocks.map(() => 0)
    for (const { branch, next } of this.#edges) for (const to of [branch, next]) if (to !== undefined) this.#ways[to]!++
    for (const [i, { branch, next }] of this.#edges.entries())
      for (const to of [branch, next]) if (to !== undefined && this.#isInside(i, to)) this.#number(to)
  }

  #number(block: number): void {
    if (!this.#numbers.has(block)) this.#numbers.set(block, this.#numbers.size + 1)
  }

  /** Whether going from one block to another enters a loop elsewhere than at its beginning. */
  #isInside(from: number, to: number): boolean {
    return this.#around[to]!.some((loop) => loop.first !== to && (from < loop.first || from > loop.last))
  }

  /** Entries by position, with the numbers to call the function with. */
  get entries(): Map<number, number> {
    return new Map(
      [...this.#numbers].flatMap(([block, number]) => {
        const { start } = this.#blocks[block]!
        return this.#wanted.has(start) ? [[start, number]] : []
      }),
    )
  }

  get instructions(): number {
    return this.#blocks.reduce((sum, { start, end }) => sum + end - start, 0)
  }

  compile(): Code {
    const { code } = this
    code.i32(0).load(4, 'i32', TLB_BASE).set(this.tlb)
    code.i32(0).load(4, 'i32', REMAINING).set(this.#left)
    code.i32(0).load(8, 'i64', NIA).i64(~0xfffn).op(0x83).set(this.#pageEa)
    code.block('leave').block('exit').loop('top')
    this.#range(0, this.#blocks.length - 1, undefined)
    code.op(0x00).end().end() // top, exit
    code.i32(0).get(this.#nia).store(8, 'i64', NIA)
    code.i32(0).get(this.#left).store(4, 'i32', REMAINING)
    return code.end() // leave
  }

  /** The blocks from `first` to `last`, of which loops inside are repeated as they stand. */
  #range(first: number, last: number, inside: Loop | undefined): void {
    const { code } = this
    const items: { readonly first: number; readonly loop?: Loop }[] = []
    for (let i = first; i <= last; ) {
      const loop: Loop | undefined = this.#around[i]![inside ? this.#around[first]!.indexOf(inside) + 1 : 0]
      items.push(loop ? { first: i, loop } : { first: i })
      i = loop ? loop.last + 1 : i + 1
    }
    const label = (item: { readonly first: number }): string =>
      `${inside ? `in ${inside.first} ` : ''}block ${item.first}`
    for (const item of items.toReversed()) this.#openBlock(label(item))
    const numbers = [...this.#numbers].filter(([block]) => block >= first && block <= last)
    if (!inside || numbers.some(([block]) => block !== first)) {
      const labels = Array.from({ length: this.#numbers.size + 1 }, () => label(items[0]!))
      for (const [block, number] of numbers) labels[number] = label(items.findLast((item) => item.first <= block)!)
      code.get(0).brTable(labels)
    }
    for (const item of items) {
      this.#close()
      if (item.loop) this.#loop(item.loop)
      else this.#block(item.first, inside)
    }
  }

  #openBlock(label: string): void {
    this.code.block(label)
    this.#open.push(label)
  }

  #close(): void {
    this.code.end()
    this.#open.pop()
  }

  #loop(loop: Loop): void {
    const { code } = this
    const registers = this.#registers
    const { first, last } = loop
    registers.begin(this.#numbers.has(first) ? undefined : this.#incoming.get(first))
    const length = this.#blocks[last]!.end - this.#blocks[first]!.start
    const use = this.#useOf(loop)
    if (length <= MAX_PRELOADED) registers.ensure(use.read)
    const carried = length <= MAX_CARRIED
    if (carried) registers.ensure(use.written)
    const perhaps = carried ? use.compared : new Map<number, Comparison>()
    registers.forget((cell) => perhaps.has(cell))
    const known: Knowledge = { ...registers.common, dirty: carried ? use.written : new Set(), perhaps }
    this.#atLoop.set(first, known)
    registers.enterLoop(known)
    const label = `loop ${first}`
    code.loop(label)
    this.#open.push(label)
    for (const cell of known.perhaps.keys()) this.#shaped.set(cell, (this.#shaped.get(cell) ?? 0) + 1)
    this.#range(first, last, loop)
    for (const cell of known.perhaps.keys()) this.#shaped.set(cell, this.#shaped.get(cell)! - 1)
    this.#close()
    code.op(0x00)
  }

  /** Registers that the instructions of a loop read and write, and fields of CR that they set by one kind of comparison. */
  #useOf({ first, last }: Loop): { read: Set<number>; written: Set<number>; compared: Map<number, Comparison> } {
    const read = new Set<number>()
    const written = new Set<number>()
    const kinds = new Map<number, string>()
    const compared = new Map<number, Comparison>()
    const note = (f: Effect, word: number): void => {
      if (f.op === 'when') for (const inner of f.effects) note(inner, word)
      else if (f.op === 'set' && f.target.op === 'gpr') written.add(gprCell(extract(word, fieldNamed(f.target.name))))
      else if (f.op === 'setState' && STATE_CELLS.has(STATE[f.name])) written.add(STATE[f.name])
      else if (f.op === 'setCr' && f.field.op === 'const') {
        const cell = CR + Number(f.field.value)
        const found = comparisonIn(f.value)
        const kind = found ? `${found.signed} ${found.a.type}` : 'none'
        if (kinds.has(cell) && kinds.get(cell) !== kind) kinds.set(cell, 'none')
        else kinds.set(cell, kind)
        if (!found) return
        const type = found.a.type as 'i32' | 'i64'
        const side = (which: 'a' | 'b' | 'so'): number =>
          this.#registers.side(cell, which, which === 'so' ? 'i32' : type)
        compared.set(cell, { signed: found.signed, type, a: side('a'), b: side('b'), so: side('so') })
      }
    }
    for (let i = first; i <= last; i++)
      for (let k = this.#blocks[i]!.start; k < this.#blocks[i]!.end; k++) {
        const { effects, word } = this.page.at(k)!
        visit(effects, (e) => {
          if (e.op === 'gpr') read.add(gprCell(extract(word, fieldNamed(e.name))))
          else if (e.op === 'state' && STATE_CELLS.has(STATE[e.name])) read.add(STATE[e.name])
          return true
        })
        for (const f of effects) note(f, word)
      }
    for (const [cell, kind] of kinds) if (kind === 'none') compared.delete(cell)
    return { read, written, compared }
  }

  #block(i: number, inside: Loop | undefined): void {
    const { code } = this
    const registers = this.#registers
    const { start, end } = this.#blocks[i]!
    const isFirst = inside?.first === i
    const number = this.#numbers.get(i)
    // The beginning of a loop is entered before the loop, where what it needs is loaded.
    registers.begin(isFirst ? this.#atLoop.get(i) : number !== undefined ? undefined : this.#incoming.get(i))
    this.#checked = new Set()
    this.#accesses = findAccesses(start, end, (position) => this.page.at(position)!)
    this.#hostsUsed = 0
    if (inside && number !== undefined) code.i32(0).set(0)
    if (isFirst) {
      code.get(this.#left).i32(LEAST_LEFT).op(0x48).if()
      registers.save()
      this.#address(start).set(this.#nia).br('exit').end()
    }
    code
      .get(this.#left)
      .i32(end - start)
      .op(0x6b)
      .set(this.#left)
    let branched = false
    for (let k = start; k < end; k++) {
      this.#position = k
      this.#behind = end - 1 - k
      this.#decoded = this.page.at(k)!
      this.#instruction()
      branched =
        branchOf(this.#decoded.effects) !== undefined && branchOf(this.#decoded.effects)!.condition === undefined
    }
    if (branched) return
    this.#position = end - 1
    this.#goTo(end)
  }

  #instruction(): void {
    const { insn, effects } = this.#decoded
    if (insn.privilege !== 'problem') this.procedure()
    this.effects(effects.filter((f) => !this.#isChecked(f)))
  }

  /** Facilities are switched by MSR, and what writes MSR leaves: one look in a block is enough. */
  #isChecked(f: Effect): boolean {
    if (f.op !== 'raise' || f.name !== 'facility' || f.condition.op !== 'unary') return false
    const [masked] = f.condition.args
    if (masked.op !== 'binary' || masked.args[1].op !== 'const') return false
    const bit = masked.args[1].value
    if (this.#checked.has(bit)) return true
    this.#checked.add(bit)
    return false
  }

  /** Goes on at a position of this page, or beyond it; what follows in the code is another path. */
  #goTo(position: number, block = this.#blockAt(position)): void {
    const { code } = this
    const registers = this.#registers
    if (block === undefined) {
      registers.save()
      return void this.#address(position).set(this.#nia).br('exit')
    }
    const loop = `loop ${block}`
    if (this.#open.includes(loop)) {
      registers.repeat(this.#atLoop.get(block)!)
      return void code.br(loop)
    }
    // A block with one way to it begins where that way ends.
    if (this.#ways[block] === 1 && !this.#numbers.has(block) && !this.#loops.some(({ first }) => first === block))
      this.#incoming.set(block, registers.knowledge)
    else {
      registers.save()
      const known = this.#incoming.get(block)
      this.#incoming.set(block, known ? both(known, registers.common) : registers.common)
    }
    // The outermost loop around the target that does not go on here is entered at its beginning.
    const from = this.#blockAround(this.#position)
    const entered = this.#around[block]!.find((one) => from < one.first || from > one.last)
    const label = this.#open.findLast((one) => one.endsWith(`block ${entered?.first ?? block}`))!
    if (entered && entered.first !== block) code.i32(this.#numbers.get(block)!).set(0)
    code.br(label)
  }

  #blockAt(position: number): number | undefined {
    const i = this.#blockAround(position)
    return this.#blocks[i]?.start === position ? i : undefined
  }

  /** Number of the last block that begins at or before a position. */
  #blockAround(position: number): number {
    let [low, high] = [0, this.#blocks.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#blocks[middle]!.start <= position) low = middle
      else high = middle - 1
    }
    return this.#blocks[low]!.start <= position ? low : -1
  }

  /** Puts the address of a position on the stack. */
  #address(position: number): Code {
    this.code.get(this.#pageEa)
    return position === 0 ? this.code : this.code.i64(BigInt(4 * position)).op(0x7c)
  }

  cia(): Code {
    return this.#address(this.#position)
  }

  protected override get sure(): boolean {
    return this.#aside === 0
  }

  protected override branch(target: Expr, condition: Expr | undefined): void {
    const { code } = this
    if (condition) {
      this.emit(condition)
      code.if()
      this.#aside++
    }
    const position = staticTarget(this.#position, target)
    if (position !== undefined) this.#goTo(position)
    else {
      this.#registers.save()
      this.emit(target)
      this.jump()
    }
    if (condition) {
      this.#aside--
      code.end()
    }
  }

  /** Where the address is in this page and compiled, it is not left. */
  protected jump(): void {
    const { code } = this
    code.tee(this.#nia).get(this.#pageEa).op(0x85).i64(4096n).op(0x54).if()
    code.get(this.#nia).op(0xa7).i32(0xffc).op(0x71)
    code
      .load(4, 'i32', COUNTERS + this.page.index * COUNTERS_PAGE)
      .tee(0)
      .i32(0)
      .op(0x48)
    code.get(this.#left).i32(LEAST_LEFT).op(0x4e).op(0x71).if()
    code
      .get(0)
      .i32(RECORDS - 1)
      .op(0x71)
      .set(0)
      .br('top')
    code.end().end().br('exit')
  }

  protected operand(e: Expr): boolean {
    const { code } = this
    const { word } = this.#decoded
    const sure = this.sure
    if (e.op === 'gpr') this.#registers.read(gprCell(extract(word, fieldNamed(e.name))), sure)
    else if (e.op === 'fpr') code.i32(0).load(8, 'i64', registerOffset(e, word) + 8)
    else if (e.op === 'vsr') code.i32(0).load(16, 'v128', registerOffset(e, word))
    else {
      const bit = crBitIn(e)
      return bit !== undefined && this.#registers.readBit(bit.cell, bit.bit)
    }
    return true
  }

  protected place(register: Register): void {
    this.code.i32(registerOffset(register, this.#decoded.word))
  }

  protected setRegister(target: Register, value: () => void): void {
    const { code } = this
    const { word } = this.#decoded
    if (target.op === 'gpr') return this.#write(gprCell(extract(word, fieldNamed(target.name))), value)
    const offset = registerOffset(target, word)
    code.i32(0)
    value()
    if (target.op === 'vsr') return void code.store(16, 'v128', offset)
    code
      .store(8, 'i64', offset + 8)
      .i32(0)
      .i64(0n)
      .store(8, 'i64', offset)
  }

  #write(cell: number, value: () => void): void {
    if (this.#aside > 0) return this.#registers.writeMaybe(cell, value)
    value()
    this.#registers.write(cell)
  }

  protected override getState(name: StateName, type: Type): void {
    const cell = STATE[name]
    if (STATE_CELLS.has(cell)) this.#registers.read(cell, this.sure)
    else super.getState(name, type)
  }

  protected override setState(name: StateName, value: Expr): void {
    const cell = STATE[name]
    if (STATE_CELLS.has(cell)) this.#write(cell, () => this.emit(value))
    else super.setState(name, value)
  }

  protected override getCr(field: Expr): void {
    if (field.op === 'const') return this.#registers.read(CR + Number(field.value), this.sure)
    this.#registers.flush()
    super.getCr(field)
  }

  protected override setCr(field: Expr, value: Expr): void {
    const registers = this.#registers
    if (field.op !== 'const') throw new TypeError('a condition register field that the word does not name')
    const cell = CR + Number(field.value)
    const compared = this.sure ? comparisonIn(value) : undefined
    if (!compared) return this.#write(cell, () => this.emit(value))
    const { a, b, so, signed } = compared
    const type = a.type as 'i32' | 'i64'
    const locals: number[] = []
    const take = (e: Expr, which: 'a' | 'b' | 'so'): number | bigint => {
      if (e.op === 'const' && which !== 'so' && !this.#shaped.get(cell)) return e.value
      this.emit(e)
      const local = registers.side(cell, which, which === 'so' ? 'i32' : type)
      locals.unshift(local)
      return local
    }
    const comparison = { signed, type, a: take(a, 'a'), b: take(b, 'b'), so: take(so, 'so') as number }
    for (const local of locals) this.code.set(local)
    registers.compare(cell, comparison)
  }

  protected override wantedOf(f: Effect): Expr[] {
    const compared = f.op === 'setCr' && comparisonIn(f.value)
    return compared ? [f.field, compared.a, compared.b, compared.so] : super.wantedOf(f)
  }

  protected override load(size: Size, ea: Expr): void {
    const access = this.#grouped(ea)
    if (!access) return super.load(size, ea)
    const type = size === 16 ? 'v128' : 'i64'
    const host = this.#hostOf(access, ea)
    this.code
      .get(host)
      .if(type)
      .get(host)
      .load(size, type, access.offset - access.group.from)
    this.order(size)
    this.#otherwise(() => super.load(size, ea))
  }

  protected override store(size: Size, ea: Expr, value: Expr): void {
    const access = this.#grouped(ea)
    if (!access) return super.store(size, ea, value)
    const host = this.#hostOf(access, ea)
    this.keep(value)
    this.code.get(host).if().get(host)
    this.emit(value)
    this.order(size)
    this.code.store(size, size === 16 ? 'v128' : 'i64', access.offset - access.group.from)
    this.#otherwise(() => super.store(size, ea, value))
  }

  /** The path beside the usual one. */
  #otherwise(make: () => void): void {
    this.code.else()
    this.#aside++
    make()
    this.#aside--
    this.code.end()
  }

  #grouped(ea: Expr): Access | undefined {
    const access = this.sure ? this.#accesses.get(this.#position)?.get(ea) : undefined
    return access && access.group.members > 1 ? access : undefined
  }

  /** The local that holds where the first byte of the group of an access is in memory, or 0 where that is not known. */
  #hostOf({ group, offset }: Access, ea: Expr): number {
    if (group.host !== undefined) return group.host
    const { code } = this
    if (this.#hostsUsed === this.#hosts.length) this.#hosts.push(code.local('i32'))
    const host = this.#hosts[this.#hostsUsed++]!
    const part = group.store ? TLB_STORES : 0
    this.emit(ea)
    if (group.from !== offset) code.i64(BigInt(group.from - offset)).op(0x7c)
    this.lookup(group.to - group.from, part)
    code.if('i32')
    this.host(part)
    code.else().i32(0).end().set(host)
    group.host = host
    return host
  }

  protected override loadMissed(): void {
    this.#missed()
  }

  protected override storeMissed(): void {
    this.#missed()
  }

  /**
   * Leaves the instruction, of which nothing has happened, to the interpreter, which comes back at the next branch. A call here
   * would cost more: V8 keeps nothing in registers over a loop that has one in it.
   */
  #missed(): void {
    this.#behind++
    this.syncState()
    this.#behind--
    this.code.i32(0).i32(1).store(4, 'i32', INTERPRET).br('leave')
  }

  protected override when(condition: Expr, effects: readonly Effect[]): void {
    this.#registers.flush()
    this.#aside++
    super.when(condition, effects)
    this.#aside--
  }

  protected override attempt(helper: string, args: readonly Expr[]): void {
    const registers = this.#registers
    // It may write fields of CR.
    registers.flush(isCrField)
    registers.forget(isCrField)
    for (const arg of args) this.emit(arg)
    this.callHelper(helper).op(0x45).if()
    this.#call()
    registers.reload()
    this.code.end()
  }

  protected procedure(): void {
    this.#registers.flush()
    this.#call()
    this.#registers.forget()
  }

  #call(): void {
    this.syncState()
      .i32(this.#decoded.number)
      .i32(this.#decoded.word | 0)
    this.callOut('unitCall').brIf('leave')
  }

  override syncState(): Code {
    this.#registers.save()
    return super.syncState()
  }

  protected remaining(): void {
    this.code.get(this.#left)
    if (this.#behind > 0) this.code.i32(this.#behind).op(0x6a)
  }

  protected leave(): void {
    this.code.br('leave')
  }

  protected leaveIf(): void {
    this.code.brIf('leave')
  }

  override callOut(name: keyof CallOuts): Code {
    return this.code.call(this.linker.callOut(name))
  }

  protected override callHelper(name: string): Code {
    return this.code.call(this.linker.helper(name))
  }
}

/** Whether compiled code can have this instruction. */
export const isCompilable = (effects: readonly Effect[]): boolean =>
  effects.every((f) => f.op !== 'setCr' || isConstant(f.field))
