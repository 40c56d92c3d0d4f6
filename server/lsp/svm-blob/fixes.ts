/** Quick fixes: for each rule that a change of the text can satisfy, that change. */
import type { TextEdit } from 'vscode-languageserver'
import { ENTRY_KINDS, type EntryKind } from '../../esm/svm-blob.ts'
import type { Fix } from '../fix.ts'
import { linesOf, wholeLines } from '../ranges.ts'
import { nearest } from '../words.ts'
import { agree, anyVmlinux, exportPublicKey, machineFirst, missingFile } from './file-fixes.ts'
import {
  entryOf,
  type FixContext,
  type Fixer,
  foundText,
  insertLines,
  quoted,
  replace,
  valueHere,
} from './fix-context.ts'
import { attachmentName } from './inspect.ts'
import { blocksOf } from './symbols.ts'
import { plainTemplate, templateLine } from './words.ts'

/** A new entry where entries of its kind stand: origin first, the others at the end. */
function addEntry({ text, parsed }: FixContext, kind: EntryKind): Fix {
  const [first, ...rest] = plainTemplate(kind)
  const start = Math.min(...parsed.entries.map(({ key }) => key.range.start.line))
  const isFirst = kind === 'origin' && Number.isFinite(start)
  const at = isFirst ? start : linesOf(text).length
  return {
    title: `Add an entry "${kind}"`,
    edits: [insertLines(text, at, [`- ${first}`, ...rest])],
    preferred: true,
  }
}

function removeEntry(context: FixContext, title: string): Fix[] {
  const entry = entryOf(context)
  const range = entry && blocksOf(context.text, context.parsed.entries).get(entry)
  return range ? [{ title, edits: [{ range, newText: '' }], preferred: true }] : []
}

const removeLine = (context: FixContext, title: string): Fix[] => {
  const { line } = context.finding.range.start
  return [{ title, edits: [{ range: wholeLines(line, line + 1), newText: '' }], preferred: true }]
}

