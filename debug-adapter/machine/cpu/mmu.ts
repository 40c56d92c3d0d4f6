/**
 * Address translation (Power ISA 3.0C III 5.7): real mode, partition-scoped and process-scoped radix trees, and the check of
 * the secure bit of a real address (spec/ultravisor.md §5.1). Of what is found, only partition-scoped leaves are remembered: the
 * walk of a guest's own tables asks for them again and again.
 *
 * A miss of the translations that generated code looks into ends here, some hundred thousand times in a boot; so addresses are
 * numbers of 4 KiB pages (48 bits at most) with an offset beside them, and table entries two words, never a BigInt.
 */
import type { RealMemory } from '../memory/real-memory.ts'
import { STATE } from './layout.ts'
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

/** Where an access leads. */
export class Reached {
  readonly ok = true

  /**
   * @param gpaPage guest real address / 4096
   * @param page    real address / 4096
   * @param offset  of the byte in its page
   * @param at      the same in the WebAssembly memory, which {@link Mmu.translate} sets
   */
  constructor(
    readonly gpaPage: number,
    readonly page: number,
    readonly offset: number,
    public at = -1,
  ) {}

  get gpa(): bigint {
    return addressOf(this.gpaPage, this.offset)
  }

  get ra(): bigint {
    return addressOf(this.page, this.offset)
  }
}

const addressOf = (page: number, offset: number): bigint => (BigInt(page) << 12n) | BigInt(offset)

/** Causes in DSISR, HDSISR, and SRR1 for instructions (Power ISA 3.0C III 6.5.3, 6.5.5). */
const CAUSE = {
  noTranslation: 0x4000_0000,
  noExecute: 0x1000_0000,
  protection: 0x0800_0000,
  store: 0x0200_0000,
  key: 0x0020_0000,
  unsupported: 0x0008_0000,
  tableWalk: 0x0002_0000,
} as const

/** In the upper word of an entry. */
const VALID = 0x8000_0000
const LEAF = 0x4000_0000
/** In the lower one. */
const RIGHT = { privileged: 8, read: 4, write: 2, execute: 1 } as const
const NEEDED = { fetch: RIGHT.execute, store: RIGHT.write, load: RIGHT.read | RIGHT.write } as const
const REFERENCED = 0x100
const CHANGED = 0x80
/** Effective address bits 2:11, which no radix tree translates: in the upper word. */
const EA_UNUSED = 0x3ff0_0000
/** Machine check by a load or store: an uncorrectable access, DAR valid (SRR1 bit 42 says that DSISR tells). */
const MACHINE_CHECK_DATA = 0x0000_8000n
const MACHINE_CHECK_FETCH = 0x0004_0000n
/** MSR in two words. */
const MSR_LOW = { IR: Number(MSR.IR), DR: Number(MSR.DR), PR: Number(MSR.PR), S: Number(MSR.S) } as const
const MSR_HIGH = { HV: Number(MSR.HV >> 32n) } as const
/** Number of the first secure page: see SECURE_RA_BIT. */
const SECURE_PAGE = 2 ** 36

interface Tree {
  /** Page of the root, and its offset there. */
  readonly page: number
  readonly offset: number
  /** Index bits of the root. */
  readonly rootBits: number
  /** Bits of address that the tree translates. */
  readonly bits: number
}

interface Leaf {
  /** The lower word of the entry, which has the rights. */
  readonly low: number
  /** Offset of the entry in the WebAssembly memory. */
  readonly at: number
  /** Real (or guest real) address / 4096 of the page that was asked for. */
  readonly page: number
}

/** The address in an entry that names a table or a tree, as a page and an offset. */
const tablePage = (high: number, low: number): number => (high & 0x0fff_ffff) * 2 ** 20 + (low >>> 12)
const tableOffset = (low: number): number => low & 0xf00

/** RTS, base and size of the root out of the doubleword that names a tree (Power ISA 3.0C III 5.7.6.1). */
function treeOf(high: number, low: number): Tree {
  const rts = (((high >>> 29) & 3) << 3) | ((low >>> 5) & 7)
  return { page: tablePage(high, low), offset: tableOffset(low), rootBits: low & 31, bits: rts + 31 }
}

/** Partition-scoped leaves by 4 KiB page of the guest real address; more than these are not worth remembering. */
const MAX_LEAVES = 1 << 16

