/**
 * Generates the interpreter from the instruction table: one WebAssembly function that dispatches with `br_table` over decoded
 * records (spec/cpu-performance.md §3, §7). It is made once for each combination of mode and byte order, so neither is tested
 * while it runs.
 */
import type { Effect, Expr, Size } from '../isa/expr.ts'
import { argsOf } from '../isa/expr.ts'
import type { Insn } from '../isa/insn.ts'
import { TABLE } from '../isa/table.ts'
import {
  CR,
  EVENT,
  Event,
  ITLB_BASE,
  ITLB_ENTRIES,
  ITLB_ENTRY,
  NIA,
  RECORD,
  REMAINING,
  STATE,
  TLB_BASE,
  TLB_ENTRIES,
  TLB_ENTRY,
} from '../layout.ts'
import { buildModule, Code, opcode, type Signature } from './emitter.ts'
import { keyOf, operandsOf, planRecord, type RecordPlan, visit } from './record.ts'

export interface Mode {
  /** MSR[SF]. */
  readonly wide: boolean
  /** MSR[LE]. */
  readonly littleEndian: boolean
}

/** Handlers that are no instructions; those of the table follow. */
export enum Handler {
  /** The word has not been decoded yet. */
  Undecoded = 0,
  /** Behind the last word of a page. */
  PageEnd = 1,
  Breakpoint = 2,
  Illegal = 3,
  First = 4,
}

/** What the interpreter calls. 64-bit values cross as BigInt: all of this is off the hot path. */
export interface CallOuts {
  /** Decodes the word of the record at `record`, which is the instruction at NIA. */
  decode(record: number): void
  /** Translates NIA. @returns the offset of the first record of its page, or 0 where that raised an interrupt */
  fetch(): number
  breakpoint(): void
  illegal(): void
  load(ea: bigint, size: number): bigint
  store(ea: bigint, value: bigint, size: number): void
  raise(name: number, argument: bigint): void
  /** Executes the instruction `word` of the handler. @returns non-zero where NIA or the mode has changed */
  call(handler: number, word: number): number
  pure(name: number, a: bigint, b: bigint): bigint
}

export const RAISE_NAMES = ['alignment', 'trap'] as const
export const PURE_NAMES = ['divde', 'divdeu', 'divdeOverflow', 'darn'] as const

const IMPORTS: readonly (readonly [keyof CallOuts, Signature])[] = [
  ['decode', { parameters: ['i32'] }],
  ['fetch', { parameters: [], result: 'i32' }],
  ['breakpoint', { parameters: [] }],
  ['illegal', { parameters: [] }],
  ['load', { parameters: ['i64', 'i32'], result: 'i64' }],
  ['store', { parameters: ['i64', 'i64', 'i32'] }],
  ['raise', { parameters: ['i32', 'i64'] }],
  ['call', { parameters: ['i32', 'i32'], result: 'i32' }],
  ['pure', { parameters: ['i32', 'i64', 'i64'], result: 'i64' }],
]
const importIndex = (name: keyof CallOuts): number => IMPORTS.findIndex(([known]) => known === name)
/** The byte-swapping functions follow the interpreter itself. */
const SWAP = { 2: IMPORTS.length + 1, 4: IMPORTS.length + 2, 8: IMPORTS.length + 3 } as const

/** Procedures, and what needs a check of privilege, are executed by or begin with a call-out. */
const callsOut = (insn: Insn): boolean => insn.privilege !== 'problem' || insn.effects[0]?.op === 'call'

/** Plans of the records, by the index in the table. */
export const PLANS: readonly RecordPlan[] = TABLE.map((insn) => planRecord(insn.effects, callsOut(insn)))

/** The tree without the choices that `mode` settles; what was shared stays shared. */
function specialise(effects: readonly Effect[], mode: Mode): Effect[] {
  const known = new Map<Expr, Expr>()
  const expr = (e: Expr): Expr => {
    let to = known.get(e)
    if (to) return to
    if (e.op === 'select' && e.args[0].op === 'mode64') to = expr(mode.wide ? e.args[1] : e.args[2])
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
      case 'call':
        return f
    }
  }
  return effects.map(effect)
}

