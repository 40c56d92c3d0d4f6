/**
 * What happens when the interpreter calls out: translation misses, interrupts, and access to memory for the instructions that
 * are written out. `Cpu` is the front; this is the inside that the procedures of `procedures/` work on.
 */
import type { RandomSource } from '../../../server/esm/crypto/provider.ts'
import type { Clock } from '../clock/clock.ts'
import type { RealMemory } from '../memory/real-memory.ts'
import type { Trace } from '../trace/trace.ts'
import { Debugging, DSISR_WATCHPOINT, watchedByte } from './debugging.ts'
import { DecodedCode } from './decoded-code.ts'
import { type InterruptOptions, LPCR, takeInterrupt } from './interrupts.ts'
import { EVENT, Event, REMAINING, SCRATCH } from './layout.ts'
import { type Fault, Mmu, Reached } from './mmu.ts'
import { MSR } from './msr.ts'
import { SPR } from './spr.ts'
import { State } from './state.ts'
import { Translations } from './translations.ts'
import type { Access, CpuExit } from './types.ts'

const PAGE_BYTES = 0x1000
const PAGE_MASK = 0xfffn

/** In DSISR: the access was a store. */
export const DSISR_STORE = 1n << 25n

/** Ends a procedure whose instruction was interrupted; everything has been done already. */
export class Interrupted extends Error {}

/** Registers that count by themselves, besides the timebase and what is derived from it. */
export type Counter = 'purr' | 'spurr' | 'ic'

export interface Timers {
  readonly decExpiry: bigint
  readonly hdecExpiry: bigint
  readonly timebaseOffset: bigint
  readonly ahead: Readonly<Record<Counter, bigint>>
}

export class Core {
  readonly state: State
  readonly mmu: Mmu
  readonly translations: Translations
  readonly code: DecodedCode
  readonly debugging: Debugging
  readonly breakpoints = new Set<bigint>()
  /** The breakpoint that is stepped over. */
  lifted: bigint | undefined
  /** Why the interpreter was left. */
  exit: CpuExit | undefined
  /** What the last interrupt that is a fault was about, in words. */
  lastFault: string | undefined
  /** How many interrupts were taken so far. */
  interrupts = 0
  /** Instructions before the present slice, and its length. */
  sliceStart = 0
  sliceLength = 0
  /** Timebase at which DEC and HDEC become negative; and what was written to the timebase. */
  decExpiry = 1n << 62n
  hdecExpiry = 1n << 62n
  timebaseOffset = 0n
  /** A directed privileged doorbell that waits: bit 63 of DPDES. */
  doorbell = false
  /** Whether the line of the external interrupt is up: asked each time that the processor looks around. */
  external: () => boolean = () => false

  constructor(
    readonly memory: RealMemory,
    readonly clock: Clock,
    readonly trace: Trace,
    readonly random: RandomSource | undefined,
  ) {
    this.state = new State(memory.wasm)
    this.debugging = new Debugging(this.state)
    this.mmu = new Mmu(this.state, memory)
    this.translations = new Translations(this.state, this.mmu, memory.wasm)
    this.code = new DecodedCode(memory.wasm)
  }

  /** Brings the clock up to the present instruction. */
  syncClock(): void {
    // Between slices the clock is exact already, and may have been set by whoever restores a snapshot.
    if (this.sliceLength === 0) return
    this.clock.instructions = this.sliceStart + this.sliceLength - this.state.data.getInt32(REMAINING, true)
  }

  get timebase(): bigint {
    return this.clock.timebase + this.timebaseOffset
  }

  /** Counts of instructions at which DEC and HDEC become negative: their ticks are instructions. */
  readonly due = { dec: Infinity, hdec: Infinity }

  /** What PURR and SPURR are ahead of the ticks since power-on, and IC of the instructions: each counts by itself and can be written. */
  #ahead = { purr: 0n, spurr: 0n, ic: 0n }

