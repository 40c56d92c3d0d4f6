import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import { parseFdt } from '../../../server/esm/fdt.ts'
import type { EsmResult } from '../api.ts'
import type { Cpu } from '../cpu/cpu.ts'
import { MSR } from '../cpu/msr.ts'
import { SPR } from '../cpu/spr.ts'
import { UV_OPAL_FIELDS } from '../firmware/hand-over.ts'
import { SECURE_POOL_OFFSET, ULTRAVISOR, UV_OPAL } from '../firmware/memory-map.ts'
import { Actor } from '../memory/actor.ts'
import { Pool } from '../memory/pool.ts'
import { type RealMemory, SECURE_RA_BIT } from '../memory/real-memory.ts'
import type { MemoryView } from '../memory/view.ts'
import type { Chip } from '../platform/chip.ts'
import type { Refusal } from '../refusal.ts'
import { Procedure, type Steps } from '../steps.ts'
import { MachineStop } from '../stop.ts'
import type { Trace } from '../trace/trace.ts'
import { Crossing } from './crossing.ts'
import { type Quirk, quirkText } from './quirks.ts'
import { U } from './return-codes.ts'
import { type UvRule, uvRefusal } from './rules.ts'
import { type MemoryResource, memoryResources } from './service-memory.ts'
import type { Svm } from './svm.ts'

/** What the ultravisor is built on. It knows the hypervisor only as code that runs at a vector. */
export interface UltravisorParts {
  readonly cpu: Cpu
  readonly memory: RealMemory
  readonly trace: Trace
  readonly crypto: CryptoProvider
  readonly random: RandomSource
  readonly chip: Chip
  /** The quirks of the released firmware that are switched on. */
  readonly quirks: ReadonlySet<Quirk>
  /** Runs the hypervisor from `vector` until it leaves by UV_RETURN, or by `rfid` to a normal VM. */
  readonly hypervisor: (vector: number) => Steps<void>
}

const BOOT = new Procedure('ultravisor', 'ultravisor boot', 'spec/ultravisor.md §7.4', {
  memory: 'find the secure memory ranges, set up the heap and the pool of 2 MiB pages',
  wrappingKey: 'copy the wrapping key properties from uv_fdt into the private store',
  erase: 'zero uv_fdt',
  partitionTable: 'make the partition table (64 KiB, secure) and set PTCR',
  drbg: 'seed the random generator from darn',
  leave: 'USRR1 without S, urfid to OPAL',
})

/** Entries of the partition table: 64 KiB of 16 bytes (spec/ultravisor.md §2.4). */
const PARTITION_TABLE_BYTES = 0x1_0000n
export const MAX_LPID = 4096n

/** The wrapping key of the TPM as OPAL handed it over; a property that was missing is absent. */
export type WrappingKeyProperty =
  | 'wrapping-key-handle'
  | 'wrapping-key-passwd'
  | 'wrapping-key-publicname'
  | 'wrapping-key-policy-a'
  | 'wrapping-key-policy-b'

/** The most privileged firmware: owns secure memory, the partition table and every SVM. */
export class Ultravisor {
  readonly svms = new Map<number, Svm>()
  /** Partitions whose UV_ESM failed early and left an SVM behind that nobody can use (Q27). */
  readonly stale = new Set<number>()
  readonly memory: MemoryView
  /** Page tables of SVMs. */
  readonly heap: Pool
  /** Secure pages of 2 MiB for the memory of SVMs. */
  readonly pages: Pool
  /** How many bytes they were at first. */
  readonly pagesBytes: bigint
  readonly crossing: Crossing
  readonly #partitionTable: bigint
  /** Memory of on-chip controllers, from the device tree of the host. */
  memoryResources: readonly MemoryResource[] = []
  /** What became of the newest UV_ESM. */
  esm: EsmResult | undefined

  constructor(readonly parts: UltravisorParts) {
    this.memory = parts.memory.as(Actor.Ultravisor)
    const base = SECURE_RA_BIT
    const heap = base + BigInt(ULTRAVISOR.heapOffset)
    this.#partitionTable = heap
    this.heap = new Pool(
      'the heap of the ultravisor',
      heap + PARTITION_TABLE_BYTES,
      heap + BigInt(ULTRAVISOR.heapBytes),
    )
    this.pages = new Pool(
      'the secure page pool',
      base + BigInt(SECURE_POOL_OFFSET),
      base + BigInt(parts.memory.secureBytes),
    )
    this.pagesBytes = this.pages.freeBytes
    this.crossing = new Crossing(this)
  }

