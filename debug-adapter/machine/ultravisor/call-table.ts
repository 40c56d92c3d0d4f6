/**
 * The 20 ultracalls (spec/ultravisor.md §2.2): number, name, who may call, and the names of the registers from R4 on.
 * Dispatcher, log, breakpoints by name and help are derived from this table.
 */
export type Caller = 'hypervisor' | 'normal VM' | 'secure VM' | 'anyone secure'

export interface UltracallEntry {
  readonly number: number
  readonly name: string
  readonly caller: Caller
  readonly args: readonly string[]
}

const call = (number: number, name: string, caller: Caller, ...args: string[]): UltracallEntry => ({
  number,
  name,
  caller,
  args,
})

export const ultracalls: readonly UltracallEntry[] = [
  call(0xf104, 'UV_WRITE_PATE', 'hypervisor', 'lpid', 'dw0', 'dw1'),
  call(0xf108, 'UV_RESTRICTED_SPR_WRITE', 'hypervisor', 'spr', 'value'),
  call(0xf10c, 'UV_RESTRICTED_SPR_READ', 'hypervisor', 'spr'),
  call(0xf110, 'UV_ESM', 'normal VM', 'kbase', 'fdt'),
  call(0xf114, 'UV_READ_SCOM', 'hypervisor', 'id', 'address'),
  call(0xf118, 'UV_WRITE_SCOM', 'hypervisor', 'id', 'address', 'value'),
  call(0xf11c, 'UV_RETURN', 'hypervisor'),
  call(0xf120, 'UV_REGISTER_MEM_SLOT', 'hypervisor', 'lpid', 'start_gpa', 'bytes', 'flags', 'slotid'),
  call(0xf124, 'UV_UNREGISTER_MEM_SLOT', 'hypervisor', 'lpid', 'slotid'),
  call(0xf128, 'UV_PAGE_IN', 'hypervisor', 'lpid', 'src_ra', 'dest_gpa', 'flags', 'order'),
  call(0xf12c, 'UV_PAGE_OUT', 'hypervisor', 'lpid', 'dest_ra', 'src_gpa', 'flags', 'order'),
  call(0xf130, 'UV_SHARE_PAGE', 'secure VM', 'gfn', 'num'),
  call(0xf134, 'UV_UNSHARE_PAGE', 'secure VM', 'gfn', 'num'),
  call(0xf138, 'UV_PAGE_INVAL', 'hypervisor', 'lpid', 'gpa', 'order'),
  call(0xf13c, 'UV_SVM_TERMINATE', 'hypervisor', 'lpid'),
  call(0xf140, 'UV_UNSHARE_ALL_PAGES', 'secure VM'),
  call(0xf144, 'UV_READ_MEM', 'hypervisor', 'buffer', 'handle', 'offset', 'size'),
  call(0xf148, 'UV_WRITE_MEM', 'hypervisor', 'buffer', 'handle', 'offset', 'size'),
  call(
    0xf14c,
    'UV_ESMB_GET_FILE',
    'anyone secure',
    'offset',
    'name0',
    'name1',
    'name2',
    'name3',
    'name4',
    'name5',
    'name6',
    'name7',
  ),
  call(0xf150, 'UV_SEND_SBE_COMMAND', 'hypervisor', 'id', 'opcode', 'input'),
]

export const ultracallByNumber: ReadonlyMap<number, UltracallEntry> = new Map(ultracalls.map((c) => [c.number, c]))
export const ultracallByName: ReadonlyMap<string, UltracallEntry> = new Map(ultracalls.map((c) => [c.name, c]))
