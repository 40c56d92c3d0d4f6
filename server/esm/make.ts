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
  /** The initrd without an operand. */
  readonly initrd: Uint8Array
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
  const owner = lockboxNode('origin-lockbox', origin, masterKey, recipe)
  const list = 'rtas' in recipe.digests ? recipe.digests : digestList(recipe.digests, crypto)
  const digests = seal(writeDigestList(list), recipe.digestsComment, 'digests-fdt')
  const file = newNode('file')
  if (files.length > 0) {
    const nested = filesFdt(files.map(({ name, bytes, comment }) => seal(bytes, comment, name)))
    if (nested.length > FILES_PAGE_BYTES)
      throw new OperandError([finding('ESM061', { found: `${nested.length} bytes` })])
    file.properties.set('files-fdt', nested)
  }
  // libfdt puts what is added first at the end.
  const tree = treeOf({ compatible: strings('ibm,esm') }, [
    newNode('lockboxes', {}, [...lockboxes.reverse(), owner]),
    newNode('digest', {}, [digests]),
    file,
  ])
  return writeFdt(tree, { stringOrder: OPERAND_NAMES })
}

/** In the order in which svm-tool comes to need them. */
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

function lockboxNode(
  name: string,
  holder: KeyHolder,
  masterKey: Uint8Array,
  { crypto, random }: OperandRecipe,
): FdtNode {
  const key = parsePublicKey(holder.publicKey)
  const print = newNode('pubkey-fingerprint', {
    hash: crypto.sha256(holder.publicKey),
    algorithm: strings('SHA256'),
  })
  const encrypted = oaepEncrypt(key, masterKey, { crypto, random })
  return newNode(name, { 'encrypted-symkey': encrypted, 'untrusted-comment': strings(holder.comment ?? '') }, [print])
}

function sealedNode(
  name: string,
  plaintext: Uint8Array,
  comment: string | undefined,
  masterKey: Uint8Array,
  { crypto, random }: OperandRecipe,
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
    initrd: crypto.sha512(initrd),
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

function filesFdt(nodes: readonly FdtNode[]): Uint8Array {
  const tree = treeOf({ compatible: strings('ibm,esm-file') }, [newNode('files', {}, [...nodes].reverse())])
  return writeFdt(tree, { stringOrder: FILES_NAMES })
}

/** Everything that is wrong with a recipe: ESM063, ESM064, ESM067, ESM109, ESM111, ESM112, ESM116, ESM117 and ESM124. */
function checkRecipe({ crypto, origin, recipients, digestsComment, files = [] }: OperandRecipe): Finding[] {
  const findings: Finding[] = []
  if (recipients.length === 0) findings.push(finding('ESM117', { found: 'no recipient' }))
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
  for (const { name, bytes } of files) {
    if (!isAttachmentName(name)) findings.push(finding('ESM124', { found: JSON.stringify(name) }))
    if (names.has(name)) findings.push(finding('ESM064', { found: `a second ${name}`, severity: 'E' }))
    if (bytes.length >= 0x1_0000) findings.push(finding('ESM067', { found: `${bytes.length} bytes in ${name}` }))
    names.add(name)
  }
  for (const comment of [...holders, ...files].map((part) => part.comment).concat(digestsComment))
    if (comment?.includes('\n')) findings.push(finding('ESM109', { found: JSON.stringify(comment) }))
  return findings
}

function readKey(file: Uint8Array, who: string): RsaPublicKey | Finding {
  try {
    return parsePublicKey(file)
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
    return finding('ESM111', { found: `for ${who}: ${error.message}` })
  }
}
