/**
 * Every return code of every call (spec/ultravisor.md §2.3 to §2.5, §3.2, §3.3). The suite has to produce each of them, but for those
 * that cannot be produced, which say why.
 */
import { hcalls } from '../../debug-adapter/machine/platform/hcall-table.ts'
import { ultracalls } from '../../debug-adapter/machine/ultravisor/call-table.ts'
import { U } from '../../debug-adapter/machine/ultravisor/return-codes.ts'

type UCode = keyof typeof U
interface Codes {
  readonly codes: readonly UCode[]
  /** Codes that a table of the specification names and that cannot be had here. */
  readonly never?: Partial<Record<UCode, string>>
}

const NO_HEAP = 'it takes nothing from the heap of the ultravisor here'
const DOCUMENTED =
  'promised by the documentation of the firmware, not by its code: it checks nothing that would give it'
const SCOM: readonly UCode[] = [
  ...(['PARAMETER', 'BUSY', 'HARDWARE', 'XSCOM_CHIPLET_OFF', 'XSCOM_PARTIAL_GOOD', 'XSCOM_ADDR_ERROR'] as const),
  ...(['XSCOM_CLOCK_ERROR', 'XSCOM_PARITY_ERROR', 'XSCOM_TIMEOUT'] as const),
]

/** What each call answers besides U_SUCCESS, and U_PERMISSION to who may not call it. */
const own: Readonly<Record<string, Codes>> = {
  UV_WRITE_PATE: { codes: ['PARAMETER'], never: { P2: DOCUMENTED, P3: DOCUMENTED, BUSY: DOCUMENTED } },
  UV_RESTRICTED_SPR_WRITE: { codes: ['PARAMETER'] },
  UV_RESTRICTED_SPR_READ: { codes: ['PARAMETER'] },
  UV_ESM: { codes: ['P2', 'P3', 'RETRY', 'PARAMETER'] },
  UV_READ_SCOM: { codes: [...SCOM, 'UNSUPPORTED'] },
  UV_WRITE_SCOM: { codes: SCOM },
  UV_RETURN: { codes: ['PARAMETER'] },
  UV_REGISTER_MEM_SLOT: { codes: ['PARAMETER', 'P2', 'P3', 'P4', 'P5', 'RETRY'] },
  UV_UNREGISTER_MEM_SLOT: { codes: ['PARAMETER', 'P2', 'RETRY'] },
  UV_PAGE_IN: { codes: ['PARAMETER', 'P2', 'P3', 'P4', 'P5', 'STATE'] },
  UV_PAGE_OUT: { codes: ['PARAMETER', 'P2', 'P3', 'P4', 'P5', 'RETRY'] },
  UV_SHARE_PAGE: { codes: ['FUNCTION', 'P2'], never: { RETRY: NO_HEAP } },
  UV_UNSHARE_PAGE: { codes: ['FUNCTION', 'P2'], never: { RETRY: NO_HEAP } },
  UV_PAGE_INVAL: { codes: ['PARAMETER', 'P2', 'P3', 'STATE'] },
  UV_SVM_TERMINATE: { codes: ['PARAMETER'] },
  UV_UNSHARE_ALL_PAGES: { codes: ['FUNCTION'], never: { RETRY: NO_HEAP } },
  UV_READ_MEM: { codes: ['PARAMETER'] },
  UV_WRITE_MEM: { codes: ['PARAMETER'] },
  UV_ESMB_GET_FILE: { codes: ['PARAMETER'], never: { RETRY: NO_HEAP } },
  UV_SEND_SBE_COMMAND: { codes: ['PARAMETER', 'BUSY'] },
}

/** Codes of PEF's six hypercalls by who answers them (spec/ultravisor.md §3.3). */
const hypercallCodes: Readonly<Record<string, readonly bigint[]>> = {
  H_SVM_PAGE_IN: [0n, -3n, -4n, -55n, -56n, -67n],
  H_SVM_PAGE_OUT: [0n, -3n, -4n, -55n, -56n, -67n],
  H_SVM_INIT_START: [0n, -3n, -4n, -10n, -67n],
  H_SVM_INIT_DONE: [0n, -3n, -67n, -75n],
  H_SVM_INIT_ABORT: [-2n, -3n, -4n, -67n, -75n],
  H_SVM_TPM_COMM: [0n, -2n, -3n, -4n, -16n, -56n, -58n, -67n],
}

export interface CallCode {
  readonly call: string
  readonly code: bigint
  /** Why it cannot be produced. */
  readonly never?: string
}

/** The list, made from the tables: each call with each of its codes. */
export const callCodes: readonly CallCode[] = [
  ...ultracalls.flatMap(({ name }) => {
    const { codes, never = {} } = own[name]!
    const all: UCode[] = ['SUCCESS', 'PERMISSION', ...codes]
    // A hypervisor with a transaction, whatever it calls (§2.3); UV_RETURN goes on with a program interrupt.
    if (name !== 'UV_RETURN') all.push('BAD_MODE')
    const list: CallCode[] = [...new Set(all)].map((code) => ({ call: name, code: U[code] }))
    for (const [code, why] of Object.entries(never)) list.push({ call: name, code: U[code as UCode], never: why })
    return list
  }),
  ...hcalls.flatMap(({ name }) => (hypercallCodes[name] ?? []).map((code) => ({ call: name, code }))),
]

/** Codes that a call has only where a quirk of the released firmware is on. */
export const quirkOnly: ReadonlySet<string> = new Set([
  // U_BUSY is U_FUNCTION with Q07.
  ...['UV_SEND_SBE_COMMAND -2', 'UV_READ_SCOM -2', 'UV_WRITE_SCOM -2'],
])
