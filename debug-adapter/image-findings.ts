import type { Finding } from '../server/esm/findings.ts'
import { compareKernelSize } from '../server/esm/verify/digests.ts'
import type { Trace } from './machine/trace/trace.ts'

/**
 * What the files that were loaded tell about a refusal and the ultravisor cannot know: it sees the VM's memory, not how long the
 * kernel's image is (spec/esm-operand.md §12, ESM055).
 */
export function imageFindings({
  trace,
  kernelBytes,
}: {
  readonly trace: Trace
  readonly kernelBytes: number
}): Finding[] {
  const kernel = trace.of('digest').find(({ what }) => what === 'kernel')
  if (!kernel || kernel.expected === kernel.found) return []
  const wrongSize = compareKernelSize(kernel.bytes, kernelBytes)
  return wrongSize ? [wrongSize] : []
}
