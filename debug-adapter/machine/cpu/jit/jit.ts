/**
 * The compiler of hot code: gathers pages that are worth it, compiles a few at a time into one WebAssembly module between two slices
 * of the run, and forgets them where their code has changed (spec/cpu-performance.md §4, §7).
 */
import type { DecodedCode, DecodedPage } from '../decoded-code.ts'
import type { Effect } from '../isa/expr.ts'
import { TABLE } from '../isa/table.ts'
import { COUNTERS, COUNTERS_PAGE, DECODED_PAGES, RECORDS, THRESHOLD } from '../layout.ts'
import { type CallOuts, IMPORTS } from '../wasm/call-outs.ts'
import { buildModule, type Code, INDIRECT, type Signature } from '../wasm/emitter.ts'
import { HELPERS } from '../wasm/helpers.ts'
import { Handler } from '../wasm/interpreter.ts'
import { type Mode, specialise } from '../wasm/semantics.ts'
import type { Decoded } from './blocks.ts'
import { fold } from './fold.ts'
import { isCompilable, type PageToCompile, UnitCode } from './unit.ts'

/** Taken branches to one place after which its page is compiled. */
const DEFAULT_THRESHOLD = 16_384
/** Milliseconds after which no other page is begun, before the guest goes on. */
const BATCH = 5
/** After so many times a page is left to the interpreter: its code changes, or its entries do, too often. */
const MAX_COMPILATIONS = 24
/** WebAssembly that is kept; beyond it everything starts anew (V8 makes about ten times that of machine code). */
const MAX_BYTES = 24 << 20
const MAX_MODULES = 2000
/** Instruction words whose effects are kept. */
const MAX_WORDS = 20_000
/** With the compiler switched off, no counter gets there. */
const NEVER = 0x7fff_ffff

export interface JitOptions {
  /** Taken branches to one place after which its page is compiled. */
  readonly threshold?: number
}

export interface JitStatistics {
  readonly modules: number
  readonly pages: number
  readonly instructions: number
  readonly bytes: number
  readonly discarded: number
  /** Milliseconds that compiling took, in all and at most between two slices. */
  readonly time: number
  readonly longest: number
}

type Environment = WebAssembly.ModuleImports

export class Jit {
  readonly table = new WebAssembly.Table({ element: 'anyfunc', initial: DECODED_PAGES })
  readonly #threshold: number
  readonly #data: DataView
  readonly #hot = new Set<DecodedPage>()
  readonly #compilations = new Map<DecodedPage, number>()
  /** What instructions do in a mode, by their number in the table. */
  readonly #effects = { little: new Map<number, Effect[]>(), big: new Map<number, Effect[]>() }
  /** What instruction words do; null where they cannot be compiled. */
  readonly #words = { little: new Map<number, Decoded | null>(), big: new Map<number, Decoded | null>() }
  #modules = 0
  #bytes = 0
  #statistics = { modules: 0, pages: 0, instructions: 0, bytes: 0, discarded: 0, time: 0, longest: 0 }

  /**
   * @param environment what a module of a mode imports: memory, call-outs, and helpers by `helper NAME`
   */
  constructor(
    memory: WebAssembly.Memory,
    readonly code: DecodedCode,
    readonly environment: (mode: Mode) => Environment,
    options: JitOptions | boolean,
  ) {
    this.#data = new DataView(memory.buffer)
    this.#threshold = typeof options === 'object' ? (options.threshold ?? DEFAULT_THRESHOLD) : DEFAULT_THRESHOLD
    this.#data.setInt32(THRESHOLD, options === false ? NEVER : this.#threshold, true)
    code.discard = (page) => this.#discard(page)
  }

  get statistics(): JitStatistics {
    return this.#statistics
  }

  /** Grows whenever compiled code becomes void. */
  get discarded(): number {
    return this.#statistics.discarded
  }

