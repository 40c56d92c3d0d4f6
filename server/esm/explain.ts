/** A walk through an operand for people: every part with its place, its value and what it is for (spec/esm-operand.md §1 to §6). */
import type { CryptoProvider } from './crypto/provider.ts'
import type { RsaPrivateKey } from './crypto/rsa.ts'
import { FDT, type ScannedNode, type ScannedProperty, scanFdt } from './fdt-scan.ts'
import { hex, hexBytes, latin1, Reader } from './reader.ts'
import { openAttachments } from './verify/attachments.ts'
import { openDigests } from './verify/digests.ts'
import { openAny } from './verify/lockboxes.ts'
import { inspectOperand, type Operand } from './verify/operand.ts'

/** One part: of what holds the operand where it has an offset, else of what was decrypted. Sizes and offsets in bytes. */
export interface Explained {
  readonly offset?: number
  readonly length?: number
  /** Of nesting, from 0. */
  readonly depth: number
  readonly name: string
  readonly value?: string
  readonly meaning?: string
}

export interface Explaining {
  readonly crypto: CryptoProvider
  /** Whichever opens a lockbox shows what is encrypted. */
  readonly keys?: readonly RsaPrivateKey[]
  /** Of the operand in its file. */
  readonly offset?: number
}

const HEADER = [
  ['magic', 'marks a device tree; the ultravisor looks for it in steps of 4 bytes'],
  ['totalsize', 'where the operand ends'],
  ['off_dt_struct', 'where the nodes begin'],
  ['off_dt_strings', 'where the names of properties are'],
  ['off_mem_rsvmap', 'where the reservation map is; it has to be empty'],
  ['version', 'of the format'],
  ['last_comp_version', 'the oldest version that can read it'],
  ['boot_cpuid_phys', 'not used'],
  ['size_dt_strings', 'bytes of names'],
  ['size_dt_struct', 'bytes of nodes'],
] as const

/** By path; `*` stands for any one name. */
const MEANINGS: Readonly<Record<string, string>> = {
  '/': 'the operand',
  '/compatible': 'for svm-tool, the ultravisor does not look',
  '/lockboxes': 'the master key, once for each who may open the operand',
  '/lockboxes/origin-lockbox': "the owner's: to change the operand later; the ultravisor does not look",
  '/lockboxes/lockbox-1': 'the only one that the ultravisor opens, with the TPM',
  '/lockboxes/*': 'of another recipient; the ultravisor does not look',
  '/lockboxes/*/encrypted-symkey': 'the master key under RSA-OAEP with SHA-256',
  '/lockboxes/*/untrusted-comment': 'in clear, nobody checks it',
  '/lockboxes/*/pubkey-fingerprint': 'whose it is, for svm-tool; not authenticated',
  '/lockboxes/*/pubkey-fingerprint/algorithm': 'of the fingerprint',
  '/lockboxes/*/pubkey-fingerprint/hash': 'of the public-key file, byte for byte',
  '/digest': 'what the VM has to be',
  '/digest/digests-fdt': 'the list of digests, under AES-256-GCM with the master key',
  '/digest/digests-fdt/algorithm': 'has to be there, its value is not compared',
  '/digest/digests-fdt/iv': 'random, with each sealing',
  '/digest/digests-fdt/mac': 'the tag: with another key or a changed bit it does not match',
  '/digest/digests-fdt/ciphertext': 'as long as what is in it',
  '/digest/digests-fdt/untrusted-comment': 'in clear, nobody checks it',
  '/file': 'what the secure VM may ask for',
  '/file/files-fdt': 'a device tree of its own, copied to one page of 64 KiB',
}

/** Of properties whose value is known, as source. */
const VALUES: Readonly<Record<string, string>> = {
  '/compatible': '"ibm,esm"',
  '/lockboxes/*/untrusted-comment': '""',
  '/lockboxes/*/pubkey-fingerprint/algorithm': '"SHA256"',
  '/digest/digests-fdt/algorithm': '"AES256-GCM"',
  '/digest/digests-fdt/untrusted-comment': '""',
}
/** A node or property that an operand has. */
export interface OperandName {
  readonly name: string
  readonly meaning: string
  readonly isNode: boolean
  /** Of a property, as source. */
  readonly value: string
}

/** What an operand has in the node at a path; the root's is empty. */
export function namesIn(path: string): OperandName[] {
  return Object.entries(MEANINGS)
    .map(([known, meaning]) => ({ known, meaning, at: known.lastIndexOf('/') }))
    .filter(({ known, at }) => known.length > at + 1 && !known.endsWith('/*') && isPath(path, known.slice(0, at)))
    .map(({ known, meaning, at }) => ({
      ...{ name: known.slice(at + 1), meaning, value: VALUES[known] ?? '[]' },
      isNode: namesIn(known).length > 0,
    }))
}

/** In the nested device tree. */
const NESTED: Readonly<Record<string, string>> = {
  '/': 'the attachments',
  '/compatible': 'nobody looks',
  '/files': 'one node for each attachment',
  '/files/*': 'an attachment: its name, size and comment are in clear',
  '/files/*/mac': 'the tag: with another key or a changed bit it does not match',
  '/files/*/iv': 'random, with each attachment',
  '/files/*/ciphertext': 'as long as the file',
  '/files/*/untrusted-comment': 'in clear, nobody checks it',
  '/files/*/algorithm': 'has to be there, its value is not compared',
}

