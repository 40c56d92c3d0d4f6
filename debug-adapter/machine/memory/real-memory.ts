import { RefusalError } from '../refusal.ts'
import type { PageOwner } from '../trace/records.ts'
import type { Trace } from '../trace/trace.ts'
import { Actor } from './actor.ts'
import { type MemorySnapshot, PageHistory } from './page-history.ts'
import { MemoryView } from './view.ts'

/** IBM bit 15 of a real address: set means secure memory (spec/ultravisor.md §5.1). */
export const SECURE_RA_BIT = 1n << 48n

/** The number of the first 4 KiB page there. */
const SECURE_PAGE = 2 ** 36

/** The granule of every PEF call: 64 KiB. */
export const PAGE_BYTES = 0x1_0000
export const PAGE_SHIFT = 16n

/** What is known of one 64 KiB page of real memory. */
export interface PageUse {
  readonly owner: PageOwner
  /** In words, e.g. `memory of VM 1`, `page table`, `TPM response`. */
  readonly use: string
  readonly lpid?: number
  readonly gpa?: bigint
}

const FREE: PageUse = Object.freeze({ owner: 'free', use: '' })

/**
 * Real memory: normal memory from real address 0, secure memory from {@link SECURE_RA_BIT}, both in one
 * WebAssembly.Memory behind the processor's own state. Nobody reads it as an array: each actor takes a view
 * with the rights that the hardware gives it.
 */
export class RealMemory {
  readonly wasm: WebAssembly.Memory
  /** Who owns each 64 KiB page, normal memory before secure memory. Only {@link assign} changes it. */
  readonly owners: PageUse[]
  #bytes: Uint8Array
  #data: DataView
  readonly #history: PageHistory

  /**
   * @param processorBytes bytes at the start of the WebAssembly memory that belong to the processor, multiple of 64 KiB
   * @param normalBytes    size of normal memory, multiple of 64 KiB
   * @param secureBytes    size of secure memory, multiple of 64 KiB; 0 for a machine without the facility
   */
  constructor(
    readonly processorBytes: number,
    readonly normalBytes: number,
    readonly secureBytes: number,
    readonly trace: Trace,
  ) {
    const pages = (processorBytes + normalBytes + secureBytes) / PAGE_BYTES
    if (!Number.isInteger(pages) || pages > 65536)
      throw new RangeError(`memory of ${normalBytes} + ${secureBytes} bytes: not a multiple of 64 KiB, or over 4 GiB`)
    this.wasm = new WebAssembly.Memory({ initial: pages, maximum: pages })
    this.#bytes = new Uint8Array(this.wasm.buffer)
    this.#data = new DataView(this.wasm.buffer)
    this.#history = new PageHistory(this.#bytes)
    this.owners = new Array<PageUse>((normalBytes + secureBytes) / PAGE_BYTES).fill(FREE)
  }

  /** The view of one actor. Views are cheap; take one where it is needed. */
  as(actor: Actor): MemoryView {
    return new MemoryView(this, actor)
  }

  /** @returns the offset in the WebAssembly memory of `length` bytes at real address `ra`, or -1 where there is no memory */
  offsetOf(ra: bigint, length: number): number {
    const secure = (ra & SECURE_RA_BIT) !== 0n
    // A number is exact far beyond every size that memory can have.
    const at = Number(secure ? ra ^ SECURE_RA_BIT : ra)
    const size = secure ? this.secureBytes : this.normalBytes
    if (at < 0 || at + length > size) return -1
    return at + this.processorBytes + (secure ? this.normalBytes : 0)
  }

  /** @returns the offset in the WebAssembly memory of the 4 KiB page of number `page` (real address / 4096), or -1 */
  pageAt(page: number): number {
    const secure = page >= SECURE_PAGE
    const at = (secure ? page - SECURE_PAGE : page) * 4096
    if (at >= (secure ? this.secureBytes : this.normalBytes)) return -1
    return at + this.processorBytes + (secure ? this.normalBytes : 0)
  }

