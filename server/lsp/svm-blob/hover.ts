import type { Hover } from 'vscode-languageserver'
import { ruleOf } from '../../esm/rules.ts'
import type { SvmBlobEntry } from '../../esm/svm-blob.ts'
import type { Position, TextFinding } from '../../esm/svm-yaml.ts'
import type { Files } from '../files.ts'
import { contains } from '../ranges.ts'
import { factsOf } from './facts.ts'
import { valueAt } from './symbols.ts'
import { KEYS, KINDS } from './words.ts'

/** What is to be told about a place: the rules that fire there, what is behind a value, the meaning of a key. */
export async function hoverAt(
  entries: readonly SvmBlobEntry[],
  findings: readonly TextFinding[],
  position: Position,
  document: string,
  files: Files,
): Promise<Hover | undefined> {
  const here = findings.filter(({ range }) => contains(range, position))
  const parts = here.map(explainRule)
  const value = valueAt(entries, (range) => contains(range, position))
  const entry = entries.find(({ key }) => contains(key.range, position))
  if (value) {
    const order = entries.filter(({ kind }) => kind === value.entry.kind).indexOf(value.entry)
    const facts = await factsOf(value.entry, value.name, order, document, files)
    const known = facts?.lines.map((line) => `- ${line}`).join('\n')
    parts.push([`**${value.name}**: ${KEYS[value.name]}`, known].filter(Boolean).join('\n\n'))
  } else if (entry && here.length === 0) parts.push(KINDS[entry.kind])
  if (parts.length === 0) return undefined
  const range = here[0]?.range ?? value?.value.range ?? entry?.key.range
  return {
    contents: { kind: 'markdown', value: parts.join('\n\n---\n\n') },
    ...(range && { range: { start: range.start, end: range.end } }),
  }
}

/** A rule that fired, in full. */
export function explainRule({ rule, message }: TextFinding): string {
  const { effect, fix, section } = ruleOf(rule)
  return `**${rule}**: ${message}\n\nWhat happens: ${effect}\n\nTo correct it: ${fix}\n\n_${section}_`
}
