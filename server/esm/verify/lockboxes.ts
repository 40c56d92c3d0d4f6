import { writePublicKeyPem } from '../crypto/pem.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { oaepDecrypt, type RsaPrivateKey } from '../crypto/rsa.ts'
import { childNode } from '../fdt.ts'
import type { ScannedNode } from '../fdt-scan.ts'
import { type Finding, finding } from '../findings.ts'
import { hexBytes, sameBytes } from '../reader.ts'
import type { Operand } from './operand.ts'
import { commentFault, commentText, isText, propertyOf, showValue } from './sealed.ts'

/** The master key, encrypted to one public key (spec/esm-operand.md §1.2, §2). */
export interface Lockbox {
  readonly node: ScannedNode
  readonly name: string
  readonly path: string
  /** Of its node, in bytes from the start of the operand. */
  readonly offset: number
  readonly encryptedSymkey?: Uint8Array
  /** SHA-256 of the public-key file; nobody but svm-tool reads it. */
  readonly fingerprint?: Uint8Array
  readonly comment?: string
}

/** A TPM's wrapping key is RSA-2048: bytes of its modulus (spec/tpm.md §2). */
export const TPM_MODULUS_BYTES = 256
/** The smallest modulus that takes 32 bytes under OAEP with SHA-256 (spec/esm-operand.md §2.2). */
const SMALLEST_MODULUS_BYTES = 98

const PROPERTIES = ['encrypted-symkey', 'untrusted-comment']
const FINGERPRINT_PROPERTIES = ['algorithm', 'hash']

/** All lockboxes, in file order. */
export function readLockboxes(parent: ScannedNode): Lockbox[] {
  return parent.children.map((node) => {
    const print = childNode(node, 'pubkey-fingerprint')
    return {
      node,
      name: node.name,
      path: node.path,
      offset: node.offset,
      encryptedSymkey: propertyOf(node, 'encrypted-symkey'),
      fingerprint: print && propertyOf(print, 'hash'),
      comment: commentText(propertyOf(node, 'untrusted-comment')),
    }
  })
}

/** ESM020 to ESM035: what the bytes alone say about the lockboxes. */
export function inspectLockboxes(operand: Operand, present: boolean): Finding[] {
  const { lockboxes, lockbox1, originLockbox } = operand
  const findings: Finding[] = []
  const names = lockboxes.map((box) => box.name).join(', ') || 'none'
  if (!present) findings.push(finding('ESM020', { path: '/lockboxes' }))
  else if (!lockbox1) findings.push(finding('ESM021', { found: names, path: '/lockboxes' }))
  if (!originLockbox) findings.push(finding('ESM028', { found: names, path: '/lockboxes' }))
  for (const box of lockboxes) findings.push(...inspectLockbox(box, box === lockbox1))

  const seen = new Map<string, string>()
  for (const { fingerprint, path, offset } of lockboxes) {
    if (!fingerprint) continue
    const print = hexBytes(fingerprint)
    const first = seen.get(print)
    // Two nodes of one name are told already (ESM011).
    if (first === path) continue
    if (first) findings.push(finding('ESM034', { found: `the fingerprint of ${first} in ${path}`, offset, path }))
    else seen.set(print, path)
  }
  return findings
}

function inspectLockbox(box: Lockbox, isLockbox1: boolean): Finding[] {
  const { node, path, offset, encryptedSymkey } = box
  const at = { offset, path }
  const findings: Finding[] = []
  if (!/^(origin-lockbox|lockbox-[1-9][0-9]*)$/.test(box.name))
    findings.push(finding('ESM029', { found: box.name, ...at }))
  if (encryptedSymkey) findings.push(...inspectSize(box, isLockbox1))
  else if (isLockbox1) findings.push(finding('ESM024', { found: 'no encrypted-symkey', ...at }))

  const print = childNode(node, 'pubkey-fingerprint')
  const has = (owner: ScannedNode | undefined, name: string) =>
    owner?.properties.some((property) => property.name === name)
  const missing = PROPERTIES.filter((name) => !has(node, name))
  if (print) missing.push(...FINGERPRINT_PROPERTIES.filter((name) => !has(print, name)))
  else missing.push('pubkey-fingerprint')
  if (missing.length > 0) findings.push(finding('ESM030', { found: `no ${missing.join(', ')} in ${path}`, ...at }))
  if (print) findings.push(...inspectFingerprint(print))

  const comment = propertyOf(node, 'untrusted-comment')
  const fault = comment && commentFault(comment)
  if (fault) findings.push(finding('ESM033', { found: `${fault} in the comment of ${path}`, ...at }))

  const unexpected = [
    ...node.properties
      .filter((property) => !PROPERTIES.includes(property.name))
      .map((property) => `the property ${property.name}`),
    ...node.children.filter((child) => child !== print).map((child) => `the node ${child.name}`),
    ...(print?.properties ?? [])
      .filter((property) => !FINGERPRINT_PROPERTIES.includes(property.name))
      .map((property) => `the property pubkey-fingerprint/${property.name}`),
    ...(print?.children ?? []).map((child) => `the node pubkey-fingerprint/${child.name}`),
  ]
  if (unexpected.length > 0) findings.push(finding('ESM035', { found: `${unexpected.join(', ')} in ${path}`, ...at }))
  return findings
}

