import type { Pool } from '../memory/pool.ts'
import type { RadixTable } from '../memory/radix-table.ts'
import { PAGE_BYTES, PAGE_SHIFT, type RealMemory } from '../memory/real-memory.ts'
import type { PageState } from '../trace/records.ts'

/** The ultravisor takes secure memory in pages of 2 MiB (spec/ultravisor.md §0.1). */
export const UV_PAGE_BYTES = 0x20_0000n
/** Slot ids are 0..511 (spec/ultravisor.md §0.1). */
export const MAX_SLOTS = 512n

export interface MemSlot {
  readonly id: bigint
  readonly start: bigint
  readonly bytes: bigint
  /** Real address of the secure 2 MiB page behind each 2 MiB of guest addresses that the slot touches. */
  readonly backing: ReadonlyMap<bigint, bigint>
}

/** What the ultravisor remembers of one 64 KiB frame; no record means SECURE (spec/ultravisor.md §5.2). */
export interface FrameRecord {
  state: PageState
  /** The hypervisor's page, in the shared states and while sharing. */
  hvPage?: bigint
  /** What is needed to open the ciphertext of a page that is paged out. */
  sealed?: { readonly iv: Uint8Array; readonly tag: Uint8Array }
}

/** A virtual processor that waits for its first entry. */
export interface StartedCpu {
  readonly cpu: number
  readonly entry: bigint
  readonly r3: bigint
}

export type ShareKind = 'explicit' | 'implicit' | 'pseudo'

const SHARED: readonly PageState[] = [
  'SHARED',
  'SHARED_INV',
  'SHARED_IMPLICIT',
  'SHARED_IMPLICIT_INV',
  'PSEUDO_SHARED',
  'PSEUDO_SHARED_INV',
]
const UNSHARABLE: readonly PageState[] = [
  'SHARED_IMPLICIT',
  'SHARED_IMPLICIT_INV',
  'PSEUDO_SHARED',
  'PSEUDO_SHARED_INV',
]

export const isShared = (state: PageState): boolean => SHARED.includes(state)
/** Shared by the ultravisor itself: the guest cannot take it back. */
export const isUnsharable = (state: PageState): boolean => UNSHARABLE.includes(state)
export const isTransient = (state: PageState): boolean => state.startsWith('HV_')

/** One secure VM as the ultravisor knows it. */
export class Svm {
  /** spec/ultravisor.md §5.2: ACTIVE while UV_ESM runs, then SECURE; ABORT on the way back. */
  state: 'ACTIVE' | 'SECURE' | 'ABORT' = 'ACTIVE'
  readonly slots = new Map<bigint, MemSlot>()
  readonly frames = new Map<bigint, FrameRecord>()
  /** Byte ranges that UV_ESM asked for: only those carry the guest's content into the SVM. */
  readonly requested: { start: bigint; end: bigint }[] = []
  /** Doubleword 0 of the partition table entry as the hypervisor wrote it for the normal VM: its own page table. */
  hypervisorTable?: bigint
  /** Frames that were paged in while UV_ESM runs. */
  readonly pagedIn = new Set<bigint>()
  /** What its pages have been through. */
  readonly counts = { pageIns: 0, pageOuts: 0, shares: 0, unshares: 0, faults: 0 }
  /** The key that pages leave under, made at the first page-out (spec/ultravisor.md §5.5). */
  pagingKey?: Uint8Array
  /** The counter of the next initialisation vector. */
  ivCounter = 0n
  ivPrefix?: Uint8Array
  /** Attachments being read: name -> who reads and how far (spec/ultravisor.md §2.5). */
  readonly files = new Map<string, { owner: bigint; last: bigint }>()
  /** Pages inside the guest's memory that UV_ESM reserved, by purpose. */
  readonly reserved = new Map<string, { gpa: bigint; pages: number }>()
  /** Virtual processors that the guest started and that have not entered yet, by cookie (spec/ultravisor.md §6.3). */
  readonly startedCpus = new Map<bigint, StartedCpu>()
  /** Most virtual processors that it may have. */
  vcpus = 1
  /** Where machine checks go, once the guest registered its handler (spec/ultravisor.md §6.5). */
  machineCheckHandler = 0x200n
  /** RTAS service -> token, from the guest's device tree. */
  readonly rtasTokens = new Map<string, number>()

  constructor(
    readonly lpid: number,
    readonly table: RadixTable,
    readonly memory: RealMemory,
  ) {}

  countFault(): void {
    this.counts.faults++
  }

  stateOf(gfn: bigint): PageState {
    return this.frames.get(gfn)?.state ?? 'SECURE'
  }

  slotOf(gfn: bigint): MemSlot | undefined {
    const gpa = gfn << PAGE_SHIFT
    for (const slot of this.slots.values()) if (gpa >= slot.start && gpa < slot.start + slot.bytes) return slot
    return undefined
  }

  /** Real address of the secure page behind a frame, whatever the frame's state. */
  securePage(gfn: bigint): bigint | undefined {
    const gpa = gfn << PAGE_SHIFT
    const big = this.slotOf(gfn)?.backing.get(gpa / UV_PAGE_BYTES)
    return big === undefined ? undefined : big + (gpa % UV_PAGE_BYTES)
  }

  /** Whether UV_ESM reserved this frame for itself. */
  isReserved(gfn: bigint): boolean {
    const gpa = gfn << PAGE_SHIFT
    return [...this.reserved.values()].some((r) => gpa >= r.gpa && gpa < r.gpa + BigInt(r.pages * PAGE_BYTES))
  }

  setState(gfn: bigint, state: PageState, change: Omit<FrameRecord, 'state'> = {}): void {
    const from = this.stateOf(gfn)
    if (state === 'SECURE') this.frames.delete(gfn)
    else this.frames.set(gfn, { state, ...change })
    if (from === state) return
    const gpa = gfn << PAGE_SHIFT
    this.memory.trace.add({ type: 'page-state', lpid: this.lpid, gpa, from, to: state })
  }

  /** Frees every secure page of a slot, zeroed, and forgets its frames. */
  dropSlot(slot: MemSlot, pool: Pool, clear: (ra: bigint, bytes: number) => void): void {
    for (let gpa = slot.start; gpa < slot.start + slot.bytes; gpa += BigInt(PAGE_BYTES)) {
      this.table.unmap(gpa)
      this.frames.delete(gpa >> PAGE_SHIFT)
    }
    for (const ra of slot.backing.values()) {
      clear(ra, Number(UV_PAGE_BYTES))
      pool.free(ra, UV_PAGE_BYTES)
      this.memory.assign(ra, Number(UV_PAGE_BYTES) / PAGE_BYTES, { owner: 'free', use: '' })
    }
    this.slots.delete(slot.id)
  }
}
