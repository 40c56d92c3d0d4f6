import type { RandomSource } from '../../../server/esm/crypto/provider.ts'
import type { Clock } from '../clock/clock.ts'
import type { MemorySnapshot } from '../memory/page-history.ts'
import type { RealMemory } from '../memory/real-memory.ts'
import type { Trace } from '../trace/trace.ts'
import { Core, Interrupted, type Timers } from './core.ts'
import { instructionAt, traceCompleted, tracedInstruction } from './debugging.ts'
import { refuseDenied } from './facilities.ts'
import { type InterruptOptions, LPCR, PROGRAM } from './interrupts.ts'
import { decode, TABLE } from './isa/table.ts'
import { Jit, type JitOptions, type JitStatistics } from './jit/jit.ts'
import { CIPHER_TABLES, EVENT, Event, INTERPRET, LEAST_LEFT, PROCESSOR_BYTES, REMAINING, THRESHOLD } from './layout.ts'
import { MSR } from './msr.ts'
import { msrAfterReturn, type ReturnKind, refuseReserved } from './privilege.ts'
import { illegal, perform, readSpr, returnFrom, writeSpr } from './procedures.ts'
import { PURE } from './pure.ts'
import { SPR } from './spr.ts'
import type { SavedTranslations } from './translations.ts'
import type { Access, CpuExit, RegisterFile, Translation } from './types.ts'
import { type CallOuts, PURE_NAMES, RAISE_NAMES } from './wasm/call-outs.ts'
import { HELPERS } from './wasm/helpers.ts'
import { generateInterpreter } from './wasm/interpreter.ts'
import type { Mode } from './wasm/semantics.ts'

export { PROCESSOR_BYTES } from './layout.ts'

/** Instructions in one call of the interpreter: V8 optimises a function only between two calls of it. */
const SLICE = 400_000
/** Interpreters are the same for every processor; by mode and byte order. */
const MODULES = new Map<string, WebAssembly.Module>()
const SPR_NUMBERS: readonly number[] = Object.values(SPR)
const POWER9_DD23 = 0x004e_1203n
/** SPRs that are another way to something that is saved already. */
const NOT_SAVED = new Set<number>([
  SPR.XER,
  SPR.LR,
  SPR.CTR,
  SPR.TB,
  SPR.TBU,
  SPR.TBL_W,
  SPR.TBU_W,
  SPR.TBU40,
  SPR.SPRG3_R,
  SPR.CTRL_R,
  SPR.DSCR_P,
  SPR.AMR_P,
  SPR.PSSCR_P,
  SPR.PPR32,
  SPR.TEXASRU,
  SPR.VTB,
])

export interface CpuOptions {
  /** Where `darn` gets its numbers; without it `darn` reports an error (all ones), as hardware may. */
  readonly random?: RandomSource
  /** Whether the line of the external interrupt is up. It changes only while no instruction is executed. */
  readonly external?: () => boolean
  /** Whether hot code is compiled; its result is the interpreter's to the bit. */
  readonly jit?: boolean | JitOptions
}

const keyOf = ({ wide, littleEndian }: Mode): string => `${wide} ${littleEndian}`

/** See {@link Cpu.snapshot}. */
export interface CpuSnapshot {
  readonly memory: MemorySnapshot
  readonly registers: Uint8Array
  readonly translations: SavedTranslations
  readonly timers: Timers
  readonly instructions: number
  readonly idle: number
  readonly lastFault: string | undefined
}

export interface RunOptions {
  /** Executes the first instruction even if it has a breakpoint. */
  readonly skipFirstBreakpoint?: boolean
}

/** One hardware thread of a POWER9, with its translation and its interrupts. */
export class Cpu {
  readonly #core: Core
  readonly #interpreters = new Map<string, () => void>()
  /** The one in use, and `State.changes` when it was chosen. */
  #interpreter!: () => void
  #modeSeen = -1
  readonly #callOuts: CallOuts
  readonly #jit: Jit
  readonly #environments = new Map<string, WebAssembly.ModuleImports>()
  /** Breakpoints on effective addresses. */
  readonly breakpoints: {
    add(ea: bigint): void
    delete(ea: bigint): void
    clear(): void
    has(ea: bigint): boolean
  }

