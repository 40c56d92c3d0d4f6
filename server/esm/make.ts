/**
 * Makes operands: what `svm-tool esm make` does, with nodes and properties in the order that it leaves them in, so that svm-tool
 * reads and extends the result (spec/esm-operand.md §1.2, §2 to §4, §6).
 */
import { KeyFormatError, parsePublicKey } from './crypto/pem.ts'
import type { CryptoProvider, RandomSource } from './crypto/provider.ts'
import { oaepEncrypt, type RsaPublicKey } from './crypto/rsa.ts'
import { cells, type FdtNode, type FdtTree, newFdt, newNode, strings, writeFdt } from './fdt.ts'
import { type Finding, finding } from './findings.ts'
import { flattenKernel } from './kernel-image.ts'
import { hexBytes } from './reader.ts'
import { FILES_PAGE_BYTES, isAttachmentName } from './verify/attachments.ts'
import { type DigestList, RTAS_CODE } from './verify/digests.ts'
import { CIPHER } from './verify/sealed.ts'

export interface KeyHolder {
  /** The public-key file, PEM or DER: its very bytes make the fingerprint. */
  readonly publicKey: Uint8Array
  /** One line, stored in clear. */
  readonly comment?: string
}

export interface Attachment {
  /** 1 to 31 of `[A-Za-z][0-9A-Za-z,._+-]*`. */
  readonly name: string
  /** Less than 64 KiB. */
  readonly bytes: Uint8Array
  readonly comment?: string
}

/** What the digests are made of. */
export interface DigestSources {
  /** vmlinux, an ELF file. */
  readonly kernel: Uint8Array
  /** The initrd without an operand, or its digest of 64 bytes. */
  readonly initrd: Uint8Array | { readonly sha512: Uint8Array }
  /** Exactly the guest's command line, without a NUL. */
  readonly bootargs: string
}

export interface OperandRecipe {
  readonly crypto: CryptoProvider
  readonly random: RandomSource
  /** The owner. */
  readonly origin: KeyHolder
  /** The first becomes lockbox-1, the only one that the ultravisor opens. */
  readonly recipients: readonly KeyHolder[]
  readonly digests: DigestList | DigestSources
  readonly digestsComment?: string
  /** Attached in this order. */
  readonly files?: readonly Attachment[]
  /** 32 bytes; default: random. */
  readonly masterKey?: Uint8Array
  /** Without recipients the operand boots nowhere until one is authorized (ESM117): only who asks for that gets it. */
  readonly allowNoRecipient?: boolean
}

/** What keeps an operand from being made; the findings are of spec/esm-operand.md §12. */
export class OperandError extends Error {
  constructor(readonly findings: readonly Finding[]) {
    super(findings.map(({ rule, message }) => `${rule}: ${message}`).join('; '))
    this.name = 'OperandError'
  }
}

/**
 * @returns the operand, a flattened device tree
 * @throws OperandError where the recipe is wrong; KernelImageError where the kernel is not ELF for ppc64
 */
export function makeOperand(recipe: OperandRecipe): Uint8Array {
  const faults = checkRecipe(recipe)
  if (faults.length > 0) throw new OperandError(faults)
  const { crypto, random, origin, recipients, files = [] } = recipe
  const masterKey = recipe.masterKey ?? random(32)
  if (masterKey.length !== 32) throw new OperandError([finding('ESM027', { found: `${masterKey.length} bytes` })])
  const seal = (plaintext: Uint8Array, comment: string | undefined, name: string) =>
    sealedNode(name, plaintext, comment, masterKey, recipe)

  const lockboxes = recipients.map((holder, i) => lockboxNode(`lockbox-${i + 1}`, holder, masterKey, recipe))
  const owner = lockboxNode(ORIGIN_LOCKBOX, origin, masterKey, recipe)
  const list = 'rtas' in recipe.digests ? recipe.digests : digestList(recipe.digests, crypto)
  const digests = seal(writeDigestList(list), recipe.digestsComment, 'digests-fdt')
  const file = newNode('file')
  if (files.length > 0) {
    // libfdt puts what is added first at the end.
    file.properties.set('files-fdt', writeFiles(files.map((f) => seal(f.bytes, f.comment, f.name)).reverse()))
  }
  return writeOperand(operandTree([...lockboxes.reverse(), owner], [digests], file))
}

/** Name of the owner's lockbox. */
export const ORIGIN_LOCKBOX = 'origin-lockbox'

/** The tree of an operand; what was added last comes first, as libfdt has it. */
export function operandTree(lockboxes: FdtNode[], digests: FdtNode[], file: FdtNode): FdtTree {
  const nodes = [newNode('lockboxes', {}, lockboxes), newNode('digest', {}, digests), file]
  return treeOf({ compatible: strings('ibm,esm') }, nodes)
}

/** The bytes of an operand, with the names that it uses in the order in which svm-tool comes to need them. */
export function writeOperand(tree: FdtTree): Uint8Array {
  const used = new Set<string>()
  const collect = (node: FdtNode): void => {
    for (const name of node.properties.keys()) used.add(name)
    node.children.forEach(collect)
  }
  collect(tree.root)
  return writeFdt(tree, { stringOrder: OPERAND_NAMES.filter((name) => used.has(name)) })
}

const OPERAND_NAMES = [
  'compatible',
  'untrusted-comment',
  'encrypted-symkey',
  'algorithm',
  'hash',
  'ciphertext',
  'iv',
  'mac',
]
const DIGEST_LIST_NAMES = ['compatible', 'algorithm', 'rtas', 'kernel', 'kernel-size', 'initrd', 'bootargs']
const FILES_NAMES = ['compatible', 'algorithm', 'untrusted-comment', 'ciphertext', 'iv', 'mac']

