import { plugMemory, takeBack } from '../../machine/hypervisor/paging.ts'
import type { Steps } from '../../machine/steps.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { shareByGuest, shareWithHypervisor, unshareByGuest } from '../../machine/ultravisor/share.ts'
import { type Bench, FREE, load, PAGE } from '../bench.ts'
import { type ConformanceCase, extra, real, row } from '../case.ts'

/** Guest addresses behind the memory of the VM, where slots are added. */
const BEHIND = 1n << 33n
const SLOT = 0x20_0000n
const SHARED = 1n
const H_PARAMETER = -4n

const gfn = (gpa: bigint): bigint => gpa >> 16n
const share = (b: Bench, gpa: bigint, count = 1n): bigint => b.guest('UV_SHARE_PAGE', gfn(gpa), count)
const unshare = (b: Bench, gpa: bigint, count = 1n): bigint => b.guest('UV_UNSHARE_PAGE', gfn(gpa), count)
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const SECRET = text('a secret of the SVM')
const zeros = (bytes: Uint8Array): boolean => bytes.length > 0 && bytes.every((byte) => byte === 0)
const states = (b: Bench, first: bigint, count: number): string[] =>
  Array.from({ length: count }, (_, i) => b.state(first + BigInt(i) * PAGE))

/** Notes the arguments of each H_SVM_PAGE_IN; `answer` may answer one instead of KVM. */
function pageIns(b: Bench, answer: (gpa: bigint, flags: bigint) => bigint | undefined = () => undefined) {
  const seen: bigint[][] = []
  b.machine.hypervisor.behaviour = {
    // biome-ignore lint/correctness/useYield: it has nothing to ask
    *answer(_hv, _vm, call) {
      if (call.name !== 'H_SVM_PAGE_IN') return undefined
      const [gpa, flags] = call.args as [bigint, bigint]
      seen.push([gpa, flags])
      const code = answer(gpa, flags)
      return code === undefined ? undefined : [code]
    },
  }
  return seen
}

function plug(b: Bench, id: number, start: bigint): void {
  const { hypervisor } = b.machine
  b.expectCode(`slot ${id}`, b.hypervisor(plugMemory(hypervisor, hypervisor.vm!, id, start, SLOT)) ?? 99n, 0n)
}

/** Has the hypervisor page a frame out, and know it. */
function out(b: Bench, gpa: bigint): void {
  const { hypervisor } = b.machine
  b.expectCode('UV_PAGE_OUT', b.hypervisor(takeBack(hypervisor, hypervisor.vm!, gpa, 'secure out')) ?? 99n, 0n)
}

/** Withdraws a page right after the hypervisor gave it, before the share is complete. */
function withdrawEarly(b: Bench): void {
  b.machine.hypervisor.behaviour = {
    // biome-ignore lint/correctness/useYield: the call runs to its end by itself
    *after(_hv, _vm, call): Steps<void> {
      if (call.name === 'H_SVM_PAGE_IN' && call.args[1] === SHARED)
        b.expectCode('UV_PAGE_INVAL', b.host('UV_PAGE_INVAL', 1n, FREE, 16n), U.SUCCESS)
    },
  }
}