  /**
   * @param memory made with {@link PROCESSOR_BYTES} before real memory; the registers live there
   * @throws RangeError where the memory leaves less room
   */
  constructor(
    readonly memory: RealMemory,
    readonly clock: Clock,
    readonly trace: Trace,
    options: CpuOptions = {},
  ) {
    if (memory.processorBytes < PROCESSOR_BYTES)
      throw new RangeError(
        `RealMemory leaves ${memory.processorBytes} bytes for the processor: expected ${PROCESSOR_BYTES}`,
      )
    const core = new Core(memory, clock, trace, options.random)
    this.#core = core
    if (options.external) core.external = options.external
    core.state.setSpr(SPR.PVR, POWER9_DD23)
    core.state.msr = MSR.SF | MSR.HV
    this.#callOuts = this.#makeCallOuts()
    const environment = (mode: Mode): WebAssembly.ModuleImports => this.#environments.get(keyOf(mode))!
    this.#jit = new Jit(memory.wasm, core.code, environment, options.jit ?? false)
    const changed = (ea: bigint, change: () => void): void => {
      change()
      core.breaksChanged(ea)
    }
    this.breakpoints = {
      add: (ea) => changed(ea, () => core.breakpoints.add(ea)),
      delete: (ea) => changed(ea, () => core.breakpoints.delete(ea)),
      clear: () => {
        for (const ea of [...core.breakpoints]) changed(ea, () => core.breakpoints.delete(ea))
      },
      has: (ea) => core.breakpoints.has(ea),
    }
  }

  gpr(i: number): bigint {
    return this.#core.state.gpr(i)
  }

  setGpr(i: number, value: bigint): void {
    this.#core.state.setGpr(i, value)
  }

  /** Address of the next instruction. */
  get nia(): bigint {
    return this.#core.state.nia
  }

  set nia(value: bigint) {
    this.#core.state.nia = value & ~3n
  }

  get msr(): bigint {
    return this.#core.state.msr
  }

  /** @throws RefusalError CPU-001 for the reserved state S=1, HV=1, PR=1 */
  set msr(value: bigint) {
    refuseReserved(value)
    this.#core.state.msr = BigInt.asUintN(64, value)
  }

  get lr(): bigint {
    return this.#core.state.lr
  }

  set lr(value: bigint) {
    this.#core.state.lr = value
  }

  get ctr(): bigint {
    return this.#core.state.ctr
  }

  set ctr(value: bigint) {
    this.#core.state.ctr = value
  }

  get xer(): bigint {
    return this.#core.state.xer
  }

  set xer(value: bigint) {
    this.#core.state.xer = value
  }

  get cr(): number {
    return this.#core.state.cr
  }

  set cr(value: number) {
    this.#core.state.cr = value
  }

  /** A vector-scalar register, 128 bits; FPR n is its upper half, VR n is register 32+n. */
  vsr(i: number): bigint {
    return this.#core.state.vsr(i)
  }

  setVsr(i: number, value: bigint): void {
    this.#core.state.setVsr(i, value)
  }

  get fpscr(): bigint {
    return this.#core.state.fpscr
  }

  set fpscr(value: bigint) {
    this.#core.state.fpscr = value
  }

  get vscr(): number {
    return this.#core.state.small('vscr')
  }

  set vscr(value: number) {
    this.#core.state.setSmall('vscr', value)
  }

