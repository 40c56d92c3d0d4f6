import { type CompletionItem, CompletionItemKind, InsertTextFormat } from 'vscode-languageserver'
import { ENTRY_KINDS, type EntryKind } from '../../esm/svm-blob.ts'
import type { Position } from '../../esm/svm-yaml.ts'
import type { Files } from '../files.ts'
import { inLine } from '../ranges.ts'
import { type Place, placeAt } from './context.ts'
import { KEYS, KINDS, plainTemplate, snippetTemplate } from './words.ts'

/** Names of files that fit a key best; all others come behind them. */
const LIKELY: Readonly<Record<string, RegExp>> = {
  pubkey: /\.(pub|pem)$/i,
  seckey: /\.(sec|key)$|secret|private/i,
  kernel: /^vmlinux|\.elf$/i,
  initramfs: /^initr|\.cpio|\.img$/i,
}

/** Entries, keys and paths. @param snippets whether the editor takes places to fill in */
export async function completeSvmBlob(
  text: string,
  position: Position,
  document: string,
  files: Files,
  snippets: boolean,
): Promise<CompletionItem[]> {
  const place = placeAt(text, position)
  switch (place?.at) {
    case 'kind':
      return kinds(place, position, snippets)
    case 'key':
      return keys(place, position, snippets)
    case 'value':
      return values(place, position, document, files)
    default:
      return []
  }
}

function kinds(
  { from, hasDash }: Extract<Place, { at: 'kind' }>,
  position: Position,
  snippets: boolean,
): CompletionItem[] {
  return (Object.keys(ENTRY_KINDS) as EntryKind[]).map((kind, order) => {
    const lines = snippets ? snippetTemplate(kind) : plainTemplate(kind)
    return {
      label: kind,
      kind: CompletionItemKind.Struct,
      documentation: { kind: 'markdown', value: KINDS[kind] },
      sortText: String(order),
      filterText: hasDash ? kind : `- ${kind}`,
      insertTextFormat: snippets ? InsertTextFormat.Snippet : InsertTextFormat.PlainText,
      textEdit: {
        range: inLine(position.line, from, position.character),
        newText: `${hasDash ? '' : '- '}${lines.join('\n')}`,
      },
    }
  })
}

function keys(
  { kind, from, present }: Extract<Place, { at: 'key' }>,
  position: Position,
  snippets: boolean,
): CompletionItem[] {
  const { required, optional } = ENTRY_KINDS[kind]
  return [...required, ...optional]
    .filter((key) => !present.has(key))
    .map((key) => ({
      label: key,
      kind: CompletionItemKind.Property,
      detail: required.includes(key) ? 'required' : 'optional',
      documentation: { kind: 'markdown', value: KEYS[key]! },
      sortText: `${required.includes(key) ? 0 : 1}${key}`,
      insertTextFormat: snippets ? InsertTextFormat.Snippet : InsertTextFormat.PlainText,
      textEdit: {
        range: inLine(position.line, from, position.character),
        newText: snippets ? `${key}: "$0"` : `${key}: `,
      },
    }))
}

async function values(
  place: Extract<Place, { at: 'value' }>,
  position: Position,
  document: string,
  files: Files,
): Promise<CompletionItem[]> {
  if (place.key === 'args' && place.kind === 'digest') return bootArguments(place, position)
  if (!ENTRY_KINDS[place.kind].paths.includes(place.key)) return []
  return paths(place, position, document, files)
}

/** Words of a command line that secure VMs have. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  'svm=on': 'The kernel executes UV_ESM: without it the VM stays a normal one.',
  'console=hvc0': 'The console of the hypervisor.',
  'xive=off': 'The older interrupt controller.',
}

function bootArguments({ typed }: Extract<Place, { at: 'value' }>, position: Position): CompletionItem[] {
  const word = /\S*$/.exec(typed)![0]
  const there = new Set(typed.split(/\s+/))
  return Object.entries(ARGUMENTS)
    .filter(([argument]) => !there.has(argument) || argument === word)
    .map(([argument, value]) => ({
      label: argument,
      kind: CompletionItemKind.Value,
      documentation: value,
      textEdit: {
        range: inLine(position.line, position.character - word.length, position.character),
        newText: argument,
      },
    }))
}

/** Files and folders where the path has led so far. */
async function paths(
  { key, from, typed, quote }: Extract<Place, { at: 'value' }>,
  position: Position,
  document: string,
  files: Files,
): Promise<CompletionItem[]> {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1)
  const start = from + quote.length + folder.length
  const names = new Set<string>()
  for (const uri of files.candidates(document, folder || '.'))
    for (const name of await files.host.list(uri)) if (!name.startsWith('.')) names.add(name)
  return [...names].map((name) => {
    const isFolder = name.endsWith('/')
    const likely = LIKELY[key]?.test(name) ?? false
    return {
      label: name,
      kind: isFolder ? CompletionItemKind.Folder : CompletionItemKind.File,
      sortText: `${likely ? 0 : isFolder ? 1 : 2}${name}`,
      textEdit: { range: inLine(position.line, start, position.character), newText: name },
      // The next part of the path.
      ...(isFolder && { command: { title: 'Suggest', command: 'editor.action.triggerSuggest' } }),
    }
  })
}