class Generator {
  readonly code = new Code()
  /** Locals of the whole loop. */
  readonly record = this.code.local('i32')
  readonly pageRecords = this.code.local('i32')
  readonly remaining = this.code.local('i32')
  readonly tlb = this.code.local('i32')
  readonly entry = this.code.local('i32')
  readonly pageEa = this.code.local('i64')
  readonly target = this.code.local('i64')
  readonly ea = this.code.local('i64')
  readonly value = this.code.local('i64')
  /** Per instruction: values that are in locals, how often a value is used, and where its operands are. */
  #locals = new Map<Expr, number>()
  #uses = new Map<Expr, number>()
  #plan!: RecordPlan

  constructor(readonly mode: Mode) {}

  /** cia, as a value on the stack. */
  cia(): Code {
    const { code } = this
    return code.get(this.pageEa).get(this.record).get(this.pageRecords).op(0x6b).i32(2).op(0x76).op(0xad).op(0x7c)
  }

  /** Writes NIA and the count back, before something that may look at them. */
  syncState(): Code {
    this.code.i32(0)
    this.cia().store(8, 'i64', NIA)
    return this.code.i32(0).get(this.remaining).store(4, 'i32', REMAINING)
  }

  callOut(name: keyof CallOuts): Code {
    return this.code.call(importIndex(name))
  }

  leaveOnEvent(): void {
    this.code.i32(0).load(4, 'i32', EVENT).brIf('event')
  }