/** An access on its way through the trees. */
interface Asked {
  readonly ea: bigint
  readonly access: Access
  readonly record: boolean
}

/** A place of a table without memory behind it. */
const NOWHERE = -1

export class Mmu {
  readonly #partitionLeaves = new Map<number, Leaf>()
  /** Doubleword 0 of the entry of the partition whose leaves these are. */
  #partitionTree: Tree | undefined
  #nested: Fault | undefined
  /** `State.changes`, LPIDR and PTCR when that was remembered. */
  #seen = -1
  #partitionNamed: readonly [bigint, bigint] = [0n, 0n]

  constructor(
    readonly state: State,
    readonly memory: RealMemory,
  ) {}

  /**
   * Translates one address as an access in the present state would.
   * @param record whether reference and change bits are set, as the access itself does; a debugger leaves no trace
   */
  translate(address: bigint, access: Access, record: boolean): Reached | Fault {
    const ea = this.state.address(address)
    const { data } = this.state
    if (this.state.changes !== this.#seen) this.#look()
    const low = data.getUint32(STATE.msr, true)
    const hypervisor = (data.getUint32(STATE.msr + 4, true) & MSR_HIGH.HV) !== 0
    const translated = (low & (access === 'fetch' ? MSR_LOW.IR : MSR_LOW.DR)) !== 0
    const offset = Number(BigInt.asUintN(12, ea))
    let reached: Reached | Fault
    if (translated) reached = this.#process({ ea, access, record }, offset, hypervisor, low)
    else {
      // In hypervisor real mode the effective address is the real one; bits 0:3 select no memory.
      const page = Number(BigInt.asUintN(60, ea) >> 12n)
      if (hypervisor) reached = new Reached(page, page, offset)
      else reached = this.#partition(page, offset, { ea, access, record }, false)
    }
    return reached.ok ? this.#checkReal(reached, ea, access, (low & MSR_LOW.S) !== 0) : reached
  }

  /** MEM-001 and MEM-002 as hardware: a machine check. */
  #checkReal(to: Reached, ea: bigint, access: Access, secure: boolean): Reached | Fault {
    let reason: string | undefined
    to.at = this.#offsetOf(to.page, to.offset)
    if (!secure && Math.floor(to.page / SECURE_PAGE) % 2 === 1)
      reason = `MEM-001: ${access} of secure memory at real address 0x${to.ra.toString(16)} with MSR[S]=0`
    else if (to.at < 0) reason = `MEM-002: ${access} at real address 0x${to.ra.toString(16)}, where there is no memory`
    if (reason === undefined) return to
    const status = access === 'fetch' ? MACHINE_CHECK_FETCH : MACHINE_CHECK_DATA
    return { ok: false, vector: 0x200, ea, access, status, gpa: to.gpa, reason }
  }

