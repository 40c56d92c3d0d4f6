/** Decoded pages of real memory: what the interpreter executes (spec/cpu-performance.md §7). */

import type { Insn } from './isa/insn.ts'
import { decode, TABLE } from './isa/table.ts'
import { COUNTERS, COUNTERS_PAGE, DECODED, DECODED_PAGE, DECODED_PAGES, RECORD, RECORDS } from './layout.ts'
import { Handler, PLANS } from './wasm/interpreter.ts'
import { fillRecord } from './wasm/record.ts'

const handlerOf = new Map<Insn, number>(TABLE.map((insn, i) => [insn, Handler.First + i]))

export interface DecodedPage {
  /** Among the decoded pages. */
  readonly index: number
  readonly number: number
  readonly littleEndian: boolean
  /** Offset of the page itself, and of its records. */
  readonly page: number
  readonly records: number
  /** Offsets in the page where an instruction may have a breakpoint. */
  readonly breaks: Set<number>
  /** Whether there is compiled code of it. */
  compiled: boolean
}

export class DecodedCode {
  readonly #data: DataView
  readonly #bytes: Uint8Array
  /** By page number of the real address, twice that plus 1 for little-endian code. */
  readonly #byPage = new Map<number, DecodedPage>()
  readonly #pages: DecodedPage[] = []
  /** Told of a page whose compiled code is void: it was written, has a breakpoint, or is forgotten. */
  discard: (page: DecodedPage) => void = () => {}

  constructor(memory: WebAssembly.Memory) {
    this.#data = new DataView(memory.buffer)
    this.#bytes = new Uint8Array(memory.buffer)
  }

  /** Whether any code of this real page was executed. @param number real address / 4096 */
  has(number: number): boolean {
    return this.#byPage.has(2 * number) || this.#byPage.has(2 * number + 1)
  }

  /**
   * The records of a page.
   * @param number real address / 4096
   * @param page   its offset in the WebAssembly memory
   * @returns the page, and whether it is new here; undefined where there is no room: then {@link clear} and ask again
   */
  enter(number: number, page: number, littleEndian: boolean): { page: DecodedPage; fresh: boolean } | undefined {
    const key = 2 * number + (littleEndian ? 1 : 0)
    const known = this.#byPage.get(key)
    if (known) return { page: known, fresh: false }
    if (this.#pages.length === DECODED_PAGES) return undefined
    const records = DECODED + this.#pages.length * DECODED_PAGE
    const index = this.#pages.length
    const made = { index, number, littleEndian, page, records, breaks: new Set<number>(), compiled: false }
    this.#pages.push(made)
    this.#byPage.set(key, made)
    this.#bytes.fill(0, records, records + DECODED_PAGE)
    const counters = COUNTERS + index * COUNTERS_PAGE
    this.#bytes.fill(0, counters, counters + COUNTERS_PAGE)
    this.#data.setUint16(records + RECORDS * RECORD, Handler.PageEnd, true)
    return { page: made, fresh: true }
  }

  /** Forgets everything. The caller flushes the translations of instructions, which point here. */
  clear(): void {
    for (const page of this.#pages) if (page.compiled) this.discard(page)
    this.#byPage.clear()
    this.#pages.length = 0
  }

  /** The instruction word of a record, and where the record's page keeps its breakpoints. */
  #locate(record: number): { page: DecodedPage; offset: number; word: number } {
    const page = this.pageOf(record)
    const offset = ((record - page.records) / RECORD) * 4
    return { page, offset, word: this.#data.getUint32(page.page + offset, page.littleEndian) }
  }

  pages(): readonly DecodedPage[] {
    return this.#pages
  }

  pageOf(record: number): DecodedPage {
    return this.#pages[Math.floor((record - DECODED) / DECODED_PAGE)]!
  }

  /** The instruction at a position of a page that has been decoded. @returns its handler with the word, or undefined */
  decoded(page: DecodedPage, position: number): { readonly handler: number; readonly word: number } | undefined {
    const handler = this.#data.getUint16(page.records + position * RECORD, true)
    if (handler < Handler.First) return undefined
    return { handler, word: this.#data.getUint32(page.page + 4 * position, page.littleEndian) }
  }

  /** Makes the record at `record` ready to execute. @param lifted decode it even if it has a breakpoint */
  decode(record: number, lifted: boolean): void {
    const { page, offset, word } = this.#locate(record)
    if (!lifted && page.breaks.has(offset)) return this.#data.setUint16(record, Handler.Breakpoint, true)
    const insn = decode(word)
    // What is known only by name has no handler; the one for illegal instructions tells them apart.
    const handler = (insn && handlerOf.get(insn)) ?? Handler.Illegal
    if (insn && handler !== Handler.Illegal) fillRecord(PLANS[handler - Handler.First]!, word, this.#data, record)
    this.#data.setUint16(record, handler, true)
  }

  /** Memory was written: what was decoded from it is void. @param number real address / 4096; offsets in the page */
  written(number: number, from: number, to: number): void {
    for (const key of [2 * number, 2 * number + 1]) {
      const page = this.#byPage.get(key)
      if (!page) continue
      const [first, last] = [page.records + (from >> 2) * RECORD, page.records + ((to + 3) >> 2) * RECORD]
      // Data between code is written often; compiled is only what was decoded.
      for (let at = first; at < last && page.compiled; at += RECORD)
        if (this.#data.getUint16(at, true) !== Handler.Undecoded) this.discard(page)
      this.#bytes.fill(0, first, last)
    }
  }

  /** Places breakpoints in a page. @param offsets byte offsets of instructions */
  setBreaks(page: DecodedPage, offsets: Iterable<number>): void {
    for (const offset of offsets) {
      if (page.compiled) this.discard(page)
      page.breaks.add(offset)
      this.#data.setUint16(page.records + (offset >> 2) * RECORD, Handler.Undecoded, true)
    }
  }

  /** Takes every breakpoint at this offset of a page away; those that remain are placed when their page is entered. */
  clearBreaks(offset: number): void {
    for (const page of this.#pages)
      if (page.breaks.delete(offset))
        this.#data.setUint16(page.records + (offset >> 2) * RECORD, Handler.Undecoded, true)
  }

  /** Lets the instruction at `offset` of a page be decoded although it has a breakpoint, or be stopped at again. */
  undecode(page: DecodedPage, offset: number): void {
    if (page.compiled) this.discard(page)
    this.#data.setUint16(page.records + (offset >> 2) * RECORD, Handler.Undecoded, true)
  }
}
