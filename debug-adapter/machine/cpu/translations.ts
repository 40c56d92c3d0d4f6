/** The cache of translations that the interpreter looks into by itself (spec/cpu-performance.md §7). */
import {
  BANKS,
  DECODED,
  ITLB,
  ITLB_BANK,
  ITLB_BASE,
  ITLB_ENTRIES,
  ITLB_ENTRY,
  TLB,
  TLB_BANK,
  TLB_BASE,
  TLB_ENTRIES,
  TLB_ENTRY,
  TLB_STORES,
} from './layout.ts'
import type { Mmu } from './mmu.ts'
import { MSR } from './msr.ts'
import { SPR } from './spr.ts'
import type { State } from './state.ts'

const PAGE = 0xfffn
const PAGE_BYTES = 0x1000
/** A larger range is not looked for entry by entry. */
const MAX_RANGE = 0x20_0000
/** No effective page has this tag, nor one with this lowest byte. */
const NO_TAG = -1n
const NEVER = 0xff
/** In a tag: the translation is good, but the page is to be looked at before it is used (see {@link Translations.suspendStores}). */
const SUSPENDED = 1

/** What all translations depend on, besides HV, S and, choosing a bank, IR, DR and PR. */
const CONTEXT_SPRS = [SPR.LPIDR, SPR.PTCR, SPR.LPCR]
/** What only those of user addresses (quadrant 0) depend on: the rest is of process 0, and privileged (Power ISA 3.0C III 5.7.5). */
const USER_SPRS = [SPR.PIDR, SPR.AMR, SPR.IAMR]

export interface SavedTranslations {
  readonly entries: Uint8Array
  readonly context: readonly bigint[]
  readonly user: readonly bigint[]
  readonly byteOrder: bigint
  readonly bases: readonly [number, number]
}

export class Translations {
  readonly #bytes: Uint8Array
  #context: bigint[] = []
  #user: bigint[] = []
  #byteOrder = 0n
  /** `State.changes` when the banks were chosen. */
  #seen = -1

  constructor(
    readonly state: State,
    readonly mmu: Mmu,
    memory: WebAssembly.Memory,
  ) {
    this.#bytes = new Uint8Array(memory.buffer)
    this.flush()
  }

  /** Forgets all translations of data and instructions. */
  flush(): void {
    this.#bytes.fill(0xff, TLB, TLB + BANKS * TLB_BANK)
    this.flushFetch()
  }

  /** Forgets the translations of data and instructions in a range of effective addresses. @param bytes a power of two */
  flushRange(ea: bigint, bytes: number): void {
    if (bytes > MAX_RANGE) return this.flush()
    const { data } = this.state
    const first = ea & ~BigInt(bytes - 1)
    for (let offset = 0; offset < bytes; offset += PAGE_BYTES) {
      const tag = first + BigInt(offset)
      const index = Number(BigInt.asUintN(32, tag) >> 12n)
      for (let bank = 0; bank < BANKS; bank++) {
        const entry = TLB + bank * TLB_BANK + (index & (TLB_ENTRIES - 1)) * TLB_ENTRY
        const fetched = ITLB + bank * ITLB_BANK + (index & (ITLB_ENTRIES - 1)) * ITLB_ENTRY
        for (const at of [entry, entry + TLB_STORES, fetched])
          if ((data.getBigUint64(at, true) & ~PAGE) === tag) data.setBigInt64(at, NO_TAG, true)
      }
    }
  }

  /** Forgets the translations of user addresses: those of quadrant 0 where data or instructions are translated. */
  flushUser(): void {
    const clear = (from: number, to: number): void => {
      for (let at = from; at < to; at += TLB_ENTRY) {
        // The highest byte of the tag: NO_TAG is in quadrant 3.
        if (this.#bytes[at + 7]! < 0x40) this.#bytes[at] = NEVER
      }
    }
    for (let bank = 1; bank < BANKS; bank += 2) {
      clear(TLB + bank * TLB_BANK, TLB + (bank + 1) * TLB_BANK)
      clear(ITLB + bank * ITLB_BANK, ITLB + (bank + 1) * ITLB_BANK)
    }
  }

  /**
   * From now on the first store to each page is looked at. The translations stay: to find them again would set reference and change
   * bits, and a run would depend on whether snapshots of it were taken.
   */
  suspendStores(): void {
    for (let bank = 0; bank < BANKS; bank++) {
      const first = TLB + bank * TLB_BANK + TLB_STORES
      this.#suspend(first, first + TLB_STORES)
    }
  }

  /** The same for instructions: every page is entered anew. */
  suspendFetch(): void {
    this.#suspend(ITLB, ITLB + BANKS * ITLB_BANK)
  }

  #suspend(from: number, to: number): void {
    for (let at = from; at < to; at += TLB_ENTRY) if (this.#bytes[at] === 0) this.#bytes[at] = SUSPENDED
  }

  /** @returns the offset in the WebAssembly memory of the page of a store, or 0 where its translation is not suspended */
  suspendedStore(ea: bigint): number {
    return this.#suspended(this.state.data.getInt32(TLB_BASE, true) + TLB_STORES, TLB_ENTRIES, ea)
  }

  suspendedFetch(ea: bigint): number {
    return this.#suspended(this.state.data.getInt32(ITLB_BASE, true), ITLB_ENTRIES, ea)
  }

  #suspended(bank: number, entries: number, ea: bigint): number {
    const { data } = this.state
    const at = bank + (Number(BigInt.asUintN(32, ea) >> 12n) & (entries - 1)) * TLB_ENTRY
    const wanted = (ea & ~PAGE) | BigInt(SUSPENDED)
    return data.getBigUint64(at, true) === wanted ? data.getInt32(at + 12, true) >>> 0 : 0
  }

