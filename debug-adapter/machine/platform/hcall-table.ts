/**
 * Hypercalls by number, with how many registers from R3 on carry arguments and results (spec/ultravisor.md §1.8: the table that
 * the ultravisor reflects by). Dispatcher, log and scrubbing of registers are derived from it.
 */
export interface HcallEntry {
  readonly number: number
  readonly name: string
  /** Registers that go in, R3 included. */
  readonly in: number
  /** Registers that come back, R3 included. */
  readonly out: number
  /** Names of R4 and on, where the call is one of PEF's or often seen. */
  readonly args?: readonly string[]
}

/** number, name, in, out. */
const TABLE: readonly (readonly [number, string, number, number])[] = [
  [0x4, 'H_REMOVE', 6, 3],
  [0x8, 'H_ENTER', 7, 2],
  [0xc, 'H_READ', 3, 9],
  [0x10, 'H_CLEAR_MOD', 3, 2],
  [0x14, 'H_CLEAR_REF', 3, 2],
  [0x18, 'H_PROTECT', 4, 1],
  [0x1c, 'H_GET_TCE', 3, 2],
  [0x20, 'H_PUT_TCE', 4, 1],
  [0x24, 'H_SET_SPRG0', 2, 1],
  [0x28, 'H_SET_DABR', 2, 1],
  [0x2c, 'H_PAGE_INIT', 4, 1],
  [0x3c, 'H_LOGICAL_CI_LOAD', 3, 2],
  [0x40, 'H_LOGICAL_CI_STORE', 4, 1],
  [0x54, 'H_GET_TERM_CHAR', 2, 4],
  [0x58, 'H_PUT_TERM_CHAR', 5, 1],
  [0x60, 'H_HYPERVISOR_DATA', 2, 9],
  [0x64, 'H_EOI', 2, 1],
  [0x68, 'H_CPPR', 2, 1],
  [0x6c, 'H_IPI', 3, 1],
  [0x70, 'H_IPOLL', 2, 3],
  [0x74, 'H_XIRR', 1, 2],
  [0x78, 'H_MIGRATE_DMA', 4, 1],
  [0x7c, 'H_PERFMON', 3, 2],
  [0xdc, 'H_REGISTER_VPA', 4, 1],
  [0xe0, 'H_CEDE', 1, 1],
  [0xe4, 'H_CONFER', 3, 1],
  [0xe8, 'H_PROD', 2, 1],
  [0xec, 'H_GET_PPP', 1, 6],
  [0xf0, 'H_SET_PPP', 3, 1],
  [0xf4, 'H_PURR', 1, 2],
  [0xf8, 'H_PIC', 4, 1],
  [0xfc, 'H_REG_CRQ', 4, 1],
  [0x100, 'H_FREE_CRQ', 2, 1],
  [0x104, 'H_VIO_SIGNAL', 3, 1],
  [0x108, 'H_SEND_CRQ', 4, 1],
  [0x110, 'H_COPY_RDMA', 6, 9],
  [0x114, 'H_REGISTER_LOGICAL_LAN', 6, 1],
  [0x118, 'H_FREE_LOGICAL_LAN', 2, 1],
  [0x11c, 'H_ADD_LOGICAL_LAN_BUFFER', 3, 1],
  [0x120, 'H_SEND_LOGICAL_LAN', 9, 1],
  [0x124, 'H_BULK_REMOVE', 9, 2],
  [0x130, 'H_MULTICAST_CTRL', 4, 2],
  [0x134, 'H_SET_XDABR', 3, 1],
  [0x138, 'H_STUFF_TCE', 5, 1],
  [0x13c, 'H_PUT_TCE_INDIRECT', 5, 1],
  [0x14c, 'H_CHANGE_LOGICAL_LAN_MAC', 3, 1],
  [0x150, 'H_VTERM_PARTNER_INFO', 5, 1],
  [0x154, 'H_REGISTER_VTERM', 4, 1],
  [0x158, 'H_FREE_VTERM', 2, 1],
  [0x1c8, 'H_GET_CPU_CHARACTERISTICS', 2, 3],
  [0x1d4, 'H_FREE_LOGICAL_LAN_BUFFER', 3, 1],
  [0x1d8, 'H_POLL_PENDING', 1, 1],
  [0x244, 'H_ILLAN_ATTRIBUTES', 4, 2],
  [0x298, 'H_JOIN', 1, 1],
  [0x2a4, 'H_VASI_STATE', 2, 2],
  [0x2a8, 'H_VIOCTL', 6, 1],
  [0x2b0, 'H_ENABLE_CRQ', 2, 1],
  [0x2b8, 'H_GET_EM_PARMS', 1, 7],
  [0x2d0, 'H_SET_MPP', 3, 1],
  [0x2d4, 'H_GET_MPP', 1, 8],
  [0x2dc, 'H_REG_SUB_CRQ', 4, 3],
  [0x2e0, 'H_FREE_SUB_CRQ', 3, 1],
  [0x2e4, 'H_SEND_SUB_CRQ', 7, 1],
  [0x2e8, 'H_SEND_SUB_CRQ_INDIRECT', 5, 1],
  [0x2ec, 'H_HOME_NODE_ASSOCIATIVITY', 3, 7],
  [0x2f4, 'H_BEST_ENERGY', 10, 3],
  [0x2fc, 'H_XIRR_X', 2, 3],
  [0x300, 'H_RANDOM', 2, 2],
  [0x304, 'H_COP', 8, 1],
  [0x314, 'H_GET_MPP_X', 1, 8],
  [0x31c, 'H_SET_MODE', 5, 1],
  [0x328, 'H_BLOCK_REMOVE', 10, 1],
  [0x358, 'H_CLEAR_HPT', 1, 1],
  [0x36c, 'H_RESIZE_HPT_PREPARE', 3, 1],
  [0x370, 'H_RESIZE_HPT_COMMIT', 3, 1],
  [0x37c, 'H_REGISTER_PROC_TBL', 5, 1],
  [0x380, 'H_SIGNAL_SYS_RESET', 2, 1],
  [0x3a8, 'H_INT_GET_SOURCE_INFO', 3, 5],
  [0x3ac, 'H_INT_SET_SOURCE_CONFIG', 6, 1],
  [0x3b4, 'H_INT_GET_QUEUE_INFO', 4, 3],
  [0x3b8, 'H_INT_SET_QUEUE_CONFIG', 6, 1],
  [0x3c8, 'H_INT_ESB', 5, 2],
  [0x3cc, 'H_INT_SYNC', 3, 1],
  [0x3d0, 'H_INT_RESET', 2, 1],
  [0x3e4, 'H_SCM_READ_METADATA', 4, 2],
  [0x3e8, 'H_SCM_WRITE_METADATA', 5, 1],
  [0x3ec, 'H_SCM_BIND_MEM', 6, 2],
  [0x3f0, 'H_SCM_UNBIND_MEM', 5, 2],
  [0xef00, 'H_SVM_PAGE_IN', 4, 1],
  [0xef04, 'H_SVM_PAGE_OUT', 4, 1],
  [0xef08, 'H_SVM_INIT_START', 1, 1],
  [0xef0c, 'H_SVM_INIT_DONE', 1, 1],
  [0xf000, 'H_RTAS', 2, 2],
  [0xf078, 'H_GET_24X7_CATALOG_PAGE', 4, 1],
  [0xf07c, 'H_GET_24X7_DATA', 5, 1],
  [0xf080, 'H_GET_PERF_COUNTER_INFO', 3, 1],
  [0xf800, 'H_SET_PARTITION_TABLE', 2, 1],
  [0xf804, 'H_ENTER_NESTED', 3, 1],
  [0xf808, 'H_TLB_INVALIDATE', 4, 1],
  [0xf80c, 'H_COPY_TOFROM_GUEST', 7, 1],
  // Issued by the ultravisor itself, never by a guest (spec/ultravisor.md §1.8).
  [0xef10, 'H_SVM_TPM_COMM', 6, 2],
  [0xef14, 'H_SVM_INIT_ABORT', 1, 1],
]

