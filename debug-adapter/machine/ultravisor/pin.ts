import { PAGE_SHIFT } from '../memory/real-memory.ts'
import { HCALL } from '../platform/hcall-table.ts'
import { Procedure, type Steps } from '../steps.ts'
import type { Svm } from './svm.ts'
import type { Ultravisor } from './ultravisor.ts'

const PIN = new Procedure('ultravisor', 'pin shared pages', 'spec/ultravisor.md §6.1', {
  ask: 'ask the hypervisor for a page that it withdrew: H_SVM_PAGE_IN (shared)',
})

/** Rounds in which the hypervisor is asked for what is missing (spec/ultravisor.md §6.1). */
const ROUNDS = 10
const SHARED = 1n

/**
 * Sees to it that the pages which the ultravisor shares with the hypervisor for itself are there: the hypervisor may withdraw a shared
 * page at any time (UV_PAGE_INVAL).
 * @param purposes of the reserved pages
 * @returns undefined, or the guest address of a page that the hypervisor does not bring back
 */
export function* pinReserved(
  uv: Ultravisor,
  svm: Svm,
  purposes: readonly string[],
  guestMsr: bigint,
): Steps<bigint | undefined> {
  const frames = purposes.flatMap((purpose) => {
    const { gpa, pages } = svm.reserved.get(purpose)!
    return Array.from({ length: pages }, (_, i) => (gpa >> PAGE_SHIFT) + BigInt(i))
  })
  const missing = () => frames.find((gfn) => svm.frames.get(gfn)?.hvPage === undefined)
  if (missing() === undefined) return undefined
  return yield* PIN.frame({ purposes: purposes.join(', ') }, steps(uv, frames.length, missing, guestMsr))
}

function* steps(
  uv: Ultravisor,
  frames: number,
  missing: () => bigint | undefined,
  guestMsr: bigint,
): Steps<bigint | undefined> {
  for (let i = 0; i < ROUNDS * frames; i++) {
    const gfn = missing()
    if (gfn === undefined) return undefined
    yield PIN.at('ask', { gfn })
    yield* uv.crossing.hypercall(HCALL.H_SVM_PAGE_IN, [gfn << PAGE_SHIFT, SHARED, PAGE_SHIFT], guestMsr)
  }
  const gfn = missing()
  return gfn === undefined ? undefined : gfn << PAGE_SHIFT
}

/** Real address of the page that the hypervisor sees at a reserved address, which is pinned. */
export function pinnedPage(svm: Svm, purpose: string): bigint {
  return svm.frames.get(svm.reserved.get(purpose)!.gpa >> PAGE_SHIFT)!.hvPage!
}
