/**
 * Address translation (Power ISA 3.0C III 5.7): real mode, partition-scoped and process-scoped radix trees, and the check of
 * the secure bit of a real address (spec/ultravisor.md §5.1). Of what is found, only partition-scoped leaves are remembered: the
 * walk of a guest's own tables asks for them again and again.
 */
import { type RealMemory, SECURE_RA_BIT } from '../memory/real-memory.ts'
import { MSR } from './msr.ts'
import { SPR } from './spr.ts'
import type { State } from './state.ts'
import type { Access } from './types.ts'

/** An access that hardware refuses, with everything that the interrupt has to say. */
export interface Fault {
  readonly ok: false
  /** 0x300, 0x380, 0x400, 0x480, 0xE00, 0xE20 or 0x200. */
  readonly vector: number
  readonly ea: bigint
  readonly access: Access
  /** DSISR or HDSISR bits for data, SRR1 or HSRR1 bits for instructions. */
  readonly status: bigint
  readonly gpa?: bigint
  readonly reason: string
}

export interface Reached {
  readonly ok: true
  readonly gpa: bigint
  readonly ra: bigint
}

/** Causes in DSISR, HDSISR, and SRR1 for instructions (Power ISA 3.0C III 6.5.3, 6.5.5). */
const CAUSE = {
  noTranslation: 0x4000_0000n,
  noExecute: 0x1000_0000n,
  protection: 0x0800_0000n,
  store: 0x0200_0000n,
  key: 0x0020_0000n,
  unsupported: 0x0008_0000n,
  tableWalk: 0x0002_0000n,
} as const

const VALID = 1n << 63n
const LEAF = 1n << 62n
const NEXT_TABLE = 0x0fff_ffff_ffff_ff00n
const REAL_PAGE = 0x01ff_ffff_ffff_f000n
const RIGHT = { privileged: 8n, read: 4n, write: 2n, execute: 1n } as const
const REFERENCED = 0x100n
const CHANGED = 0x80n
/** Effective address bits 2:11, which no radix tree translates. */
const EA_UNUSED = 0x3ff0_0000_0000_0000n
/** Machine check by a load or store: an uncorrectable access, DAR valid (SRR1 bit 42 says that DSISR tells). */
const MACHINE_CHECK_DATA = 0x0000_8000n
const MACHINE_CHECK_FETCH = 0x0004_0000n

interface Tree {
  readonly root: bigint
  /** Index bits of the root. */
  readonly rootBits: bigint
  /** Bits of address that the tree translates. */
  readonly bits: bigint
}

/** RTS, base and size of the root out of the doubleword that names a tree (Power ISA 3.0C III 5.7.6.1). */
function treeOf(doubleword: bigint): Tree {
  const rts = (((doubleword >> 61n) & 3n) << 3n) | ((doubleword >> 5n) & 7n)
  return { root: doubleword & NEXT_TABLE, rootBits: doubleword & 31n, bits: rts + 31n }
}

interface Leaf {
  readonly entry: bigint
  readonly at: bigint
  readonly base: bigint
}

/** Partition-scoped leaves by 4 KiB page of the guest real address; more than these are not worth remembering. */
const MAX_LEAVES = 1 << 16

export class Mmu {
  readonly #partitionLeaves = new Map<number, Leaf>()

  constructor(
    readonly state: State,
    readonly memory: RealMemory,
  ) {}

  /**
   * Translates one address as an access in the present state would.
   * @param record whether reference and change bits are set, as the access itself does; a debugger leaves no trace
   */
  translate(address: bigint, access: Access, record: boolean): Reached | Fault {
    const { state } = this
    const ea = state.address(address)
    const translated = state.is(access === 'fetch' ? MSR.IR : MSR.DR)
    const hypervisor = state.is(MSR.HV)
    let reached: Reached | Fault
    // In hypervisor real mode the effective address is the real one; bits 0:3 select no memory.
    if (hypervisor && !translated)
      reached = { ok: true, gpa: ea & 0x0fff_ffff_ffff_ffffn, ra: ea & 0x0fff_ffff_ffff_ffffn }
    else if (!translated) reached = this.#partition(ea & 0x0fff_ffff_ffff_ffffn, ea, access, record, false)
    else reached = this.#process(ea, access, record)
    return reached.ok ? this.#checkReal(reached, ea, access) : reached
  }

