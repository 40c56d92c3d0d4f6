import type { CryptoProvider } from '../crypto/provider.ts'
import { nodeAt } from '../fdt.ts'
import { type FdtScan, type ScannedNode, scanFdt } from '../fdt-scan.ts'
import { type Finding, finding } from '../findings.ts'
import { Reader } from '../reader.ts'
import { commentFault, commentText, missingParts, openSealed, propertyOf, readSealed } from './sealed.ts'

/** The page that the ultravisor copies the nested device tree to, in bytes (spec/esm-operand.md §6). */
export const FILES_PAGE_BYTES = 0x1_0000
/** An attachment must be smaller: the ultracall's offset is below this. */
const ATTACHMENT_LIMIT = 0x1_0000
/** Bytes of a name at UV_ESMB_GET_FILE. */
const CALL_NAME_BYTES = 64

const NAME = /^[A-Za-z][0-9A-Za-z,._+-]{0,30}$/

/** Whether svm-tool takes it as the name of an attachment (spec/esm-operand.md §8). */
export function isAttachmentName(name: string): boolean {
  return NAME.test(name)
}

export interface AttachmentEntry {
  readonly name: string
  /** Of the plaintext, in bytes; undefined where the ciphertext is missing. */
  readonly bytes?: number
  readonly comment?: string
}

/** Names, sizes and comments of the attachments, in file order: all of them in clear. Empty where the tree cannot be read. */
export function listAttachments(filesFdt: Uint8Array | undefined): AttachmentEntry[] {
  const nodes = filesFdt ? fileNodes(scanFdt(filesFdt)) : []
  return nodes.map((node) => ({
    name: node.name,
    bytes: propertyOf(node, 'ciphertext')?.length,
    comment: commentText(propertyOf(node, 'untrusted-comment')),
  }))
}

function fileNodes(scan: FdtScan): readonly ScannedNode[] {
  if (!scan.root || scan.problems.length > 0) return []
  return nodeAt(scan.root, '/files')?.children ?? []
}

/** ESM060 to ESM065 and ESM067, without a key. Offsets are into the nested device tree. */
export function inspectAttachments(filesFdt: Uint8Array | undefined): Finding[] {
  const path = '/file/files-fdt'
  if (!filesFdt) return [finding('ESM060', { path })]
  const findings: Finding[] = []
  if (filesFdt.length > FILES_PAGE_BYTES) findings.push(finding('ESM061', { found: `${filesFdt.length} bytes`, path }))
  const scan = scanFdt(filesFdt)
  const problem = scan.problems[0]
  if (problem || !scan.root) {
    const severity = isSafeToPrint(filesFdt, scan) ? 'W' : 'X'
    const { message: found, offset } = problem ?? { message: 'no root node', offset: 0 }
    return [...findings, finding('ESM062', { found, severity, offset, path })]
  }
  const seen = new Set<string>()
  for (const node of fileNodes(scan)) {
    findings.push(...inspectAttachment(node, seen.has(node.name)))
    seen.add(node.name)
  }
  return findings
}

/**
 * Whether the ultravisor's unchecked look at the header, and libfdt's walk, stay inside the page: the reservation map must end
 * there, and offsets must not lead out of it. The page is zero behind the property.
 */
function isSafeToPrint(filesFdt: Uint8Array, scan: FdtScan): boolean {
  if (scan.problems.some(({ code }) => code === 'structure-place' || code === 'strings-place')) return false
  const page = new Uint8Array(FILES_PAGE_BYTES)
  page.set(filesFdt.subarray(0, FILES_PAGE_BYTES))
  const reader = new Reader(page)
  for (let at = reader.u32(0x10, 'off_mem_rsvmap'); at + 16 <= page.length; at += 16)
    if (reader.u64(at + 8, 'size of a reservation') === 0n) return true
  return false
}