  /** Everything there is to know about the translations in use, for a snapshot; {@link load} takes it back. */
  save(): SavedTranslations {
    const { data } = this.state
    return {
      entries: this.#bytes.slice(TLB, DECODED),
      context: this.#context,
      user: this.#user,
      byteOrder: this.#byteOrder,
      bases: [data.getInt32(TLB_BASE, true), data.getInt32(ITLB_BASE, true)],
    }
  }

  /** Afterwards all stores and instructions are suspended. */
  load({ entries, context, user, byteOrder, bases }: SavedTranslations): void {
    this.#bytes.set(entries, TLB)
    this.#context = [...context]
    this.#user = [...user]
    this.#byteOrder = byteOrder
    this.#seen = -1
    this.state.data.setInt32(TLB_BASE, bases[0], true)
    this.state.data.setInt32(ITLB_BASE, bases[1], true)
    this.mmu.forgetPartition()
    this.suspendStores()
    this.suspendFetch()
  }

  /** Forgets the translations of instructions. */
  flushFetch(): void {
    this.#bytes.fill(0xff, ITLB, ITLB + BANKS * ITLB_BANK)
  }

  /** Chooses the banks for the present state, and flushes where they are of another partition, process or privilege. */
  select(): void {
    const { state } = this
    if (state.changes === this.#seen) return
    this.#seen = state.changes
    const { msr } = state
    const context = [msr & (MSR.HV | MSR.S), ...CONTEXT_SPRS.map((spr) => state.spr(spr))]
    const user = USER_SPRS.map((spr) => state.spr(spr))
    if (context.some((value, i) => value !== this.#context[i])) this.flush()
    else if (user.some((value, i) => value !== this.#user[i])) this.flushUser()
    this.#context = context
    this.#user = user
    // Code is decoded once for each byte order, and an entry leads to one of the two.
    if ((msr & MSR.LE) !== this.#byteOrder) {
      this.#byteOrder = msr & MSR.LE
      this.suspendFetch()
    }
    const problem = (msr & MSR.PR) !== 0n ? 2 : 0
    state.data.setInt32(TLB_BASE, TLB + (problem + ((msr & MSR.DR) !== 0n ? 1 : 0)) * TLB_BANK, true)
    state.data.setInt32(ITLB_BASE, ITLB + (problem + ((msr & MSR.IR) !== 0n ? 1 : 0)) * ITLB_BANK, true)
  }

  /**
   * Notes a translation of data.
   * @param page  offset in the WebAssembly memory of the page
   * @param store for stores, which may go there without being looked at; else for loads
   */
  addData(ea: bigint, page: number, store: boolean): void {
    const { data } = this.state
    const index = Number(BigInt.asUintN(32, ea) >> 12n) & (TLB_ENTRIES - 1)
    const at = data.getInt32(TLB_BASE, true) + (store ? TLB_STORES : 0) + index * TLB_ENTRY
    const tag = ea & ~PAGE
    data.setBigUint64(at, tag, true)
    data.setInt32(at + 8, page - Number(BigInt.asUintN(32, tag)), true)
    data.setInt32(at + 12, page, true)
  }

  /** @param page offset in the WebAssembly memory of the page, whose records are at `records` */
  addFetch(ea: bigint, records: number, page: number): void {
    const { data } = this.state
    const at =
      data.getInt32(ITLB_BASE, true) + (Number(BigInt.asUintN(32, ea) >> 12n) & (ITLB_ENTRIES - 1)) * ITLB_ENTRY
    data.setBigUint64(at, ea & ~PAGE, true)
    data.setInt32(at + 8, records, true)
    data.setInt32(at + 12, page, true)
  }

  /** From now on every store to this page is looked at: it holds code. @param page offset in the WebAssembly memory */
  watchStores(page: number): void {
    const { data } = this.state
    for (let bank = 0; bank < BANKS; bank++) {
      const first = TLB + bank * TLB_BANK + TLB_STORES
      for (let at = first; at < first + TLB_STORES; at += TLB_ENTRY)
        if (data.getInt32(at + 12, true) >>> 0 === page) data.setBigInt64(at, NO_TAG, true)
    }
  }
}