  /** MEM-001 and MEM-002 as hardware: a machine check. */
  #checkReal(to: Reached, ea: bigint, access: Access): Reached | Fault {
    let reason: string | undefined
    if ((to.ra & SECURE_RA_BIT) !== 0n && !this.state.is(MSR.S))
      reason = `MEM-001: ${access} of secure memory at real address 0x${to.ra.toString(16)} with MSR[S]=0`
    else if (this.memory.offsetOf(to.ra, 1) < 0)
      reason = `MEM-002: ${access} at real address 0x${to.ra.toString(16)}, where there is no memory`
    if (reason === undefined) return to
    const status = access === 'fetch' ? MACHINE_CHECK_FETCH : MACHINE_CHECK_DATA
    return { ok: false, vector: 0x200, ea, access, status, gpa: to.gpa, reason }
  }

  /** To be called where the partition, its table or an entry of it is another one. */
  forgetPartition(): void {
    this.#partitionLeaves.clear()
  }

  /** The partition-scoped leaf of a guest real address, or what {@link #walk} gives instead. */
  #partitionLeaf(tree: bigint, gpa: bigint): Leaf | bigint | undefined {
    const page = Number(gpa >> 12n)
    const known = this.#partitionLeaves.get(page)
    if (known) return { ...known, base: known.base | (gpa & 0xfffn) }
    const leaf = this.#walk(treeOf(tree), gpa, (ra) => ra)
    if (leaf !== undefined && typeof leaf === 'object') {
      if (this.#partitionLeaves.size >= MAX_LEAVES) this.#partitionLeaves.clear()
      this.#partitionLeaves.set(page, { ...leaf, base: leaf.base & ~0xfffn })
    }
    return leaf
  }

  #data(ra: bigint): bigint | undefined {
    const at = this.memory.offsetOf(ra, 8)
    return at < 0 ? undefined : this.memory.data.getBigUint64(at)
  }

  /** Doubleword `index` of the partition table entry of `lpid`. */
  #partitionEntry(lpid: bigint, index: bigint): bigint | undefined {
    const ptcr = this.state.spr(SPR.PTCR)
    if (lpid * 16n >= 1n << (12n + (ptcr & 31n))) return undefined
    return this.#data((ptcr & 0x0fff_ffff_ffff_f000n) + lpid * 16n + index * 8n)
  }

  /** Guest real address to real address, by the tree of the partition in LPIDR. `walk`: for the walk of a guest's own table. */
  #partition(gpa: bigint, ea: bigint, access: Access, record: boolean, walk: boolean): Reached | Fault {
    const lpid = this.state.spr(SPR.LPIDR) & 0xfffn
    const doubleword = this.#partitionEntry(lpid, 0n)
    const fault = (cause: bigint, reason: string): Fault => ({
      ok: false,
      vector: access === 'fetch' ? 0xe20 : 0xe00,
      ea,
      access,
      status: cause | (access === 'store' && !walk ? CAUSE.store : 0n) | (walk ? CAUSE.tableWalk : 0n),
      gpa,
      reason: `${reason} (partition ${lpid}, guest physical address 0x${gpa.toString(16)}${walk ? ', walking the tables of the guest' : ''})`,
    })
    if (doubleword === undefined) return fault(CAUSE.unsupported, 'no partition table entry')
    if ((doubleword & VALID) === 0n)
      return fault(CAUSE.unsupported, 'the partition has no radix tree (hash page tables are not modelled)')
    const leaf = this.#partitionLeaf(doubleword, gpa)
    if (typeof leaf === 'bigint' || !leaf)
      return fault(leaf === undefined ? CAUSE.noTranslation : leaf, 'no partition-scoped translation')
    const wanted = walk ? 'load' : access
    const has = (right: bigint): boolean => (leaf.entry & right) !== 0n
    const allowed =
      wanted === 'fetch' ? has(RIGHT.execute) : wanted === 'store' ? has(RIGHT.write) : has(RIGHT.read | RIGHT.write)
    if (!allowed)
      return fault(
        wanted === 'fetch' ? CAUSE.noExecute : CAUSE.protection,
        `partition-scoped translation without the right to ${wanted}`,
      )
    if (record && this.#note(leaf, access === 'store')) this.#partitionLeaves.delete(Number(gpa >> 12n))
    return { ok: true, gpa, ra: leaf.base }
  }

  /** Sets reference and change bits as the access does. @returns whether that changed the entry */
  #note({ entry, at }: Leaf, change: boolean): boolean {
    const noted = entry | REFERENCED | (change ? CHANGED : 0n)
    if (noted === entry) return false
    this.memory.data.setBigUint64(this.memory.offsetOf(at, 8), noted)
    return true
  }

  /**
   * Walks a tree. `reach` turns the address of an entry into a real one.
   * @returns the leaf with the translated address; undefined where an entry is invalid; bits of a cause where the tree is malformed
   */
  #walk(tree: Tree, address: bigint, reach: (address: bigint) => bigint | undefined): Leaf | bigint | undefined {
    let { root: table, rootBits: bits } = tree
    let shift = tree.bits
    if (address >> shift !== 0n) return undefined
    for (;;) {
      shift -= bits
      if (bits < 5n || bits > 16n || shift < 12n) return CAUSE.unsupported
      const at = reach(table + ((address >> shift) & ((1n << bits) - 1n)) * 8n)
      const entry = at === undefined ? undefined : this.#data(at)
      if (entry === undefined || (entry & VALID) === 0n) return undefined
      if ((entry & LEAF) !== 0n) {
        const offset = (1n << shift) - 1n
        return { entry, at: at!, base: (entry & REAL_PAGE & ~offset) | (address & offset) }
      }
      table = entry & NEXT_TABLE
      bits = entry & 31n
    }
  }

  /** Effective address by the process table of the partition, then by the partition's own tree (Power ISA 3.0C III 5.7.8). */
  #process(ea: bigint, access: Access, record: boolean): Reached | Fault {
    const { state } = this
    const hypervisor = state.is(MSR.HV)
    const fault = (vector: 'storage' | 'segment', cause: bigint, reason: string): Fault => ({
      ok: false,
      vector: { storage: { data: 0x300, fetch: 0x400 }, segment: { data: 0x380, fetch: 0x480 } }[vector][
        access === 'fetch' ? 'fetch' : 'data'
      ],
      ea,
      access,
      status: cause | (access === 'store' ? CAUSE.store : 0n),
      reason: `${reason} (effective address 0x${ea.toString(16)})`,
    })
    const quadrant = ea >> 62n
    if (quadrant === 1n || quadrant === 2n || (ea & EA_UNUSED) !== 0n)
      return fault('segment', 0n, 'an effective address that no radix tree covers')
    const lpid = hypervisor ? 0n : state.spr(SPR.LPIDR) & 0xfffn
    const processTable = this.#partitionEntry(lpid, 1n)
    if (processTable === undefined) return fault('storage', CAUSE.unsupported, 'no process table')
    // A guest's tables are at guest addresses: each step goes through the partition's tree, and may fault there.
    let nested: Fault | undefined
    const reach = (address: bigint): bigint | undefined => {
      if (hypervisor) return address
      const to = this.#partition(address, ea, access, record, true)
      if (to.ok) return to.ra
      nested = to
      return undefined
    }
    const pid = quadrant === 3n ? 0n : state.spr(SPR.PIDR) & 0xf_ffffn
    if (pid * 16n >= 1n << (12n + (processTable & 31n)))
      return fault('storage', CAUSE.unsupported, `PID ${pid} beyond the process table`)
    const entryAt = reach((processTable & 0x0fff_ffff_ffff_f000n) + pid * 16n)
    if (entryAt === undefined) return nested!
    const doubleword = this.#data(entryAt)
    if (doubleword === undefined)
      return fault('storage', CAUSE.unsupported, 'a process table entry without memory behind')
    const tree = treeOf(doubleword)
    const leaf = this.#walk(tree, ea & 0x000f_ffff_ffff_ffffn, reach)
    if (nested) return nested
    if (leaf === undefined)
      return fault('storage', CAUSE.noTranslation, 'no translation in the page table of the guest')
    if (typeof leaf === 'bigint') return fault('storage', leaf, 'a malformed page table of the guest')
    const refused = this.#refusal(leaf.entry, access)
    if (refused) return fault('storage', refused, `the page table of the guest does not allow this ${access}`)
    if (record) this.#note(leaf, access === 'store')
    if (hypervisor) return { ok: true, gpa: leaf.base, ra: leaf.base }
    return this.#partition(leaf.base, ea, access, record, false)
  }

  /** The cause where a process-scoped entry forbids an access, by EAA and the authority mask of key 0. */
  #refusal(entry: bigint, access: Access): bigint | undefined {
    const { state } = this
    const denied = access === 'fetch' ? CAUSE.noExecute : CAUSE.protection
    const privileged = (entry & RIGHT.privileged) !== 0n
    if (privileged && state.is(MSR.PR)) return CAUSE.protection
    const rights = { fetch: RIGHT.execute, store: RIGHT.write, load: RIGHT.read | RIGHT.write }[access]
    if ((entry & rights) === 0n) return denied
    if (privileged || state.is(MSR.PR)) return undefined
    // The kernel at a user page: AMR and IAMR key 0 (bits 0:1) may forbid it.
    const key = state.spr(access === 'fetch' ? SPR.IAMR : SPR.AMR) >> 62n
    const forbidden = access === 'store' ? 2n : 1n
    return (key & forbidden) !== 0n ? (access === 'fetch' ? CAUSE.noExecute : CAUSE.key) : undefined
  }
}
