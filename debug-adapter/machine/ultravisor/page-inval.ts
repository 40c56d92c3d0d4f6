import type { RegisterFile } from '../cpu/types.ts'
import { PAGE_SHIFT } from '../memory/real-memory.ts'
import { Procedure, type Steps } from '../steps.ts'
import type { PageState } from '../trace/records.ts'
import { U } from './return-codes.ts'
import type { Ultravisor } from './ultravisor.ts'

const PAGE_INVAL = new Procedure('ultravisor', 'UV_PAGE_INVAL', 'spec/ultravisor.md §2.4', {
  check: 'check order, partition and guest address',
  invalidate: 'forget the page of the hypervisor behind a shared frame',
})

/** Where an invalidation leads (spec/ultravisor.md §5.4); a state that is not here refuses it. */
const invalidated: Partial<Record<PageState, PageState>> = {
  SHARED: 'SHARED_INV',
  SHARED_INV: 'SHARED_INV',
  SHARED_IMPLICIT: 'SHARED_IMPLICIT_INV',
  SHARED_IMPLICIT_INV: 'SHARED_IMPLICIT_INV',
  PSEUDO_SHARED: 'PSEUDO_SHARED_INV',
  PSEUDO_SHARED_INV: 'PSEUDO_SHARED_INV',
  HV_SHARED: 'HV_SHARED_INV',
  HV_SHARED_INV: 'HV_SHARED_INV',
  HV_UNSHARING: 'HV_UNSHARING_INV',
  HV_UNSHARING_INV: 'HV_UNSHARING_INV',
}

export function* pageInvalidate(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const [lpid, gpa, order] = frame.gpr.slice(4, 7) as [bigint, bigint, bigint]
  return yield* PAGE_INVAL.frame({ lpid, gpa, order }, invalidateSteps(uv, lpid, gpa, order))
}

function* invalidateSteps(uv: Ultravisor, lpid: bigint, gpa: bigint, order: bigint): Steps<bigint> {
  yield PAGE_INVAL.at('check')
  if (order !== PAGE_SHIFT) return uv.refuse('UV-PAGE-001', `order ${order}`, U.P3)
  const svm = uv.svms.get(Number(lpid))
  if (!svm) return uv.refuse('UV-PAGE-003', `lpid ${lpid}`, U.PARAMETER)
  if (svm.state === 'ABORT') return uv.refuse('UV-PAGE-004', `lpid ${lpid}`, U.STATE)
  const gfn = gpa >> PAGE_SHIFT
  if (!svm.slotOf(gfn)) return uv.refuse('UV-PAGE-005', `0x${gpa.toString(16)}`, uv.code(U.P2, U.P3))
  const from = svm.stateOf(gfn)
  const to = invalidated[from]
  if (!to) return uv.refuse('UV-PAGE-006', from, U.P2)
  yield PAGE_INVAL.at('invalidate', { from, to })
  // The page is the hypervisor's again: nothing of it is remembered, unless the quirk keeps it to be mapped (Q34).
  const { hvPage } = svm.frames.get(gfn) ?? {}
  svm.setState(gfn, to, uv.quirk('Q34') && hvPage !== undefined ? { hvPage } : {})
  if (to === 'SHARED_INV') {
    svm.table.unmap(gfn << PAGE_SHIFT)
    uv.parts.cpu.flushTranslations()
  }
  return U.SUCCESS
}
