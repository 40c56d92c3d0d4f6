/**
 * Why the ultravisor says no: a stable id for each check, with the sentence it expects to be true and where it comes from.
 * What is wrong with an operand has ids of its own (`ESM...`, server/esm/rules.ts).
 */
const rules = {
  'UV-CALL-001': ['a caller in the privilege state that this ultracall accepts', 'spec/ultravisor.md §2.3'],
  'UV-CALL-002': ['one of the 20 ultracall numbers', 'spec/ultravisor.md §2.2'],
  'UV-CALL-003': ['a hypervisor without an active transaction', 'spec/ultravisor.md §2.3'],
  'UV-SPR-001': ['a register of the restricted list', 'spec/ultravisor.md §2.4'],
  'UV-SCOM-001': [
    'a SCOM address outside the cores, whose registers are not for the host',
    'spec/ultravisor.md §2.4, Q17',
  ],
  'UV-SCOM-002': ['one of the SCOM addresses that the host may write', 'spec/ultravisor.md §2.4, Q17'],
  'UV-SCOM-003': ['the number of a processor chip that is there', 'spec/ultravisor.md §2.4'],
  'UV-SCOM-004': ['a direct SCOM address, or an indirect one of form 0 that exists', 'spec/ultravisor.md §2.4'],
  'UV-SCOM-005': ['a value of 16 bits for an indirect register', 'spec/ultravisor.md §2.4'],
  'UV-SCOM-006': ['the address of a SCOM register', 'spec/ultravisor.md §2.4'],
  'UV-SCOM-007': ['a chiplet that answers: status 0 of the SCOM engine', 'spec/ultravisor.md §2.4'],
  'UV-SBE-001': ['an opcode from 0 to 2', 'spec/ultravisor.md §2.4'],
  'UV-SBE-002': ['an input of 0 for this opcode', 'spec/ultravisor.md §2.4'],
  'UV-SBE-003': ['an empty mailbox of the self-boot engine', 'spec/ultravisor.md §2.4, Q07'],
  'UV-MEM-001': ['a buffer and a size above 0', 'spec/ultravisor.md §2.4'],
  'UV-MEM-002': ['the handle of a memory resource of the device tree', 'spec/ultravisor.md §2.4, Q18'],
  'UV-MEM-003': ['offsets that the device tree opens for this access', 'spec/ultravisor.md §2.4'],
  'UV-MEM-004': ['a buffer in normal memory, with memory behind it', 'spec/ultravisor.md §2.4, Q19'],
  'UV-PATE-001': ['a partition id below 4096', 'spec/ultravisor.md §2.4, Q10'],
  'UV-PATE-002': [
    'doubleword 0 of a secure VM unchanged, or as it was for the normal VM',
    'spec/ultravisor.md §2.4, Q10',
  ],
  'UV-RTN-001': ['in R31 the cookie that the ultravisor handed out, unused', 'spec/ultravisor.md §2.4, Q11'],
  'UV-RTN-002': ['the partition that was interrupted, in LPIDR', 'spec/ultravisor.md §1.5'],
  'UV-RTN-003': ['the process that was interrupted, in PIDR', 'spec/ultravisor.md §1.5'],
  'UV-RTN-004': ['in HSRR0 the cookie, or a vector that the hypervisor may inject', 'spec/ultravisor.md §1.6'],
  'UV-SLOT-001': ['a partition id whose UV_ESM has begun', 'spec/ultravisor.md §2.4, Q12'],
  'UV-SLOT-002': ['a start address that is a multiple of 64 KiB', 'spec/ultravisor.md §2.4'],
  'UV-SLOT-003': ['a size above 0 that does not run past the 52 bits of guest addresses', 'spec/ultravisor.md §2.4'],
  'UV-SLOT-004': ['no flags', 'spec/ultravisor.md §2.4'],
  'UV-SLOT-005': ['a slot id below 512 that is free', 'spec/ultravisor.md §2.4'],
  'UV-SLOT-006': ['a range that no other slot covers', 'spec/ultravisor.md §2.4'],
  'UV-SLOT-007': ['enough free secure memory for the slot, in pages of 2 MiB', 'spec/ultravisor.md §2.4'],
  'UV-SLOT-008': ['the id of a registered slot', 'spec/ultravisor.md §2.4, Q12'],
  'UV-PAGE-001': ['a page of 64 KiB (order 16)', 'spec/ultravisor.md §2.4'],
  'UV-PAGE-002': [
    'a real address in normal memory, a multiple of 64 KiB, with memory behind it',
    'spec/ultravisor.md §2.4',
  ],
  'UV-PAGE-003': ['a partition id with a secure VM', 'spec/ultravisor.md §2.4'],
  'UV-PAGE-004': ['a secure VM that is not being aborted', 'spec/ultravisor.md §2.4'],
  'UV-PAGE-005': ['a guest address inside a registered memory slot', 'spec/ultravisor.md §2.4'],
  'UV-PAGE-006': ['a frame in a state that takes this call', 'spec/ultravisor.md §5.4'],
  'UV-PAGE-007': ['the ciphertext that last left for this frame, unchanged', 'spec/ultravisor.md §5.5'],
  'UV-PAGE-008': ['flags of 0', 'spec/ultravisor.md §2.4, Q14'],
  'UV-PAGE-009': ['a frame that UV_ESM is not working on: try again when it is done', 'spec/ultravisor.md §2.4, Q16'],
  'UV-SHARE-001': ['frames that all lie in registered memory slots, at least one', 'spec/ultravisor.md §2.5'],
  'UV-SHARE-002': ['frames that are not on their way between states', 'spec/ultravisor.md §2.5'],
  'UV-SHARE-003': ['frames that the guest itself shared, not the ultravisor', 'spec/ultravisor.md §2.5'],
  'UV-SHARE-004': ['a hypervisor that pages the frame in when asked', 'spec/ultravisor.md §2.5'],
  'UV-SHARE-005': ['a hypervisor that did UV_PAGE_IN before it answered success', 'spec/ultravisor.md §3.4'],
  'UV-FILE-001': ['a secure VM as the caller', 'spec/ultravisor.md §2.5'],
  'UV-FILE-002': ['the process that read this file first, at an offset not before its last', 'spec/ultravisor.md §2.5'],
  'UV-FILE-003': ['an offset below 64 KiB', 'spec/ultravisor.md §2.5, Q25'],
  'UV-FILE-004': ['the name of an attached file whose tag matches', 'spec/ultravisor.md §2.5'],
  'UV-HCALL-001': ['a hypercall of the register table', 'spec/ultravisor.md §1.7, Q06'],
  'UV-HCALL-002': ['a hypercall from the privileged state', 'spec/ultravisor.md §1.7'],
  'UV-RTAS-001': [
    'an argument block inside one page of the guest, with at most 16 arguments and results',
    'spec/ultravisor.md §6.1',
  ],
  'UV-RTAS-002': ['a buffer of at most 4096 bytes inside the guest', 'spec/ultravisor.md §6.2'],
  'UV-RTAS-003': ['an RTAS service that the device tree names', 'spec/ultravisor.md §6.2'],
  'UV-RTAS-004': ['one of the virtual processors of the device tree', 'spec/ultravisor.md §6.3'],
  'UV-RTAS-005': ['a bounce page that the hypervisor provides', 'spec/ultravisor.md §6.1'],
  'UV-FAULT-001': [
    'a guest that does not touch pages which the ultravisor keeps for itself',
    'spec/ultravisor.md §5.6',
  ],
  'UV-FAULT-002': ['a hypervisor that brings a paged-out page back', 'spec/ultravisor.md §5.6, Q36'],
  'UV-FAULT-003': ['an instruction that the processor knows', 'spec/ultravisor.md §1.4'],
  'UV-FAULT-004': [
    'a load or store that the ultravisor can emulate, at an address outside memory',
    'spec/ultravisor.md §5.6, Q37',
  ],
  'UV-FAULT-005': ['at most 8 bytes in an access to a device', 'spec/ultravisor.md §5.6'],
  'UV-FAULT-006': ['a hypervisor that has a device at the address: H_SUCCESS', 'spec/ultravisor.md §5.6'],
  'UV-ESM-001': ['the kernel base in R4', 'spec/ultravisor.md §2.5'],
  'UV-ESM-002': ['the address of the device tree in R5', 'spec/ultravisor.md §2.5'],
  'UV-ESM-003': ['a caller that is a VM (LPIDR not 0)', 'spec/ultravisor.md §2.5'],
  'UV-ESM-004': ['a VM that has not called UV_ESM before', 'spec/ultravisor.md §2.5'],
  'UV-ESM-005': ['secure memory for the page table of the VM', 'spec/ultravisor.md §4.2'],
  'UV-ESM-006': ['a hypervisor that answers H_SVM_INIT_START with H_SUCCESS', 'spec/ultravisor.md §4.2'],
  'UV-ESM-007': ['a hypervisor that pages in what the ultravisor asks for', 'spec/ultravisor.md §4.2'],
  'UV-ESM-008': ['a flattened device tree at the address in R5', 'spec/ultravisor.md §4.2'],
  'UV-ESM-009': ['a device tree of at most 1 MiB', 'spec/ultravisor.md §4.2'],
  'UV-ESM-010': ['/memory@0 with reg that begins at 0', 'spec/ultravisor.md §4.2'],
  'UV-ESM-011': ['room for the reserved pages below the top of the real-mode area', 'spec/ultravisor.md §4.2'],
  'UV-ESM-012': ['all mandatory RTAS services in /rtas', 'spec/ultravisor.md §4.2'],
  'UV-ESM-013': ['at most 4096 virtual processors', 'spec/ultravisor.md §4.2'],
  'UV-ESM-014': ['the flat kernel image at the kernel base', 'spec/ultravisor.md §4.2'],
  'UV-ESM-015': ['a hypervisor that answers H_SVM_INIT_DONE with H_SUCCESS', 'spec/ultravisor.md §4.2'],
  'UV-ESM-016': ['a boot processor that is one of the virtual processors', 'spec/ultravisor.md §4.2, Q30'],
  'UV-ESM-017': ['room behind the device tree for the reservations that were added', 'spec/ultravisor.md §4.2'],
} as const satisfies Record<string, readonly [expected: string, source: string]>

export type UvRule = keyof typeof rules

export const uvRules = Object.keys(rules) as UvRule[]

/** A refusal of the ultravisor: the rule's sentence, and what was found instead. */
export function uvRefusal(rule: UvRule, found: string) {
  const [expected, source] = rules[rule]
  return { rule, expected, found, source }
}