  /** Forgets what was remembered of another partition. */
  #look(): void {
    const { state } = this
    this.#seen = state.changes
    const [lpid, table] = this.#partitionNamed
    const named = [state.spr(SPR.LPIDR), state.spr(SPR.PTCR)] as const
    if (named[0] === lpid && named[1] === table) return
    this.#partitionNamed = named
    this.forgetPartition()
  }

  /** To be called where an entry of the partition table or of a partition's tree is another one. */
  forgetPartition(): void {
    this.#partitionLeaves.clear()
    this.#partitionTree = undefined
  }

  #offsetOf(page: number, offset: number): number {
    const at = this.memory.pageAt(page)
    return at < 0 ? NOWHERE : at + offset
  }

  /** Where doubleword `index` of the partition table entry of LPIDR or of partition 0 is. */
  #partitionEntry(lpid: number, index: number): number {
    const ptcr = this.state.spr(SPR.PTCR)
    const low = Number(BigInt.asUintN(32, ptcr))
    if (lpid * 16 >= 2 ** (12 + (low & 31))) return NOWHERE
    return this.#entryAt(tablePage(Number(ptcr >> 32n), low), lpid * 16 + index * 8)
  }

  /** Where the doubleword at an offset from a real page is. */
  #entryAt(page: number, offset: number): number {
    return this.#offsetOf(page + (offset >>> 12), offset & 0xfff)
  }

  get #lpid(): number {
    return Number(this.state.spr(SPR.LPIDR) & 0xfffn)
  }

  /** The partition-scoped leaf of a guest real page, or a cause why there is none. */
  #partitionLeaf(page: number): Leaf | number {
    const known = this.#partitionLeaves.get(page)
    if (known) return known
    let tree = this.#partitionTree
    if (!tree) {
      const at = this.#partitionEntry(this.#lpid, 0)
      if (at < 0 || this.memory.data.getUint32(at) < VALID) return CAUSE.unsupported
      tree = treeOf(this.memory.data.getUint32(at), this.memory.data.getUint32(at + 4))
      this.#partitionTree = tree
    }
    const leaf = this.#walk(tree, page, undefined)
    if (typeof leaf === 'object') {
      if (this.#partitionLeaves.size >= MAX_LEAVES) this.#partitionLeaves.clear()
      this.#partitionLeaves.set(page, leaf)
    }
    return leaf
  }

  /** Guest real page to real page, by the tree of the partition in LPIDR. `walk`: for the walk of a guest's own table. */
  #partition(page: number, offset: number, asked: Asked, walk: boolean): Reached | Fault {
    const leaf = this.#partitionLeaf(page)
    if (typeof leaf === 'number') return this.#partitionFault(page, offset, asked, walk, leaf)
    const wanted = walk ? 'load' : asked.access
    if ((leaf.low & NEEDED[wanted]) === 0)
      return this.#partitionFault(page, offset, asked, walk, wanted === 'fetch' ? CAUSE.noExecute : CAUSE.protection)
    if (asked.record) this.#note(leaf, asked.access === 'store')
    return new Reached(page, leaf.page, offset)
  }

  #partitionFault(page: number, offset: number, { ea, access }: Asked, walk: boolean, cause: number): Fault {
    const gpa = addressOf(page, offset)
    const reasons: Record<number, string> = {
      [CAUSE.unsupported]: 'the partition has no radix tree, or a malformed one (hash page tables are not modelled)',
      [CAUSE.noTranslation]: 'no partition-scoped translation',
    }
    const reason = reasons[cause] ?? `partition-scoped translation without the right to ${walk ? 'load' : access}`
    return {
      ok: false,
      vector: access === 'fetch' ? 0xe20 : 0xe00,
      ea,
      access,
      status: BigInt(cause | (access === 'store' && !walk ? CAUSE.store : 0) | (walk ? CAUSE.tableWalk : 0)),
      gpa,
      reason: `${reason} (partition ${this.#lpid}, guest physical address 0x${gpa.toString(16)}${walk ? ', walking the tables of the guest' : ''})`,
    }
  }

  /** Sets reference and change bits as the access does. */
  #note({ at }: Leaf, change: boolean): void {
    const { data } = this.memory
    const low = data.getUint32(at + 4)
    const noted = (low | REFERENCED | (change ? CHANGED : 0)) >>> 0
    if (noted === low) return
    this.memory.willWrite(at, 8)
    data.setUint32(at + 4, noted)
  }

  /**
   * Walks a tree.
   * @param page   address / 4096
   * @param guest  the access for which a guest's own tree is walked, whose tables are at guest addresses; else they are at real ones
   * @returns the leaf with the translated page; else a cause, for which {@link #nested} may have another fault
   */
  #walk(tree: Tree, page: number, guest: Asked | undefined): Leaf | number {
    const { data } = this.memory
    let { page: table, offset, rootBits: bits } = tree
    let shift = tree.bits - 12
    if (page >= 2 ** shift) return CAUSE.noTranslation
    for (;;) {
      shift -= bits
      if (bits < 5 || bits > 16 || shift < 0) return CAUSE.unsupported
      const index = Math.floor(page / 2 ** shift) % 2 ** bits
      const at = guest ? this.#guestEntry(table, offset + index * 8, guest) : this.#entryAt(table, offset + index * 8)
      if (at < 0) return CAUSE.noTranslation
      const high = data.getUint32(at)
      const low = data.getUint32(at + 4)
      if (high < VALID) return CAUSE.noTranslation
      if ((high & LEAF) !== 0) {
        const first = (high & 0x01ff_ffff) * 2 ** 20 + (low >>> 12)
        const size = 2 ** shift
        return { low, at, page: first - (first % size) + (page % size) }
      }
      table = tablePage(high, low)
      offset = tableOffset(low)
      bits = low & 31
    }
  }

  /** Where the doubleword at an offset from a page of the guest is; a fault on the way there goes to {@link #nested}. */
  #guestEntry(page: number, offset: number, asked: Asked): number {
    const to = this.#partition(page + (offset >>> 12), offset & 0xfff, asked, true)
    if (to.ok) return this.#offsetOf(to.page, to.offset)
    this.#nested = to
    return NOWHERE
  }

  /** Effective address by the process table of the partition, then by the partition's own tree (Power ISA 3.0C III 5.7.8). */
  #process(asked: Asked, offset: number, hypervisor: boolean, msr: number): Reached | Fault {
    const { ea, access, record } = asked
    const { state } = this
    const { data } = this.memory
    const high = Number(ea >> 32n)
    const quadrant = high >>> 30
    if (quadrant === 1 || quadrant === 2 || (high & EA_UNUSED) !== 0)
      return storageFault(asked, 'segment', 0, 'an effective address that no radix tree covers')
    const processAt = this.#partitionEntry(hypervisor ? 0 : this.#lpid, 1)
    if (processAt < 0) return storageFault(asked, 'storage', CAUSE.unsupported, 'no process table')
    const tableLow = data.getUint32(processAt + 4)
    const table = tablePage(data.getUint32(processAt), tableLow)
    const pid = quadrant === 3 ? 0 : Number(state.spr(SPR.PIDR) & 0xf_ffffn)
    if (pid * 16 >= 2 ** (12 + (tableLow & 31)))
      return storageFault(asked, 'storage', CAUSE.unsupported, `PID ${pid} beyond the process table`)
    this.#nested = undefined
    const guest = hypervisor ? undefined : asked
    const entryAt = guest ? this.#guestEntry(table, pid * 16, guest) : this.#entryAt(table, pid * 16)
    if (this.#nested) return this.#nested
    if (entryAt < 0)
      return storageFault(asked, 'storage', CAUSE.unsupported, 'a process table entry without memory behind')
    const tree = treeOf(data.getUint32(entryAt), data.getUint32(entryAt + 4))
    const page = (high & 0xf_ffff) * 2 ** 20 + (Number(BigInt.asUintN(32, ea)) >>> 12)
    const leaf = this.#walk(tree, page, guest)
    if (this.#nested) return this.#nested
    if (leaf === CAUSE.noTranslation)
      return storageFault(asked, 'storage', leaf, 'no translation in the page table of the guest')
    if (typeof leaf === 'number') return storageFault(asked, 'storage', leaf, 'a malformed page table of the guest')
    const refused = this.#refusal(leaf.low, access, (msr & MSR_LOW.PR) !== 0)
    if (refused)
      return storageFault(asked, 'storage', refused, `the page table of the guest does not allow this ${access}`)
    if (record) this.#note(leaf, access === 'store')
    if (hypervisor) return new Reached(leaf.page, leaf.page, offset)
    return this.#partition(leaf.page, offset, asked, false)
  }

  /** The cause where a process-scoped entry forbids an access, by EAA and the authority mask of key 0; else 0. */
  #refusal(low: number, access: Access, problem: boolean): number {
    const denied = access === 'fetch' ? CAUSE.noExecute : CAUSE.protection
    const privileged = (low & RIGHT.privileged) !== 0
    if (privileged && problem) return CAUSE.protection
    if ((low & NEEDED[access]) === 0) return denied
    if (privileged || problem) return 0
    // The kernel at a user page: AMR and IAMR key 0 (bits 0:1) may forbid it.
    const key = this.state.spr(access === 'fetch' ? SPR.IAMR : SPR.AMR) >> 62n
    const forbidden = access === 'store' ? 2n : 1n
    if ((key & forbidden) === 0n) return 0
    return access === 'fetch' ? CAUSE.noExecute : CAUSE.key
  }
}

const STORAGE_VECTORS = {
  storage: { data: 0x300, fetch: 0x400 },
  segment: { data: 0x380, fetch: 0x480 },
} as const

function storageFault({ ea, access }: Asked, kind: keyof typeof STORAGE_VECTORS, cause: number, reason: string): Fault {
  return {
    ok: false,
    vector: STORAGE_VECTORS[kind][access === 'fetch' ? 'fetch' : 'data'],
    ea,
    access,
    status: BigInt(cause | (access === 'store' ? CAUSE.store : 0)),
    reason: `${reason} (effective address 0x${ea.toString(16)})`,
  }
}
