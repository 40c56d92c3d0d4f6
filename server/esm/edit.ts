/**
 * Changes operands: what svm-tool's create, authorize, revoke, attach, detach and digest do, with nodes and properties in the
 * order that it leaves them in (spec/esm-operand.md §1, §9). Every function takes an operand's bytes and returns new ones.
 */
import { writePublicKeyPem } from './crypto/pem.ts'
import type { CryptoProvider } from './crypto/provider.ts'
import type { RsaPrivateKey } from './crypto/rsa.ts'
import { FdtError, type FdtNode, type FdtTree, findNode, newNode, parseFdt } from './fdt.ts'
import { type Finding, finding } from './findings.ts'
import {
  type Attachment,
  checkAttachment,
  checkComment,
  type KeyHolder,
  lockboxNode,
  OperandError,
  ORIGIN_LOCKBOX,
  operandTree,
  type Sealing,
  sealedNode,
  writeDigestList,
  writeFiles,
  writeOperand,
} from './make.ts'
import { hexBytes, sameBytes } from './reader.ts'
import type { DigestList } from './verify/digests.ts'
import { unwrap } from './verify/lockboxes.ts'
import { inspectOperand, type Operand } from './verify/operand.ts'

/** What keeps an operand from being changed as asked, where no rule is broken: a key that is not in it, a name that is. */
export class EditError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'EditError'
  }
}

/** Rules that svm-tool refuses to work on an operand for (spec/esm-operand.md §1.2); the ultravisor does not look at them. */
const REFUSED_BY_TOOL = new Set(['ESM014', 'ESM015', 'ESM020', 'ESM028', 'ESM029', 'ESM030', 'ESM031', 'ESM035'])

/**
 * Reads an operand that is to be displayed or changed.
 * @throws OperandError where it is not one that svm-tool takes, with everything that is wrong
 */
export function readOperand(blob: Uint8Array): Operand {
  const { operand, findings } = inspectOperand(blob)
  const hasDigest = operand?.root.children.some(({ name }) => name === 'digest')
  const isRefused = ({ rule }: Finding) => REFUSED_BY_TOOL.has(rule) || (rule === 'ESM040' && !hasDigest)
  const refusals = operand ? findings.filter(isRefused) : findings
  if (!operand || refusals.length > 0) throw new OperandError(refusals)
  return operand
}

/** The tree of an operand that {@link readOperand} takes. */
function editable(blob: Uint8Array): { operand: Operand; tree: FdtTree } {
  const operand = readOperand(blob)
  return { operand, tree: parseFdt(operand.bytes) }
}

const node = (tree: FdtTree, path: string): FdtNode => {
  const found = findNode(tree, path)
  // readOperand has seen that the nodes of the root are there.
  if (!found) throw new EditError(`the operand has no node ${path}`)
  return found
}

/** 0 for the owner's, N for `lockbox-N`: the order in which they are displayed. */
export function lockboxNumber({ name }: { readonly name: string }): number {
  return name === ORIGIN_LOCKBOX ? 0 : Number(name.slice('lockbox-'.length))
}

/**
 * A new operand, which only its owner can open yet.
 * @param masterKey 32 random bytes
 * @throws OperandError for a comment of more than one line, KeyFormatError for a file that is no RSA public key
 */
export function createOperand(owner: KeyHolder, masterKey: Uint8Array, sealing: Sealing): Uint8Array {
  refuse(checkComment(owner.comment))
  return writeOperand(operandTree([lockboxNode(ORIGIN_LOCKBOX, owner, masterKey, sealing)], [], newNode('file')))
}

/**
 * Opens the lockbox of a private key, which is found by the fingerprint of the key's canonical public file
 * (spec/esm-operand.md §2.3).
 * @returns the master key
 * @throws EditError where there is none for it, or it does not open
 */
export function openWith(blob: Uint8Array, key: RsaPrivateKey, crypto: CryptoProvider): Uint8Array {
  const print = crypto.sha256(new TextEncoder().encode(writePublicKeyPem(key)))
  const box = readOperand(blob).lockboxes.find(({ fingerprint }) => fingerprint && sameBytes(fingerprint, print))
  if (!box) throw new EditError('Not an authorized key')
  const masterKey = unwrap(box, key, crypto)
  if (!masterKey) throw new EditError(`${box.name} has the fingerprint of this key, but the key does not open it`)
  return masterKey
}

