import { type DocumentSymbol, type FoldingRange, FoldingRangeKind, SymbolKind } from 'vscode-languageserver'
import type { EntryKind, SvmBlobEntry } from '../../esm/svm-blob.ts'
import type { TextRange, YamlText } from '../../esm/svm-yaml.ts'
import { linesOf } from '../ranges.ts'
import { attachmentName } from './inspect.ts'

const SYMBOLS: Readonly<Record<EntryKind, SymbolKind>> = {
  origin: SymbolKind.Key,
  recipient: SymbolKind.Key,
  digest: SymbolKind.Module,
  file: SymbolKind.File,
}

/** The outline: one symbol an entry, with its values inside. */
export function symbolsOf(text: string, entries: readonly SvmBlobEntry[]): DocumentSymbol[] {
  const blocks = blocksOf(text, entries)
  let recipients = 0
  return entries.map((entry) => {
    const { kind, key, values } = entry
    const place = kind === 'recipient' ? `lockbox-${++recipients}` : undefined
    const name = kind === 'file' ? attachmentName(entry) : values.get('comment')?.text
    return {
      name: [kind, name].filter(Boolean).join(' '),
      detail: place ?? values.get('pubkey')?.text ?? values.get('kernel')?.text ?? values.get('path')?.text,
      kind: SYMBOLS[kind],
      range: blocks.get(entry)!,
      selectionRange: key.range,
      children: [...values].map(([name, value]) => ({
        name,
        detail: value.text,
        kind: SymbolKind.Property,
        range: value.range,
        selectionRange: value.range,
      })),
    }
  })
}

/** The lines that each entry takes: from its dash to its last value, with the line break behind. */
export function blocksOf(text: string, entries: readonly SvmBlobEntry[]): Map<SvmBlobEntry, TextRange> {
  const lines = linesOf(text)
  const starts = entries.map(({ key }) => key.range.start.line).sort((a, b) => a - b)
  const blocks = new Map<SvmBlobEntry, TextRange>()
  for (const entry of entries) {
    const start = entry.key.range.start.line
    let end = starts.find((line) => line > start) ?? lines.length
    while (end > start + 1 && /^\s*(#.*)?$/.test(lines[end - 1] ?? '')) end--
    const last =
      end >= lines.length ? { line: lines.length - 1, character: lines.at(-1)!.length } : { line: end, character: 0 }
    blocks.set(entry, { start: { line: start, character: 0 }, end: last })
  }
  return blocks
}

/** What can be folded: entries, and comments of several lines. */
export function foldsOf(text: string, entries: readonly SvmBlobEntry[]): FoldingRange[] {
  const folds: FoldingRange[] = []
  for (const { start, end } of blocksOf(text, entries).values()) {
    const endLine = end.character === 0 ? end.line - 1 : end.line
    if (endLine > start.line) folds.push({ startLine: start.line, endLine })
  }
  const lines = linesOf(text)
  for (let line = 0; line < lines.length; line++) {
    const startLine = line
    while (/^\s*#/.test(lines[line] ?? '')) line++
    if (line > startLine + 1) folds.push({ startLine, endLine: line - 1, kind: FoldingRangeKind.Comment })
  }
  return folds.sort((a, b) => a.startLine - b.startLine)
}

/** The value at a place, with the key that it belongs to. */
export function valueAt(
  entries: readonly SvmBlobEntry[],
  test: (range: TextRange) => boolean,
): { entry: SvmBlobEntry; name: string; value: YamlText } | undefined {
  for (const entry of entries)
    for (const [name, value] of entry.values) if (test(value.range)) return { entry, name, value }
  return undefined
}
