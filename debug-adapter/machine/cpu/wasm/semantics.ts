/**
 * Turns the effects of one instruction into WebAssembly. What differs between the interpreter (operands come out of a record,
 * registers are in memory) and a compiler (operands are constants, registers may be locals) is left to the subclasses.
 */
import {
  argsOf,
  type Effect,
  type Expr,
  type RaiseName,
  type Register,
  type Size,
  type StateName,
  type Type,
} from '../isa/expr.ts'
import { CR, EVENT, NIA, REMAINING, SCRATCH, STATE, TLB_ENTRIES, TLB_ENTRY, TLB_STORES } from '../layout.ts'
import { type CallOuts, importIndex, PURE_NAMES, RAISE_NAMES } from './call-outs.ts'
import { type Code, opcode, type ValueType } from './emitter.ts'
import { helperIndex } from './helpers.ts'
import { keyOf, operandsOf, visit } from './record.ts'

/** Settled when code is generated, so neither is tested while it runs. */
export interface Mode {
  /** MSR[SF]. */
  readonly wide: boolean
  /** MSR[LE]. */
  readonly littleEndian: boolean
}

/** The tree without the choices that `mode` settles; what was shared stays shared. */
export function specialise(effects: readonly Effect[], mode: Mode): Effect[] {
  const known = new Map<Expr, Expr>()
  const expr = (e: Expr): Expr => {
    let to = known.get(e)
    if (to) return to
    if (e.op === 'select' && e.args[0].op === 'mode64') to = expr(mode.wide ? e.args[1] : e.args[2])
    else if (e.op === 'select' && e.args[0].op === 'littleEndian') to = expr(e.args[mode.littleEndian ? 1 : 2])
    else if ('args' in e) to = { ...e, args: e.args.map(expr) } as unknown as Expr
    else to = e
    known.set(e, to)
    return to
  }
  const effect = (f: Effect): Effect => {
    switch (f.op) {
      case 'set':
      case 'setState':
        return { ...f, value: expr(f.value) }
      case 'setCr':
        return { ...f, field: expr(f.field), value: expr(f.value) }
      case 'store':
        return { ...f, ea: expr(f.ea), value: expr(f.value) }
      case 'branch':
        return { ...f, target: expr(f.target), ...(f.condition && { condition: expr(f.condition) }) }
      case 'raise':
        return { ...f, condition: expr(f.condition), argument: expr(f.argument) }
      case 'when':
        return { ...f, condition: expr(f.condition), effects: f.effects.map(effect) }
      case 'attempt':
        return { ...f, args: f.args.map(expr) }
      case 'call':
        return f
    }
  }
  return effects.map(effect)
}

export abstract class Semantics {
  abstract readonly code: Code
  /** Locals: offset of the data translations in use, an entry of them, an effective address, a value to store. */
  protected abstract readonly tlb: number
  protected abstract readonly entry: number
  protected abstract readonly ea: number
  protected abstract readonly value: number
  protected abstract readonly vector: number
  /** Per instruction: values that are in locals, and how often a value is used. */
  #locals = new Map<Expr, number>()
  #uses = new Map<Expr, number>()

  constructor(readonly mode: Mode) {}

  /** Puts an operand of the instruction on the stack. @returns false where the expression is none */
  protected abstract operand(e: Expr): boolean
  /** Puts the offset of a register's slot in memory on the stack. */
  protected abstract place(register: Register): void
  /** Writes a register; `value` puts the value on the stack. */
  protected abstract setRegister(target: Register, value: () => void): void
  /** Puts the address of the instruction on the stack. */
  abstract cia(): Code
  /** Goes on at the address on the stack. */
  protected abstract jump(): void
  /** Executes the instruction by a procedure, then goes on behind it or where the procedure says. */
  protected abstract procedure(): void
  /** Leaves the instruction, of which nothing has happened, for what a call-out asked for in `EVENT`. */
  protected abstract leave(): void
  protected abstract leaveIf(): void
  /** The count of instructions that may still be executed, on the stack. */
  protected abstract remaining(): void

  /** Whether what is made now is executed on every path to the end of the instruction. */
  protected get sure(): boolean {
    return true
  }

  /** Writes NIA and the count back, before something that may look at them. */
  syncState(): Code {
    const { code } = this
    code.i32(0)
    this.cia()
    code.store(8, 'i64', NIA).i32(0)
    this.remaining()
    return code.store(4, 'i32', REMAINING)
  }

  callOut(name: keyof CallOuts): Code {
    return this.code.call(importIndex(name))
  }