function treeOf(properties: Record<string, Uint8Array>, children: FdtNode[]): FdtTree {
  return { ...newFdt(), root: newNode('', properties, children) }
}

/** What encrypting takes. */
export interface Sealing {
  readonly crypto: CryptoProvider
  readonly random: RandomSource
}

/** A lockbox for the holder of a key. @throws KeyFormatError for a file that is no RSA public key */
export function lockboxNode(
  name: string,
  holder: KeyHolder,
  masterKey: Uint8Array,
  { crypto, random }: Sealing,
): FdtNode {
  const key = parsePublicKey(holder.publicKey)
  const print = newNode('pubkey-fingerprint', {
    hash: crypto.sha256(holder.publicKey),
    algorithm: strings('SHA256'),
  })
  const encrypted = oaepEncrypt(key, masterKey, { crypto, random })
  return newNode(name, { 'encrypted-symkey': encrypted, 'untrusted-comment': strings(holder.comment ?? '') }, [print])
}

/** Bytes under the master key, and a comment in clear: an attachment, or the list of digests. */
export function sealedNode(
  name: string,
  plaintext: Uint8Array,
  comment: string | undefined,
  masterKey: Uint8Array,
  { crypto, random }: Sealing,
): FdtNode {
  const iv = random(16)
  const { ciphertext, tag } = crypto.aesGcmEncrypt(masterKey, iv, plaintext)
  const text = { 'untrusted-comment': strings(comment ?? ''), algorithm: strings(CIPHER) }
  return newNode(name, { mac: tag, iv, ciphertext, ...text })
}

/** The digests of what a VM boots. @throws KernelImageError where the kernel is not ELF for ppc64 */
export function digestList({ kernel, initrd, bootargs }: DigestSources, crypto: CryptoProvider): DigestList {
  const flat = flattenKernel(kernel).bytes
  return {
    rtas: crypto.sha512(RTAS_CODE),
    kernel: crypto.sha512(flat),
    kernelSize: flat.length,
    initrd: 'sha512' in initrd ? initrd.sha512 : crypto.sha512(initrd),
    bootargs: crypto.sha512(new TextEncoder().encode(bootargs)),
  }
}

/** The plaintext of the list of digests: always 509 bytes (spec/esm-operand.md §1.2). */
export function writeDigestList(list: DigestList): Uint8Array {
  const node = newNode('digests', {
    bootargs: list.bootargs,
    initrd: list.initrd,
    'kernel-size': cells(list.kernelSize),
    kernel: list.kernel,
    rtas: list.rtas,
    algorithm: strings('SHA512'),
  })
  return writeFdt(treeOf({ compatible: strings('ibm,esm') }, [node]), { stringOrder: DIGEST_LIST_NAMES })
}

/** The nested device tree of attachments. @throws OperandError where it does not fit its page (ESM061) */
export function writeFiles(nodes: readonly FdtNode[]): Uint8Array {
  const tree = treeOf({ compatible: strings('ibm,esm-file') }, [newNode('files', {}, [...nodes])])
  const bytes = writeFdt(tree, { stringOrder: FILES_NAMES })
  if (bytes.length > FILES_PAGE_BYTES) throw new OperandError([finding('ESM061', { found: `${bytes.length} bytes` })])
  return bytes
}

/** Everything that is wrong with a recipe: ESM064, ESM067, ESM109, ESM111, ESM112, ESM116, ESM117 and ESM124. */
function checkRecipe({
  crypto,
  origin,
  recipients,
  digestsComment,
  files = [],
  allowNoRecipient = false,
}: OperandRecipe): Finding[] {
  const findings: Finding[] = []
  if (recipients.length === 0 && !allowNoRecipient) findings.push(finding('ESM117', { found: 'no recipient' }))
  const holders = [origin, ...recipients].map((holder, i) => ({
    ...holder,
    who: i === 0 ? 'the origin' : `recipient ${i}`,
  }))
  const seen = new Map<string, string>()
  for (const { publicKey, who } of holders) {
    const key = readKey(publicKey, who)
    if ('rule' in key) findings.push(key)
    const print = hexBytes(crypto.sha256(publicKey))
    const first = seen.get(print)
    if (first) findings.push(finding('ESM116', { found: `the key of ${first} for ${who}` }))
    else seen.set(print, who)
  }
  const names = new Set<string>()
  for (const file of files) {
    findings.push(...checkAttachment(file, names))
    names.add(file.name)
  }
  for (const comment of [...holders.map((holder) => holder.comment), digestsComment])
    findings.push(...checkComment(comment))
  return findings
}

/** ESM064, ESM067, ESM109 and ESM124 about what is to be attached beside these names. */
export function checkAttachment({ name, bytes, comment }: Attachment, names: ReadonlySet<string>): Finding[] {
  const findings = checkComment(comment)
  if (!isAttachmentName(name)) findings.push(finding('ESM124', { found: JSON.stringify(name) }))
  if (names.has(name)) findings.push(finding('ESM064', { found: `a second ${name}`, severity: 'E' }))
  if (bytes.length >= 0x1_0000) findings.push(finding('ESM067', { found: `${bytes.length} bytes in ${name}` }))
  return findings
}

/** ESM109: a comment is one line. */
export function checkComment(comment: string | undefined): Finding[] {
  return comment?.includes('\n') ? [finding('ESM109', { found: JSON.stringify(comment) })] : []
}

function readKey(file: Uint8Array, who: string): RsaPublicKey | Finding {
  try {
    return parsePublicKey(file)
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
    return finding('ESM111', { found: `for ${who}: ${error.message}` })
  }
}
