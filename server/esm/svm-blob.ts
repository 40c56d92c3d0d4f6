/**
 * svm_blob.yml: what an operand is made of (spec/esm-operand.md §10). Checks everything at once and says where; the paths are
 * resolved by whoever has files.
 */

import {
  describeValue,
  readYaml,
  type TextFinding,
  TextFindings,
  type YamlMap,
  type YamlText,
  type YamlValue,
} from './svm-yaml.ts'
import { isAttachmentName } from './verify/attachments.ts'
import { inspectBootargsText } from './verify/image.ts'

export type EntryKind = 'origin' | 'recipient' | 'digest' | 'file'

interface KindRule {
  readonly required: readonly string[]
  readonly optional: readonly string[]
  /** Which of them are paths. */
  readonly paths: readonly string[]
}

/** The grammar of an entry (spec/esm-operand.md §10.1). */
export const ENTRY_KINDS: Readonly<Record<EntryKind, KindRule>> = {
  origin: { required: ['pubkey', 'seckey'], optional: ['comment'], paths: ['pubkey', 'seckey'] },
  recipient: { required: ['pubkey'], optional: ['comment'], paths: ['pubkey'] },
  digest: { required: ['args', 'initramfs', 'kernel'], optional: ['comment'], paths: ['initramfs', 'kernel'] },
  file: { required: ['path'], optional: ['name', 'comment'], paths: ['path'] },
}

/** Names that people write instead. */
const MISTAKEN: Readonly<Record<string, string>> = {
  rename: 'name',
  bootargs: 'args',
  cmdline: 'args',
  append: 'args',
  initrd: 'initramfs',
  vmlinux: 'kernel',
}

/** One entry, with the values that have the right type. */
export interface SvmBlobEntry {
  readonly kind: EntryKind
  /** The key that names its kind. */
  readonly key: YamlText
  readonly values: ReadonlyMap<string, YamlText>
}

export interface SvmBlob {
  readonly origin: { readonly pubkey: string; readonly seckey: string; readonly comment: string }
  /** The first becomes lockbox-1. */
  readonly recipients: readonly { readonly pubkey: string; readonly comment: string }[]
  readonly digest: {
    readonly args: string
    readonly initramfs: string
    readonly kernel: string
    readonly comment: string
  }
  /** Each with its name: the last part of the path where none is given. */
  readonly files: readonly { readonly path: string; readonly name: string; readonly comment: string }[]
}

export interface ParsedSvmBlob {
  /** Present where no finding is an error. Paths are as written. */
  readonly document?: SvmBlob
  /** Every entry that can be told, wrong ones too. */
  readonly entries: readonly SvmBlobEntry[]
  readonly findings: readonly TextFinding[]
}

/** Reads svm_blob.yml: ESM058, ESM059, ESM064, ESM068, ESM100 to ESM109, ESM116 to ESM119, ESM122 to ESM125, ESM128. Never throws. */
export function parseSvmBlob(text: string): ParsedSvmBlob {
  const findings = new TextFindings(text)
  const root = readYaml(findings)
  if (!root) return { entries: [], findings: findings.list }
  if (root.kind !== 'list') {
    findings.add('ESM101', root, { found: describeValue(root) })
    return { entries: [], findings: findings.list }
  }
  const entries: SvmBlobEntry[] = []
  let sound = true
  for (const item of root.items) {
    const entry = readEntry(item, findings)
    if (entry) entries.push(entry)
    else sound = false
  }
  // The tool looks at the whole list only when it could tell every entry.
  if (sound) checkCounts(entries, root, findings)
  checkRepeats(entries, findings)
  const wrong = findings.list.some(({ severity }) => severity === 'E' || severity === 'X')
  return { document: wrong ? undefined : toDocument(entries), entries, findings: findings.list }
}

function readEntry(item: YamlValue, findings: TextFindings): SvmBlobEntry | undefined {
  const keys = item.kind === 'map' ? new Set(item.pairs.map(({ key }) => describeValue(key))) : undefined
  if (item.kind !== 'map' || keys!.size !== 1) {
    const found = item.kind === 'map' ? `${keys!.size} keys: ${[...keys!].join(', ')}` : describeValue(item)
    findings.add('ESM102', item, { found })
    return undefined
  }
  const { key, value } = item.pairs.at(-1)!
  if (key.kind !== 'text' || !(key.text in ENTRY_KINDS)) {
    const nearest = key.kind === 'text' ? Object.keys(ENTRY_KINDS).find((kind) => key.text.startsWith(kind)) : undefined
    findings.add('ESM103', key, { found: describeValue(key), ...(nearest ? { expected: `${nearest}, perhaps` } : {}) })
    return undefined
  }
  const kind = key.text as EntryKind
  if (value.kind === 'map') return { kind, key, values: readValues(kind, key, value, findings) }
  findings.add('ESM108', value, {
    expected: `a mapping with ${ENTRY_KINDS[kind].required.join(', ')}`,
    found: describeValue(value),
  })
  return { kind, key, values: new Map() }
}