  protected callHelper(name: string): Code {
    return this.code.call(helperIndex(name))
  }

  /** Puts a state, or the condition register field `field` (four times its number), on the stack; and writes them. */
  protected getState(name: StateName, type: Type): void {
    this.code.i32(0).load(type === 'i32' ? 4 : 8, type, STATE[name])
  }

  protected setState(name: StateName, value: Expr): void {
    this.code.i32(0)
    this.emit(value)
    this.code.store(value.type === 'i32' ? 4 : 8, value.type, STATE[name])
  }

  protected getCr(field: Expr): void {
    this.emit(field)
    this.code.load(4, 'i32', CR)
  }

  protected setCr(field: Expr, value: Expr): void {
    this.emit(field)
    this.emit(value)
    this.code.store(4, 'i32', CR)
  }

  protected branch(target: Expr, condition: Expr | undefined): void {
    const { code } = this
    if (condition) {
      this.emit(condition)
      code.if()
    }
    this.emit(target)
    this.jump()
    if (condition) code.end()
  }

  protected when(condition: Expr, effects: readonly Effect[]): void {
    this.emit(condition)
    this.code.if()
    for (const inner of effects) this.#perform(inner)
    this.code.end()
  }

  /** Calls a helper that does the whole instruction, or, where it gives 0, the procedure. */
  protected attempt(helper: string, args: readonly Expr[]): void {
    for (const arg of args) this.emit(arg)
    this.callHelper(helper).op(0x45).if()
    this.procedure()
    this.code.end()
  }

  protected leaveOnEvent(): void {
    this.code.i32(0).load(4, 'i32', EVENT)
    this.leaveIf()
  }

