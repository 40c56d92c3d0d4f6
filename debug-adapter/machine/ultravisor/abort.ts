import type { MachineEnd } from '../api.ts'
import { type UvRule, uvRefusal } from './rules.ts'
import { destroySvm } from './terminate.ts'
import type { Ultravisor } from './ultravisor.ts'

/** Thrown out of firmware steps where one SVM cannot go on. The machine catches it, and ends that VM. */
export class SvmAborted extends Error {
  constructor(
    readonly lpid: number,
    readonly end: MachineEnd,
  ) {
    super(end.reason)
    this.name = 'SvmAborted'
  }
}

/**
 * An integrity violation after which the SVM cannot go on: the real firmware makes the hypervisor stop the VM by
 * `ibm,os-term` (spec/ultravisor.md §4.5 "svm_abort"). The reason is logged and named to the user.
 * @throws SvmAborted
 */
export function abortSvm(uv: Ultravisor, rule: UvRule, found: string, lpid = uv.currentLpid): never {
  const refusal = uvRefusal(rule, found)
  uv.note(refusal)
  throw new SvmAborted(lpid, {
    how: 'stopped',
    reason: `the ultravisor stopped the SVM: ${rule}: expected ${refusal.expected}; found ${found}`,
  })
}

/** What is left to do when an SVM was aborted: nothing of it stays in secure memory. */
export function cleanUp(uv: Ultravisor, { lpid }: SvmAborted): void {
  const svm = uv.svms.get(lpid)
  if (svm) destroySvm(uv, svm)
}
