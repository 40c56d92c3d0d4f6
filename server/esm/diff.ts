/** What two operands differ in: nodes and properties of both device trees, and with a key what is encrypted in them. */
import type { CryptoProvider } from './crypto/provider.ts'
import type { RsaPrivateKey } from './crypto/rsa.ts'
import { type ScannedNode, scanFdt } from './fdt-scan.ts'
import { hexBytes, latin1 } from './reader.ts'
import { openAttachments } from './verify/attachments.ts'
import { openDigests } from './verify/digests.ts'
import { openAny } from './verify/lockboxes.ts'
import { inspectOperand, type Operand } from './verify/operand.ts'

export interface Difference {
  /** Of the node or property; `files-fdt:` before a path in the nested device tree, `decrypted:` before what was encrypted. */
  readonly path: string
  /** Absent where only the other operand has it. */
  readonly a?: string
  readonly b?: string
  /** Random bytes, or what was encrypted with them: different whenever it is made anew. */
  readonly random: boolean
}

export interface OperandDiff {
  readonly differences: readonly Difference[]
  /** Whether both were opened, so that what is encrypted was compared. */
  readonly opened: boolean
}

export interface Comparing {
  readonly crypto: CryptoProvider
  readonly keys?: readonly RsaPrivateKey[]
}

const RANDOM = /\/(encrypted-symkey|iv|mac|ciphertext)(#\d+)?$/

/**
 * Compares two operands by what they hold, not by the order in which they hold it. Of what cannot be read as an operand only the
 * bytes are compared. Never throws.
 */
export function diffOperands(first: Uint8Array, second: Uint8Array, { crypto, keys = [] }: Comparing): OperandDiff {
  const [ours, theirs] = [first, second].map((blob) => contentsOf(blob, keys, crypto)) as [Contents, Contents]
  const paths = new Set([...ours.values.keys(), ...theirs.values.keys()])
  const differences: Difference[] = []
  for (const path of paths) {
    const [left, right] = [ours.values.get(path), theirs.values.get(path)]
    if (left === right) continue
    const [a, b] = [left, right].map((value) => value?.split(HIDDEN)[0])
    differences.push({
      path,
      ...(a !== undefined && { a }),
      ...(b !== undefined && { b: a === b ? `${b} of other contents` : b }),
      random: left !== undefined && right !== undefined && RANDOM.test(path),
    })
  }
  return { differences, opened: ours.opened && theirs.opened }
}

interface Contents {
  /** Path to value, as text. */
  readonly values: Map<string, string>
  readonly opened: boolean
}

function contentsOf(blob: Uint8Array, keys: readonly RsaPrivateKey[], crypto: CryptoProvider): Contents {
  const values = new Map<string, string>()
  const { operand } = inspectOperand(blob)
  if (!operand) {
    values.set('the whole file', `${blob.length} bytes, no operand, SHA-256 ${hexBytes(crypto.sha256(blob))}`)
    return { values, opened: false }
  }
  if (blob.length > operand.bytes.length) {
    const rest = blob.subarray(operand.bytes.length)
    values.set('behind totalsize', `${rest.length} bytes, SHA-256 ${hexBytes(crypto.sha256(rest))}`)
  }
  addTree(values, operand.root, '', (path) => path !== '/file/files-fdt')
  addFiles(values, operand, crypto)
  return { values, opened: addSecrets(values, operand, keys, crypto) }
}

/** Adds the nodes and properties of a tree. Of two with one name the second has `#2` behind it. */
function addTree(
  values: Map<string, string>,
  root: ScannedNode,
  prefix: string,
  wanted: (path: string) => boolean,
): void {
  const open: { node: ScannedNode; path: string }[] = [{ node: root, path: '' }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { node, path } = next
    values.set(`${prefix}${path}/`, 'a node')
    const taken = new Map<string, number>()
    const own = (name: string) => {
      const count = (taken.get(name) ?? 0) + 1
      taken.set(name, count)
      return `${path}/${name}${count > 1 ? `#${count}` : ''}`
    }
    for (const { name, value } of node.properties) {
      const at = own(name)
      if (wanted(at)) values.set(`${prefix}${at}`, shown(value))
    }
    taken.clear()
    for (const child of node.children) open.push({ node: child, path: own(child.name) })
  }
}

function addFiles(values: Map<string, string>, { filesFdt }: Operand, crypto: CryptoProvider): void {
  if (!filesFdt) return
  const { root, problems } = scanFdt(filesFdt)
  if (root && problems.length === 0) addTree(values, root, 'files-fdt:', () => true)
  else
    values.set('files-fdt:', `${filesFdt.length} bytes, no device tree, SHA-256 ${hexBytes(crypto.sha256(filesFdt))}`)
}

/** @returns whether a key opens the operand */
function addSecrets(
  values: Map<string, string>,
  operand: Operand,
  keys: readonly RsaPrivateKey[],
  crypto: CryptoProvider,
): boolean {
  const opened = openAny(operand, keys, crypto)
  if (!opened) return false
  const { digests, findings } = openDigests(operand, opened.masterKey, crypto)
  for (const { rule, message } of findings) values.set(`decrypted:/digests ${rule}`, message)
  if (digests) {
    values.set('decrypted:/digests/kernel-size', String(digests.kernelSize))
    for (const name of ['rtas', 'kernel', 'initrd', 'bootargs'] as const)
      values.set(`decrypted:/digests/${name}`, `SHA-512 ${hexBytes(digests[name])}`)
  }
  for (const { name, bytes } of openAttachments(operand.filesFdt ?? new Uint8Array(0), opened.masterKey, crypto)) {
    const size = bytes ? `${bytes.length} bytes` : 'broken'
    // What is compared is not shown: even the digest of a short passphrase would tell it.
    values.set(`decrypted:/files/${name}`, bytes ? `${size}${HIDDEN}${hexBytes(crypto.sha256(bytes))}` : size)
  }
  return true
}

/** What follows is compared and not shown. */
const HIDDEN = '\0'

function shown(value: Uint8Array): string {
  const text = latin1(value)
  return /^[\x20-\x7e]*\0$/.test(text) ? JSON.stringify(text.slice(0, -1)) : hexBytes(value)
}
