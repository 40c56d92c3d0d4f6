import type { RegisterFile } from '../cpu/types.ts'
import { Procedure, type Steps } from '../steps.ts'
import { U } from './return-codes.ts'
import type { Svm } from './svm.ts'
import type { Ultravisor } from './ultravisor.ts'

const TERMINATE = new Procedure('ultravisor', 'UV_SVM_TERMINATE', 'spec/ultravisor.md §2.4', {
  check: 'find the SVM',
  free: 'zero and free its secure pages, page table, paging key and file contexts',
})

export function* terminate(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const lpid = frame.gpr[4]!
  return yield* TERMINATE.frame({ lpid }, terminateSteps(uv, lpid))
}

function* terminateSteps(uv: Ultravisor, lpid: bigint): Steps<bigint> {
  yield TERMINATE.at('check')
  if (uv.stale.delete(Number(lpid))) return U.SUCCESS
  const svm = uv.svms.get(Number(lpid))
  if (!svm) return uv.refuse('UV-PAGE-003', `lpid ${lpid}`, uv.code(U.PARAMETER, U.SUCCESS))
  yield TERMINATE.at('free', { slots: svm.slots.size })
  destroySvm(uv, svm)
  return U.SUCCESS
}

/** Frees everything of an SVM, zeroed. Its partition table entry is cleared only if the SVM owned it. */
export function destroySvm(uv: Ultravisor, svm: Svm): void {
  const { trace } = uv.parts
  for (const slot of [...svm.slots.values()]) svm.dropSlot(slot, uv.pages, (ra, bytes) => uv.clear(ra, bytes))
  svm.table.release()
  svm.pagingKey?.fill(0)
  if (svm.state === 'SECURE') {
    uv.memory.setU64(uv.pateAddress(svm.lpid), 0n)
    uv.memory.setU64(uv.pateAddress(svm.lpid) + 8n, 0n)
  }
  uv.svms.delete(svm.lpid)
  uv.crossing.forget(svm.lpid)
  uv.parts.cpu.flushTranslations()
  if (svm.state === 'SECURE') trace.add({ type: 'vm-state', lpid: svm.lpid, from: 'secure', to: 'absent' })
}
