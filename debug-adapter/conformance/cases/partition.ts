import { U } from '../../machine/ultravisor/return-codes.ts'
import { type Bench, FREE, LPID } from '../bench.ts'
import { type ConformanceCase, extra, real, row } from '../case.ts'

const normal = { start: 'normal' } as const
/** Guest addresses behind the memory of the VM. */
const BEHIND = 1n << 33n
const MiB2 = 0x20_0000n

const pate = (b: Bench, lpid: number, index: bigint): bigint =>
  b.machine.ultravisor.memory.u64(b.machine.ultravisor.pateAddress(lpid) + index * 8n)
const register = (b: Bench, start: bigint, bytes: bigint, flags: bigint, id: bigint, lpid = LPID): bigint =>
  b.host('UV_REGISTER_MEM_SLOT', lpid, start, bytes, flags, id)

/** The partition table and memory slots (spec/ultravisor.md §2.4). */
export const partitionCases: readonly ConformanceCase[] = [
  row(
    15,
    'UV_WRITE_PATE of a partition without an SVM',
    'svm_setup_partition_table',
    (b) => {
      b.expectCode('UV_WRITE_PATE', b.host('UV_WRITE_PATE', 7n, 0x8000_0000_0123_000dn, 0x4567n), U.SUCCESS)
      b.expect('doubleword 0', pate(b, 7, 0n), 0x8000_0000_0123_000dn)
      b.expect('doubleword 1', pate(b, 7, 1n), 0x4567n)
    },
    normal,
  ),
  row(16, 'UV_WRITE_PATE of an SVM', 'svm_setup_partition_table', (b) => {
    const dw0 = pate(b, 1, 0n)
    b.expectCode('another doubleword 0', b.host('UV_WRITE_PATE', LPID, 0x8000_0000_0123_000dn, 0x4567n), U.PERMISSION)
    b.expect('rule', b.rules().at(-1), 'UV-PATE-002')
    b.expectCode('the same', b.host('UV_WRITE_PATE', LPID, dw0, 0x4567n), U.SUCCESS)
    const own = b.machine.hypervisor.vm!.table.pateDoubleword0
    b.expectCode("the hypervisor's table of before", b.host('UV_WRITE_PATE', LPID, own, 0x4567n), U.SUCCESS)
    b.expect('doubleword 0 did not change', pate(b, 1, 0n), dw0)
    b.expect('doubleword 1', pate(b, 1, 1n), 0x4567n)
  }),
  real(16, 'Q10', 'UV_WRITE_PATE of an SVM', 'svm_setup_partition_table', (b) => {
    const dw0 = pate(b, 1, 0n)
    b.expectCode('another doubleword 0', b.host('UV_WRITE_PATE', LPID, 0x8000_0000_0123_000dn, 0x4567n), U.SUCCESS)
    b.expect('doubleword 0 did not change', pate(b, 1, 0n), dw0)
    b.expect('doubleword 1', pate(b, 1, 1n), 0x4567n)
  }),
  row(
    17,
    'UV_WRITE_PATE beyond the table',
    'svm_setup_partition_table',
    (b) => {
      b.expectCode('lpid 4096', b.host('UV_WRITE_PATE', 4096n, 0n, 0n), U.PARAMETER)
      b.expectCode('lpid 2^63', b.host('UV_WRITE_PATE', 1n << 63n, 0n, 0n), U.PARAMETER)
      b.expect('rules', [...new Set(b.rules())], ['UV-PATE-001'])
    },
    normal,
  ),
  row(18, 'slot calls without an SVM', 'create_memslot, free_memslot', (b) => {
    b.expectCode('UV_REGISTER_MEM_SLOT', register(b, 0n, MiB2, 0n, 0n, 7n), U.PARAMETER)
    b.expectCode('UV_UNREGISTER_MEM_SLOT', b.host('UV_UNREGISTER_MEM_SLOT', 7n, 0n), U.PARAMETER)
    b.expect('rules', b.rules(), ['UV-SLOT-001', 'UV-SLOT-001'])
  }),
  real(18, 'Q12', 'UV_REGISTER_MEM_SLOT without an SVM', 'create_memslot', (b) => {
    register(b, 0n, MiB2, 0n, 0n, 7n)
    b.expectTrue(`the ultravisor stops: ${b.ended}`, b.ended?.includes('Q12') === true)
  }),
  row(19, 'a slot that begins inside a page', 'create_memslot', (b) => {
    b.expectCode('start 0x8000', register(b, BEHIND + 0x8000n, MiB2, 0n, 5n), U.P2)
    b.expect('rule', b.rules().at(-1), 'UV-SLOT-002')
  }),
  row(20, 'a slot that runs past 2^64', 'create_memslot', (b) => {
    b.expectCode('wraps', register(b, 0xffff_ffff_ffff_0000n, MiB2, 0n, 5n), U.P3)
    b.expectCode('no bytes', register(b, BEHIND, 0n, 0n, 5n), U.P3)
    b.expectCode('beyond 52 bits of address', register(b, 1n << 52n, MiB2, 0n, 5n), U.P3)
    b.expect('rules', [...new Set(b.rules())], ['UV-SLOT-003'])
  }),
  row(21, 'slot id 512', 'create_memslot', (b) => {
    b.expectCode('id 512', register(b, BEHIND, MiB2, 0n, 512n), U.P5)
    b.expectCode('id 511', register(b, BEHIND, MiB2, 0n, 511n), U.SUCCESS)
  }),
  row(22, 'slot id 0x10001', 'ucall_from_hypervisor', (b) => {
    b.expectCode('id 0x10001', register(b, BEHIND, MiB2, 0n, 0x1_0001n), U.P5)
  }),
  real(22, 'Q12', 'slot id 0x10001', 'ucall_from_hypervisor', (b) => {
    b.expectCode('id 0x10001', register(b, BEHIND, MiB2, 0n, 0x1_0001n), U.SUCCESS)
    b.expect('it is slot 1', b.machine.ultravisor.svms.get(1)!.slots.has(1n), true)
  }),
  row(23, 'slots that overlap, and an id that is taken', 'memslot_overlap', (b) => {
    b.expectCode('over slot 0', register(b, MiB2, MiB2, 0n, 5n), U.PARAMETER)
    b.expect('rule', b.rules().at(-1), 'UV-SLOT-006')
    b.expectCode('id 0 again', register(b, BEHIND, MiB2, 0n, 0n), U.P5)
    b.expect('rule', b.rules().at(-1), 'UV-SLOT-005')
  }),
  row(24, 'a slot larger than secure memory', 'populate_memslot_secure_pages', (b) => {
    const free = b.machine.ultravisor.pages.freeBytes
    b.expectCode('1 TiB', register(b, BEHIND, 1n << 40n, 0n, 5n), U.RETRY)
    b.expect('rule', b.rules().at(-1), 'UV-SLOT-007')
    b.expect('nothing is lost', b.machine.ultravisor.pages.freeBytes, free)
  }),
  row(25, 'flags of UV_REGISTER_MEM_SLOT', 'create_memslot', (b) => {
    b.expectCode('flags 0xFF', register(b, BEHIND, MiB2, 0xffn, 5n), U.P4)
  }),
  row(26, 'UV_UNREGISTER_MEM_SLOT of an id that is not there', 'free_memslot', (b) => {
    b.expectCode('id 5', b.host('UV_UNREGISTER_MEM_SLOT', LPID, 5n), U.P2)
    b.expectCode('id 2^40', b.host('UV_UNREGISTER_MEM_SLOT', LPID, 1n << 40n), U.P2)
  }),
  row(27, 'UV_SVM_TERMINATE without an SVM, and twice', 'uv_svm_terminate', (b) => {
    b.expectCode('lpid 7', b.host('UV_SVM_TERMINATE', 7n), U.PARAMETER)
    b.expectCode('UV_PAGE_OUT', b.host('UV_PAGE_OUT', LPID, b.hostPage(0), FREE, 0n, 16n), U.SUCCESS)
    const key = b.machine.ultravisor.svms.get(1)!.pagingKey!
    b.expectCode('lpid 1', b.host('UV_SVM_TERMINATE', LPID), U.SUCCESS)
    b.expect('the key that pages left under', key, new Uint8Array(16))
    const { from, to } = b.machine.trace.of('vm-state').at(-1)!
    b.expect('the log', [from, to], ['secure', 'absent'])
    b.expectCode('lpid 1 again', b.host('UV_SVM_TERMINATE', LPID), U.PARAMETER)
    b.expect('partition table entry', [pate(b, 1, 0n), pate(b, 1, 1n)], [0n, 0n])
    b.expect('secure pages of SVMs', [...b.machine.memory.owned()].filter((p) => p.owner === 'secure guest').length, 0)
  }),
  extra('slot-life', 'a slot is added while the SVM runs, used, and removed', 'create_memslot, free_memslot', (b) => {
    const free = b.machine.ultravisor.pages.freeBytes
    b.expectCode('add', register(b, BEHIND, MiB2, 0n, 5n), U.SUCCESS)
    const gpa = BEHIND + 0x1_0000n
    const stored = b.run([
      'lis r4,0',
      'ori r4,r4,2',
      'rldicr r4,r4,32,31',
      'oris r4,r4,1',
      'li r3,77',
      'std r3,0(r4)',
      'ld r5,0(r4)',
    ])
    b.expect('stored and loaded', [stored.how, stored.gpr[5]], ['end', 77n])
    b.expect('state', b.state(gpa), 'SECURE')
    b.expectCode('UV_PAGE_OUT', b.host('UV_PAGE_OUT', LPID, b.hostPage(0), gpa, 0n, 16n), U.SUCCESS)
    b.expectCode('remove', b.host('UV_UNREGISTER_MEM_SLOT', LPID, 5n), U.SUCCESS)
    b.expectCode('add again', register(b, BEHIND, MiB2, 0n, 5n), U.SUCCESS)
    b.expect('state, nothing remembered', b.state(gpa), 'SECURE')
    b.expectCode('remove again', b.host('UV_UNREGISTER_MEM_SLOT', LPID, 5n), U.SUCCESS)
    b.expect('secure memory is free again', b.machine.ultravisor.pages.freeBytes, free)
    b.expect('state', b.state(gpa), 'none')
  }),
  extra('slot-fill', 'slots until secure memory is used up', 'populate_memslot_secure_pages', (b) => {
    let code = 0n
    let id = 5n
    for (; code === 0n && id < 500n; id++) code = register(b, BEHIND + id * MiB2, MiB2, 0n, id)
    b.expectCode('the last one', code, U.RETRY)
    b.expect('free', b.machine.ultravisor.pages.freeBytes < MiB2, true)
    b.expect('state', b.state(FREE), 'SECURE')
  }),
  extra('slot-heap', 'a slot whose page table the heap has no room for', 'populate_memslot_secure_pages', (b) => {
    const { heap, pages } = b.machine.ultravisor
    for (let bytes = 1n << 24n; bytes >= 0x100n; bytes >>= 1n) while (heap.allocate(bytes) !== undefined);
    const free = pages.freeBytes
    b.expectCode('UV_REGISTER_MEM_SLOT', register(b, BEHIND, MiB2, 0n, 5n), U.RETRY)
    b.expect('rule', b.rules().at(-1), 'UV-SLOT-007')
    b.expect('secure memory is free again', pages.freeBytes, free)
    b.expect('state', b.state(BEHIND), 'none')
    b.expectCode('UV_UNREGISTER_MEM_SLOT', b.host('UV_UNREGISTER_MEM_SLOT', LPID, 5n), U.P2)
  }),
  extra(
    'slot-last-Q13',
    'the last slot is removed: there is no frame behind it',
    'free_memslot',
    (b) => {
      b.expectCode('add', register(b, BEHIND, MiB2, 0n, 5n), U.SUCCESS)
      b.expectCode('remove', b.host('UV_UNREGISTER_MEM_SLOT', LPID, 5n), U.SUCCESS)
      b.expect('state', b.state(BEHIND + MiB2), 'none')
    },
    { quirks: ['Q13'] },
  ),
]
