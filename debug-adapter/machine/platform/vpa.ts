import type { GuestMemory } from './guest-memory.ts'
import { H } from './hcall-table.ts'

/** Function of H_REGISTER_VPA, bits 16:18 of R4 (PAPR, H_REGISTER_VPA). */
const FUNCTION_SHIFT = 45n
const FUNCTION_MASK = 7n
const KINDS = new Map<bigint, 'vpa' | 'dtl' | 'slb'>([
  [1n, 'vpa'],
  [2n, 'dtl'],
  [3n, 'slb'],
])
const DEREGISTER = 4n
/** Least size in bytes of each area. */
const LEAST_BYTES = { vpa: 640, dtl: 48, slb: 8 } as const
/** A virtual processor area is aligned to a cache line and lies inside one page of 4 KiB. */
const LINE = 128n
const PAGE = 4096n

/** The areas that the virtual processor shares with the hypervisor: H_REGISTER_VPA. */
export class SharedAreas {
  private readonly areas = new Map<'vpa' | 'dtl' | 'slb', bigint>()

  /** Guest physical address of an area; undefined where none is registered. */
  address(kind: 'vpa' | 'dtl' | 'slb'): bigint | undefined {
    return this.areas.get(kind)
  }

  /**
   * @returns R3
   * @throws RefusalError where the area is not in memory that the hypervisor has: an SVM that did not share its page
   */
  register(memory: GuestMemory, [flags, processor, address]: readonly bigint[]): bigint {
    if (processor !== 0n) return H.PARAMETER
    const wanted = (flags! >> FUNCTION_SHIFT) & FUNCTION_MASK
    const kind = KINDS.get(wanted & ~DEREGISTER)
    if (!kind) return H.PARAMETER
    if ((wanted & DEREGISTER) !== 0n) return this.#deregister(kind)
    if (address === 0n) return H.HARDWARE
    if (kind !== 'vpa' && !this.areas.has('vpa')) return H.RESOURCE
    // Its size stands in the area itself: two bytes at 4 for the VPA, four for the others.
    const bytes = memory.read(address! + 4n, kind === 'vpa' ? 2 : 4).reduce((size, byte) => size * 256 + byte, 0)
    if (bytes < LEAST_BYTES[kind]) return H.PARAMETER
    if (kind === 'vpa' && (address! % LINE !== 0n || (address! % PAGE) + BigInt(bytes) > PAGE)) return H.PARAMETER
    memory.read(address!, bytes)
    this.areas.set(kind, address!)
    return H.SUCCESS
  }

  #deregister(kind: 'vpa' | 'dtl' | 'slb'): bigint {
    if (kind === 'vpa' && this.areas.size > 1) return H.RESOURCE
    this.areas.delete(kind)
    return H.SUCCESS
  }
}
