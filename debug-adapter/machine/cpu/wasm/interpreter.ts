/**
 * Generates the interpreter from the instruction table: one WebAssembly function that dispatches with `br_table` over decoded
 * records (spec/cpu-performance.md §3, §7). It is made once for each combination of mode and byte order, so neither is tested
 * while it runs.
 */
import type { Expr, Register } from '../isa/expr.ts'
import type { Insn } from '../isa/insn.ts'
import { TABLE } from '../isa/table.ts'
import { EVENT, Event, LEAST_LEFT, NIA, RECORD, REMAINING, THRESHOLD, TLB_BASE } from '../layout.ts'
import { IMPORTS } from './call-outs.ts'
import { COUNTER_OFFSET, driver, lookUpFetch, recordOf } from './driver.ts'
import { buildModule, Code } from './emitter.ts'
import { HELPERS } from './helpers.ts'
import { keyOf, planRecord, type RecordPlan } from './record.ts'
import { type Mode, Semantics, specialise } from './semantics.ts'

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

/** Written out as a whole: all of these share one handler. */
const isProcedure = (insn: Insn): boolean => insn.effects[0]?.op === 'call'
/** Procedures, also those behind an attempt, and what needs a check of privilege need the instruction word. */
const needsWord = (insn: Insn): boolean =>
  insn.privilege !== 'problem' || insn.effects.some(({ op }) => op === 'call' || op === 'attempt')

/** The instruction word alone. */
const PROCEDURE_PLAN = planRecord([], true)
/** Plans of the records, by the index in the table. */
export const PLANS: readonly RecordPlan[] = TABLE.map((insn) => planRecord(insn.effects, needsWord(insn)))

class Generator extends Semantics {
  readonly code = new Code(['i32'])
  /** Locals of the whole loop. */
  readonly record = this.code.local('i32')
  readonly pageRecords = this.code.local('i32')
  readonly left = this.code.local('i32')
  protected readonly tlb = this.code.local('i32')
  protected readonly entry = this.code.local('i32')
  readonly counter = this.code.local('i32')
  readonly pageEa = this.code.local('i64')
  readonly target = this.code.local('i64')
  protected readonly ea = this.code.local('i64')
  protected readonly value = this.code.local('i64')
  protected readonly vector = this.code.local('v128')
  /** Where the operands of the present instruction are. */
  #plan!: RecordPlan

  cia(): Code {
    const { code } = this
    return code.get(this.pageEa).get(this.record).get(this.pageRecords).op(0x6b).i32(2).op(0x76).op(0xad).op(0x7c)
  }

  protected remaining(): void {
    this.code.get(this.left)
  }

  protected leave(): void {
    this.code.br('event')
  }

  protected leaveIf(): void {
    this.code.brIf('event')
  }

  protected jump(): void {
    this.code.set(this.target).br('taken')
  }

  protected operand(e: Expr): boolean {
    const slot = this.#plan.slots.get(keyOf(e))
    if (!slot) return false
    const { code } = this
    code.get(this.record)
    if (e.op === 'gpr') code.load(2, 'i32', slot.offset).load(8, 'i64')
    else if (e.op === 'fpr') code.load(2, 'i32', slot.offset).load(8, 'i64', 8)
    else if (e.op === 'vsr') code.load(2, 'i32', slot.offset).load(16, 'v128')
    else code.load(slot.size as 2 | 4 | 8, e.type, slot.offset)
    return true
  }

  protected place(register: Register): void {
    this.code.get(this.record).load(2, 'i32', this.#plan.slots.get(keyOf(register))!.offset)
  }

  protected setRegister(target: Register, value: () => void): void {
    const { code } = this
    this.place(target)
    value()
    if (target.op === 'gpr') return void code.store(8, 'i64')
    if (target.op === 'vsr') return void code.store(16, 'v128')
    code.store(8, 'i64', 8)
    this.place(target)
    code.i64(0n).store(8, 'i64')
  }

  /** Also called for an attempt that did not succeed: the number of the handler is in the record. */
  protected procedure(): void {
    const { code } = this
    this.syncState().get(this.record).load(2, 'i32', 0).i32(Handler.First).op(0x6b)
    this.operand({ op: 'word', type: 'i64' })
    code.op(0xa7)
    this.callOut('call').brIf('event')
  }

  /** In 32-bit mode an address has 32 bits. */
  #addressMask(): void {
    if (!this.mode.wide) this.code.i64(0xffff_ffffn).op(0x83)
  }

