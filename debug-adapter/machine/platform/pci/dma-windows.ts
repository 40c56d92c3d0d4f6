import { RefusalError } from '../../refusal.ts'
import type { GuestMemory } from '../guest-memory.ts'
import { H } from '../hcall-table.ts'

/** Window that is always there: 1 GiB of bus addresses from 0 on, in pages of 4 KiB (spec/pseries.md §7). */
export const DEFAULT_WINDOW = { liobn: 0x8000_0000, start: 0n, shift: 12, bytes: 1n << 30n } as const
/** Where and under what number ibm,create-pe-dma-window makes its one window. */
export const DYNAMIC_WINDOW = { liobn: 0x8000_0001, start: 0x0800_0000_0000_0000n, mostPages: 1 << 20 } as const
/** Page sizes of that window, as shifts, with the bits that the answer of ibm,query-pe-dma-window has for them (PAPR, Table "DDW"). */
const PAGE_SHIFTS: ReadonlyMap<number, number> = new Map([
  [12, 1],
  [16, 2],
  [24, 4],
  [21, 0x100],
])
export const DYNAMIC_PAGE_SIZES = [...PAGE_SHIFTS.values()].reduce((mask, bit) => mask | bit, 0)

/** Low bits of an entry: the device may read, may write (PAPR, TCE). */
const ACCESS = { read: 1n, write: 2n } as const
/** Entries that H_PUT_TCE_INDIRECT and H_STUFF_TCE set at a time at most. */
const MOST_ENTRIES = 512n
const ENTRY_BYTES = 8

/** A range of bus addresses with a table that says which guest page each of its pages is. */
export class DmaWindow {
  /** By number of the page in the window; what is not here is not mapped. */
  readonly entries = new Map<number, bigint>()

  constructor(
    readonly liobn: number,
    readonly start: bigint,
    readonly shift: number,
    readonly bytes: bigint,
  ) {}

  get pageBytes(): bigint {
    return 1n << BigInt(this.shift)
  }

  has(bus: bigint): boolean {
    return bus >= this.start && bus < this.start + this.bytes
  }

  /** @param bus an address in this window */
  index(bus: bigint): number {
    return Number((bus - this.start) >> BigInt(this.shift))
  }
}

/** The IOMMU of the PCI host bridge: what H_PUT_TCE and its like fill, and devices go through. */
export class DmaWindows {
  private readonly windows: DmaWindow[] = [
    new DmaWindow(DEFAULT_WINDOW.liobn, DEFAULT_WINDOW.start, DEFAULT_WINDOW.shift, DEFAULT_WINDOW.bytes),
  ]

  /** Whether ibm,create-pe-dma-window would make one. */
  get canCreate(): boolean {
    return this.windows.length === 1
  }

  /** @returns undefined where there is one already, or its size is none that it can have */
  create(pageShift: number, bytesShift: number): DmaWindow | undefined {
    if (!this.canCreate || !PAGE_SHIFTS.has(pageShift) || bytesShift < pageShift) return undefined
    if (2 ** (bytesShift - pageShift) > DYNAMIC_WINDOW.mostPages) return undefined
    const window = new DmaWindow(DYNAMIC_WINDOW.liobn, DYNAMIC_WINDOW.start, pageShift, 1n << BigInt(bytesShift))
    this.windows.push(window)
    return window
  }

  /** @returns false where there is no such window, or it is the one that is always there */
  remove(liobn: number): boolean {
    const at = this.windows.findIndex((window) => window.liobn === liobn)
    if (at < 1) return false
    this.windows.splice(at, 1)
    return true
  }

  /** H_PUT_TCE and H_STUFF_TCE: the same entry for `count` pages from bus address `ioba` on. @returns R3 */
  put(liobn: bigint, ioba: bigint, entry: bigint, count = 1n): bigint {
    if (count > MOST_ENTRIES) return H.PARAMETER
    const first = this.#place(liobn, ioba, count)
    if (!first) return H.PARAMETER
    for (let i = 0; i < Number(count); i++) set(first.window, first.index + i, entry)
    return H.SUCCESS
  }

  /** H_PUT_TCE_INDIRECT: entries that lie in the guest's memory, big-endian. @returns R3 @throws RefusalError where they cannot be read */
  putList(memory: GuestMemory, liobn: bigint, ioba: bigint, list: bigint, count: bigint): bigint {
    if (count > MOST_ENTRIES) return H.PARAMETER
    const first = this.#place(liobn, ioba, count)
    if (!first) return H.PARAMETER
    const bytes = memory.read(list, Number(count) * ENTRY_BYTES)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    for (let i = 0; i < Number(count); i++) set(first.window, first.index + i, view.getBigUint64(i * ENTRY_BYTES))
    return H.SUCCESS
  }

  /** H_GET_TCE. @returns the entry; undefined for an address in no window of this number */
  get(liobn: bigint, ioba: bigint): bigint | undefined {
    const place = this.#place(liobn, ioba, 1n)
    return place && (place.window.entries.get(place.index) ?? 0n)
  }

  #place(liobn: bigint, ioba: bigint, count: bigint): { window: DmaWindow; index: number } | undefined {
    const window = this.windows.find((w) => BigInt(w.liobn) === liobn)
    if (!window?.has(ioba)) return undefined
    if (ioba + (count << BigInt(window.shift)) > window.start + window.bytes) return undefined
    return { window, index: window.index(ioba) }
  }

  /**
   * Guest physical addresses behind an access of a device, piece by piece.
   * @throws RefusalError DMA-002 for an address that is not mapped, or not for this
   */
  *translate(bus: bigint, length: number, access: 'read' | 'write'): Generator<{ gpa: bigint; length: number }> {
    for (let at = 0; at < length; ) {
      const here = bus + BigInt(at)
      const window = this.windows.find((w) => w.has(here))
      const entry = window?.entries.get(window.index(here)) ?? 0n
      if (!window || (entry & ACCESS[access]) === 0n)
        throw new RefusalError({
          rule: 'DMA-002',
          expected: `a bus address that the VM has mapped for devices to ${access} (H_PUT_TCE)`,
          found: `0x${here.toString(16)}${window ? ` in window 0x${window.liobn.toString(16)}` : ', in no window'}`,
          source: 'spec/pseries.md §7',
        })
      const inside = here & (window.pageBytes - 1n)
      const size = Math.min(length - at, Number(window.pageBytes - inside))
      yield { gpa: (entry & -window.pageBytes) + inside, length: size }
      at += size
    }
  }
}

function set(window: DmaWindow, index: number, entry: bigint): void {
  if ((entry & (ACCESS.read | ACCESS.write)) === 0n) window.entries.delete(index)
  else window.entries.set(index, entry)
}