const ARGS: Readonly<Record<string, readonly string[]>> = {
  H_PUT_TERM_CHAR: ['unit', 'length', 'bytes0', 'bytes8'],
  H_GET_TERM_CHAR: ['unit'],
  H_RTAS: ['block'],
  H_SET_MODE: ['mflags', 'resource', 'value1', 'value2'],
  H_CPPR: ['priority'],
  H_EOI: ['xirr'],
  H_IPI: ['server', 'request'],
  H_PROD: ['processor'],
  H_REGISTER_PROC_TBL: ['flags', 'table', 'pageSize', 'size'],
  H_REGISTER_VPA: ['function', 'processor', 'gpa'],
  H_SVM_PAGE_IN: ['gpa', 'flags', 'order'],
  H_SVM_PAGE_OUT: ['gpa', 'flags', 'order'],
  H_SVM_TPM_COMM: ['op', 'request', 'requestBytes', 'response', 'responseBytes'],
}

export const hcalls: readonly HcallEntry[] = TABLE.map(([number, name, inputs, out]) => {
  const args = ARGS[name]
  return { number, name, in: inputs, out, ...(args ? { args } : {}) }
})

export const hcallByNumber: ReadonlyMap<number, HcallEntry> = new Map(hcalls.map((entry) => [entry.number, entry]))