type Meanings = Readonly<Record<string, string>>

/** Walks through an operand. Never throws: where the bytes stop making sense, it says so and ends. */
export function explainOperand(blob: Uint8Array, explaining: Explaining): Explained[] {
  const base = explaining.offset ?? 0
  const { operand } = inspectOperand(blob)
  const files = operand?.root.children
    .find(({ name }) => name === 'file')
    ?.properties.find(({ name }) => name === 'files-fdt')
  return [
    ...explainTree(blob, base, 0, MEANINGS),
    ...(files ? [{ depth: 0, name: 'the attachments, in /file/files-fdt' }] : []),
    ...(files ? explainTree(files.value, base + files.offset, 1, NESTED) : []),
    ...(operand ? explainSecrets(operand, explaining) : []),
  ]
}

function* explainTree(bytes: Uint8Array, base: number, depth: number, meanings: Meanings): Generator<Explained> {
  const { header, problems, root, reservations, trailing } = scanFdt(bytes)
  if (bytes.length >= FDT.headerBytes) {
    const reader = new Reader(bytes)
    for (const [i, [name, meaning]] of HEADER.entries())
      yield { offset: base + 4 * i, length: 4, depth, name, value: hex(reader.u32(4 * i, name)), meaning }
  }
  if (header && root) {
    const place = { offset: base + header.reservationsOffset, length: 16 * (reservations.length + 1) }
    yield { ...place, depth, name: 'reservation map', value: `${reservations.length} entries` }
    yield* explainNode(root, base, depth, meanings)
    const names = { offset: base + header.stringsOffset, length: header.stringsSize }
    yield { ...names, depth, name: 'names of properties', meaning: 'each once, with a NUL' }
  }
  if (trailing > 0)
    yield { offset: base + bytes.length - trailing, length: trailing, depth, name: 'bytes behind totalsize' }
  for (const { message, offset } of problems) yield { offset: base + offset, length: 0, depth, name: message }
}

function* explainNode(node: ScannedNode, base: number, depth: number, meanings: Meanings): Generator<Explained> {
  const name = node.name === '' ? '/' : `${node.name}/`
  const place = { offset: base + node.offset, length: 4 + ((node.name.length + 4) & ~3) }
  yield { ...place, depth, name, ...meaning(node.path, meanings) }
  for (const property of node.properties) yield explainProperty(node, property, base, depth + 1, meanings)
  for (const child of node.children) yield* explainNode(child, base, depth + 1, meanings)
}

function explainProperty(
  node: ScannedNode,
  { name, value, offset }: ScannedProperty,
  base: number,
  depth: number,
  meanings: Meanings,
): Explained {
  const path = `${node.path === '/' ? '' : node.path}/${name}`
  const place = { offset: base + offset, length: value.length }
  return { ...place, depth, name, value: shown(value), ...meaning(path, meanings) }
}

function meaning(path: string, meanings: Meanings): { meaning?: string } {
  const found = meanings[path] ?? meanings[withAnyName(path)]
  return found === undefined ? {} : { meaning: found }
}

/** The path in which the second node may have any name. */
function withAnyName(path: string): string {
  return path
    .split('/')
    .map((part, i) => (i === 2 ? '*' : part))
    .join('/')
}

const isPath = (path: string, known: string): boolean => known === path || known === withAnyName(path)

const SHOWN_BYTES = 32
const NOTHING = new Uint8Array(0)

/** Text as text, other bytes in hexadecimal, the first of many. */
function shown(value: Uint8Array): string {
  const text = latin1(value)
  if (/^[\x20-\x7e]*\0$/.test(text)) return JSON.stringify(text.slice(0, -1))
  const digits = hexBytes(value.subarray(0, SHOWN_BYTES))
  return value.length > SHOWN_BYTES ? `${digits}... (${value.length} bytes)` : digits
}

function explainSecrets(operand: Operand, { crypto, keys = [] }: Explaining): Explained[] {
  const opened = openAny(operand, keys, crypto)
  if (!opened)
    return keys.length === 0 ? [] : [{ depth: 0, name: 'no lockbox opens with the private key that was given' }]
  const { box, masterKey } = opened
  const parts: Explained[] = [
    { depth: 0, name: `decrypted with the master key of ${box.name}`, meaning: `${masterKey.length} bytes, not shown` },
  ]
  const { digests, findings } = openDigests(operand, masterKey, crypto)
  for (const { rule, message } of findings) parts.push({ depth: 1, name: `${rule}: ${message}` })
  if (digests) {
    const add = (name: string, value: string, text: string) => parts.push({ depth: 1, name, value, meaning: text })
    add('rtas', hexBytes(digests.rtas), 'SHA-512 of the RTAS code')
    add('kernel', hexBytes(digests.kernel), 'SHA-512 of the flat kernel')
    add('kernel-size', String(digests.kernelSize), 'bytes of the flat kernel')
    add('initrd', hexBytes(digests.initrd), 'SHA-512 of the initrd behind the archive')
    add('bootargs', hexBytes(digests.bootargs), 'SHA-512 of the command line without its NUL')
  }
  for (const { name, bytes, findings: faults } of openAttachments(operand.filesFdt ?? NOTHING, masterKey, crypto)) {
    const value = bytes ? `${bytes.length} bytes, the tag matches` : faults.map(({ message }) => message).join('; ')
    parts.push({ depth: 1, name: `attachment ${name}`, value })
  }
  return parts
}
