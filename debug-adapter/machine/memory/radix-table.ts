import type { Pool } from './pool.ts'
import type { MemoryView } from './view.ts'

/**
 * A partition-scoped radix tree in real memory (Power ISA 3.0C III 5.7.10): 13 + 9 + 9 + 5 index bits and 16 bits of
 * offset, so 52 bits of guest physical address in 64 KiB pages. The ultravisor keeps the trees of SVMs in secure memory, the
 * hypervisor those of normal VMs in normal memory; the processor walks whichever the partition table names.
 */
const LEVELS = [13n, 9n, 9n, 5n] as const
const PAGE_SHIFT = 16n
const GPA_BITS = 52n

const VALID = 1n << 63n
const LEAF = 1n << 62n
const NEXT_LEVEL_BASE = 0x0fff_ffff_ffff_ff00n
/** Bits 7:51 of a leaf: the real page. */
const REAL_PAGE = 0x01ff_ffff_ffff_f000n
/** Reference and change, read, write and execute allowed: what both owners give a guest's page. */
const LEAF_RIGHTS = 0x187n

/** Radix tree size 52 bits in the split field RTS, bits 1:2 and 56:58 (Power ISA 3.0C III 5.7.6.1). */
const RTS_52 = (0b10n << 61n) | (0b101n << 5n)
const HOST_RADIX = 1n << 63n

export class RadixTable {
  readonly root: bigint
  private readonly blocks: { ra: bigint; bytes: bigint }[] = []

  /**
   * @param view the memory as the table's owner may write it
   * @param pool where the owner takes page tables from
   * @throws RangeError where the pool has no room for the 64 KiB root
   */
  constructor(
    readonly view: MemoryView,
    readonly pool: Pool,
  ) {
    this.root = this.#newLevel(0)
  }

  /** Doubleword 0 of the partition table entry that names this tree. */
  get pateDoubleword0(): bigint {
    return HOST_RADIX | RTS_52 | this.root | LEVELS[0]
  }

  /** Maps the 64 KiB page at `gpa` to real address `ra`, readable, writable and executable. */
  map(gpa: bigint, ra: bigint): void {
    this.view.setU64(this.#entry(gpa, true)!, VALID | LEAF | (ra & REAL_PAGE) | LEAF_RIGHTS)
  }

  /** Takes the translation of `gpa` away: the next access by the guest faults. */
  unmap(gpa: bigint): void {
    const entry = this.#entry(gpa, false)
    if (entry !== undefined) this.view.setU64(entry, 0n)
  }

  /** @returns the real address of the page at `gpa`, or undefined where the guest would fault */
  lookup(gpa: bigint): bigint | undefined {
    const entry = this.#entry(gpa, false)
    if (entry === undefined) return undefined
    const value = this.view.u64(entry)
    return (value & VALID) !== 0n ? value & REAL_PAGE : undefined
  }

  /** Gives all its memory back to the pool, zeroed. The table must not be used any more. */
  release(): void {
    for (const { ra, bytes } of this.blocks) {
      this.view.fill(ra, 0, Number(bytes))
      this.pool.free(ra, bytes)
    }
    this.blocks.length = 0
  }

  #newLevel(level: number): bigint {
    const bytes = 8n << LEVELS[level]!
    const ra = this.pool.allocate(bytes)
    if (ra === undefined) throw new RangeError(`${this.pool.name}: no room for a page table of ${bytes} bytes`)
    this.view.fill(ra, 0, Number(bytes))
    this.blocks.push({ ra, bytes })
    return ra
  }

  /** Real address of the leaf entry of `gpa`; makes the levels above it where asked. */
  #entry(gpa: bigint, create: boolean): bigint | undefined {
    let table = this.root
    let shift = GPA_BITS
    for (const [level, bits] of LEVELS.entries()) {
      shift -= bits
      const entry = table + ((gpa >> shift) & ((1n << bits) - 1n)) * 8n
      if (shift === PAGE_SHIFT) return entry
      const value = this.view.u64(entry)
      if ((value & VALID) !== 0n) table = value & NEXT_LEVEL_BASE
      else if (create) {
        table = this.#newLevel(level + 1)
        this.view.setU64(entry, VALID | table | LEVELS[level + 1]!)
      } else return undefined
    }
    return undefined
  }
}