function readValues(kind: EntryKind, owner: YamlText, map: YamlMap, findings: TextFindings): Map<string, YamlText> {
  const { required, optional } = ENTRY_KINDS[kind]
  const allowed = [...required, ...optional]
  const values = new Map<string, YamlText>()
  const unknown: YamlValue[] = []
  const present = new Set<string>()
  for (const { key, value } of map.pairs) {
    if (key.kind !== 'text' || !allowed.includes(key.text)) {
      unknown.push(key)
      continue
    }
    present.add(key.text)
    if (value.kind === 'text') values.set(key.text, value)
    else {
      values.delete(key.text)
      findings.add('ESM108', value, { expected: `text for ${key.text}`, found: describeValue(value) })
    }
  }
  const meant = new Set<string>()
  for (const key of unknown) {
    const instead = key.kind === 'text' ? MISTAKEN[key.text] : undefined
    const isMeant = instead !== undefined && allowed.includes(instead)
    if (isMeant) meant.add(instead)
    const expected = isMeant ? instead : `one of ${allowed.join(', ')}`
    findings.add('ESM106', key, { expected, found: describeValue(key) })
  }
  const missing = required.filter((name) => !present.has(name) && !meant.has(name))
  if (missing.length > 0)
    findings.add('ESM107', owner, { expected: required.join(', '), found: `no ${missing.join(', ')} in ${kind}` })
  checkValues(kind, values, unknown.length + missing.length === 0, findings)
  return values
}

const SECRET = /(pass(word|phrase|wd)?|secret|token|pin)\s*[:=]\s*\S|PRIVATE KEY|\S\.(sec|key)\b/i

/** @param complete whether the entry has its keys: else what it says about booting is not worth telling yet */
function checkValues(
  kind: EntryKind,
  values: ReadonlyMap<string, YamlText>,
  complete: boolean,
  findings: TextFindings,
): void {
  const comment = values.get('comment')
  if (comment?.text.includes('\n'))
    findings.add('ESM109', comment, { found: `${comment.text.split('\n').length} lines` })
  else if (comment && SECRET.test(comment.text))
    // Not the comment itself: messages go to logs.
    findings.add('ESM068', comment, { found: `${comment.text.length} characters that look like one` })
  const args = values.get('args')
  if (args && complete) checkArgs(args, findings)
  const name = values.get('name') ?? values.get('path')
  if (kind === 'file' && name) {
    const text = values.has('name') ? name.text : baseName(name.text)
    if (!isAttachmentName(text)) findings.add('ESM124', name, { found: JSON.stringify(text) })
  }
}

function checkArgs(args: YamlText, findings: TextFindings): void {
  const rest = findings.text.slice(args.span[1]).split(/\r?\n/, 1)[0]!
  if (args.style === 'plain' && (/^\s+#/.test(rest) || args.text.includes(': '))) {
    findings.add('ESM123', args, {
      found: `${JSON.stringify(args.text)}, and behind it ${JSON.stringify(rest.trim())}`,
    })
    return
  }
  if (args.text.endsWith('\n')) {
    findings.add('ESM122', args, { found: JSON.stringify(args.text.slice(-20)) })
    return
  }
  for (const { rule, found } of inspectBootargsText(args.text)) findings.add(rule, args, { found })
}

function checkCounts(entries: readonly SvmBlobEntry[], root: YamlValue, findings: TextFindings): void {
  const of = (kind: EntryKind) => entries.filter((entry) => entry.kind === kind)
  const start = findings.at(root.span[0], root.span[0] + 1)
  if (of('origin').length === 0) findings.add('ESM104', start, { found: 'none' })
  for (const extra of of('origin').slice(1))
    findings.add('ESM105', extra.key, { found: `${of('origin').length} origins` })
  if (of('recipient').length + of('file').length === 0) findings.add('ESM117', start, { found: 'neither' })
  else if (of('digest').length === 0) findings.add('ESM118', start, { found: 'none' })
  for (const extra of of('digest').slice(1))
    findings.add('ESM119', extra.key, { found: `${of('digest').length} digests` })
}

/** The same path twice: what two different files hold is told by whoever reads them. */
function checkRepeats(entries: readonly SvmBlobEntry[], findings: TextFindings): void {
  const keys = new Set<string>()
  for (const { kind, values } of [...entries].sort(
    (a, b) => Number(b.kind === 'origin') - Number(a.kind === 'origin'),
  )) {
    const path = kind === 'origin' || kind === 'recipient' ? values.get('pubkey') : undefined
    if (!path) continue
    const plain = path.text.replace(/^(\.\/+)+/, '')
    if (keys.has(plain)) findings.add('ESM116', path, { found: `${path.text} again` })
    keys.add(plain)
  }
  const names = new Set<string>()
  for (const { kind, values } of entries) {
    const place = values.get('name') ?? values.get('path')
    if (kind !== 'file' || !place) continue
    const name = values.has('name') ? place.text : baseName(place.text)
    if (names.has(name)) findings.add('ESM064', place, { found: `a second ${name}`, severity: 'E' })
    names.add(name)
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function toDocument(entries: readonly SvmBlobEntry[]): SvmBlob {
  const of = (kind: EntryKind) => entries.filter((entry) => entry.kind === kind)
  const text = (entry: SvmBlobEntry, key: string) => entry.values.get(key)?.text ?? ''
  const comment = (entry: SvmBlobEntry) => ({ comment: text(entry, 'comment') })
  const [origin] = of('origin') as [SvmBlobEntry]
  const [digest] = of('digest') as [SvmBlobEntry]
  return {
    origin: { pubkey: text(origin, 'pubkey'), seckey: text(origin, 'seckey'), ...comment(origin) },
    recipients: of('recipient').map((entry) => ({ pubkey: text(entry, 'pubkey'), ...comment(entry) })),
    digest: {
      args: text(digest, 'args'),
      initramfs: text(digest, 'initramfs'),
      kernel: text(digest, 'kernel'),
      ...comment(digest),
    },
    files: of('file').map((entry) => {
      const path = text(entry, 'path')
      return { path, name: entry.values.has('name') ? text(entry, 'name') : baseName(path), ...comment(entry) }
    }),
  }
}