export const hcallByName: ReadonlyMap<string, HcallEntry> = new Map(hcalls.map((entry) => [entry.name, entry]))

/** The Open Firmware client interface, private to the platform and its firmware: a secure VM has it not (spec/pseries.md §4.4). */
const OF_CLIENT: HcallEntry = { number: 0xf005, name: 'H_OF_CLIENT', in: 2, out: 1, args: ['block'] }

/** A hypercall that a normal VM may make: those of the table, and the firmware's own. */
export const hcallOfNormalVm = (number: number): HcallEntry | undefined =>
  hcallByNumber.get(number) ?? (number === OF_CLIENT.number ? OF_CLIENT : undefined)

/** Numbers of the calls that the machine's own code makes. */
export const HCALL = {
  H_RTAS: 0xf000,
  H_SVM_PAGE_IN: 0xef00,
  H_SVM_PAGE_OUT: 0xef04,
  H_SVM_INIT_START: 0xef08,
  H_SVM_INIT_DONE: 0xef0c,
  H_SVM_TPM_COMM: 0xef10,
  H_SVM_INIT_ABORT: 0xef14,
} as const

/** Return codes of hypercalls as they stand in R3 (spec/ultravisor.md §3.2; H_UNSUPPORTED_FLAG: PAPR). */
export const H = {
  SUCCESS: 0n,
  BUSY: 1n,
  NOT_AVAILABLE: 3n,
  HARDWARE: -1n,
  FUNCTION: -2n,
  PRIVILEGE: -3n,
  PARAMETER: -4n,
  AUTHORITY: -10n,
  RESOURCE: -16n,
  P2: -55n,
  P3: -56n,
  P4: -57n,
  P5: -58n,
  UNSUPPORTED: -67n,
  STATE: -75n,
  UNSUPPORTED_FLAG: -256n,
} as const

const codeNames = new Map<bigint, string>(Object.entries(H).map(([name, code]) => [code, `H_${name}`]))

/** `H_PARAMETER (-4)` for -4. */
export function hcallCodeName(code: bigint): string {
  const name = codeNames.get(code)
  return name === undefined ? code.toString() : `${name} (${code})`
}
