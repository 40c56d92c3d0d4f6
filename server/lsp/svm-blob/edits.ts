/** Rename of attachments, and formatting that keeps comments. */
import type { TextEdit } from 'vscode-languageserver'
import { Lexer, parseDocument } from 'yaml'
import { parseSvmBlob, type SvmBlobEntry } from '../../esm/svm-blob.ts'
import type { Position, TextRange } from '../../esm/svm-yaml.ts'
import { isAttachmentName } from '../../esm/verify/attachments.ts'
import { contains, linesOf } from '../ranges.ts'
import { attachmentName } from './inspect.ts'

/** The attachment whose name stands at a place. */
export function attachmentAt(
  entries: readonly SvmBlobEntry[],
  position: Position,
): { entry: SvmBlobEntry; range: TextRange; name: string } | undefined {
  for (const entry of entries) {
    const name = entry.kind === 'file' ? entry.values.get('name') : undefined
    if (name && contains(name.range, position)) return { entry, range: name.range, name: name.text }
  }
  return undefined
}

/** Why an attachment cannot be renamed so; undefined where it can. */
export function renameProblem(entries: readonly SvmBlobEntry[], entry: SvmBlobEntry, name: string): string | undefined {
  if (!isAttachmentName(name))
    return `${JSON.stringify(name)} is no name for an attachment: a letter, and up to 30 more of letters, digits and , . _ + -`
  const other = entries.find((one) => one !== entry && one.kind === 'file' && attachmentName(one) === name)
  return other ? `There is an attachment ${name} already.` : undefined
}

/**
 * The text with one indentation and without blanks at the ends of lines; comments, anchors and quotation marks stay.
 * @returns no edit where the text cannot be read, would mean something else afterwards, or would lose a comment
 */
export function formatSvmBlob(text: string): TextEdit[] {
  // The library keeps the carriage return of a comment, and writes another one.
  const document = parseDocument(text.replaceAll('\r\n', '\n'), {
    version: '1.1',
    schema: 'failsafe',
    uniqueKeys: false,
  })
  if (document.errors.length > 0) return []
  const plain = document.toString({ lineWidth: 0, indent: 2, flowCollectionPadding: false })
  const formatted = text.includes('\r\n') ? plain.replaceAll('\n', '\r\n') : plain
  if (formatted === text || meaning(formatted) !== meaning(text)) return []
  const lines = linesOf(text)
  const end = { line: lines.length - 1, character: lines.at(-1)!.length }
  return [{ range: { start: { line: 0, character: 0 }, end }, newText: formatted }]
}

/** What svm-tool would make of it, and people: its comments, in their order. */
function meaning(text: string): string {
  const { entries, findings } = parseSvmBlob(text)
  return JSON.stringify([
    entries.map(({ kind, values }) => [kind, [...values].map(([name, value]) => [name, value.text])]),
    findings.map(({ rule }) => rule),
    [...new Lexer().lex(text)].filter((token) => token.startsWith('#')).map((comment) => comment.trimEnd()),
  ])
}