function inspectSize({ encryptedSymkey, path, offset }: Lockbox, isLockbox1: boolean): Finding[] {
  const size = encryptedSymkey!.length
  const found = `${size} bytes in ${path}`
  if (isLockbox1 && size !== TPM_MODULUS_BYTES) return [finding('ESM025', { found, offset, path })]
  if (size >= SMALLEST_MODULUS_BYTES && size % 8 === 0) return []
  return [finding('ESM025', { found, expected: 'the size of an RSA modulus', severity: 'W', offset, path })]
}

function inspectFingerprint(print: ScannedNode): Finding[] {
  const { path, offset } = print
  const findings: Finding[] = []
  const algorithm = propertyOf(print, 'algorithm')
  const hash = propertyOf(print, 'hash')
  if (algorithm && !isText(algorithm, 'SHA256'))
    findings.push(finding('ESM031', { found: showValue(algorithm), path, offset }))
  if (hash && hash.length !== 32)
    findings.push(finding('ESM032', { found: `${hash.length} bytes in ${path}`, path, offset }))
  return findings
}

/** A public-key file that is at hand: the fingerprint is over its very bytes. */
export interface KnownKey {
  /** For messages, e.g. its path. */
  readonly name: string
  readonly bytes: Uint8Array
}

/**
 * ESM022, ESM023 and ESM036: for whom the lockboxes are, by their fingerprints. A fingerprint is not authenticated, and nothing
 * keeps its lockbox from being for another key: what unwraps decides (see {@link explainUnwrapFailure}).
 * @param tpmPublicKeyPem the wrapping key of the machine that is to boot, as the file that was authorized
 * @param knownKeys       every other public-key file at hand; when given, each lockbox should be for one of them
 */
export function inspectRecipients(
  operand: Operand,
  tpmPublicKeyPem: string | Uint8Array | undefined,
  crypto: CryptoProvider,
  knownKeys?: readonly KnownKey[],
): Finding[] {
  const { lockboxes, lockbox1 } = operand
  const findings: Finding[] = []
  const prints = (knownKeys ?? []).map(({ name, bytes }) => ({ name, print: crypto.sha256(bytes) }))
  const ownerOf = (box: Lockbox) => prints.find(({ print }) => box.fingerprint && sameBytes(print, box.fingerprint))
  const tpm = tpmPublicKeyPem === undefined ? undefined : crypto.sha256(asBytes(tpmPublicKeyPem))
  const isTpm = (box: Lockbox) => tpm !== undefined && box.fingerprint !== undefined && sameBytes(tpm, box.fingerprint)

  const forTpm = lockboxes.filter((box) => isTpm(box))
  if (tpm && lockbox1 && !isTpm(lockbox1)) {
    const { path, offset } = lockbox1
    const owner = ownerOf(lockbox1)
    if (owner || forTpm.length > 0) {
      const found = `a lockbox for ${owner?.name ?? `the key with fingerprint ${showPrint(lockbox1)}`}`
      findings.push(
        finding('ESM022', { expected: `one for the key with fingerprint ${hexBytes(tpm)}`, found, path, offset }),
      )
    }
  }
  if (lockbox1 && !isTpm(lockbox1))
    for (const { name, path, offset } of forTpm.filter((box) => /^lockbox-([2-9]|[1-9][0-9]+)$/.test(box.name)))
      findings.push(finding('ESM023', { found: name, path, offset }))

  const judged = knownKeys ? lockboxes : tpm && lockbox1 && forTpm.length === 0 ? [lockbox1] : []
  for (const box of judged)
    if (box.fingerprint && !isTpm(box) && !ownerOf(box))
      findings.push(
        finding('ESM036', { found: `${showPrint(box)} in ${box.path}`, path: box.path, offset: box.offset }),
      )
  return findings
}

