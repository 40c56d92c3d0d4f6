import { H } from './hcall-table.ts'

/** R4 of H_REGISTER_PROC_TBL (PAPR, H_REGISTER_PROCESS_TABLE). */
const FLAG = { all: 0x1fn, modify: 0x10n, register: 0x08n, radix: 0x04n } as const
/** Largest size field: 2^(12+24) bytes. */
const MAX_SIZE = 24n
/** The guest translates by radix trees: bit 0 of doubleword 1. */
const GUEST_RADIX = 1n << 63n

/** What the hypervisor has to do for H_REGISTER_PROC_TBL. */
export type ProcessTableAnswer =
  | { readonly code: bigint; readonly doubleword1?: undefined }
  /** H_SUCCESS once doubleword 1 of the VM's partition table entry is this (UV_WRITE_PATE). */
  | { readonly code: 0n; readonly doubleword1: bigint }

/**
 * Checks H_REGISTER_PROC_TBL (spec/pseries.md §4.4): only radix process tables exist here.
 * @param args flags, guest physical address, page size (0), size field
 */
export function processTable([flags, table, pageSize, size]: readonly bigint[]): ProcessTableAnswer {
  if ((flags! & ~FLAG.all) !== 0n) return { code: H.PARAMETER }
  if ((flags! & FLAG.radix) === 0n && (flags! & FLAG.register) !== 0n) return { code: H.PARAMETER }
  if ((flags! & FLAG.modify) === 0n) return { code: H.SUCCESS }
  if ((flags! & FLAG.register) === 0n) return { code: 0n, doubleword1: GUEST_RADIX }
  if ((table! & 0xfffn) !== 0n || table! >> 60n !== 0n) return { code: H.P2 }
  if (pageSize !== 0n) return { code: H.P3 }
  if (size! > MAX_SIZE) return { code: H.P4 }
  return { code: 0n, doubleword1: GUEST_RADIX | table! | size! }
}