  #slot(page: DecodedPage, position: number): number {
    return COUNTERS + page.index * COUNTERS_PAGE + 4 * position
  }

  /** Call-out: many branches led to a record. */
  hot(record: number): void {
    const page = this.code.pageOf(record)
    const position = (record - page.records) / 16
    const wanted = position < RECORDS && page.breaks.size === 0
    if (wanted && (this.#compilations.get(page) ?? 0) < MAX_COMPILATIONS) {
      this.#hot.add(page)
      // Still wanted as an entry; and it will not ask again soon.
      this.#data.setInt32(this.#slot(page, position), Math.max(1, this.#threshold >> 1), true)
    } else this.#data.setInt32(this.#slot(page, position), 0, true)
  }

  /** Whether pages wait for {@link compile}. */
  get waiting(): boolean {
    return this.#hot.size > 0
  }

  /** Compiles some of the pages that are worth it. */
  compile(): void {
    const before = performance.now()
    if (this.#bytes > MAX_BYTES || this.#modules > MAX_MODULES) this.#discardAll()
    const units: { page: DecodedPage; unit: UnitCode; code: Code }[] = []
    const imports: [string, Signature][] = []
    const numbers = new Map<string, number>()
    const numberOf = (name: string, signature: () => Signature): number => {
      let number = numbers.get(name)
      if (number === undefined) {
        numbers.set(name, (number = imports.length))
        imports.push([name, signature()])
      }
      return number
    }
    const linker = {
      callOut: (name: keyof CallOuts) => numberOf(name, () => IMPORTS.find(([known]) => known === name)![1]),
      helper: (name: string) => numberOf(`helper ${name}`, () => HELPERS.find((one) => one.name === name)!.signature),
    }
    let instructions = 0
    let mode: Mode | undefined
    for (const page of this.#hot) {
      if (units.length > 0 && performance.now() - before > BATCH) break
      if (mode && mode.littleEndian !== page.littleEndian) continue
      mode = { wide: true, littleEndian: page.littleEndian }
      this.#hot.delete(page)
      this.#compilations.set(page, (this.#compilations.get(page) ?? 0) + 1)
      const unit = new UnitCode(this.#describe(page, mode), linker)
      if (unit.instructions === 0) continue
      units.push({ page, unit, code: unit.compile() })
      instructions += unit.instructions
    }
    if (units.length > 0) this.#install(units, imports, mode!, instructions)
    const took = performance.now() - before
    this.#statistics.time += took
    this.#statistics.longest = Math.max(this.#statistics.longest, took)
  }

  #install(
    units: readonly { page: DecodedPage; unit: UnitCode; code: Code }[],
    imports: readonly (readonly [string, Signature])[],
    mode: Mode,
    instructions: number,
  ): void {
    const functions = units.map(({ page, code }) => ({ name: String(page.index), signature: INDIRECT, code }))
    const bytes = buildModule(imports, functions)
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: this.environment(mode) })
    for (const { page, unit } of units) {
      this.#clear(page)
      page.compiled = true
      this.table.set(page.index, exports[String(page.index)] as () => void)
      for (const [position, number] of unit.entries)
        this.#data.setInt32(this.#slot(page, position), 0x8000_0000 | (page.index << 10) | number, true)
    }
    this.#modules++
    this.#bytes += bytes.length
    this.#statistics.modules++
    this.#statistics.pages += units.length
    this.#statistics.instructions += instructions
    this.#statistics.bytes += bytes.length
  }

  #describe(page: DecodedPage, mode: Mode): PageToCompile {
    const known: (Decoded | undefined | null)[] = Array.from({ length: RECORDS }, () => null)
    const read = (position: number): Decoded | undefined => {
      const decoded = this.code.decoded(page, position)
      if (!decoded) return undefined
      return this.#folded(decoded.handler - Handler.First, decoded.word, mode)
    }
    return {
      index: page.index,
      mode,
      entries: this.#entries(page),
      at: (position) => {
        if (position >= RECORDS) return undefined
        if (known[position] === null) known[position] = read(position)
        return known[position]!
      },
    }
  }

  /** The instruction `word`, of which the same few occur again and again. @returns undefined where it cannot be compiled */
  #folded(number: number, word: number, mode: Mode): Decoded | undefined {
    const known = this.#words[mode.littleEndian ? 'little' : 'big']
    let decoded = known.get(word)
    if (decoded === undefined) {
      const effects = fold(this.#effectsOf(number, mode), word)
      decoded = isCompilable(effects) ? { insn: TABLE[number]!, number, word, effects } : null
      if (known.size >= MAX_WORDS) known.clear()
      known.set(word, decoded)
    }
    return decoded ?? undefined
  }

  /** Places that branches lead to often enough, and the entries that there are. */
  #entries(page: DecodedPage): number[] {
    const least = Math.max(1, this.#threshold >> 6)
    return Array.from({ length: RECORDS }, (_, i) => i).filter((i) => {
      const count = this.#data.getInt32(this.#slot(page, i), true)
      return count < 0 || count >= least
    })
  }

  #effectsOf(number: number, mode: Mode): readonly Effect[] {
    const known = this.#effects[mode.littleEndian ? 'little' : 'big']
    let effects = known.get(number)
    if (!effects) known.set(number, (effects = specialise(TABLE[number]!.effects, mode)))
    return effects
  }

  /** Takes the entries of a page away. */
  #clear(page: DecodedPage): void {
    for (let i = 0; i < RECORDS; i++) {
      const at = this.#slot(page, i)
      if (this.#data.getInt32(at, true) < 0) this.#data.setInt32(at, 0, true)
    }
  }

  #discard(page: DecodedPage): void {
    this.#clear(page)
    page.compiled = false
    this.#hot.delete(page)
    this.table.set(page.index, null)
    this.#statistics.discarded++
  }

  #discardAll(): void {
    for (const page of this.code.pages()) if (page.compiled) this.#discard(page)
    this.#modules = 0
    this.#bytes = 0
  }
}
