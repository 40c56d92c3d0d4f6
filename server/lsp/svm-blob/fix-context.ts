/** What quick fixes of svm_blob.yml look at, and the edits that they are made of. */
import type { TextEdit } from 'vscode-languageserver'
import type { ParsedSvmBlob, SvmBlobEntry } from '../../esm/svm-blob.ts'
import type { TextFinding, YamlText } from '../../esm/svm-yaml.ts'
import type { Files } from '../files.ts'
import type { Fix } from '../fix.ts'
import { linesOf, wholeLines } from '../ranges.ts'
import { blocksOf } from './symbols.ts'

/** What a fix may look at. */
export interface FixContext {
  readonly text: string
  readonly parsed: ParsedSvmBlob
  readonly finding: TextFinding
  /** Uri of the document. */
  readonly document: string
  readonly files: Files
}

export type Fixer = (context: FixContext) => readonly Fix[] | Promise<readonly Fix[]>

/** What stands in the text at the finding. */
export const foundText = ({ text, finding }: FixContext): string =>
  text.slice(finding.offset, (finding.offset ?? 0) + (finding.length ?? 0))

export const replace = ({ finding }: FixContext, newText: string): TextEdit => ({
  range: { start: finding.range.start, end: finding.range.end },
  newText,
})

/** The entry that a finding is in. */
export function entryOf({ text, parsed, finding }: FixContext): SvmBlobEntry | undefined {
  const blocks = blocksOf(text, parsed.entries)
  return parsed.entries.find((entry) => {
    const { start, end } = blocks.get(entry)!
    return finding.range.start.line >= start.line && finding.range.start.line < Math.max(end.line, start.line + 1)
  })
}

/** Text as YAML that reads as text whatever is in it. */
export const quoted = (text: string): string => JSON.stringify(text)

/** Puts lines in front of a line; behind the last one where there are fewer. */
export function insertLines(text: string, at: number, lines: readonly string[]): TextEdit {
  const all = linesOf(text)
  if (at < all.length) return { range: wholeLines(at, at), newText: `${lines.join('\n')}\n` }
  const last = all.length - 1
  const end = { line: last, character: all[last]!.length }
  return { range: { start: end, end }, newText: `${all[last] === '' ? '' : '\n'}${lines.join('\n')}\n` }
}

/** The value that a finding is about. */
export function valueHere({ parsed, finding }: FixContext): YamlText | undefined {
  const at = finding.range.start
  return parsed.entries
    .flatMap(({ values }) => [...values.values()])
    .find(({ range }) => range.start.line === at.line && range.start.character === at.character)
}
