/**
 * Snapshots of memory by copy-on-write: taking one copies nothing; from then on a 4 KiB page is kept as it was before it is first
 * written. Going back is itself a change that is noted, so every snapshot, earlier or later, stays good.
 */

const PAGE_BYTES = 0x1000
const PAGE_SHIFT = 12

/** What a page that was never written holds: kept as this one, not as a copy. A machine that was just switched on has no others. */
const ZEROS = new Uint8Array(PAGE_BYTES)

/** A state of memory that can be gone back to. */
export interface MemorySnapshot {
  /** Pages as they were here, of those that were written before the next snapshot; by page from the beginning. */
  readonly kept: Map<number, Uint8Array>
  /** How many of them are copies. */
  copies: number
}

export class PageHistory {
  readonly #words: Uint32Array
  /** In the order in which they were taken. */
  readonly #snapshots: MemorySnapshot[] = []
  #newest: MemorySnapshot | undefined
  /** 1 for the pages that the newest snapshot keeps, or where there is none for all. */
  readonly #kept: Uint8Array

  constructor(readonly bytes: Uint8Array) {
    this.#kept = new Uint8Array(Math.ceil(bytes.length / PAGE_BYTES)).fill(1)
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
  }

  take(): MemorySnapshot {
    this.#newest = { kept: new Map(), copies: 0 }
    this.#snapshots.push(this.#newest)
    this.#kept.fill(0)
    return this.#newest
  }

  /** To be called before every write. @param at offset in the memory, of `length` bytes */
  willWrite(at: number, length: number): void {
    for (let page = at >>> PAGE_SHIFT; page <= (at + length - 1) >>> PAGE_SHIFT; page++)
      if (this.#kept[page] === 0) this.#keep(page)
  }

  #keep(page: number): void {
    this.#kept[page] = 1
    const at = page * PAGE_BYTES
    hold(this.#newest!, page, this.#isZero(at) ? ZEROS : this.bytes.slice(at, at + PAGE_BYTES))
  }

  #isZero(at: number): boolean {
    const end = (at + PAGE_BYTES) >> 2
    for (let word = at >> 2; word < end; word++) if (this.#words[word] !== 0) return false
    return true
  }

  /**
   * Makes memory what it was.
   * @returns the pages that were written for it, by their offsets
   * @throws RangeError for a snapshot that was given up, or is another memory's
   */
  restore(snapshot: MemorySnapshot): number[] {
    const from = this.#indexOf(snapshot)
    const before = new Map<number, Uint8Array>()
    for (const { kept } of this.#snapshots.slice(from))
      for (const [page, bytes] of kept) if (!before.has(page)) before.set(page, bytes)
    for (const [page, bytes] of before) {
      this.willWrite(page * PAGE_BYTES, PAGE_BYTES)
      this.bytes.set(bytes, page * PAGE_BYTES)
    }
    return [...before.keys()].map((page) => page * PAGE_BYTES)
  }

  /** Gives a snapshot up; what the one before it needs goes there. @throws RangeError as {@link restore} */
  release(snapshot: MemorySnapshot): void {
    const index = this.#indexOf(snapshot)
    this.#snapshots.splice(index, 1)
    const before = this.#snapshots[index - 1]
    if (before) for (const [page, bytes] of snapshot.kept) if (!before.kept.has(page)) hold(before, page, bytes)
    if (snapshot !== this.#newest) return
    this.#newest = before
    // Pages that the one before keeps, though this one did not, are kept.
    if (!before) this.#kept.fill(1)
    else for (const page of before.kept.keys()) this.#kept[page] = 1
  }

  #indexOf(snapshot: MemorySnapshot): number {
    const index = this.#snapshots.indexOf(snapshot)
    if (index < 0)
      throw new RangeError('this snapshot of memory was given up, or is of another machine: take a new one')
    return index
  }
}

function hold(snapshot: MemorySnapshot, page: number, bytes: Uint8Array): void {
  snapshot.kept.set(page, bytes)
  if (bytes !== ZEROS) snapshot.copies++
}
