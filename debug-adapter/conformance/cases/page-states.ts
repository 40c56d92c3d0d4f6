import type { PageState } from '../../machine/trace/records.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { shareByGuest, unshareByGuest } from '../../machine/ultravisor/share.ts'
import { type Bench, FREE, LPID } from '../bench.ts'
import { type ConformanceCase, extra } from '../case.ts'

const GFN = FREE >> 16n

/** Where a call leads a frame, and its code. */
type Cell = readonly [state: PageState, code: bigint]
type Call = 'UV_PAGE_IN' | 'UV_PAGE_OUT' | 'UV_PAGE_INVAL' | 'UV_SHARE_PAGE' | 'UV_UNSHARE_PAGE'

const [OK, PARAMETER, RETRY, P2, P3] = [U.SUCCESS, U.PARAMETER, U.RETRY, U.P2, U.P3]

/**
 * Each state of a frame of a secure VM, and each call: the transition table, spec/ultravisor.md §5.4, where it and the documentation
 * differ as §10 says. UV_PAGE_OUT of a shared frame is a success (row 41); a share asks the hypervisor, which does as it should.
 */
const TABLE: Readonly<Record<PageState, readonly [Cell, Cell, Cell, Cell, Cell]>> = {
  // state:            UV_PAGE_IN                    UV_PAGE_OUT                  UV_PAGE_INVAL                   UV_SHARE_PAGE             UV_UNSHARE_PAGE
  SECURE: [
    ['SECURE', P2],
    ['PAGEDOUT', OK],
    ['SECURE', P2],
    ['SHARED', OK],
    ['SECURE', OK],
  ],
  PAGEDOUT: [
    ['PAGEDOUT', P3],
    ['PAGEDOUT', PARAMETER],
    ['PAGEDOUT', P2],
    ['SHARED', OK],
    ['PAGEDOUT', OK],
  ],
  SHARED: [
    ['SHARED', OK],
    ['SHARED', OK],
    ['SHARED_INV', OK],
    ['SHARED', OK],
    ['SECURE', OK],
  ],
  SHARED_INV: [
    ['SHARED', OK],
    ['SHARED_INV', OK],
    ['SHARED_INV', OK],
    ['SHARED_INV', OK],
    ['SECURE', OK],
  ],
  SHARED_IMPLICIT: [
    ['SHARED_IMPLICIT', OK],
    ['SHARED_IMPLICIT', OK],
    ['SHARED_IMPLICIT_INV', OK],
    ['SHARED_IMPLICIT', OK],
    ['SHARED_IMPLICIT', P2],
  ],
  SHARED_IMPLICIT_INV: [
    ['SHARED_IMPLICIT', OK],
    ['SHARED_IMPLICIT_INV', OK],
    ['SHARED_IMPLICIT_INV', OK],
    ['SHARED_IMPLICIT_INV', OK],
    ['SHARED_IMPLICIT_INV', P2],
  ],
  PSEUDO_SHARED: [
    ['PSEUDO_SHARED', OK],
    ['PSEUDO_SHARED', OK],
    ['PSEUDO_SHARED_INV', OK],
    ['PSEUDO_SHARED', OK],
    ['PSEUDO_SHARED', P2],
  ],
  PSEUDO_SHARED_INV: [
    ['PSEUDO_SHARED', OK],
    ['PSEUDO_SHARED_INV', OK],
    ['PSEUDO_SHARED_INV', OK],
    ['PSEUDO_SHARED_INV', OK],
    ['PSEUDO_SHARED_INV', P2],
  ],
  HV_SHARING: [
    ['HV_SHARED', OK],
    ['HV_SHARING', PARAMETER],
    ['HV_SHARING', P2],
    ['HV_SHARING', P2],
    ['HV_SHARING', P2],
  ],
  HV_SHARED: [
    ['HV_SHARED', OK],
    ['HV_SHARED', PARAMETER],
    ['HV_SHARED_INV', OK],
    ['HV_SHARED', P2],
    ['HV_SHARED', P2],
  ],
  HV_SHARED_INV: [
    ['HV_SHARED', OK],
    ['HV_SHARED_INV', PARAMETER],
    ['HV_SHARED_INV', OK],
    ['HV_SHARED_INV', P2],
    ['HV_SHARED_INV', P2],
  ],
  HV_UNSHARING: [
    ['HV_UNSHARING', OK],
    ['HV_UNSHARING', PARAMETER],
    ['HV_UNSHARING_INV', OK],
    ['HV_UNSHARING', P2],
    ['HV_UNSHARING', P2],
  ],
  HV_UNSHARING_INV: [
    ['HV_UNSHARING', OK],
    ['HV_UNSHARING_INV', PARAMETER],
    ['HV_UNSHARING_INV', OK],
    ['HV_UNSHARING_INV', P2],
    ['HV_UNSHARING_INV', P2],
  ],
  HV_UNSHARED: [
    ['HV_UNSHARED', P2],
    ['HV_UNSHARED', RETRY],
    ['HV_UNSHARED', P2],
    ['HV_UNSHARED', P2],
    ['HV_UNSHARED', P2],
  ],
}

