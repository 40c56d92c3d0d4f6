/** Where the cursor is in an svm_blob.yml that may be half written: told by its lines, since it may not be YAML yet. */
import { ENTRY_KINDS, type EntryKind } from '../../esm/svm-blob.ts'
import type { Position } from '../../esm/svm-yaml.ts'
import { linesOf } from '../ranges.ts'

export type Place =
  /** Where the kind of an entry is expected. `from`: where what is typed begins; `hasDash`: the `- ` is there. */
  | { readonly at: 'kind'; readonly from: number; readonly hasDash: boolean }
  /** Where a key of an entry is expected. `present`: the keys that it has. `indent`: what stands in front. */
  | {
      readonly at: 'key'
      readonly kind: EntryKind
      readonly from: number
      readonly present: ReadonlySet<string>
      readonly indent: string
    }
  /** Where a value is expected. `typed`: what stands there up to the cursor, without its quotation mark. */
  | {
      readonly at: 'value'
      readonly kind: EntryKind
      readonly key: string
      readonly from: number
      readonly typed: string
      readonly quote: '"' | "'" | ''
    }

const ENTRY = /^(\s*)-\s+(\w+)\s*:/
const KEY = /^(\s+)([\w-]+)\s*:/

export function placeAt(text: string, { line, character }: Position): Place | undefined {
  const lines = linesOf(text)
  const before = (lines[line] ?? '').slice(0, character)
  if (/^\s*#/.test(before)) return undefined
  const dash = /^(\s*-\s+)\w*$/.exec(before)
  if (dash) return { at: 'kind', from: dash[1]!.length, hasDash: true }
  if (/^-?$/.test(before)) return { at: 'kind', from: 0, hasDash: false }
  const owner = ownerOf(lines, line)
  if (!owner) return /^\w*$/.test(before) ? { at: 'kind', from: 0, hasDash: false } : undefined
  const value = /^\s+([\w-]+)\s*:(\s+)(["']?)(.*)$/.exec(before)
  if (value) {
    const [, key, , mark, typed] = value as unknown as [string, string, string, '"' | "'" | '', string]
    return { at: 'value', kind: owner.kind, key, from: character - typed.length - mark.length, typed, quote: mark }
  }
  const key = /^(\s+)[\w-]*$/.exec(before)
  if (!key) return undefined
  return {
    at: 'key',
    kind: owner.kind,
    from: key[1]!.length,
    present: keysOf(lines, owner.line, line),
    indent: key[1]!,
  }
}

/** The entry that a line belongs to. */
function ownerOf(lines: readonly string[], line: number): { kind: EntryKind; line: number } | undefined {
  for (let at = line; at >= 0; at--) {
    const entry = ENTRY.exec(lines[at] ?? '')
    if (!entry) continue
    const kind = entry[2]!
    return kind in ENTRY_KINDS ? { kind: kind as EntryKind, line: at } : undefined
  }
  return undefined
}

/** Keys of the entry that begins in a line; the line of the cursor does not count. */
function keysOf(lines: readonly string[], start: number, cursor: number): Set<string> {
  const keys = new Set<string>()
  for (let at = start + 1; at < lines.length && !/^\s*-\s/.test(lines[at]!); at++) {
    const key = at === cursor ? undefined : KEY.exec(lines[at]!)?.[2]
    if (key) keys.add(key)
  }
  return keys
}
