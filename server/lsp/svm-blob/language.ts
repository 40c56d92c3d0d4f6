/** svm_blob.yml: what was found in a version of a document, and everything that is asked about it. */
import type { ParsedSvmBlob } from '../../esm/svm-blob.ts'
import { type TextFinding, TextFindings } from '../../esm/svm-yaml.ts'
import type { Files } from '../files.ts'
import { imagesFor, inspectImages } from './images.ts'
import { inspectInitrdSecrets, inspectOwnOperands, inspectSvmBlob } from './inspect.ts'
import { inspectMachine } from './machine.ts'

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
    inspectSurroundings(text, parsed, document, files),
    inspectOwnOperands(text, parsed, document, files),
    inspectInitrdSecrets(text, parsed, document, files),
  ])
  const quick = await Promise.race([slow, pause(SLOW_MS)])
  if (quick === undefined) publish({ language: 'svm-blob', text, parsed, findings })
  publish({ language: 'svm-blob', text, parsed, findings: [...findings, ...onceEach((await slow).flat())] })
}

/** What the images around the recipe say about it. */
async function inspectSurroundings(
  text: string,
  { entries }: ParsedSvmBlob,
  document: string,
  files: Files,
): Promise<readonly TextFinding[]> {
  const findings = new TextFindings(text)
  const images = await imagesFor(entries, document, files)
  await inspectMachine(entries, images, document, files, findings)
  await inspectImages(entries, images, document, files, findings)
  return findings.list
}

/** An image and an operand may say the same about a value: the first, which tells what it should be, is enough. */
function onceEach(findings: readonly TextFinding[]): TextFinding[] {
  const first = new Map<string, TextFinding>()
  for (const found of findings) {
    const key = `${found.rule} ${found.offset}`
    if (!first.has(key)) first.set(key, found)
  }
  return [...first.values()]
}

/** What is there by then is told at once, in milliseconds. */
const SLOW_MS = 20

function pause(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
