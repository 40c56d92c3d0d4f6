import { ASDR_ADDRESS, SPR } from '../cpu/spr.ts'
import type { RegisterFile } from '../cpu/types.ts'
import { PAGE_SHIFT } from '../memory/real-memory.ts'
import { HCALL } from '../platform/hcall-table.ts'
import type { Steps } from '../steps.ts'
import { abortSvm } from './abort.ts'
import { emulateAccess } from './mmio.ts'
import type { Ultravisor } from './ultravisor.ts'

/** How often a paged-out page is asked for before the SVM is given up (Q36 has no bound). */
const PAGE_IN_TRIES = 4

/** 0xE00 and 0xE20 of an SVM: by the state of the frame in ASDR (spec/ultravisor.md §5.6). */
export function* secureFault(uv: Ultravisor, frame: RegisterFile, vector: number): Steps<void> {
  const { cpu } = uv.parts
  const svm = uv.currentSvm
  svm?.countFault()
  const gpa = cpu.spr(SPR.ASDR) & ASDR_ADDRESS
  const gfn = gpa >> PAGE_SHIFT
  if (!svm?.slotOf(gfn))
    return svm && vector === 0xe00 ? yield* emulateAccess(uv, frame) : yield* uv.crossing.reflect(frame, vector)
  const state = svm.stateOf(gfn)
  switch (state) {
    case 'PAGEDOUT': {
      let code = 0n
      const tries = uv.quirk('Q36') ? 1 : PAGE_IN_TRIES
      for (let i = 0; i < tries && svm.stateOf(gfn) === 'PAGEDOUT'; i++) {
        const [r3] = yield* uv.crossing.hypercall(HCALL.H_SVM_PAGE_IN, [gfn << PAGE_SHIFT, 0n, PAGE_SHIFT], frame.msr)
        code = BigInt.asIntN(64, r3!)
      }
      if (svm.stateOf(gfn) === 'PAGEDOUT' && !uv.quirk('Q36'))
        abortSvm(uv, 'UV-FAULT-002', `H_SVM_PAGE_IN(0x${gpa.toString(16)}) = ${code}, ${PAGE_IN_TRIES} times`)
      return cpu.load(frame)
    }
    case 'SHARED_INV':
      return yield* uv.crossing.reflect(frame, vector)
    case 'SHARED_IMPLICIT':
    case 'SHARED_IMPLICIT_INV':
      return abortSvm(uv, 'UV-FAULT-001', `an access to gpa 0x${gpa.toString(16)} at 0x${frame.nia.toString(16)}`)
    default:
      // The page is there: a translation that has just been made. Retry.
      return cpu.load(frame)
  }
}