const FIXES: Readonly<Record<string, Fixer>> = {
  // A tab in the indentation
  ESM100: ({ text }) => {
    const edits = linesOf(text).flatMap((content, line): TextEdit[] => {
      const white = /^\s*/.exec(content)![0]
      if (!white.includes('\t')) return []
      return [
        {
          range: { start: { line, character: 0 }, end: { line, character: white.length } },
          newText: white.replaceAll('\t', '    '),
        },
      ]
    })
    return edits.length > 0 ? [{ title: 'Indent with spaces', edits, preferred: true }] : []
  },
  ESM101: ({ text }) => {
    if (text.trim() === '')
      return [
        { title: 'Begin with every entry that is needed', edits: [insertLines('', 0, everything())], preferred: true },
      ]
    const edits = linesOf(text).flatMap((content, line): TextEdit[] => {
      if (/^\s*(#|$)/.test(content)) return []
      const start = { line, character: 0 }
      return [{ range: { start, end: start }, newText: /^\s/.test(content) ? '  ' : '- ' }]
    })
    return [{ title: 'Make each of them an entry of a list', edits, preferred: true }]
  },
  ESM102: (context) => splitEntry(context),
  ESM103: (context) => {
    const kind = nearest(foundText(context), Object.keys(ENTRY_KINDS))
    return kind ? [{ title: `Change it to "${kind}"`, edits: [replace(context, kind)], preferred: true }] : []
  },
  ESM104: (context) => [addEntry(context, 'origin')],
  ESM105: (context) => {
    const entry = entryOf(context)
    if (!entry) return []
    const secret = entry.values.get('seckey')?.range.start.line
    const edits = [replace(context, 'recipient')]
    if (secret !== undefined) edits.push({ range: wholeLines(secret, secret + 1), newText: '' })
    return [
      { title: 'Make it a recipient', edits, preferred: true },
      ...removeEntry(context, 'Remove this origin').map(second),
    ]
  },
  ESM106: (context) => {
    const allowed = allowedIn(context)
    const [wanted] = allowed.includes(context.finding.expected)
      ? [context.finding.expected]
      : [nearest(foundText(context), allowed)]
    const fixes: Fix[] = wanted
      ? [{ title: `Change it to "${wanted}"`, edits: [replace(context, wanted)], preferred: true }]
      : []
    return [...fixes, ...removeLine(context, 'Remove this line').map(second)]
  },
  ESM107: (context) => {
    const entry = entryOf(context)
    if (!entry) return []
    const missing = ENTRY_KINDS[entry.kind].required.filter((name) => !entry.values.has(name))
    const values = [...entry.values.values()]
    const indent = values[0] ? /^\s*/.exec(linesOf(context.text)[values[0].range.start.line]!)![0] : '    '
    const lines = missing.map((name) => `${indent}${templateLine(entry.kind, name)}`)
    const edits = [insertLines(context.text, entry.key.range.start.line + 1, lines)]
    return [{ title: `Add ${missing.join(', ')}`, edits, preferred: true }]
  },
  ESM108: (context) => {
    const found = foundText(context)
    if (/[\n:[\]{}]/.test(found) || found === '' || /^\w+$/.test(found) === false) return []
    // Where there is no value, the finding is at its key.
    return /^["']/.test(found) || isKey(context)
      ? []
      : [{ title: 'Put it into quotation marks', edits: [replace(context, quoted(found))], preferred: true }]
  },
  ESM109: (context) => [oneLine(context, ' ')],
  ESM110: (context) => missingFile(context),
  ESM112: (context) => {
    const entry = entryOf(context)
    const [pubkey, seckey] = [entry?.values.get('pubkey'), entry?.values.get('seckey')]
    if (!pubkey || !seckey) return []
    const edits = [
      { range: pubkey.range as TextEdit['range'], newText: quoted(seckey.text) },
      { range: seckey.range as TextEdit['range'], newText: quoted(pubkey.text) },
    ]
    return [{ title: 'Swap pubkey and seckey', edits, preferred: true }]
  },
  ESM054: (context) => agree(context),
  ESM056: (context) => agree(context),
  ESM057: (context) => agree(context),
  ESM113: (context) => exportPublicKey(context),
  ESM114: (context) => exportPublicKey(context),
  ESM115: (context) => exportPublicKey(context),
  ESM116: (context) => removeEntry(context, 'Remove this entry'),
  ESM117: (context) => [addEntry(context, 'recipient')],
  ESM118: (context) => [addEntry(context, 'digest')],
  ESM119: (context) => removeEntry(context, 'Remove this digest'),
  ESM120: (context) => anyVmlinux(context),
  ESM122: (context) => [oneLine(context, ' ')],
  ESM123: (context) => {
    const { start } = context.finding.range
    const line = linesOf(context.text)[start.line]!
    const end = { line: start.line, character: line.length }
    const newText = quoted(line.slice(start.character).trimEnd())
    return [
      {
        title: 'Put the whole line into quotation marks',
        edits: [{ range: { start, end }, newText }],
        preferred: true,
      },
    ]
  },
  ESM124: (context) => attachmentNames(context),
  ESM125: (context) => removeLine(context, 'Remove this line'),
  ESM128: ({ text }) => {
    const edits = linesOf(text).flatMap((content, line): TextEdit[] =>
      line > 0 && /^(---|\.\.\.)\s*(#.*)?$/.test(content) ? [{ range: wholeLines(line, line + 1), newText: '' }] : [],
    )
    return edits.length > 0 ? [{ title: 'Make it one document', edits, preferred: true }] : []
  },
  ESM129: (context) => machineFirst(context),
  ESM058: (context) => {
    const value = valueHere(context)
    const text = value?.text.trim().replace(/\s+/g, ' ')
    return text
      ? [{ title: 'One blank between the words, none around them', edits: [replace(context, quoted(text))] }]
      : []
  },
  ESM059: (context) => {
    const value = valueHere(context)
    if (!value) return []
    const text = `${value.text.replace(/\s*\bsvm=\S*/g, '').trim()} svm=on`.trim()
    return [{ title: 'Append svm=on', edits: [replace(context, quoted(text))], preferred: true }]
  },
  ESM064: (context) => attachmentNames(context),
  ESM140: (context) => {
    const value = valueHere(context)
    const command = { title: 'Protect the key', command: 'pef.protectKey', arguments: [context.document, value?.text] }
    return value ? [{ title: 'Let nobody but its owner read it', command, preferred: true }] : []
  },
}

const second = (fix: Fix): Fix => ({ ...fix, preferred: false })

function everything(): string[] {
  return (['origin', 'recipient', 'digest'] as const).flatMap((kind) => {
    const [first, ...rest] = plainTemplate(kind)
    return [`- ${first}`, ...rest]
  })
}

function allowedIn(context: FixContext): readonly string[] {
  const entry = entryOf(context)
  if (!entry) return []
  const { required, optional } = ENTRY_KINDS[entry.kind]
  return [...required, ...optional].filter((name) => !entry.values.has(name))
}

/** Is the finding at a key? */
function isKey({ text, finding }: FixContext): boolean {
  return /^\s*:/.test(text.slice((finding.offset ?? 0) + (finding.length ?? 0)))
}

function oneLine(context: FixContext, between: string): Fix {
  const text = (valueHere(context)?.text ?? '').trim().replace(/\s*\n\s*/g, between)
  const body = foundText(context)
  // A block scalar ends with the line break behind it.
  const newText = quoted(text) + (body.endsWith('\n') ? '\n' : '')
  return { title: 'Write it as one line', edits: [replace(context, newText)], preferred: true }
}

/** A name that is accepted and that no other attachment has. */
function attachmentNames(context: FixContext): Fix[] {
  const entry = entryOf(context)
  const old = entry && attachmentName(entry)
  if (!entry || !old) return []
  const others = new Set(
    context.parsed.entries.filter((one) => one !== entry && one.kind === 'file').map(attachmentName),
  )
  const letters = old.replace(/[^0-9A-Za-z,._+-]/g, '_').replace(/^[^A-Za-z]+/, '') || 'file'
  let name = letters.slice(0, 31)
  for (let number = 2; others.has(name); number++) name = `${letters.slice(0, 28)}-${number}`
  const value = entry.values.get('name')
  if (value)
    return [
      {
        title: `Name it "${name}"`,
        edits: [{ range: value.range as TextEdit['range'], newText: quoted(name) }],
        preferred: true,
      },
    ]
  const path = entry.values.get('path')!
  const indent = /^\s*/.exec(linesOf(context.text)[path.range.start.line]!)![0]
  const edits = [insertLines(context.text, path.range.start.line, [`${indent}name: ${quoted(name)}`])]
  return [{ title: `Name it "${name}"`, edits, preferred: true }]
}

/** An entry of several keys: those of another entry begin one, the others are values of the first. */
function splitEntry({ text, finding: { range } }: FixContext): Fix[] {
  const lines = linesOf(text)
  const column = range.start.character
  const edits: TextEdit[] = []
  for (let line = range.start.line + 1; line < range.end.line + 1 && line < lines.length; line++) {
    const [, white = '', key] = /^( *)([A-Za-z]+):/.exec(lines[line]!) ?? []
    if (key === undefined || white.length !== column || column < 2) continue
    const start = { line, character: column - 2 }
    if (key in ENTRY_KINDS) edits.push({ range: { start, end: { line, character: column } }, newText: '- ' })
    else edits.push({ range: { start, end: start }, newText: '  ' })
  }
  return edits.length > 0 ? [{ title: 'Make it one key with its values', edits, preferred: true }] : []
}

/** What corrects a finding; none where that takes a person. */
export async function fixesFor(context: FixContext): Promise<readonly Fix[]> {
  return (await FIXES[context.finding.rule]?.(context)) ?? []
}
