/** The source of an operand (.dts): what was found in a version of a document, and everything that is asked about it. */
import {
  type CompletionItem,
  CompletionItemKind,
  type DocumentSymbol,
  type FoldingRange,
  FoldingRangeKind,
  type Hover,
  type LocationLink,
  SymbolKind,
} from 'vscode-languageserver'
import { bytesAt, type DtsOperand, readDtsOperand, verifyDts } from '../../esm/dts/operand.ts'
import type { DtsNode, Span } from '../../esm/dts/parse.ts'
import { explainOperand, namesIn } from '../../esm/explain.ts'
import type { Position, TextFinding, TextRange } from '../../esm/svm-yaml.ts'
import type { Files } from '../files.ts'
import { keysBeside } from '../keys-beside.ts'
import { contains, linesOf } from '../ranges.ts'
import { explainRule } from '../svm-blob/hover.ts'
import { parentOf } from '../uris.ts'

export interface DtsAnalysis {
  readonly language: 'dts'
  readonly text: string
  readonly operand: DtsOperand
  readonly findings: readonly TextFinding[]
}

/** Looks at a text; where an svm_blob.yml beside it names the owner's key, at what is encrypted, too. */
export async function analyseDts(text: string, document: string, files: Files): Promise<DtsAnalysis> {
  const operand = readDtsOperand(text)
  const keys = operand.bytes ? await keysBeside(parentOf(document), files) : []
  const privateKeys = keys.map(({ key }) => key)
  return { language: 'dts', text, operand, findings: verifyDts(operand, { crypto: files.host.crypto, privateKeys }) }
}

/** The rules that fire at a place; what the node or property there is for, and its value. */
export function dtsHover({ operand, findings }: DtsAnalysis, position: Position, files: Files): Hover | undefined {
  const parts = findings.filter(({ range }) => contains(range, position)).map(explainRule)
  const bytes = operand.bytes && bytesAt(operand, offsetOf(operand, position))
  if (operand.bytes && bytes) {
    const { crypto } = files.host
    const here = explainOperand(operand.bytes, { crypto }).find(
      ({ offset, meaning }) =>
        meaning !== undefined && offset !== undefined && offset >= bytes.start && offset < bytes.end,
    )
    if (here) {
      const size = here.value === undefined ? '' : `\n\n\`${here.value}\` · ${here.length} bytes`
      parts.push(`**${here.name}**: ${here.meaning}${size}\n\nAt 0x${here.offset!.toString(16)} of the operand`)
    }
  }
  if (parts.length === 0) return undefined
  return { contents: { kind: 'markdown', value: parts.join('\n\n---\n\n') } }
}

/** The outline: nodes with their properties. */
export function dtsSymbols({ operand }: DtsAnalysis): DocumentSymbol[] {
  const { root } = operand.parsed
  return root ? [symbolOf(root, operand)] : []
}

function symbolOf(node: DtsNode, operand: DtsOperand): DocumentSymbol {
  return {
    name: node.name || '/',
    kind: SymbolKind.Namespace,
    range: rangeOf(operand, node.span),
    selectionRange: rangeOf(operand, node.nameSpan),
    children: [
      ...node.properties.map(({ name, span, nameSpan, value }) => ({
        name,
        detail: `${value.length} bytes`,
        kind: SymbolKind.Property,
        range: rangeOf(operand, span),
        selectionRange: rangeOf(operand, nameSpan),
      })),
      ...node.children.map((child) => symbolOf(child, operand)),
    ],
  }
}

/** Nodes, values of several lines, and comments of several lines. */
export function dtsFolds({ operand, text }: DtsAnalysis): FoldingRange[] {
  const folds: FoldingRange[] = []
  const add = (span: Span) => {
    const { start, end } = rangeOf(operand, span)
    // The last line stays in sight: it has the closing brace.
    if (end.line - 1 > start.line) folds.push({ startLine: start.line, endLine: end.line - 1 })
  }
  for (const { node } of nodesOf(operand.parsed.root)) {
    add(node.span)
    for (const { span } of node.properties) add(span)
  }
  for (const { 0: comment, index } of text.matchAll(/\/\*[\s\S]*?\*\//g)) {
    const { start, end } = rangeOf(operand, [index, index + comment.length])
    if (end.line > start.line) folds.push({ startLine: start.line, endLine: end.line, kind: FoldingRangeKind.Comment })
  }
  return folds.sort((a, b) => a.startLine - b.startLine)
}

/** From `&label` to the node that has it. */
export function dtsDefinition({ operand }: DtsAnalysis, position: Position, document: string): LocationLink[] {
  const { references, root } = operand.parsed
  const reference = references.find(({ span }) => contains(rangeOf(operand, span), position))
  if (!reference) return []
  for (const { node } of nodesOf(root))
    for (const { name, span } of node.labels)
      if (name === reference.name)
        return [
          {
            targetUri: document,
            targetRange: rangeOf(operand, node.span),
            targetSelectionRange: rangeOf(operand, span),
            originSelectionRange: rangeOf(operand, reference.span),
          },
        ]
  return []
}

/** Nodes and properties that an operand has at this place and the text has not yet. */
export function dtsCompletion(text: string, position: Position): CompletionItem[] {
  const operand = readDtsOperand(text)
  const line = linesOf(text)[position.line] ?? ''
  const before = line.slice(0, position.character)
  const typed = /^\s*([A-Za-z0-9,._-]*)$/.exec(before)?.[1]
  if (typed === undefined) return []
  const at = offsetOf(operand, position)
  const around = nodesOf(operand.parsed.root).filter(({ node: { span } }) => at > span[0] && at < span[1])
  const last = around.at(-1)
  if (!last) return []
  const { node, path } = last
  const there = new Set([...node.properties, ...node.children].map(({ name }) => name))
  // The word that is being typed is there as well, as a property that has no end yet.
  there.delete(typed)
  const start = { line: position.line, character: position.character - typed.length }
  return namesIn(path)
    .filter(({ name }) => !there.has(name))
    .map(({ name, isNode, meaning, value }, i) => ({
      label: name,
      kind: isNode ? CompletionItemKind.Module : CompletionItemKind.Property,
      detail: meaning,
      sortText: String(i).padStart(3, '0'),
      textEdit: { range: { start, end: position }, newText: isNode ? `${name} {\n};` : `${name} = ${value};` },
    }))
}

/** A node and its path; the root's is empty. */
interface PlacedNode {
  readonly node: DtsNode
  readonly path: string
}

/** From the root on, each in front of its children. */
export function nodesOf(node: DtsNode | undefined, path = ''): PlacedNode[] {
  if (!node) return []
  return [{ node, path }, ...node.children.flatMap((child) => nodesOf(child, `${path}/${child.name}`))]
}

function rangeOf({ parsed }: DtsOperand, [start, end]: Span): TextRange {
  const { start: from, end: to } = parsed.findings.range(start, end)
  return { start: from, end: to }
}

function offsetOf({ text }: DtsOperand, { line, character }: Position): number {
  let start = 0
  for (let i = 0; i < line; i++) start = text.indexOf('\n', start) + 1
  return start + character
}