function showPrint(box: Lockbox): string {
  return box.fingerprint ? hexBytes(box.fingerprint) : 'none'
}

function asBytes(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? new TextEncoder().encode(text) : text
}

/** What is known where a lockbox did not open. */
export interface UnwrapFailure {
  readonly crypto: CryptoProvider
  /** The wrapping key of the machine, as a PEM file. */
  readonly tpmPublicKeyPem?: string | Uint8Array
  /** What whoever tried to open it says, e.g. the TPM's response code. */
  readonly found?: string
  /** Keys that the lockbox may have been meant for instead. */
  readonly otherPrivateKeys?: readonly RsaPrivateKey[]
}

/** Why lockbox-1 did not open: ESM022 with ESM023, ESM025 or ESM026. At least one finding, each of them fatal. */
export function explainUnwrapFailure(operand: Operand, failure: UnwrapFailure): Finding[] {
  const { crypto, tpmPublicKeyPem, found = 'a key that cannot decrypt it', otherPrivateKeys = [] } = failure
  const box = operand.lockbox1
  if (!box?.encryptedSymkey) return [finding('ESM024', { found, path: '/lockboxes/lockbox-1' })]
  const at = { path: box.path, offset: box.offset }
  const size = box.encryptedSymkey.length
  if (size !== TPM_MODULUS_BYTES) return [finding('ESM025', { found: `${size} bytes (${found})`, ...at })]
  const recipients = inspectRecipients(operand, tpmPublicKeyPem, crypto).filter((f) => f.severity === 'E')
  if (recipients.length > 0) return recipients
  // The fingerprint says it is for this machine, yet another one of the same name may be the one that opens.
  if (operand.lockboxes.some((other) => other !== box && other.name === box.name))
    return [finding('ESM022', { found: `the first of two nodes named ${box.name} (${found})`, ...at })]
  const failed = finding('ESM026', { found, ...at })
  // Neither is proof, for a fingerprint is not authenticated: where both say so, it is for another machine.
  const print = tpmPublicKeyPem === undefined ? undefined : crypto.sha256(asBytes(tpmPublicKeyPem))
  const otherPrint = print && box.fingerprint && !sameBytes(print, box.fingerprint)
  const whose = otherPrint
    ? `a lockbox for the key with fingerprint ${showPrint(box)}`
    : otherPrivateKeys.some((key) => unwrap(box, key, crypto) !== undefined) && 'a lockbox that another key opens'
  return whose ? [finding('ESM022', { found: whose, ...at }), failed] : [failed]
}

/** Opens a lockbox with a private key. @returns the master key, or undefined where it is not for that key */
export function unwrap(box: Lockbox, key: RsaPrivateKey, crypto: CryptoProvider): Uint8Array | undefined {
  return box.encryptedSymkey && oaepDecrypt(key, box.encryptedSymkey, { crypto })
}

/** More lockboxes are not tried: each costs a private operation, and a hostile operand has any number of them. */
const TRIED_LOCKBOXES = 32

export interface OpenedLockbox {
  readonly box: Lockbox
  readonly masterKey: Uint8Array
}

/** Opens whichever lockbox one of the keys opens: first those that have a key's fingerprint. */
export function openAny(
  operand: Operand,
  keys: readonly RsaPrivateKey[],
  crypto: CryptoProvider,
): OpenedLockbox | undefined {
  for (const key of keys) {
    const print = crypto.sha256(asBytes(writePublicKeyPem(key)))
    const isFor = (box: Lockbox) => box.fingerprint !== undefined && sameBytes(box.fingerprint, print)
    const fits = operand.lockboxes.filter((box) => box.encryptedSymkey?.length === key.bytes)
    const inOrder = [...fits.filter(isFor), ...fits.filter((box) => !isFor(box))]
    for (const box of inOrder.slice(0, TRIED_LOCKBOXES)) {
      const masterKey = unwrap(box, key, crypto)
      if (masterKey) return { box, masterKey }
    }
  }
  return undefined
}