const CALLS: readonly Call[] = ['UV_PAGE_IN', 'UV_PAGE_OUT', 'UV_PAGE_INVAL', 'UV_SHARE_PAGE', 'UV_UNSHARE_PAGE']
const hasPage = (state: PageState): boolean => !state.endsWith('_INV') && state !== 'HV_SHARING' && state !== 'SECURE'

/** Brings the frame of {@link FREE} into a state, on both sides. The page of the hypervisor is the one that KVM has for it. */
function bring(b: Bench, state: PageState): void {
  const svm = b.machine.ultravisor.svms.get(Number(LPID))!
  const vm = b.machine.hypervisor.vm!
  if (state === 'SECURE') return
  if (state === 'PAGEDOUT') {
    b.hcall('H_SVM_PAGE_OUT', FREE, 0n, 16n)
    return
  }
  const page = vm.providePage(FREE)!
  vm.setPlace(FREE, 'shared')
  svm.setState(GFN, state, hasPage(state) ? { hvPage: page } : {})
  if (state === 'SHARED') svm.table.map(FREE, page)
  else if (state.startsWith('SHARED')) svm.table.unmap(FREE)
  b.machine.cpu.flushTranslations()
}

/** Does one call. Sharing and unsharing are begun without the guest: it cannot call while a frame is on its way. */
function call(b: Bench, name: Call): bigint {
  const { cpu, ultravisor } = b.machine
  if (name === 'UV_PAGE_INVAL') return b.host(name, LPID, FREE, 16n)
  if (name === 'UV_PAGE_IN' || name === 'UV_PAGE_OUT') return b.host(name, LPID, b.hostPage(0), FREE, 0n, 16n)
  const own = cpu.save()
  const frame = { ...own, gpr: [...own.gpr] }
  frame.gpr[4] = GFN
  frame.gpr[5] = 1n
  const code = b.hypervisor((name === 'UV_SHARE_PAGE' ? shareByGuest : unshareByGuest)(ultravisor, frame))
  cpu.load(own)
  return code ?? 99n
}

/** One case a state: each call from it, and every change of state in the log is one (spec/ultravisor.md §5.4). */
export const pageStateCases: readonly ConformanceCase[] = (Object.keys(TABLE) as PageState[]).map((state) =>
  extra(
    `state-${state.toLowerCase().replaceAll('_', '-')}`,
    `calls from the state ${state}`,
    'handle_page_in, handle_page_out',
    (b) => {
      const svm = b.machine.ultravisor.svms.get(Number(LPID))!
      for (const [i, name] of CALLS.entries()) {
        bring(b, state)
        b.expect('before', b.state(FREE), state)
        const [next, code] = TABLE[state][i]!
        b.expectCode(name, call(b, name), code)
        b.expect(`after ${name}`, b.state(FREE), next)
        // What is shared is the hypervisor's page, what is the ultravisor's or nobody's is not mapped, all else is secure.
        const mapped = svm.table.lookup(FREE)
        const secure = svm.securePage(GFN)!
        if (next === 'SHARED')
          b.expectTrue('the page of the hypervisor is mapped', mapped !== undefined && mapped !== secure)
        else if (next === 'SECURE' || next.startsWith('PSEUDO')) b.expect('the secure page is mapped', mapped, secure)
        else if (next === 'PAGEDOUT' || next.startsWith('SHARED')) b.expect('nothing is mapped', mapped, undefined)
        // Back to where it began, for the next call.
        svm.setState(GFN, 'SECURE')
        svm.table.map(FREE, secure)
        b.machine.hypervisor.vm!.becameSecure(FREE)
        b.machine.cpu.flushTranslations()
      }
      const same = b.machine.trace.of('page-state').filter(({ from, to }) => from === to)
      b.expect('changes in the log that are none', same.length, 0)
    },
  ),
)
