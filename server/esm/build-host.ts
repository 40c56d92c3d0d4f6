/** What svm-tool needs of the host that it runs on (spec/esm-operand.md §4.3). */
import { type Finding, finding } from './findings.ts'

export interface BuildHost {
  /** As Node names it. */
  readonly arch: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether there is a file; the path is absolute, with slashes. */
  exists(path: string): boolean
}

/**
 * ESM127, where somebody may run svm-tool: it is in the PATH. A warning: `pef esm make` flattens the kernel by itself.
 * @returns undefined where there is no svm-tool, or it would find its objcopy
 */
export function inspectBuildHost({ arch, env, exists }: BuildHost): Finding | undefined {
  if (arch === 'ppc64' || env['CROSS_COMPILE'] !== undefined) return undefined
  const folders = (env['PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/'))
  const tool = folders.map((folder) => `${folder}/svm-tool`).find(exists)
  if (tool === undefined) return undefined
  return finding('ESM127', { severity: 'W', found: `none on ${arch}, where ${tool} is; pef esm make does without` })
}