  /** A special purpose register, without a check of privilege. */
  spr(number: number): bigint {
    return readSpr(this.#core, number)
  }

  setSpr(number: number, value: bigint): void {
    writeSpr(this.#core, number, BigInt.asUintN(64, value))
  }

  /** What the last fault was about, in words; undefined before the first. */
  get lastFault(): string | undefined {
    return this.#core.lastFault
  }

  /** What the compiler of hot code has done so far. */
  get jitStatistics(): JitStatistics {
    return this.#jit.statistics
  }

  /** Whether an exit happened because of the decrementer's value now: it is negative. */
  get decrementerPending(): boolean {
    return this.#core.decExpiry <= this.#core.timebase
  }

  /** Lets time pass until the decrementer is due, `most` ticks at most; none where it is due already. */
  waitForDecrementer(most: number): void {
    const core = this.#core
    const left = core.due.dec - this.clock.instructions
    if (left > 0) core.passTime(Math.min(left, most))
  }

  save(): RegisterFile {
    const spr = new Map<number, bigint>()
    for (const number of SPR_NUMBERS) if (!NOT_SAVED.has(number)) spr.set(number, this.spr(number))
    const gpr = Array.from({ length: 32 }, (_, i) => this.gpr(i))
    const vsr = Array.from({ length: 64 }, (_, i) => this.vsr(i))
    const { nia, msr, lr, ctr, xer, cr, fpscr, vscr } = this
    return { gpr, nia, msr, lr, ctr, xer, cr, spr, vsr, fpscr, vscr }
  }

  /** Loads what {@link save} gave; special purpose registers that `file` does not name stay. */
  load(file: RegisterFile): void {
    this.msr = file.msr
    for (const [i, value] of file.gpr.entries()) this.setGpr(i, value)
    // LPCR first: the width of the decrementer is in it.
    const lpcr = file.spr.get(SPR.LPCR)
    if (lpcr !== undefined) this.setSpr(SPR.LPCR, lpcr)
    for (const [number, value] of file.spr) if (!NOT_SAVED.has(number)) this.setSpr(number, value)
    this.nia = file.nia
    this.lr = file.lr
    this.ctr = file.ctr
    this.xer = file.xer
    this.cr = file.cr
    for (const [i, value] of file.vsr.entries()) this.setVsr(i, value)
    this.fpscr = file.fpscr
    this.vscr = file.vscr
  }

  /**
   * The state of processor, memory and clock between two calls of {@link run}. Takes microseconds, whatever the size of memory; what
   * it costs afterwards is a copy of each 4 KiB page that is written, once.
   */
  snapshot(): CpuSnapshot {
    const core = this.#core
    const memory = this.memory.snapshot()
    const registers = this.memory.bytes.slice(0, CIPHER_TABLES)
    const snapshot = {
      memory,
      registers,
      translations: core.translations.save(),
      timers: core.timers,
      instructions: this.clock.instructions,
      idle: this.clock.idle,
      lastFault: core.lastFault,
    }
    core.translations.suspendStores()
    return snapshot
  }

  /**
   * Goes back to a snapshot; later ones stay good as well. The run from here is the same to the last bit as it was the first time,
   * as far as processor and memory decide it: what models outside them hold is theirs to bring back.
   * @throws RangeError where it was given up by {@link release}
   */
  restore(snapshot: CpuSnapshot): void {
    const core = this.#core
    const { memory, state } = { memory: this.memory, state: core.state }
    for (const at of memory.restore(snapshot.memory)) {
      const number = memory.pageNumber(at)
      if (core.code.has(number)) core.code.written(number, 0, 4096)
    }
    const threshold = state.data.getInt32(THRESHOLD, true)
    const ciabr = state.spr(SPR.CIABR)
    memory.bytes.set(snapshot.registers, 0)
    state.data.setInt32(THRESHOLD, threshold, true)
    state.data.setInt32(INTERPRET, 0, true)
    state.changes++
    core.translations.load(snapshot.translations)
    if (state.spr(SPR.CIABR) !== ciabr) for (const ea of [ciabr, state.spr(SPR.CIABR)]) core.breaksChanged(ea & ~3n)
    this.clock.instructions = snapshot.instructions
    this.clock.idle = snapshot.idle
    core.timers = snapshot.timers
    core.lastFault = snapshot.lastFault
    core.exit = undefined
  }

  /** Gives up a snapshot, with the pages that only it needs. @throws RangeError where it was given up already */
  release(snapshot: CpuSnapshot): void {
    this.memory.release(snapshot.memory)
  }

  /**
   * Executes instructions until the budget is used up or something else ends it. An instruction that is interrupted counts, so
   * time always goes on; `clock.instructions` is exact when this returns.
   */
  run(maxInstructions: number, options: RunOptions = {}): CpuExit {
    const core = this.#core
    const end = this.clock.instructions + maxInstructions
    core.exit = undefined
    let stepOver = options.skipFirstBreakpoint === true && core.breakpoints.has(this.nia)
    for (;;) {
      const left = end - this.clock.instructions
      if (left <= 0) return { kind: 'budget' }
      this.#takePending()
      if (!core.exit) {
        core.translations.select()
        if (stepOver || core.debugging.singly) this.#single(stepOver)
        else this.#slice(Math.min(left, SLICE, this.#untilDecrementer()))
      }
      stepOver = core.lifted !== undefined
      core.lifted = undefined
      if (core.exit) return this.#takeExit()
    }
  }

  /** The one instruction at NIA, looked at before and after. @param stepOver although it has a breakpoint */
  #single(stepOver: boolean): void {
    const core = this.#core
    const { denied } = core.debugging
    const at = denied && instructionAt(core)
    if (at && !core.breakpoints.has(this.nia) && refuseDenied(core, denied, at.insn, at.word)) {
      // As every instruction that is interrupted, it costs time.
      this.clock.instructions++
      return
    }
    const traced = tracedInstruction(core)
    if (stepOver) this.#stepOver()
    else this.#slice(1)
    if (traced) traceCompleted(core, traced)
  }

  #takeExit(): CpuExit {
    const exit = this.#core.exit!
    this.#core.exit = undefined
    return exit
  }

