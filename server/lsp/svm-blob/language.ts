/** svm_blob.yml: what was found in a version of a document, and everything that is asked about it. */
import type { ParsedSvmBlob } from '../../esm/svm-blob.ts'
import type { TextFinding } from '../../esm/svm-yaml.ts'
import type { Files } from '../files.ts'
import { inspectInitrdSecrets, inspectOwnOperands, inspectSvmBlob } from './inspect.ts'

/** A version of a document with what is known of it. */
export interface SvmBlobAnalysis {
  readonly language: 'svm-blob'
  readonly text: string
  readonly parsed: ParsedSvmBlob
  readonly findings: readonly TextFinding[]
}

/**
 * Looks at a text. What takes long, digests of large files, comes with a second analysis.
 * @param publish is called once or twice, the last time with everything
 */
export async function analyseSvmBlob(
  text: string,
  document: string,
  files: Files,
  publish: (analysis: SvmBlobAnalysis) => void,
): Promise<void> {
  const { parsed, findings } = await inspectSvmBlob(text, document, files)
  const slow = Promise.all([
    inspectOwnOperands(text, parsed, document, files),
    inspectInitrdSecrets(text, parsed, document, files),
  ])
  const quick = await Promise.race([slow, pause(SLOW_MS)])
  if (quick === undefined) publish({ language: 'svm-blob', text, parsed, findings })
  publish({ language: 'svm-blob', text, parsed, findings: [...findings, ...(await slow).flat()] })
}

/** What is there by then is told at once, in milliseconds. */
const SLOW_MS = 20

function pause(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