  /** In 32-bit mode an address has 32 bits. */
  #addressMask(): void {
    if (!this.mode.wide) this.code.i64(0xffff_ffffn).op(0x83)
  }

  run(): Code {
    const { code } = this
    code.i32(0).load(4, 'i32', REMAINING).set(this.remaining)
    code.loop('refetch').block('event')
    this.#fetchPage()
    code.loop('dispatch').block('taken').block('next')
    code.get(this.remaining).op(0x45).if().i32(0)
    this.cia()
    this.#addressMask()
    code.store(8, 'i64', NIA).br('event').end()
    code.get(this.remaining).i32(1).op(0x6b).set(this.remaining)
    this.#handlers()
    code.end() // next
    code.get(this.record).i32(RECORD).op(0x6a).set(this.record).br('dispatch')
    code.end() // taken
    code.get(this.target)
    this.#addressMask()
    code.tee(this.target).get(this.pageEa).op(0x85).i64(4096n).op(0x54).if()
    this.#pointAt(this.target)
    code.br('dispatch').end()
    code.i32(0).get(this.target).store(8, 'i64', NIA).br('refetch')
    code.end() // dispatch
    code.op(0x00).end() // event
    code.i32(0).get(this.remaining).store(4, 'i32', REMAINING)
    code
      .get(this.remaining)
      .op(0x45)
      .i32(0)
      .load(4, 'i32', EVENT)
      .i32(Event.Leave)
      .op(0x46)
      .op(0x72)
      .if()
      .return()
      .end()
    code.i32(0).i32(Event.None).store(4, 'i32', EVENT).br('refetch')
    code.end()
    return code
  }

  /** record = the record of the address in a local, which lies in the present page. */
  #pointAt(local: number): void {
    this.code.get(this.pageRecords).get(local).op(0xa7).i32(0xffc).op(0x71).i32(2).op(0x74).op(0x6a).set(this.record)
  }

  #fetchPage(): void {
    const { code } = this
    code.i32(0).load(4, 'i32', TLB_BASE).set(this.tlb)
    code.i32(0).load(8, 'i64', NIA).tee(this.target).i64(~0xfffn).op(0x83).set(this.pageEa)
    code.i32(0).load(4, 'i32', ITLB_BASE)
    code
      .get(this.target)
      .i64(12n)
      .op(0x88)
      .op(0xa7)
      .i32(ITLB_ENTRIES - 1)
      .op(0x71)
      .i32(ITLB_ENTRY)
      .op(0x6c)
      .op(0x6a)
      .tee(this.entry)
    code.load(8, 'i64', 0).get(this.pageEa).op(0x51).if('i32')
    code.get(this.entry).load(4, 'i32', 8)
    code.else()
    code.i32(0).get(this.remaining).store(4, 'i32', REMAINING)
    this.callOut('fetch')
    code.i32(0).load(4, 'i32', REMAINING).set(this.remaining)
    code.end().tee(this.pageRecords).op(0x45).brIf('event')
    this.#pointAt(this.target)
  }

  #handlers(): void {
    const { code } = this
    const labels = ['undecoded', 'pageEnd', 'breakpoint', 'illegal', ...TABLE.keys()].map((name) => `h${name}`)
    for (const label of labels.toReversed()) code.block(label)
    code
      .get(this.record)
      .load(2, 'i32', 0)
      .brTable([...labels, 'hillegal'])
    code.end() // undecoded: decode it and come back, which is no instruction
    this.#uncount()
    this.syncState().get(this.record)
    this.callOut('decode').br('dispatch')
    code.end() // page end
    this.#uncount()
    code.get(this.pageEa).i64(4096n).op(0x7c).set(this.target).br('taken')
    code.end() // breakpoint
    this.#uncount()
    this.syncState()
    this.callOut('breakpoint').br('event')
    code.end() // illegal
    this.syncState()
    this.callOut('illegal').br('event')
    for (const [i, insn] of TABLE.entries()) {
      code.end()
      this.#handler(i, specialise(insn.effects, this.mode))
    }
  }

  #uncount(): void {
    this.code.get(this.remaining).i32(1).op(0x6a).set(this.remaining)
  }

  #handler(index: number, effects: readonly Effect[]): void {
    const { code } = this
    this.#plan = PLANS[index]!
    this.#uses = new Map()
    visit(effects, (e) => {
      const uses = this.#uses.get(e) ?? 0
      this.#uses.set(e, uses + 1)
      return uses === 0
    })
    if (callsOut(TABLE[index]!)) this.#call(index)
    if (effects[0]?.op === 'call') code.br('next')
    else {
      const guards = effects.filter((f) => f.op === 'raise')
      const rest = effects.filter((f) => f.op !== 'raise')
      for (const guard of guards) this.#perform(guard)
      // Everything is read before anything is written.
      if (rest.length > 1 || rest[0]?.op === 'when') for (const f of rest) for (const e of operandsOf(f)) this.#keep(e)
      for (const f of rest) this.#perform(f)
      code.br('next')
    }
    for (const [e, local] of this.#locals) code.giveBack(local, e.type)
    this.#locals = new Map()
  }

  #call(index: number): void {
    const { code } = this
    this.syncState().i32(index)
    this.#emitSlot({ op: 'word', type: 'i64' })
    code.op(0xa7)
    this.callOut('call').brIf('event')
  }

  /** Computes a value into a local. */
  #keep(e: Expr): void {
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
  emit(e: Expr): void {
    const { code } = this
    const local = this.#locals.get(e)
    if (local !== undefined) return void code.get(local)
    this.#compute(e)
    if ((this.#uses.get(e) ?? 0) > 1 && e.op !== 'const') {
      const kept = code.borrow(e.type)
      code.tee(kept)
      this.#locals.set(e, kept)
    }
  }

  /** Loads an operand from the record. @returns false where it is not in the record */
  #emitSlot(e: Expr): boolean {
    const slot = this.#plan.slots.get(keyOf(e))
    if (!slot) return false
    const { code } = this
    code.get(this.record)
    if (e.op === 'gpr') code.load(2, 'i32', slot.offset).load(8, 'i64')
    else code.load(slot.size, e.type, slot.offset)
    return true
  }

  #compute(e: Expr): void {
    const { code } = this
    if (this.#emitSlot(e)) return
    if (e.op !== 'load' && e.op !== 'pure') for (const arg of argsOf(e)) if (e.op !== 'select') this.emit(arg)
    switch (e.op) {
      case 'const':
        if (e.type === 'i32') code.i32(Number(BigInt.asIntN(32, e.value)))
        else code.i64(e.value)
        return
      case 'state':
        return void code.i32(0).load(e.type === 'i32' ? 4 : 8, e.type, STATE[e.name])
      case 'cr':
        return void code.load(4, 'i32', CR)
      case 'cia':
        return void this.cia()
      case 'mode64':
        return void code.i32(this.mode.wide ? 1 : 0)
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
        return void code.op(0x1b)
      }
      case 'load':
        return this.#load(e.size, e.args[0])
      case 'pure':
        code.i32(PURE_NAMES.indexOf(e.name))
        for (const arg of e.args) this.emit(arg)
        return void this.callOut('pure')
    }
    throw new TypeError(`no code for ${e.op} ${keyOf(e)}`)
  }

  /** Finds the entry of the address on the stack; leaves 1 where its tag at `tagOffset` covers the whole access. */
  #lookup(size: Size, tagOffset: number): void {
    const { code } = this
    code
      .tee(this.ea)
      .i64(7n)
      .op(0x88)
      .op(0xa7)
      .i32((TLB_ENTRIES - 1) * TLB_ENTRY)
      .op(0x71)
      .get(this.tlb)
      .op(0x6a)
      .tee(this.entry)
    code.load(8, 'i64', tagOffset)
    code.get(this.ea)
    if (size > 1) code.i64(BigInt(size - 1)).op(0x7c)
    code.i64(~0xfffn).op(0x83).op(0x51)
  }

  #host(): Code {
    return this.code.get(this.entry).load(4, 'i32', 16).get(this.ea).op(0xa7).op(0x6a)
  }

  #load(size: Size, ea: Expr): void {
    const { code } = this
    this.emit(ea)
    this.#lookup(size, 0)
    code.if('i64')
    this.#host().load(size, 'i64')
    if (!this.mode.littleEndian && size > 1) code.call(SWAP[size as 2 | 4 | 8])
    code.else()
    this.syncState().get(this.ea).i32(size)
    this.callOut('load')
    this.leaveOnEvent()
    code.end()
  }

  #store(size: Size, ea: Expr, value: Expr): void {
    const { code } = this
    this.emit(value)
    code.set(this.value)
    this.emit(ea)
    this.#lookup(size, 8)
    code.if()
    this.#host().get(this.value)
    if (!this.mode.littleEndian && size > 1) code.call(SWAP[size as 2 | 4 | 8])
    code.store(size, 'i64')
    code.else()
    this.syncState().get(this.ea).get(this.value).i32(size)
    this.callOut('store')
    this.leaveOnEvent()
    code.end()
  }

  #perform(f: Effect): void {
    const { code } = this
    switch (f.op) {
      case 'set': {
        const slot = this.#plan.slots.get(keyOf({ ...f.target }))!
        code.get(this.record).load(2, 'i32', slot.offset)
        this.emit(f.value)
        return void code.store(8, 'i64')
      }
      case 'setState':
        code.i32(0)
        this.emit(f.value)
        return void code.store(f.value.type === 'i32' ? 4 : 8, f.value.type, STATE[f.name])
      case 'setCr':
        this.emit(f.field)
        this.emit(f.value)
        return void code.store(4, 'i32', CR)
      case 'store':
        return this.#store(f.size, f.ea, f.value)
      case 'branch':
        if (f.condition) {
          this.emit(f.condition)
          code.if()
        }
        this.emit(f.target)
        code.set(this.target).br('taken')
        if (f.condition) code.end()
        return
      case 'raise':
        // Both are computed outside, so that what they share with later effects is there on the other path too.
        this.#keep(f.argument)
        this.emit(f.condition)
        code.if()
        this.syncState().i32(RAISE_NAMES.indexOf(f.name))
        this.emit(f.argument)
        this.callOut('raise').br('event')
        return void code.end()
      case 'when':
        this.emit(f.condition)
        code.if()
        for (const inner of f.effects) this.#perform(inner)
        return void code.end()
      case 'call':
        throw new TypeError('a call is the only effect of its instruction')
    }
  }
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

/** The bytes of the interpreter's module for one mode. */
export function generateInterpreter(mode: Mode): Uint8Array<ArrayBuffer> {
  const swap = { parameters: ['i64'], result: 'i64' } as const
  return buildModule(IMPORTS, [
    { name: 'run', signature: { parameters: [] }, code: new Generator(mode).run() },
    { name: 'swap2', signature: swap, code: swapFunction(2) },
    { name: 'swap4', signature: swap, code: swapFunction(4) },
    { name: 'swap8', signature: swap, code: swapFunction(8) },
  ])
}