  /** One call of the interpreter. */
  #slice(length: number): void {
    const core = this.#core
    if (this.#jit.waiting && length >= LEAST_LEFT) this.#jit.compile()
    const { data } = core.state
    core.sliceStart = this.clock.instructions
    core.sliceLength = length
    data.setInt32(REMAINING, length, true)
    data.setInt32(EVENT, Event.None, true)
    if (core.state.changes !== this.#modeSeen) this.#chooseInterpreter()
    this.#interpreter()
    core.syncClock()
    core.sliceStart = this.clock.instructions
    core.sliceLength = 0
    data.setInt32(REMAINING, 0, true)
  }

  /** The interpreter for the mode and the byte order that MSR now asks for. */
  #chooseInterpreter(): void {
    const { state } = this.#core
    this.#modeSeen = state.changes
    const mode = { wide: state.is(MSR.SF), littleEndian: state.is(MSR.LE) }
    const key = keyOf(mode)
    let interpreter = this.#interpreters.get(key)
    if (!interpreter) {
      let module = MODULES.get(key)
      if (!module) MODULES.set(key, (module = new WebAssembly.Module(generateInterpreter(mode))))
      const env = {
        ...this.#callOuts,
        memory: this.memory.wasm,
        table: this.#jit.table,
      } as unknown as WebAssembly.ModuleImports
      const { exports } = new WebAssembly.Instance(module, { env })
      interpreter = exports['run'] as () => void
      // Compiled code calls the helpers of the interpreter.
      const helpers = HELPERS.map(({ name }) => [`helper ${name}`, exports[name]!])
      this.#environments.set(key, { ...env, ...Object.fromEntries(helpers) })
      this.#interpreters.set(key, interpreter)
    }
    this.#interpreter = interpreter
  }

