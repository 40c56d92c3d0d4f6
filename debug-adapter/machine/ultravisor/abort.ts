import { MachineStop } from '../stop.ts'
import { type UvRule, uvRefusal } from './rules.ts'
import type { Ultravisor } from './ultravisor.ts'

/**
 * An integrity violation after which the SVM cannot go on: the real firmware makes the hypervisor stop the VM by
 * `ibm,os-term` (spec/ultravisor.md §4.5 "svm_abort"). The reason is logged and named to the user.
 */
export function abortSvm(uv: Ultravisor, rule: UvRule, found: string): never {
  const refusal = uvRefusal(rule, found)
  uv.note(refusal)
  throw new MachineStop({
    how: 'stopped',
    reason: `the ultravisor stopped the SVM: ${rule}: expected ${refusal.expected}; found ${found}`,
  })
}