  /** The number of the 4 KiB page (real address / 4096) at an offset in the WebAssembly memory; {@link pageAt} backwards. */
  pageNumber(at: number): number {
    const page = Math.floor((at - this.processorBytes) / 4096)
    const normal = this.normalBytes / 4096
    return page < normal ? page : page - normal + SECURE_PAGE
  }

  /**
   * The bytes behind `offsetOf`, after the check of rights. Only {@link MemoryView} and the processor call this.
   * @throws RefusalError MEM-001 where a non-secure actor names secure memory, MEM-002 where there is no memory
   */
  access(actor: Actor, ra: bigint, length: number, write: boolean): number {
    const doing = write ? 'write' : 'read'
    if ((ra & SECURE_RA_BIT) !== 0n && (actor === Actor.Hypervisor || actor === Actor.Device)) {
      const refusal = {
        rule: 'MEM-001',
        expected: `an actor in the secure state to ${doing} secure memory`,
        found: `the ${actor} at real address 0x${ra.toString(16)} (it gets a machine check, vector 0x200)`,
        source: 'spec/ultravisor.md §5.1',
      }
      this.trace.add({ type: 'refusal', by: 'memory', ...refusal })
      throw new RefusalError(refusal)
    }
    const offset = this.offsetOf(ra, length)
    if (offset < 0)
      throw new RefusalError({
        rule: 'MEM-002',
        expected: `real memory behind ${length} bytes to ${doing}`,
        found: `nothing at real address 0x${ra.toString(16)}`,
        source: 'Power ISA 3.0C III 5.7',
      })
    if (write) this.willWrite(offset, length)
    return offset
  }

  /** To be called before a write that did not come by {@link access}. @param at offset in the WebAssembly memory */
  willWrite(at: number, length: number): void {
    this.#history.willWrite(at, length)
  }

  /** The state of memory now; only the processor calls these three, which knows what else depends on memory. */
  snapshot(): MemorySnapshot {
    return this.#history.take()
  }

  /** @returns offsets in the WebAssembly memory of the 4 KiB pages that changed @throws RangeError for an unknown one */
  restore(snapshot: MemorySnapshot): number[] {
    return this.#history.restore(snapshot)
  }

  release(snapshot: MemorySnapshot): void {
    this.#history.release(snapshot)
  }

  get bytes(): Uint8Array {
    return this.#bytes
  }

  get data(): DataView {
    return this.#data
  }

  /** Notes who owns `pages` 64 KiB pages from `ra` on, and logs it where it is news. */
  assign(ra: bigint, pages: number, use: PageUse): void {
    const first = this.#pageIndex(ra)
    for (let i = 0; i < pages; i++) {
      const gpa = use.gpa === undefined ? undefined : use.gpa + (BigInt(i) << PAGE_SHIFT)
      this.owners[first + i] =
        use.owner === 'free' ? FREE : Object.freeze({ ...use, ...(gpa !== undefined && { gpa }) })
    }
    this.trace.add({ type: 'page-owner', ra, pages, ...use })
  }

  ownerOf(ra: bigint): PageUse {
    return this.owners[this.#pageIndex(ra)] ?? FREE
  }

  #pageIndex(ra: bigint): number {
    const secure = (ra & SECURE_RA_BIT) !== 0n
    const page = Number((secure ? ra ^ SECURE_RA_BIT : ra) >> PAGE_SHIFT)
    const normal = this.normalBytes / PAGE_BYTES
    if (secure) return normal + page
    return page < normal ? page : -1
  }

  /** Every page that is not free, by ascending real address. */
  *owned(): Generator<{ readonly ra: bigint } & PageUse> {
    const normal = this.normalBytes / PAGE_BYTES
    for (const [i, use] of this.owners.entries()) {
      if (use === FREE) continue
      yield { ra: i < normal ? BigInt(i) << PAGE_SHIFT : SECURE_RA_BIT + (BigInt(i - normal) << PAGE_SHIFT), ...use }
    }
  }
}