  /** Executes the one instruction at NIA although it has a breakpoint. */
  #stepOver(): void {
    const core = this.#core
    const at = this.nia
    const offset = Number(at & 0xfffn)
    core.lifted = at
    const before = core.decodedPage(at)
    if (before) core.code.undecode(before.page, offset)
    this.#slice(1)
    core.lifted = undefined
    if (before) core.code.undecode(before.page, offset)
  }

  /** Takes an asynchronous interrupt that is due. */
  #takePending(): void {
    const core = this.#core
    // In numbers first: this is asked before every single step.
    if (
      this.clock.instructions < core.due.dec &&
      this.clock.instructions < core.due.hdec &&
      !core.doorbell &&
      !core.external()
    )
      return
    const { msr } = core.state
    const enabled = (msr & MSR.EE) !== 0n
    const now = core.timebase
    if (core.hdecExpiry <= now && (core.state.spr(SPR.LPCR) & LPCR.HDICE) !== 0n && (enabled || (msr & MSR.HV) === 0n))
      core.interrupt(0x980)
    else if (enabled && (msr & MSR.HV) === 0n && core.external()) core.interrupt(0x500)
    else if (core.decExpiry <= now && enabled) core.interrupt(0x900)
    else if (core.doorbell && enabled && (msr & MSR.HV) === 0n) {
      writeSpr(core, SPR.DPDES, 0n)
      core.interrupt(0xa00)
    }
  }

  /** Instructions until a decrementer becomes negative; what is negative already does not change by itself. */
  #untilDecrementer(): number {
    const { dec, hdec } = this.#core.due
    const now = this.clock.instructions
    let least = SLICE
    if (dec > now) least = Math.min(least, dec - now)
    if (hdec > now) least = Math.min(least, hdec - now)
    return least
  }

  /** Takes the system call interrupt as `sc LEV` at NIA would: the saved address is the instruction after it. */
  systemCall(level: 0 | 1 | 2): CpuExit {
    const { state } = this.#core
    return this.interrupt(0xc00, { returnTo: state.address(state.nia + 4n), level })
  }

  /**
   * Takes an interrupt now, whatever MSR[EE] says.
   * @returns the exit where it leaves the guest, else `budget`: the guest goes on at the vector
   */
  interrupt(vector: number, options: InterruptOptions = {}): CpuExit {
    const exit = this.#core.interrupt(vector, options)
    this.#core.exit = undefined
    return exit ?? { kind: 'budget' }
  }

  /**
   * Performs rfid, hrfid or urfid in the present state, without a check of privilege.
   * @throws RefusalError CPU-001 where the new state is the reserved one
   */
  returnFromInterrupt(kind: ReturnKind): void {
    const core = this.#core
    refuseReserved(msrAfterReturn(core.state, kind))
    returnFrom(core, kind)
    core.exit = undefined
  }

  /** Translates as an access in the present state would, with no side effect. */
  translate(ea: bigint, access: Access): Translation {
    const to = this.#core.mmu.translate(ea, access, false)
    if (to.ok) return { ok: true, gpa: to.gpa, ra: to.ra }
    return { ok: false, ...(to.gpa !== undefined && { gpa: to.gpa }), vector: to.vector, reason: to.reason }
  }

  /** To be called after a change of page tables or partition table. */
  flushTranslations(): void {
    this.#core.mmu.forgetPartition()
    this.#core.translations.flush()
  }

  /** To be called after a write to real memory that did not go through the processor, by a model or the debugger. */
  codeWritten(ra: bigint, length: number): void {
    this.#core.codeWritten(ra, length)
  }

  #makeCallOuts(): CallOuts {
    const core = this.#core
    const { state } = core
    const guarded = <T>(work: () => T, otherwise: T): T => {
      try {
        return work()
      } catch (error) {
        if (error instanceof Interrupted) return otherwise
        throw error
      }
    }
    return {
      decode: (record) => core.code.decode(record, core.lifted === state.nia),
      fetch: () => core.fetch(),
      hot: (record) => this.#jit.hot(record),
      breakpoint: () => {
        if (core.breakpoints.has(state.nia)) core.leave({ kind: 'breakpoint', address: state.nia })
        else {
          // Another effective address of the same memory: not this one's breakpoint.
          core.lifted = state.nia
          core.leave()
        }
      },
      illegal: () => {
        const instruction = core.wordAtNia() ?? 0
        const insn = decode(instruction)
        core.syncClock()
        if (insn) perform(core, insn, instruction)
        else illegal(core, instruction)
      },
      load: (ea, size) => guarded(() => core.load(BigInt.asUintN(64, ea), size), 0n),
      store: (ea, value, size) =>
        guarded(() => core.store(BigInt.asUintN(64, ea), BigInt.asUintN(64, value), size), undefined),
      loadVector: (ea) => guarded(() => core.loadVector(BigInt.asUintN(64, ea)), undefined),
      storeVector: (ea) => guarded(() => core.storeVector(BigInt.asUintN(64, ea)), undefined),
      raise: (name, argument) => {
        if (RAISE_NAMES[name] === 'trap') {
          core.lastFault = `trap at 0x${state.nia.toString(16)}`
          core.interrupt(0x700, { status: PROGRAM.trap })
        } else if (RAISE_NAMES[name] === 'facility') {
          core.lastFault = `a facility that is switched off in MSR, used at 0x${state.nia.toString(16)}`
          core.interrupt(Number(argument))
        } else {
          const ea = BigInt.asUintN(64, argument)
          core.lastFault = `alignment: load and reserve or store conditional at effective address 0x${ea.toString(16)}`
          state.setSpr(SPR.DAR, ea)
          core.interrupt(0x600)
        }
      },
      call: (handler, instruction) => {
        core.syncClock()
        return perform(core, TABLE[handler]!, instruction) ? 1 : 0
      },
      unitCall: (handler, instruction) => {
        const { discarded } = this.#jit
        core.syncClock()
        if (perform(core, TABLE[handler]!, instruction)) return 1
        if (discarded === this.#jit.discarded) return 0
        state.nia = state.address(state.nia + 4n)
        return 1
      },
      pure: (name, a, b) => PURE[PURE_NAMES[name]!](a, b, core.random),
    }
  }
}