  /** The parameter is not 0 where the first instruction is to be executed here, although there is compiled code for it. */
  interpret(): Code {
    const { code } = this
    code.i32(0).load(4, 'i32', REMAINING).set(this.left)
    code.loop('refetch').block('event')
    this.#fetchPage()
    code.loop('arrive')
    this.#pointAt(this.target)
    this.#count()
    code.loop('dispatch').block('taken').block('next')
    code.get(this.left).op(0x45).if().i32(0)
    this.cia()
    this.#addressMask()
    code.store(8, 'i64', NIA).br('event').end()
    code.get(this.left).i32(1).op(0x6b).set(this.left)
    this.#handlers()
    code.end() // next
    code.get(this.record).i32(RECORD).op(0x6a).set(this.record).br('dispatch')
    code.end() // taken
    code.get(this.target)
    this.#addressMask()
    code.tee(this.target).get(this.pageEa).op(0x85).i64(4096n).op(0x54).brIf('arrive')
    code.i32(0).get(this.target).store(8, 'i64', NIA).br('refetch')
    code.end() // dispatch
    code.end() // arrive
    code.op(0x00).end() // event
    code.i32(0).get(this.left).store(4, 'i32', REMAINING)
    code.get(this.left).op(0x45).i32(0).load(4, 'i32', EVENT).i32(Event.Leave).op(0x46).op(0x72).if().return().end()
    code.i32(0).i32(Event.None).store(4, 'i32', EVENT).br('refetch')
    code.end()
    return code
  }

  /** record = the record of the address in a local, which lies in the present page. */
  #pointAt(local: number): void {
    recordOf(this.code.get(this.pageRecords), local).set(this.record)
  }

  /** Counts that a branch led to the record; goes to its compiled code where there is some. */
  #count(): void {
    // Code is compiled for 64-bit mode only.
    if (!this.mode.wide) return
    const { code } = this
    const [slot, count] = [this.entry, this.counter]
    code.get(this.record).i32(2).op(0x76).tee(slot).load(4, 'i32', COUNTER_OFFSET).tee(count)
    code.i32(0).load(4, 'i32', THRESHOLD).op(0x49).if()
    code.get(slot).get(count).i32(1).op(0x6a).store(4, 'i32', COUNTER_OFFSET)
    code.else()
    code.get(count).i32(0).op(0x48).if()
    code.get(0).if().i32(0).set(0)
    code.else()
    code.get(this.left).i32(LEAST_LEFT).op(0x4e).if()
    code.i32(0).get(this.target).store(8, 'i64', NIA)
    code.i32(0).get(this.left).store(4, 'i32', REMAINING).return()
    code.end().end().else()
    code.get(this.record)
    this.callOut('hot').end().end()
  }

  #fetchPage(): void {
    const { code } = this
    code.i32(0).load(4, 'i32', TLB_BASE).set(this.tlb)
    code.i32(0).load(8, 'i64', NIA).tee(this.target).i64(~0xfffn).op(0x83).set(this.pageEa)
    lookUpFetch(code, this.target, this.entry).if('i32')
    code.get(this.entry).load(4, 'i32', 8)
    code.else()
    code.i32(0).get(this.left).store(4, 'i32', REMAINING)
    this.callOut('fetch')
    code.i32(0).load(4, 'i32', REMAINING).set(this.left)
    code.end().tee(this.pageRecords).op(0x45).brIf('event')
  }

  #handlers(): void {
    const { code } = this
    const own = [...TABLE.entries()].filter(([, insn]) => !isProcedure(insn))
    const fixed = ['undecoded', 'pageEnd', 'breakpoint', 'illegal']
    const labelOf = (insn: Insn, i: number): string => (isProcedure(insn) ? 'procedure' : `h${i}`)
    for (const label of [...fixed, 'procedure', ...own.map(([i]) => `h${i}`)].toReversed()) code.block(label)
    code
      .get(this.record)
      .load(2, 'i32', 0)
      .brTable([...fixed, ...TABLE.map(labelOf), 'illegal'])
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
    code.end() // procedure
    this.#plan = PROCEDURE_PLAN
    this.procedure()
    code.br('next')
    for (const [i, insn] of own) {
      code.end()
      this.#plan = PLANS[i]!
      if (insn.privilege !== 'problem') this.procedure()
      this.effects(specialise(insn.effects, this.mode))
      code.br('next')
    }
  }

  #uncount(): void {
    this.code.get(this.left).i32(1).op(0x6a).set(this.left)
  }
}

/** Where the interpreter stands in its module: behind the imports, `run` and the helpers. */
const INTERPRET_INDEX = IMPORTS.length + 1 + HELPERS.length

/** The bytes of the interpreter's module for one mode. Besides `run` it exports the helpers, for compiled code. */
export function generateInterpreter(mode: Mode): Uint8Array<ArrayBuffer> {
  return buildModule(
    IMPORTS,
    [
      { name: 'run', signature: { parameters: [] }, code: driver(INTERPRET_INDEX, mode.wide) },
      ...HELPERS.map(({ name, signature, code }) => ({ name, signature, code: code() })),
      { name: 'interpret', signature: { parameters: ['i32'] }, code: new Generator(mode).interpret() },
    ],
    true,
  )
}
