/** Colours that a grammar cannot give: which words svm-tool knows, which paths lead to a file, what is secret. */
import { type SemanticTokens, SemanticTokensBuilder, type SemanticTokensLegend } from 'vscode-languageserver'
import { namesIn } from '../esm/explain.ts'
import { ENTRY_KINDS, type SvmBlobEntry } from '../esm/svm-blob.ts'
import type { TextRange } from '../esm/svm-yaml.ts'
import { type DtsAnalysis, nodesOf } from './dts/language.ts'
import type { Files } from './files.ts'
import { linesOf } from './ranges.ts'
import type { SvmBlobAnalysis } from './svm-blob/language.ts'
import { blocksOf } from './svm-blob/symbols.ts'

const TYPES = ['class', 'property', 'keyword', 'operandFile', 'privateKey'] as const
type TokenType = (typeof TYPES)[number]

/** `operandFile` and `privateKey` are the extension's own: its manifest says what themes take them for. */
export const TOKEN_LEGEND: SemanticTokensLegend = { tokenTypes: [...TYPES], tokenModifiers: [] }

interface Token {
  readonly line: number
  readonly character: number
  readonly length: number
  readonly type: TokenType
}

/** Entries, the keys that svm-tool knows in each, paths that lead to a file, and the words of `args` that make a VM secure. */
export async function svmBlobTokens(
  { text, parsed: { entries } }: SvmBlobAnalysis,
  document: string,
  files: Files,
): Promise<SemanticTokens> {
  const tokens: Token[] = []
  const blocks = blocksOf(text, entries)
  const lines = linesOf(text)
  for (const entry of entries) {
    tokens.push(...tokenOf(entry.key.range, 'class'))
    tokens.push(...knownKeys(entry, blocks.get(entry)!, lines))
    for (const [name, value] of entry.values) {
      const isPath = ENTRY_KINDS[entry.kind].paths.includes(name)
      if (isPath && (await files.find(document, value.text)))
        tokens.push(...tokenOf(value.range, name === 'seckey' ? 'privateKey' : 'operandFile'))
      if (name === 'args') tokens.push(...wordsOf(value.range, lines))
    }
  }
  return build(tokens)
}

function knownKeys({ kind, key, values }: SvmBlobEntry, block: TextRange, lines: readonly string[]): Token[] {
  const { required, optional } = ENTRY_KINDS[kind]
  const tokens: Token[] = []
  for (let line = key.range.start.line; line <= Math.min(block.end.line, lines.length - 1); line++) {
    const [, indent, name] = /^(\s+)([\w-]+)\s*:/.exec(lines[line]!) ?? []
    if (name !== undefined && values.has(name) && [...required, ...optional].includes(name))
      tokens.push({ line, character: indent!.length, length: name.length, type: 'property' })
  }
  return tokens
}

function wordsOf({ start, end }: TextRange, lines: readonly string[]): Token[] {
  if (start.line !== end.line) return []
  const value = lines[start.line]!.slice(start.character, end.character)
  return [...value.matchAll(/(?<![^\s"'])(?:svm=on|swiotlb=\S*?force)(?![^\s"'])/g)].map(({ 0: word, index }) => ({
    line: start.line,
    character: start.character + index,
    length: word.length,
    type: 'keyword',
  }))
}

/** The nodes and properties that an operand has, where they are in their place. */
export function dtsTokens({ operand }: DtsAnalysis): SemanticTokens {
  const tokens: Token[] = []
  const { findings, root } = operand.parsed
  for (const { node, path } of nodesOf(root)) {
    const names = namesIn(path)
    const isKnown = (name: string) => names.some((known) => known.name === name)
    for (const { name, nameSpan } of node.properties)
      if (isKnown(name)) tokens.push(...tokenOf(findings.range(...nameSpan), 'property'))
    // Of other recipients there may be any number, with names of their own.
    for (const { name, nameSpan } of node.children)
      if (isKnown(name) || path === '/lockboxes') tokens.push(...tokenOf(findings.range(...nameSpan), 'class'))
  }
  return build(tokens)
}

function tokenOf({ start, end }: TextRange, type: TokenType): Token[] {
  if (start.line !== end.line) return []
  return [{ ...start, length: end.character - start.character, type }]
}

function build(tokens: readonly Token[]): SemanticTokens {
  const builder = new SemanticTokensBuilder()
  const inOrder = [...tokens].sort((a, b) => a.line - b.line || a.character - b.character)
  for (const { line, character, length, type } of inOrder) builder.push(line, character, length, TYPES.indexOf(type), 0)
  return builder.build()
}