/** Sharing and unsharing (spec/ultravisor.md §2.5, §5.4). */
export const shareCases: readonly ConformanceCase[] = [
  row(51, 'UV_SHARE_PAGE of one page', 'page_share_with_hv', (b) => {
    b.write(FREE, SECRET)
    const seen = pageIns(b)
    // What the hypervisor has put into the page before it is shared, nobody sees.
    b.machine.hypervisor.behaviour = {
      ...b.machine.hypervisor.behaviour,
      pageFor: (_hv, _vm, _gpa, page) => {
        b.hostWrite(page, SECRET)
        return page
      },
    }
    b.expectCode('UV_SHARE_PAGE', share(b, FREE), U.SUCCESS)
    b.expect('state', b.state(FREE), 'SHARED')
    b.expect('hypercalls', seen, [[FREE, SHARED]])
    b.expectTrue('the guest sees zeros', zeros(b.read(FREE, Number(PAGE))))
    const page = b.machine.hypervisor.vm!.pageOf(FREE)!
    b.write(FREE, text('for the host'))
    b.expect('the hypervisor reads', b.hostRead(page, 12), text('for the host'))
  }),
  real(51, 'Q09', 'R3 of UV_SHARE_PAGE', 'page_share_with_hv', (b) => {
    b.expect('R3', share(b, FREE), 0xf130n)
    b.expect('state', b.state(FREE), 'SHARED')
  }),
  row(52, 'UV_SHARE_PAGE of a shared page', 'page_share_with_hv', (b) => {
    share(b, FREE)
    b.write(FREE, SECRET)
    const seen = pageIns(b)
    b.expectCode('again', share(b, FREE), U.SUCCESS)
    b.expect('hypercalls', seen.length, 0)
    b.expect('content', b.read(FREE, SECRET.length), SECRET)
  }),
  row(53, 'UV_SHARE_PAGE across two slots', 'svm_valid_gfn_range', (b) => {
    plug(b, 5, BEHIND)
    plug(b, 6, BEHIND + SLOT)
    const first = BEHIND + SLOT - PAGE
    b.expectCode('UV_SHARE_PAGE', share(b, first, 2n), U.SUCCESS)
    b.expect('states', states(b, first, 2), ['SHARED', 'SHARED'])
  }),
  row(54, 'UV_SHARE_PAGE that leaves the last slot', 'svm_valid_gfn_range', (b) => {
    plug(b, 5, BEHIND)
    const first = BEHIND + SLOT - PAGE
    b.expectCode('UV_SHARE_PAGE', share(b, first, 2n), U.P2)
    b.expectCode('2^40 frames', share(b, first, 1n << 40n), U.P2)
    b.expectCode('2^64 - 1 frames', share(b, first, (1n << 64n) - 1n), U.P2)
    b.expect('state', b.state(first), 'SECURE')
    b.expect('rules', [...new Set(b.rules())], ['UV-SHARE-001'])
  }),
  real(54, 'Q09', 'R3 of a UV_SHARE_PAGE that leaves the last slot', 'page_share_with_hv', (b) => {
    b.expect('R3', share(b, BEHIND), 0xf130n)
  }),
  row(55, 'UV_SHARE_PAGE of no page', 'svm_valid_gfn_range', (b) => {
    b.expectCode('UV_SHARE_PAGE', share(b, FREE, 0n), U.P2)
    b.expectCode('UV_UNSHARE_PAGE', unshare(b, FREE, 0n), U.P2)
    b.expect('state', b.state(FREE), 'SECURE')
  }),
  row(56, 'UV_SHARE_PAGE of a page that is paged out', 'page_share_with_hv', (b) => {
    out(b, FREE)
    const seen = pageIns(b)
    b.expectCode('UV_SHARE_PAGE', share(b, FREE), U.SUCCESS)
    b.expect('hypercalls', seen, [
      [FREE, 0n],
      [FREE, SHARED],
    ])
    b.expect('state', b.state(FREE), 'SHARED')
  }),
  row(57, 'the hypervisor refuses page 3 of 4', 'page_share_with_hv', (b) => {
    b.write(FREE, SECRET)
    const seen = pageIns(b, (gpa, flags) => (flags === SHARED && gpa === FREE + 2n * PAGE ? H_PARAMETER : undefined))
    b.expectCode('UV_SHARE_PAGE', share(b, FREE, 4n), U.P2)
    b.expect('states', [...new Set(states(b, FREE, 4))], ['SECURE'])
    b.expect('content', b.read(FREE, SECRET.length), SECRET)
    b.expect('hypercalls', seen, [
      [FREE, SHARED],
      [FREE + PAGE, SHARED],
      [FREE + 2n * PAGE, SHARED],
      [FREE, 0n],
      [FREE + PAGE, 0n],
    ])
    b.expect('rule', b.rules().at(-1), 'UV-SHARE-004')
  }),
  real(57, 'Q22', 'the hypervisor refuses page 3 of 4', 'page_share_with_hv', (b) => {
    b.write(FREE, SECRET)
    pageIns(b, (gpa, flags) => (flags === SHARED && gpa === FREE + 2n * PAGE ? H_PARAMETER : undefined))
    b.expectCode('UV_SHARE_PAGE', share(b, FREE, 4n), U.P2)
    b.expectTrue('the content is lost', zeros(b.read(FREE, SECRET.length)))
  }),
  row(58, 'the hypervisor says success and gives no page', 'commit_all_gfns_as_shared', (b) => {
    pageIns(b, () => 0n)
    share(b, FREE)
    b.expectTrue(`the SVM ends: ${b.ended}`, b.ended !== undefined)
    b.expectTrue('rule UV-SHARE-005', b.rules().includes('UV-SHARE-005'))
  }),
  row(59, 'the hypervisor withdraws a page before the share is complete', 'commit_all_gfns_as_shared', (b) => {
    withdrawEarly(b)
    b.expectCode('UV_SHARE_PAGE', share(b, FREE), U.SUCCESS)
    b.expect('state', b.state(FREE), 'SHARED_INV')
    b.machine.hypervisor.behaviour = {}
    b.expect('the guest reads', b.run([...load(4, FREE), 'lbz r3,0(r4)']).gpr[3], 0n)
    b.expect('state after', b.state(FREE), 'SHARED')
  }),
  real(59, 'Q34', 'the hypervisor withdraws a page before the share is complete', 'commit_all_gfns_as_shared', (b) => {
    withdrawEarly(b)
    b.expectCode('UV_SHARE_PAGE', share(b, FREE), U.SUCCESS)
    b.expect('state', b.state(FREE), 'SHARED')
  }),
  row(60, 'UV_UNSHARE_PAGE of a shared page', 'page_unshare_with_hv', (b) => {
    b.write(FREE, SECRET)
    share(b, FREE)
    b.write(FREE, text('for the host'))
    const seen = pageIns(b)
    b.expectCode('UV_UNSHARE_PAGE', unshare(b, FREE), U.SUCCESS)
    b.expect('hypercalls', seen, [[FREE, 0n]])
    b.expect('state', b.state(FREE), 'SECURE')
    b.expectTrue('zeros', zeros(b.read(FREE, Number(PAGE))))
  }),
  row(61, 'UV_UNSHARE_PAGE of pages that were never shared', 'page_unshare_with_hv', (b) => {
    b.write(FREE, SECRET)
    b.write(FREE + PAGE, SECRET)
    out(b, FREE + PAGE)
    const seen = pageIns(b)
    b.expectCode('UV_UNSHARE_PAGE', unshare(b, FREE, 2n), U.SUCCESS)
    b.expect('hypercalls', seen.length, 0)
    b.expect('states', states(b, FREE, 2), ['SECURE', 'PAGEDOUT'])
    b.machine.hypervisor.behaviour = {}
    b.expect('the guest reads', b.run([...load(4, FREE + PAGE), 'lbz r3,0(r4)']).gpr[3], BigInt(SECRET[0]!))
    b.expect('content', b.read(FREE, SECRET.length), SECRET)
  }),
  real(61, 'Q23', 'UV_UNSHARE_PAGE of a page that is paged out', 'page_unshare_with_hv', (b) => {
    b.write(FREE, SECRET)
    out(b, FREE)
    b.expectCode('UV_UNSHARE_PAGE', unshare(b, FREE), U.SUCCESS)
    b.expect('state', b.state(FREE), 'SECURE')
    b.expectTrue('the content is lost', zeros(b.read(FREE, SECRET.length)))
  }),
  row(62, "UV_UNSHARE_PAGE of the ultravisor's own pages", 'SVM_GPF_UNSHARABLE', (b) => {
    const { reserved } = b.machine.ultravisor.svms.get(1)!
    for (const purpose of ['RTAS arguments', 'RTAS bounce buffers', 'RTAS stop-self', 'TPM bounce']) {
      const { gpa } = reserved.get(purpose)!
      b.expectCode(purpose, unshare(b, gpa), U.P2)
      b.expect('state', b.state(gpa), 'SHARED_IMPLICIT')
    }
    b.expect('rules', [...new Set(b.rules())], ['UV-SHARE-003'])
  }),
  row(63, 'the hypervisor refuses to give a shared page back', 'page_unshare_with_hv', (b) => {
    share(b, FREE)
    pageIns(b, () => H_PARAMETER)
    unshare(b, FREE)
    b.expectTrue(`the SVM ends: ${b.ended}`, b.ended !== undefined)
    b.expectTrue('rule UV-SHARE-004', b.rules().includes('UV-SHARE-004'))
  }),
  row(64, 'UV_UNSHARE_ALL_PAGES', 'unshare_entry_with_hv', (b) => {
    const { ultravisor } = b.machine
    const svm = ultravisor.svms.get(1)!
    b.hypervisor(shareWithHypervisor(ultravisor, svm, gfn(FREE + 4n * PAGE), 1n, 'pseudo', b.machine.cpu.msr))
    share(b, FREE, 2n)
    b.expectCode('UV_PAGE_INVAL', b.host('UV_PAGE_INVAL', 1n, FREE + PAGE, 16n), U.SUCCESS)
    out(b, FREE + 2n * PAGE)
    b.expectCode('UV_UNSHARE_ALL_PAGES', b.guest('UV_UNSHARE_ALL_PAGES'), U.SUCCESS)
    b.expect('states', states(b, FREE, 5), ['SECURE', 'SECURE', 'PAGEDOUT', 'SECURE', 'PSEUDO_SHARED'])
    b.expect('the page of RTAS', b.state(svm.reserved.get('RTAS arguments')!.gpa), 'SHARED_IMPLICIT')
  }),
  row(65, 'the guest loads from a page that the ultravisor keeps for itself', 'svm_e00_handle', (b) => {
    const { gpa } = b.machine.ultravisor.svms.get(1)!.reserved.get('RTAS arguments')!
    b.expect('the program', b.run([...load(4, gpa), 'lbz r3,0(r4)']).how, 'machine')
    b.expectTrue('rule UV-FAULT-001', b.rules().includes('UV-FAULT-001'))
  }),
  extra('unshare-range', 'UV_UNSHARE_PAGE outside the slots', 'page_unshare_with_hv', (b) => {
    b.expectCode('outside', unshare(b, BEHIND), U.P2)
    b.expectCode('2^64 - 1 frames', unshare(b, FREE, (1n << 64n) - 1n), U.P2)
  }),
  extra('share-transient', 'sharing and unsharing of a frame on its way', 'page_share_with_hv', (b) => {
    const { ultravisor, cpu } = b.machine
    const svm = ultravisor.svms.get(1)!
    const codes: (bigint | undefined)[] = []
    b.machine.hypervisor.behaviour = {
      *before(_hv, _vm, call) {
        if (call.name !== 'H_SVM_PAGE_IN' || codes.length > 0) return
        const own = cpu.save()
        const frame = { ...own, gpr: [...own.gpr] }
        frame.gpr[4] = gfn(FREE)
        frame.gpr[5] = 1n
        codes.push(yield* shareByGuest(ultravisor, frame))
        codes.push(yield* unshareByGuest(ultravisor, frame))
        cpu.load(own)
      },
    }
    b.expectCode('UV_SHARE_PAGE', share(b, FREE), U.SUCCESS)
    b.expect('the same meanwhile, and UV_UNSHARE_PAGE', codes, [U.P2, U.P2])
    b.expect('rules', b.rules(), ['UV-SHARE-002', 'UV-SHARE-002'])
    b.expect('state', svm.stateOf(gfn(FREE)), 'SHARED')
  }),
  extra(
    'share-paged-out-Q21',
    'UV_SHARE_PAGE of a page that comes back at once',
    'page_share_with_hv',
    (b) => {
      out(b, FREE)
      b.expectCode('UV_SHARE_PAGE', share(b, FREE), U.SUCCESS)
      b.expect('state', b.state(FREE), 'SHARED')
    },
    { quirks: ['Q21'] },
  ),
  extra(
    'share-refused-Q09',
    'R3 of calls that are refused before they switch context',
    'syscall_ultracall',
    (b) => {
      b.enterProblemState()
      b.expectCode('by a user', share(b, FREE), U.PERMISSION)
    },
    { quirks: ['Q09'] },
  ),
  extra('unshare-slot', 'the slot of a frame is removed while it is unshared', 'page_unshare_with_hv', (b) => {
    plug(b, 5, BEHIND)
    b.expectCode('UV_SHARE_PAGE', share(b, BEHIND), U.SUCCESS)
    b.machine.hypervisor.behaviour = {
      // biome-ignore lint/correctness/useYield: the call runs to its end by itself
      *answer(_hv, _vm, { name }) {
        if (name !== 'H_SVM_PAGE_IN') return undefined
        return [b.host('UV_UNREGISTER_MEM_SLOT', 1n, 5n)]
      },
    }
    unshare(b, BEHIND)
    b.expectTrue(`the SVM ends: ${b.ended}`, b.ended !== undefined)
    b.expect('rule', b.rules().at(-1), 'UV-SHARE-006')
  }),
  extra('share-terminated', 'the SVM is terminated while its frame is shared', 'destroy_svm', (b) => {
    pageIns(b, () => b.host('UV_SVM_TERMINATE', 1n))
    share(b, FREE)
    b.expectTrue(`the SVM ends: ${b.ended}`, b.ended !== undefined)
    b.expect('rule', b.rules().at(-1), 'UV-RTN-005')
    b.expect('SVMs', b.machine.ultravisor.svms.size, 0)
  }),
]