/**
 * Adds lockboxes, each with the number behind the largest that is there.
 * @throws EditError for a key file that has one already; OperandError, KeyFormatError
 */
export function authorize(
  blob: Uint8Array,
  holders: readonly KeyHolder[],
  masterKey: Uint8Array,
  sealing: Sealing,
): Uint8Array {
  const { operand, tree } = editable(blob)
  const parent = node(tree, '/lockboxes')
  const prints = new Set(operand.lockboxes.map(({ fingerprint }) => fingerprint && hexBytes(fingerprint)))
  let number = operand.lockboxes.reduce((most, box) => Math.max(most, lockboxNumber(box)), 0)
  for (const holder of holders) {
    refuse(checkComment(holder.comment))
    const print = hexBytes(sealing.crypto.sha256(holder.publicKey))
    if (prints.has(print)) throw new EditError('already authorized')
    prints.add(print)
    // libfdt puts a new node in front of its brothers.
    parent.children.unshift(lockboxNode(`lockbox-${++number}`, holder, masterKey, sealing))
  }
  return writeOperand(tree)
}

/**
 * Removes the lockbox of a public-key file; the numbers of the others stay.
 * @throws EditError where it has none, or is the owner's
 */
export function revoke(blob: Uint8Array, publicKey: Uint8Array, crypto: CryptoProvider): Uint8Array {
  const { operand, tree } = editable(blob)
  const print = crypto.sha256(publicKey)
  const index = operand.lockboxes.findIndex(({ fingerprint }) => fingerprint && sameBytes(fingerprint, print))
  if (index < 0) throw new EditError('cannot revoke unauthorized key')
  if (operand.lockboxes[index]!.name === ORIGIN_LOCKBOX) throw new EditError('cannot revoke origin key')
  node(tree, '/lockboxes').children.splice(index, 1)
  return writeOperand(tree)
}

/** Encrypts and adds attachments. @throws OperandError: ESM061, ESM062, ESM064, ESM067, ESM109 or ESM124 */
export function attach(
  blob: Uint8Array,
  attachments: readonly Attachment[],
  masterKey: Uint8Array,
  sealing: Sealing,
): Uint8Array {
  const { operand, tree } = editable(blob)
  const files = readFiles(operand)
  for (const attachment of attachments) {
    refuse(checkAttachment(attachment, new Set(files.map(({ name }) => name))))
    files.unshift(sealedNode(attachment.name, attachment.bytes, attachment.comment, masterKey, sealing))
  }
  node(tree, '/file').properties.set('files-fdt', writeFiles(files))
  return writeOperand(tree)
}

/** Removes an attachment. @throws EditError where there is none of that name */
export function detach(blob: Uint8Array, name: string): Uint8Array {
  const { operand, tree } = editable(blob)
  const files = readFiles(operand)
  const index = files.findIndex((file) => file.name === name)
  if (index < 0) throw new EditError('not attached')
  files.splice(index, 1)
  node(tree, '/file').properties.set('files-fdt', writeFiles(files))
  return writeOperand(tree)
}

/** Encrypts the list of digests, in place of the one that may be there. @throws OperandError for a comment of several lines */
export function sealDigests(
  blob: Uint8Array,
  list: DigestList,
  comment: string,
  masterKey: Uint8Array,
  sealing: Sealing,
): Uint8Array {
  refuse(checkComment(comment))
  const { tree } = editable(blob)
  const digest = node(tree, '/digest')
  const sealed = sealedNode('digests-fdt', writeDigestList(list), comment, masterKey, sealing)
  const others = digest.children.filter(({ name }) => name !== sealed.name)
  digest.children.splice(0, digest.children.length, sealed, ...others)
  return writeOperand(tree)
}

/** The nodes of the nested device tree; none where nothing is attached. */
function readFiles({ filesFdt }: Operand): FdtNode[] {
  if (!filesFdt) return []
  try {
    return findNode(parseFdt(filesFdt), '/files')?.children ?? []
  } catch (error) {
    if (!(error instanceof FdtError)) throw error
    throw new OperandError([finding('ESM062', { found: error.problem.message, offset: error.offset })])
  }
}

function refuse(findings: readonly Finding[]): void {
  if (findings.length > 0) throw new OperandError(findings)
}