  #counted(counter: Counter): bigint {
    return counter === 'ic' ? BigInt(this.clock.instructions) : this.clock.timebase
  }

  counter(counter: Counter): bigint {
    return BigInt.asUintN(64, this.#counted(counter) + this.#ahead[counter])
  }

  setCounter(counter: Counter, value: bigint): void {
    this.#ahead[counter] = value - this.#counted(counter)
  }

  /** What counts by itself, as it stands in a snapshot. */
  get timers(): Timers {
    const { decExpiry, hdecExpiry, timebaseOffset } = this
    return { decExpiry, hdecExpiry, timebaseOffset, ahead: { ...this.#ahead } }
  }

  set timers({ decExpiry, hdecExpiry, timebaseOffset, ahead }: Timers) {
    this.decExpiry = decExpiry
    this.hdecExpiry = hdecExpiry
    this.timebaseOffset = timebaseOffset
    this.#ahead = { ...ahead }
    this.#schedule()
  }

  /** Brings {@link due} up to date. */
  #schedule(): void {
    const { idle } = this.clock
    this.due.dec = Number(this.decExpiry - this.timebaseOffset) - idle
    this.due.hdec = Number(this.hdecExpiry - this.timebaseOffset) - idle
  }

  /** Time goes on without instructions. */
  passTime(ticks: number): void {
    this.clock.idle += ticks
    this.#schedule()
  }

  #event(event: Event): void {
    const { data } = this.state
    data.setInt32(EVENT, Math.max(data.getInt32(EVENT, true), event), true)
  }

  /** Makes the interpreter return to `Cpu.run`, which looks at everything again. */
  leave(exit?: CpuExit): void {
    this.exit ??= exit
    this.#event(Event.Leave)
  }

  /** Takes an interrupt at the instruction at NIA. */
  interrupt(vector: number, options: InterruptOptions = {}): CpuExit | undefined {
    this.syncClock()
    this.interrupts++
    const { msr } = this.state
    const exit = takeInterrupt(this.state, this.trace, vector, options)
    if (exit) this.leave(exit)
    else this.#event(Event.Refetch)
    // A model takes over, which leaves the context as it was more often than not.
    if (!exit) this.contextChanged(msr)
    return exit
  }

  /** To be called after a change of MSR. @param before the MSR that the interpreter runs with */
  contextChanged(before: bigint): void {
    const changed = before ^ this.state.msr
    this.translations.select()
    // Another interpreter, an interrupt that EE held back, or instructions that are to be looked at one by one.
    if ((changed & (MSR.SF | MSR.LE | MSR.EE | MSR.HV)) !== 0n || this.debugging.singly) this.leave()
  }

  /** Raises the interrupt of a refused access. */
  fault(fault: Fault): void {
    const { state } = this
    const data = fault.access !== 'fetch'
    this.lastFault = fault.reason
    let status = data ? 0n : fault.status
    if (fault.vector === 0xe00) {
      state.setSpr(SPR.HDAR, fault.ea)
      state.setSpr(SPR.HDSISR, fault.status)
    } else if (data) {
      state.setSpr(SPR.DAR, fault.ea)
      if (fault.vector !== 0x380) state.setSpr(SPR.DSISR, fault.status)
    }
    if (fault.vector === 0x200) {
      // SRR1 bit 42: the cause is in DSISR. spec/ultravisor.md §5.1: the refusal has a rule of its own in the log.
      if (data) status = 0x0020_0000n
      const [rule] = fault.reason.split(':') as [string]
      this.syncClock()
      this.trace.add({
        type: 'refusal',
        by: 'cpu',
        rule,
        expected: rule === 'MEM-001' ? 'the secure state to access secure memory' : 'memory behind a real address',
        found: `${fault.reason.slice(rule.length + 2)}, by the instruction at 0x${state.nia.toString(16)}`,
        source: rule === 'MEM-001' ? 'spec/ultravisor.md §5.1' : 'Power ISA 3.0C III 5.7',
      })
    }
    if (fault.gpa !== undefined) state.setSpr(SPR.ASDR, fault.gpa & ~PAGE_MASK)
    this.interrupt(fault.vector, { status })
  }

  /** @throws Interrupted where the access is refused */
  reach(ea: bigint, access: Access): Reached {
    const to = this.mmu.translate(ea, access, true)
    if (to.ok) return to
    this.fault(to)
    throw new Interrupted()
  }

  /** Real memory behind an access that does not cross a page; remembers the translation. */
  #open(ea: bigint, access: 'load' | 'store', size: number): Reached {
    const to = (access === 'store' && this.#resume(ea)) || this.reach(ea, access)
    const watched = this.#watched(ea, access, size)
    if (access === 'store') this.memory.willWrite(to.at - to.offset, PAGE_BYTES)
    // A store to a page that holds code is looked at each time, as is every access to one that is watched.
    if (!watched && (access === 'load' || !this.code.has(to.page)))
      this.translations.addData(this.state.address(ea), to.at - to.offset, access === 'store')
    return to
  }

  /**
   * Whether the page of an access has bytes that DAWR0 watches.
   * @throws Interrupted where the access is to them
   */
  #watched(address: bigint, access: 'load' | 'store', size: number): boolean {
    const { watch } = this.debugging
    if (!watch) return false
    const ea = this.state.address(address)
    const hit = watchedByte(watch, ea, size, access)
    if (hit === undefined) return watch.first >> 12n <= ea >> 12n && ea >> 12n <= (watch.end - 1n) >> 12n
    const status = DSISR_WATCHPOINT | (access === 'store' ? DSISR_STORE : 0n)
    const reason = `a ${access} of what DAWR0 watches (effective address 0x${hit.toString(16)})`
    this.fault({ ok: false, vector: 0x300, ea: hit, access, status, reason })
    throw new Interrupted()
  }

  /** Where a store goes whose translation was found before, and only suspended. */
  #resume(ea: bigint): Reached | undefined {
    const page = this.translations.suspendedStore(this.state.address(ea))
    if (page === 0) return undefined
    const offset = Number(BigInt.asUintN(12, ea))
    const number = this.memory.pageNumber(page)
    return new Reached(number, number, offset, page + offset)
  }

  /**
   * Loads `size` bytes in the order of MSR[LE], zero-extended.
   * @throws Interrupted where the access is refused
   */
  load(ea: bigint, size: number): bigint {
    const little = this.state.is(MSR.LE)
    const { data } = this.memory
    if (Number(ea & PAGE_MASK) + size > PAGE_BYTES) return this.#loadAcross(ea, size, little)
    const { at } = this.#open(ea, 'load', size)
    if (size === 8) return data.getBigUint64(at, little)
    return BigInt(size === 4 ? data.getUint32(at, little) : size === 2 ? data.getUint16(at, little) : data.getUint8(at))
  }

  #loadAcross(ea: bigint, size: number, little: boolean): bigint {
    let value = 0n
    for (let i = 0; i < size; i++) {
      const { at } = this.#open(ea + BigInt(i), 'load', 1)
      value |= BigInt(this.memory.bytes[at]!) << BigInt(8 * (little ? i : size - 1 - i))
    }
    return value
  }

  /** @throws Interrupted where the access is refused; then nothing was written */
  store(ea: bigint, value: bigint, size: number): void {
    const little = this.state.is(MSR.LE)
    if (Number(ea & PAGE_MASK) + size <= PAGE_BYTES) {
      const to = this.#open(ea, 'store', size)
      const { at } = to
      const { data } = this.memory
      if (size === 8) data.setBigUint64(at, value, little)
      else if (size === 4) data.setUint32(at, Number(BigInt.asUintN(32, value)), little)
      else if (size === 2) data.setUint16(at, Number(BigInt.asUintN(16, value)), little)
      else data.setUint8(at, Number(BigInt.asUintN(8, value)))
      return this.#wrote(to, size)
    }
    // Both pages must allow it before the first byte is written.
    const bytes = Array.from({ length: size }, (_, i) => this.#open(ea + BigInt(i), 'store', 1))
    for (const [i, to] of bytes.entries()) {
      this.memory.bytes[to.at] = Number((value >> BigInt(8 * (little ? i : size - 1 - i))) & 0xffn)
      this.#wrote(to, 1)
    }
  }

  /** A vector from memory to `SCRATCH`, as the number that a register holds. @throws Interrupted where it is refused */
  loadVector(ea: bigint): void {
    const little = this.state.is(MSR.LE)
    const [first, second] = [this.load(ea, 8), this.load(ea + 8n, 8)]
    this.state.data.setBigUint64(SCRATCH, little ? first : second, true)
    this.state.data.setBigUint64(SCRATCH + 8, little ? second : first, true)
  }

  /** @throws Interrupted where it is refused; then nothing was written */
  storeVector(ea: bigint): void {
    const { data } = this.state
    const little = this.state.is(MSR.LE)
    const [low, high] = [data.getBigUint64(SCRATCH, true), data.getBigUint64(SCRATCH + 8, true)]
    if (Number(ea & PAGE_MASK) + 16 > PAGE_BYTES)
      for (const at of [ea, (ea + 15n) & ~PAGE_MASK]) this.#open(at, 'store', 1)
    this.store(ea, little ? low : high, 8)
    this.store(ea + 8n, little ? high : low, 8)
  }

  #wrote({ page, offset }: Reached, size: number): void {
    if (this.code.has(page)) this.code.written(page, offset, offset + size)
  }

  /** Instructions of `length` bytes at real address `ra` may have changed. */
  codeWritten(ra: bigint, length: number): void {
    const end = ra + BigInt(length)
    for (let at = ra; at < end; at = (at & ~PAGE_MASK) + BigInt(PAGE_BYTES)) {
      const number = Number(at >> 12n)
      if (!this.code.has(number)) continue
      const from = Number(at & PAGE_MASK)
      this.code.written(number, from, Math.min(PAGE_BYTES, from + Number(end - at)))
    }
  }

  /** Call-out: enters the page at NIA. @returns offset of its records, or 0 where that raised an interrupt */
  fetch(): number {
    const { state } = this
    const known = this.translations.suspendedFetch(state.nia)
    if (known !== 0) return this.#enter(this.memory.pageNumber(known), known)
    const to = this.mmu.translate(state.nia, 'fetch', true)
    if (!to.ok) {
      // An instruction that cannot be fetched costs time as well, or a handler that cannot be fetched would stop it.
      state.data.setInt32(REMAINING, Math.max(0, state.data.getInt32(REMAINING, true) - 1), true)
      this.fault(to)
      return 0
    }
    return this.#enter(to.page, to.at - to.offset)
  }

  /** To be called where the breakpoint at `ea` came or went: pages are entered anew, and their breakpoints placed. */
  breaksChanged(ea: bigint): void {
    this.code.clearBreaks(Number(ea & PAGE_MASK))
    this.translations.suspendFetch()
  }

  /** @param number real address / 4096; `page` is its offset in the WebAssembly memory */
  #enter(number: number, page: number): number {
    const { state, code } = this
    let entered = code.enter(number, page, state.is(MSR.LE))
    if (!entered) {
      code.clear()
      this.translations.suspendFetch()
      entered = code.enter(number, page, state.is(MSR.LE))!
    }
    if (entered.fresh) this.translations.watchStores(page)
    const ea = state.nia & ~PAGE_MASK
    const here: number[] = []
    for (const address of this.breakpoints) if ((address & ~PAGE_MASK) === ea) here.push(Number(address & PAGE_MASK))
    const ciabr = this.debugging.marked
    if (ciabr !== undefined && (ciabr & ~PAGE_MASK) === ea) here.push(Number(ciabr & PAGE_MASK))
    code.setBreaks(entered.page, here)
    this.translations.addFetch(state.nia, entered.page.records, page)
    return entered.page.records
  }

  /** The word at NIA, where it can be fetched; no interrupt is raised. */
  wordAtNia(): number | undefined {
    const to = this.mmu.translate(this.state.nia, 'fetch', false)
    return to.ok ? this.memory.data.getUint32(to.at, this.state.is(MSR.LE)) : undefined
  }

  /** The decoded page of the instruction at `ea`, where it can be fetched; no interrupt is raised. */
  decodedPage(ea: bigint): ReturnType<DecodedCode['enter']> {
    const to = this.mmu.translate(ea, 'fetch', false)
    if (!to.ok) return undefined
    return this.code.enter(to.page, to.at - to.offset, this.state.is(MSR.LE))
  }

  /** Value of the decrementer (or of the hypervisor's): counts down with the timebase. */
  decrementer(which: 'decExpiry' | 'hdecExpiry'): bigint {
    // It is negative one tick after it was 0.
    const left = this[which] - 1n - this.timebase
    return BigInt.asUintN(this.#decBits, left) === left ? left : this.#signed(left)
  }

  #signed(left: bigint): bigint {
    return BigInt.asUintN(64, BigInt.asIntN(this.#decBits, left))
  }

  setDecrementer(which: 'decExpiry' | 'hdecExpiry', value: bigint): void {
    this[which] = this.timebase + BigInt.asIntN(this.#decBits, value) + 1n
    this.#schedule()
    this.leave()
  }

  /** 32 bits, or 56 with the large decrementer (LPCR[LD]). */
  get #decBits(): number {
    return (this.state.spr(SPR.LPCR) & LPCR.LD) !== 0n ? 56 : 32
  }
}