  /** Everything that the instruction does. Afterwards the code goes on behind it. */
  protected effects(effects: readonly Effect[]): void {
    this.#uses = new Map()
    visit(effects, (e) => {
      const uses = this.#uses.get(e) ?? 0
      this.#uses.set(e, uses + 1)
      return uses === 0
    })
    const guards = effects.filter((f) => f.op === 'raise')
    const rest = effects.filter((f) => f.op !== 'raise')
    for (const guard of guards) this.#perform(guard)
    // Everything is read before anything is written.
    if (rest.length > 1 || rest[0]?.op === 'when') for (const f of rest) for (const e of this.wantedOf(f)) this.keep(e)
    for (const f of rest) this.#perform(f)
    for (const [e, local] of this.#locals) this.code.giveBack(local, e.type)
    this.#locals = new Map()
  }

  /** What an effect needs of the state before the instruction. */
  protected wantedOf(f: Effect): Expr[] {
    return operandsOf(f)
  }

  /** Computes a value into a local. */
  protected keep(e: Expr): void {
    if (e.op === 'const' || this.#locals.has(e)) return
    this.emit(e)
    if (this.#locals.has(e)) this.code.op(0x1a)
    else {
      const local = this.code.borrow(e.type)
      this.code.set(local)
      this.#locals.set(e, local)
    }
  }

  /** Puts a value on the stack; one that is used again stays in a local. */
  protected emit(e: Expr): void {
    const { code } = this
    const local = this.#locals.get(e)
    if (local !== undefined) return void code.get(local)
    this.#compute(e)
    if (this.sure && (this.#uses.get(e) ?? 0) > 1 && e.op !== 'const') {
      const kept = code.borrow(e.type)
      code.tee(kept)
      this.#locals.set(e, kept)
    }
  }

  #compute(e: Expr): void {
    const { code } = this
    if (e.op === 'place') return this.place(e.args[0])
    if (this.operand(e)) return
    if (e.op !== 'load' && e.op !== 'pure' && e.op !== 'select' && e.op !== 'cr')
      for (const arg of argsOf(e)) this.emit(arg)
    switch (e.op) {
      case 'const':
        if (e.type === 'i32') code.i32(Number(BigInt.asIntN(32, e.value)))
        else code.i64(e.value)
        return
      case 'state':
        return this.getState(e.name, e.type)
      case 'cr':
        return this.getCr(e.args[0])
      case 'cia':
        return void this.cia()
      case 'mode64':
        return void code.i32(this.mode.wide ? 1 : 0)
      case 'littleEndian':
        return void code.i32(this.mode.littleEndian ? 1 : 0)
      case 'binary':
      case 'compare':
      case 'unary':
        return void code.op(opcode(e.name, e.args[0].type))
      case 'convert':
        return void code.op(e.type === 'i32' ? 0xa7 : 0xad)
      case 'select': {
        const [condition, a, b] = e.args
        this.emit(a)
        this.emit(b)
        this.emit(condition)
        // A vector needs the form that names its type.
        return void (e.type === 'v128' ? code.op(0x1c, 1, 0x7b) : code.op(0x1b))
      }
      case 'simd':
        return void code.simd(e.name, e.lanes)
      case 'helper':
        return void this.callHelper(e.name)
      case 'load':
        return this.load(e.size, e.args[0])
      case 'pure':
        code.i32(PURE_NAMES.indexOf(e.name))
        for (const arg of e.args) this.emit(arg)
        return void this.callOut('pure')
    }
    throw new TypeError(`no code for ${e.op} ${keyOf(e)}`)
  }

  /**
   * Finds the entry of the address on the stack; leaves 1 where its tag covers the whole access.
   * @param part offset of the entries for loads or for stores in their bank
   */
  protected lookup(size: number, part: number): void {
    const { code } = this
    code
      .tee(this.ea)
      .i64(8n)
      .op(0x88)
      .op(0xa7)
      .i32((TLB_ENTRIES - 1) * TLB_ENTRY)
      .op(0x71)
      .get(this.tlb)
      .op(0x6a)
      .tee(this.entry)
    code.load(8, 'i64', part)
    code.get(this.ea)
    if (size > 1) code.i64(BigInt(size - 1)).op(0x7c)
    code.i64(~0xfffn).op(0x83).op(0x51)
  }

  protected host(part: number): Code {
    return this.code
      .get(this.entry)
      .load(4, 'i32', part + 8)
      .get(this.ea)
      .op(0xa7)
      .op(0x6a)
  }

  /** Puts the bytes of the value on the stack into the order of the mode. */
  protected order(size: Size): void {
    if (this.mode.littleEndian || size === 1) return
    this.callHelper(`swap${size}`)
  }

  protected load(size: Size, ea: Expr): void {
    const { code } = this
    const type: ValueType = size === 16 ? 'v128' : 'i64'
    this.emit(ea)
    this.lookup(size, 0)
    code.if(type)
    this.host(0).load(size, type)
    this.order(size)
    code.else()
    this.loadMissed(size)
    code.end()
  }

  /** Loads from an address without a translation, which is in `ea`. */
  protected loadMissed(size: Size): void {
    const { code } = this
    this.syncState().get(this.ea)
    if (size === 16) this.callOut('loadVector')
    else {
      code.i32(size)
      this.callOut('load')
    }
    this.leaveOnEvent()
    if (size === 16) code.i32(SCRATCH).load(16, 'v128')
  }

  protected store(size: Size, ea: Expr, value: Expr): void {
    const { code } = this
    const type: ValueType = size === 16 ? 'v128' : 'i64'
    const kept = size === 16 ? this.vector : this.value
    this.emit(value)
    code.set(kept)
    this.emit(ea)
    this.lookup(size, TLB_STORES)
    code.if()
    this.host(TLB_STORES).get(kept)
    this.order(size)
    code.store(size, type)
    code.else()
    this.storeMissed(size, kept)
    code.end()
  }

  /** Stores what a local holds to an address without a translation, which is in `ea`. */
  protected storeMissed(size: Size, kept: number): void {
    const { code } = this
    if (size === 16) code.i32(SCRATCH).get(kept).store(16, 'v128')
    this.syncState().get(this.ea)
    if (size === 16) this.callOut('storeVector')
    else {
      code.get(kept).i32(size)
      this.callOut('store')
    }
    this.leaveOnEvent()
  }

  protected raise(name: RaiseName, argument: Expr): void {
    this.syncState().i32(RAISE_NAMES.indexOf(name))
    this.emit(argument)
    this.callOut('raise')
    this.leave()
  }

  #perform(f: Effect): void {
    const { code } = this
    switch (f.op) {
      case 'set':
        return this.setRegister(f.target, () => this.emit(f.value))
      case 'setState':
        return this.setState(f.name, f.value)
      case 'setCr':
        return this.setCr(f.field, f.value)
      case 'store':
        return this.store(f.size, f.ea, f.value)
      case 'branch':
        return this.branch(f.target, f.condition)
      case 'raise':
        // Both are computed outside, so that what they share with later effects is there on the other path too.
        this.keep(f.argument)
        this.emit(f.condition)
        code.if()
        this.raise(f.name, f.argument)
        return void code.end()
      case 'when':
        return this.when(f.condition, f.effects)
      case 'attempt':
        return this.attempt(f.helper, f.args)
      case 'call':
        return this.procedure()
    }
  }
}
