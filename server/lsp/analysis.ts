/** What was found in a version of a document, whatever its language. */
import type { TextDocument } from 'vscode-languageserver-textdocument'
import { bySeverity } from '../esm/findings.ts'
import type { TextFinding } from '../esm/svm-yaml.ts'
import { dtsFixes } from './dts/fixes.ts'
import { analyseDts, type DtsAnalysis } from './dts/language.ts'
import type { Files } from './files.ts'
import type { Fix } from './fix.ts'
import { configurationsOf, type ImageConfiguration } from './image/configurations.ts'
import { imageFixes } from './image/fixes.ts'
import { inspectImage } from './image/inspect.ts'
import { languageOf } from './languages.ts'
import { fixesFor } from './svm-blob/fixes.ts'
import { analyseSvmBlob, type SvmBlobAnalysis } from './svm-blob/language.ts'

export interface ImageAnalysis {
  readonly language: 'image' | 'launch'
  readonly text: string
  readonly configurations: readonly ImageConfiguration[]
  readonly findings: readonly TextFinding[]
}

export type Analysis = SvmBlobAnalysis | ImageAnalysis | DtsAnalysis

/**
 * Looks at a document.
 * @param publish is called once or more, the last time with everything; never for a document of no language of ours
 */
export async function analyse(
  document: TextDocument,
  files: Files,
  publish: (analysis: Analysis) => void,
): Promise<void> {
  const { uri } = document
  const text = document.getText()
  const language = languageOf(document)
  if (language === undefined) return
  if (language === 'dts') {
    publish(await analyseDts(text, uri, files))
    return
  }
  if (language === 'svm-blob') {
    await analyseSvmBlob(text, uri, files, publish)
    return
  }
  const configurations = configurationsOf(text, uri, language)
  const findings: TextFinding[] = []
  for (const configuration of configurations) findings.push(...(await inspectImage(configuration, files)))
  publish({ language, text, configurations, findings: bySeverity(findings) as TextFinding[] })
}

/** What corrects a finding of an analysis. */
export async function fixesOf(
  analysis: Analysis,
  finding: TextFinding,
  uri: string,
  files: Files,
): Promise<readonly Fix[]> {
  if (analysis.language === 'dts') return dtsFixes(analysis, finding)
  if (analysis.language !== 'svm-blob') return imageFixes(analysis.configurations, finding, files)
  return fixesFor({ text: analysis.text, parsed: analysis.parsed, finding, document: uri, files })
}
