import { dump, resetSvm } from '../../machine/hypervisor/paging.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { type Bench, FREE, LPID, load, PAGE } from '../bench.ts'
import { type ConformanceCase, extra } from '../case.ts'

const SECRET = new TextEncoder().encode('a secret of the SVM, which no dump shows')
const MiB = 1 << 20

function includes(haystack: Uint8Array, needle: Uint8Array): boolean {
  for (let at = haystack.indexOf(needle[0]!); at >= 0; at = haystack.indexOf(needle[0]!, at + 1))
    if (needle.every((byte, i) => haystack[at + i] === byte)) return true
  return false
}

const secretIn = (pages: Iterable<Uint8Array>): boolean => [...pages].some((page) => includes(page, SECRET))

/** The guest counts in each of `frames` pages, round about. @returns what it finds in the first and last, and how it ended */
function touchPages(b: Bench, frames: number) {
  return b.run([
    ...load(4, FREE),
    `li r6,${frames}`,
    'mtctr r6',
    'mfctr r5',
    'std r5,0(r4)',
    'addis r4,r4,1',
    'bdnz .-12',
    ...load(4, FREE),
    'ld r7,0(r4)',
    ...load(4, FREE + BigInt(frames - 1) * PAGE),
    'ld r8,0(r4)',
  ])
}

/** The life of an SVM and its pages on both sides (spec/ultravisor.md §5, §8.2). */
export const pageLifeCases: readonly ConformanceCase[] = [
  extra('dump', 'a dump of an SVM by the host is ciphertext', 'spec/ultravisor.md §8.2', (b) => {
    const { hypervisor } = b.machine
    b.write(FREE, SECRET)
    const pages = b.hypervisor(dump(hypervisor, hypervisor.vm!))!
    b.expectTrue(`${pages.size} pages`, pages.size >= 500)
    b.expect('the secret is in it', secretIn(pages.values()), false)
    b.expect('state', b.state(FREE), 'PAGEDOUT')
    const { how, gpr } = b.run([...load(4, FREE), 'lbz r3,0(r4)'])
    b.expect('the guest goes on', [how, gpr[3]], ['end', BigInt(SECRET[0]!)])
  }),
  extra(
    'dump-normal',
    'a dump of a normal VM shows its memory',
    'spec/ultravisor.md §8.2',
    (b) => {
      const { hypervisor } = b.machine
      b.write(FREE, SECRET)
      b.expect('the secret is in it', secretIn(b.hypervisor(dump(hypervisor, hypervisor.vm!))!.values()), true)
    },
    { start: 'normal' },
  ),
  extra(
    'four-svms',
    'four SVMs at once',
    'spec/ultravisor.md §5',
    (b) => {
      const { svms } = b.machine.ultravisor
      b.expect('LPIDs', [...svms.keys()].sort(), [1, 2, 3, 4])
      const tables = [...svms.values()].map(({ table }) => table.pateDoubleword0)
      b.expect('page tables of their own', new Set(tables).size, 4)
      const pages = [...svms.values()].map((svm) => svm.securePage(FREE >> 16n))
      b.expect('secure pages of their own', new Set(pages).size, 4)
      b.expectCode('UV_SVM_TERMINATE of one', b.host('UV_SVM_TERMINATE', 3n), U.SUCCESS)
      b.expect('the others stay', [...svms.keys()].sort(), [1, 2, 4])
      b.expectCode('UV_PAGE_OUT of another', b.host('UV_PAGE_OUT', 4n, b.hostPage(0), FREE, 0n, 16n), U.SUCCESS)
    },
    { config: { virtualMachines: 4, secureMemoryBytes: 256 * MiB } },
  ),
  extra(
    'over-commit',
    'more frames in use than may be in secure memory',
    'spec/ultravisor.md §8.2',
    (b) => {
      const { hypervisor, trace } = b.machine
      const { how, gpr } = touchPages(b, 64)
      b.expect('the guest finds what it wrote', [how, gpr[7], gpr[8]], ['end', 64n, 1n])
      b.expectTrue('no more than the limit', hypervisor.vm!.secureFrames <= 40)
      b.expectTrue(
        'pages left',
        trace.of('page-move').some(({ how }) => how === 'page-out'),
      )
    },
    { config: { secureFrameLimit: 40 } },
  ),
  extra('reset', 'an SVM is reset: a normal VM with empty memory', 'Linux kvmhv_svm_off', (b) => {
    const { hypervisor, ultravisor } = b.machine
    const vm = hypervisor.vm!
    b.write(FREE, SECRET)
    // Its virtual processor stands.
    hypervisor.vm = undefined
    b.expect('KVM_PPC_SVM_OFF', b.hypervisor(resetSvm(hypervisor, vm)), 0n)
    b.expect('SVMs', ultravisor.svms.size, 0)
    b.expect('state', vm.state, 'normal')
    const owned = [...b.machine.memory.owned()].filter(({ owner }) => owner === 'secure guest')
    b.expect('secure pages of SVMs', owned.length, 0)
    b.expect('the secret is in its memory', secretIn([vm.read(FREE, Number(PAGE))]), false)
  }),
  extra(
    'abort-twice',
    'UV_ESM refused, then granted',
    'spec/ultravisor.md §4.5',
    (b) => {
      const { pages, heap } = b.machine.ultravisor
      const [free, freeHeap] = [pages.freeBytes, heap.freeBytes]
      const { hypervisor } = b.machine
      const { fdt } = b.machine.platform.guest!
      hypervisor.secureGuestsEnabled = false
      for (let i = 0; i < 3; i++) b.expectCode('refused', b.guest('UV_ESM', 0x40_0000n, fdt), U.PARAMETER)
      b.expect('secure memory is free again', [pages.freeBytes, heap.freeBytes], [free, freeHeap])
      hypervisor.secureGuestsEnabled = true
      b.guest('UV_ESM', 0x40_0000n, fdt)
      b.expect('state', b.machine.vmState, 'secure')
    },
    { start: 'normal' },
  ),
  extra('vpa', 'an SVM shares a frame and registers its VPA there', 'spec/ultravisor.md §6.6', (b) => {
    b.expectCode('UV_SHARE_PAGE', b.guest('UV_SHARE_PAGE', FREE >> 16n, 1n), U.SUCCESS)
    // The second word of a VPA is its length.
    b.write(FREE, Uint8Array.of(0, 0, 0, 0, 2, 0x80))
    const REGISTER_VPA = 1n << 45n
    b.expect('H_REGISTER_VPA', b.hcall('H_REGISTER_VPA', REGISTER_VPA, 0n, FREE), 0n)
    b.expect('the frame', b.state(FREE), 'SHARED')
    b.expect('the partition', b.machine.hypervisor.vm!.lpid, Number(LPID))
  }),
]
