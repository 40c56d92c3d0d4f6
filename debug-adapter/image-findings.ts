import { type Finding, finding } from '../server/esm/findings.ts'
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
  if (!kernel || kernel.expected === kernel.found || kernel.bytes === kernelBytes) return []
  return [finding('ESM055', { found: `kernel-size ${kernel.bytes}, and a kernel of ${kernelBytes} bytes` })]
}