  /**
   * Takes over the wrapping key and the partition table (spec/ultravisor.md §7.4).
   * @param uvFdt real address of the private device tree that OPAL wrote into secure memory
   */
  *boot(uvFdt: bigint): Steps<void> {
    yield* BOOT.frame({ uvFdt }, this.#boot(uvFdt))
  }

  *#boot(uvFdt: bigint): Steps<void> {
    const { cpu, memory } = this.parts
    yield BOOT.at('memory', { heapBytes: ULTRAVISOR.heapBytes, pagePoolBytes: this.pages.freeBytes })
    memory.assign(this.#partitionTable & ~0xffffn, ULTRAVISOR.heapBytes >> 16, {
      owner: 'ultravisor',
      use: 'heap: partition table, page tables, contexts',
    })
    yield BOOT.at('wrappingKey')
    const store = SECURE_RA_BIT + BigInt(ULTRAVISOR.storeOffset)
    const size = this.memory.u32(uvFdt + 4n)
    this.memory.write(store, this.memory.read(uvFdt, Math.min(size, ULTRAVISOR.storeBytes)))
    yield BOOT.at('erase', { bytes: size })
    this.memory.fill(uvFdt, 0, size)
    yield BOOT.at('partitionTable')
    this.memory.fill(this.#partitionTable, 0, Number(PARTITION_TABLE_BYTES))
    // Size field 4: 2^(12+4) bytes (Power ISA 3.0C III 5.7.6).
    cpu.setSpr(SPR.PTCR, this.#partitionTable | 4n)
    this.memoryResources = this.#readResources()
    yield BOOT.at('drbg')
    yield BOOT.at('leave')
    cpu.msr = cpu.msr & ~MSR.S
  }

  /** What OPAL described while it could still be trusted: `struct uv_opal` names the device tree (spec/ultravisor.md §7.2). */
  #readResources(): MemoryResource[] {
    const tree = this.memory.u64(BigInt(UV_OPAL.start + UV_OPAL_FIELDS.systemFdt))
    return memoryResources(this.memory.read(tree, this.memory.u32(tree + 4n)))
  }

  /**
   * One of the properties that OPAL handed over, read from the private store in secure memory.
   * @returns undefined where it is missing (ESM130)
   */
  wrappingKey(property: WrappingKeyProperty): Uint8Array | undefined {
    const store = SECURE_RA_BIT + BigInt(ULTRAVISOR.storeOffset)
    const size = this.memory.u32(store + 4n)
    if (this.memory.u32(store) !== 0xd00dfeed || size > ULTRAVISOR.storeBytes) return undefined
    const find = (node: {
      name: string
      properties: Map<string, Uint8Array>
      children: (typeof node)[]
    }): Uint8Array | undefined => {
      const own = node.properties.get(property)
      if (own) return own
      for (const child of node.children) {
        const found = find(child)
        if (found) return found
      }
      return undefined
    }
    return find(parseFdt(this.memory.read(store, size)).root)
  }

  /** Real address of the partition table entry of a partition. */
  pateAddress(lpid: number): bigint {
    return this.#partitionTable + BigInt(lpid) * 16n
  }

  /** The SVM that made the present ultracall or took the present interrupt: LPIDR names it. */
  get currentSvm(): Svm | undefined {
    return this.svms.get(this.currentLpid)
  }

  get currentLpid(): number {
    return Number(this.parts.cpu.spr(SPR.LPIDR) & 0xfffn)
  }

  randomDoubleword(): bigint {
    const bytes = this.parts.random(8)
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)
  }

  quirk(quirk: Quirk): boolean {
    return this.parts.quirks.has(quirk)
  }

  /** A code where documentation and released code differ (Q50). */
  code(documented: bigint, released: bigint): bigint {
    return this.quirk('Q50') ? released : documented
  }

  /** What U_BUSY is here (Q07). */
  get busyCode(): bigint {
    return this.quirk('Q07') ? U.FUNCTION : U.BUSY
  }

  /** A dump that survives the next boot: the self-boot engine takes the machine down (spec/ultravisor.md §5.5). */
  startDump(): never {
    throw new MachineStop({
      how: 'stopped',
      reason: 'the hypervisor started a dump (UV_SEND_SBE_COMMAND); memory and registers of SVMs are not part of it',
    })
  }

  /** Logs why the answer is no, and gives the code back for `return`. */
  refuse(rule: UvRule, found: string, code: bigint): bigint {
    this.note(uvRefusal(rule, found))
    return code
  }

  note(refusal: Refusal): void {
    this.parts.trace.add({ type: 'refusal', by: 'ultravisor', ...refusal })
  }

  /** Overwrites secure memory that is given up: nothing of an SVM may outlive it. */
  clear(ra: bigint, bytes: number): void {
    this.memory.fill(ra, 0, bytes)
    this.parts.cpu.codeWritten(ra, bytes)
  }

  /** Takes 2 MiB of secure memory, zeroed; undefined where none is free. */
  takePage(): bigint | undefined {
    const ra = this.pages.allocate(0x20_0000n)
    if (ra !== undefined) this.clear(ra, 0x20_0000)
    return ra
  }
}

/** The released firmware stops here: a quirk that is on, and what set it off. */
export function crash(quirk: Quirk, found: string): never {
  throw new MachineStop({ how: 'fault', reason: `the ultravisor crashed: ${found} (${quirk}: ${quirkText(quirk)})` })
}