function inspectAttachment(node: ScannedNode, repeated: boolean): Finding[] {
  const { name, path, offset } = node
  const at = { path, offset }
  const findings: Finding[] = []
  if (repeated) findings.push(finding('ESM064', { found: `a second ${name}`, ...at }))
  if (name.length > CALL_NAME_BYTES)
    findings.push(
      finding('ESM063', { found: `${name.length} characters`, expected: 'at most 64', severity: 'E', ...at }),
    )
  else if (!isAttachmentName(name)) findings.push(finding('ESM063', { found: JSON.stringify(name), ...at }))
  const missing = missingParts(readSealed(node))
  if (missing.length > 0) findings.push(finding('ESM065', { found: `no ${missing.join(', ')} in ${path}`, ...at }))
  const size = propertyOf(node, 'ciphertext')?.length ?? 0
  if (size >= ATTACHMENT_LIMIT) findings.push(finding('ESM067', { found: `${size} bytes in ${path}`, ...at }))
  const comment = propertyOf(node, 'untrusted-comment')
  const fault = comment && commentFault(comment)
  if (fault) findings.push(finding('ESM033', { found: `${fault} in the comment of ${path}`, ...at }))
  return findings
}

export interface OpenedAttachment {
  /** The plaintext; absent where there is no such attachment or it does not open. */
  readonly bytes?: Uint8Array
  /** Why there are no bytes; empty where nothing of that name is attached. */
  readonly findings: readonly Finding[]
}

/**
 * Finds and decrypts an attachment as UV_ESMB_GET_FILE does (spec/esm-operand.md §6).
 * @param filesFdt  the nested device tree; it may be followed by anything, e.g. the rest of its page
 * @param name      found by libfdt's rules, so `a` finds `a@1`
 * @param masterKey always used as 32 bytes: a shorter one is followed by zeros, as in the key page
 */
export function readAttachment(
  filesFdt: Uint8Array,
  name: string,
  masterKey: Uint8Array,
  crypto: CryptoProvider,
): OpenedAttachment {
  const scan = scanFdt(filesFdt)
  const problem = scan.problems[0]
  if (problem || !scan.root) {
    const { message: found, offset } = problem ?? { message: 'no root node', offset: 0 }
    return { findings: [finding('ESM062', { found, severity: 'W', offset })] }
  }
  const node = name === '' ? undefined : nodeAt(scan.root, `/files/${name}`)
  return node ? openNode(node, masterKey, crypto) : { findings: [] }
}

export interface NamedAttachment extends OpenedAttachment {
  readonly name: string
}

/** Decrypts every attachment, of two with one name the first. None where the nested device tree cannot be read. */
export function openAttachments(
  filesFdt: Uint8Array,
  masterKey: Uint8Array,
  crypto: CryptoProvider,
): readonly NamedAttachment[] {
  const first = new Map<string, ScannedNode>()
  for (const node of fileNodes(scanFdt(filesFdt))) if (!first.has(node.name)) first.set(node.name, node)
  return [...first.values()].map((node) => ({ name: node.name, ...openNode(node, masterKey, crypto) }))
}

function openNode(node: ScannedNode, masterKey: Uint8Array, crypto: CryptoProvider): OpenedAttachment {
  const sealed = readSealed(node)
  const at = { path: node.path, offset: node.offset }
  const missing = missingParts(sealed)
  if (missing.length > 0) return { findings: [finding('ESM065', { found: `no ${missing.join(', ')}`, ...at })] }
  const size = sealed.ciphertext!.length
  if (size >= ATTACHMENT_LIMIT) return { findings: [finding('ESM067', { found: `${size} bytes`, ...at })] }
  const key = new Uint8Array(32)
  key.set(masterKey.subarray(0, 32))
  const bytes = openSealed(sealed, key, crypto)
  return bytes
    ? { bytes, findings: [] }
    : { findings: [finding('ESM066', { found: `a tag that does not match in ${node.path}`, ...at })] }
}
