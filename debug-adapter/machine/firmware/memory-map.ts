/**
 * Where the host part of real memory lies. Normal memory holds firmware and host below {@link HOST_BYTES} and the pages of VMs
 * above; secure memory (bit 48 of the address set) holds the ultravisor at its start (spec/ultravisor.md §5.1) and the pages of SVMs
 * behind it. Real machines place OPAL at 0x3000_0000; here everything moves down, so that a small host does.
 */
import { SECURE_RA_BIT } from '../memory/real-memory.ts'

const MiB = 1 << 20

/** Normal memory before the first page of a VM. */
export const HOST_BYTES = 64 * MiB

/** Host kernel model, OPAL, and what OPAL hands over, in normal memory. */
export const HOST_KERNEL = { start: 0x0, bytes: 16 * MiB } as const
export const OPAL = { start: 0x0100_0000, bytes: 4 * MiB } as const
/** Where OPAL holds the password of the wrapping key until it has handed it over: 16 bytes of its own memory. */
export const OPAL_PASSWORD = { start: OPAL.start + 0x1000, bytes: 16 } as const
/** `struct uv_opal` (spec/ultravisor.md §7.2) and the descriptor of the ultravisor's console behind it; 64 KiB reserved. */
export const UV_OPAL = { start: 0x0140_0000, bytes: 0x1_0000 } as const
export const UV_MEMCONS = { start: UV_OPAL.start + 0x100, bytes: 48 } as const
/** The device tree of the host. */
export const SYSTEM_FDT = { start: 0x0141_0000, bytes: 0xf_0000 } as const
/** Console ring of the ultravisor. */
export const UV_CONSOLE = { start: 0x0150_0000, bytes: MiB } as const
/** What the hypervisor model takes page tables from. */
export const HYPERVISOR_POOL = { start: 0x0200_0000, end: 0x0400_0000 } as const

/** The ultravisor's own layout from the start of secure memory (spec/ultravisor.md §5.1). */
export const ULTRAVISOR = {
  base: 0,
  textBytes: 4 * MiB,
  heapOffset: 4 * MiB,
  heapBytes: 12 * MiB,
  /** The non-dumpable store: wrapping key properties. */
  storeOffset: 16 * MiB,
  storeBytes: 0x1_0000,
} as const

/** The private device tree that OPAL writes for the ultravisor, at most 1 MiB (spec/ultravisor.md §7.2). */
export const UV_FDT = { offset: 17 * MiB, bytes: MiB } as const

/** The HOMER image of chip 0, which its on-chip controller shares with OPAL: in secure memory, so by UV_READ_MEM and UV_WRITE_MEM only. */
export const HOMER = { offset: 24 * MiB, bytes: 4 * MiB, resourceType: 1 } as const

/** Where the pages of SVMs begin in secure memory; a multiple of 2 MiB. */
export const SECURE_POOL_OFFSET = 32 * MiB

/** The least secure memory that a machine boots with: the ultravisor's own, and one page of 2 MiB for SVMs. */
export const LEAST_SECURE_BYTES = SECURE_POOL_OFFSET + 2 * MiB

/** Real address of an offset into secure memory. */
export const secureAddress = (offset: number): bigint => SECURE_RA_BIT + BigInt(offset)
