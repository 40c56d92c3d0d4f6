import { locateOperand } from '../cpio.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import type { RsaPrivateKey } from '../crypto/rsa.ts'
import { bySeverity, type Finding, finding, type ImagePart, isFatal, shifted } from '../findings.ts'
import { flattenKernel, type KernelImage, KernelImageError } from '../kernel-image.ts'
import { type ByteSource, pieces, sameBytes, sourceOf } from '../reader.ts'
import type { ZImage } from '../zimage.ts'
import { openAttachments } from './attachments.ts'
import { checkMasterKey, compareDigest, compareKernelSize, type DigestList, openDigests, RTAS_CODE } from './digests.ts'
import { explainUnwrapFailure, inspectRecipients, type KnownKey, openAny, unwrap } from './lockboxes.ts'
import { inspectOperand, type Operand } from './operand.ts'

/** Everything that is at hand; what is missing is not checked. */
export interface ImageParts {
  readonly crypto: CryptoProvider
  /** The operand as a file of its own. Where `esmbInitrd` is given too, both should be the same (ESM084). */
  readonly operand?: Uint8Array
  /** An initrd with the operand in front, as the machine loads it. */
  readonly esmbInitrd?: Uint8Array | ByteSource
  /** A kernel with boot wrapper whose operand, if it has one, wins over one in the initrd (spec/esm-operand.md §7.3). */
  readonly zImage?: ZImage
  /** The VM is to become secure, and there is neither an initrd nor an operand that takes its place (ESM080). */
  readonly lacksInitrd?: boolean
  /** The machine's ultravisor was built with ESM_BLOB_CHK_WARN_ONLY (ESM137). */
  readonly warnOnly?: boolean
  /** Where the machine loads `esmbInitrd`; a multiple of 64 KiB where it is not known. */
  readonly loadAddress?: number | bigint
  /** The initrd without an operand; where it is missing, what is behind the archive of `esmbInitrd`. */
  readonly initrd?: Uint8Array | ByteSource
  /** SHA-512 of the initrd without an operand, for who has it: else it is computed where a digest is there to compare. */
  readonly initrdSha512?: Uint8Array
  /** vmlinux, an ELF file. */
  readonly kernel?: Uint8Array
  readonly bootargs?: string
  /** The wrapping key of the machine that is to boot, as a PEM file. */
  readonly tpmPublicKeyPem?: string | Uint8Array
  /** Every other public-key file at hand. */
  readonly knownKeys?: readonly KnownKey[]
  /** The private half of the machine's wrapping key: it must open lockbox-1. */
  readonly tpmPrivateKey?: RsaPrivateKey
  /** The owner's key, or recipients' keys: one of them may open some lockbox, so that what is sealed can be checked. */
  readonly privateKeys?: readonly RsaPrivateKey[]
}

/**
 * Everything that is wrong with an operand and what it is made for, not only the first, the most severe first. Never throws for
 * what is in the files. UV_ESM would refuse where {@link isFatal} of one is true; so nothing fatal means as much as the parts
 * given can tell.
 */
export function verifyImage(parts: ImageParts): Finding[] {
  const findings: Finding[] = []
  const kernel = parts.kernel && flattenInto(parts.kernel, findings)
  if (parts.lacksInitrd) findings.push(finding('ESM080', { found: 'no initrd' }))
  if (parts.warnOnly) findings.push(finding('ESM137', { found: 'one that goes on (quirk Q29)' }))
  const place = findOperand(parts, findings)
  if (parts.bootargs !== undefined)
    findings.push(...inspectBootargsText(parts.bootargs).map((found) => ({ ...found, part: 'bootargs' as const })))
  if (place.blob) {
    const inspection = inspectOperand(place.blob)
    const inOperand = [...inspection.findings]
    if (inspection.operand) verifyContents(inspection.operand, parts, { kernel, initrd: place.initrd }, inOperand)
    const home = inspection.operand?.digestsFdt?.offset
    for (const found of inOperand) findings.push({ ...shifted(placed(found, home), place.offset), part: place.part })
  }
  return bySeverity(findings)
}

/** What is wrong inside the encrypted list of digests is where the list is. */
const placed = (found: Finding, offset: number | undefined): Finding =>
  found.path?.startsWith('/digests') || (found.path === undefined && found.rule === 'ESM048')
    ? { ...found, offset }
    : found

interface Contents {
  readonly kernel?: KernelImage
  /** SHA-512 of the initrd. */
  readonly initrd?: () => Uint8Array
}

function flattenInto(elf: Uint8Array, findings: Finding[]): KernelImage | undefined {
  try {
    return flattenKernel(elf)
  } catch (error) {
    if (!(error instanceof KernelImageError)) throw error
    findings.push({ ...error.finding, part: 'kernel' })
    return undefined
  }
}

interface Place {
  readonly blob?: Uint8Array
  /** Of the operand in what holds it. */
  readonly offset: number
  readonly part: ImagePart
  readonly initrd?: () => Uint8Array
}

function findOperand(parts: ImageParts, findings: Finding[]): Place {
  const { operand, esmbInitrd, initrdSha512, zImage } = parts
  const report = (part: ImagePart, ...found: readonly Finding[]) => findings.push(...found.map((f) => ({ ...f, part })))
  const digestOf = (initrd: Uint8Array | ByteSource, start: number) => () =>
    initrdSha512 ?? hashSource(sourceOf(initrd), start, parts.crypto)
  const plain = esmbInitrd ?? parts.initrd
  if (zImage?.operand) {
    const { bytes, offset } = zImage.operand
    report('zImage', finding('ESM079', { found: `${bytes.length} bytes in it`, offset, length: bytes.length }))
    if (operand) report('operand', finding('ESM078', { found: 'one of its own too' }))
    else if (plain && locateOperand(plain).operand)
      report('initrd', finding('ESM078', { found: 'one in the initrd too' }))
    return { blob: bytes, offset, part: 'zImage', initrd: plain && digestOf(plain, 0) }
  }
  if (!esmbInitrd) {
    if (plain && locateOperand(plain).operand) report('initrd', finding('ESM121'))
    if (zImage && !operand) report('zImage', finding('ESM070', { found: 'a zImage without one either' }))
    return { blob: operand, offset: 0, part: 'operand', initrd: plain && digestOf(plain, 0) }
  }
  const located = locateOperand(esmbInitrd, parts.loadAddress)
  report('initrd', ...located.findings)
  const embedded = located.operand
  if (operand && embedded && !sameBytes(operand, embedded.bytes)) {
    const found = `${embedded.bytes.length} bytes in the image, ${operand.length} in the file`
    report('initrd', finding('ESM084', { found, offset: embedded.offset }))
  }
  if (!embedded) return { blob: operand, offset: 0, part: 'operand' }
  const { bytes, offset } = embedded
  return { blob: bytes, offset, part: 'initrd', initrd: digestOf(esmbInitrd, located.archiveBytes) }
}

function hashSource(source: ByteSource, start: number, crypto: CryptoProvider): Uint8Array {
  const hash = crypto.sha512Stream()
  for (const piece of pieces(source, start)) hash.update(piece)
  return hash.digest()
}

function verifyContents(operand: Operand, parts: ImageParts, contents: Contents, findings: Finding[]): void {
  const { crypto, tpmPublicKeyPem, tpmPrivateKey, privateKeys = [], knownKeys } = parts
  const recipients = inspectRecipients(operand, tpmPublicKeyPem, crypto, knownKeys)
  const opened = tpmPrivateKey && operand.lockbox1 && unwrap(operand.lockbox1, tpmPrivateKey, crypto)
  // What opens is for this machine, whatever its fingerprint says.
  for (const found of recipients) if (!opened || found.severity !== 'E') findings.push(found)
  const alreadyRefused = findings.some((f) => isFatal(f) && /^ESM02[0-5]$/.test(f.rule))
  if (tpmPrivateKey && !opened && !alreadyRefused)
    findings.push(...explainUnwrapFailure(operand, { crypto, tpmPublicKeyPem, otherPrivateKeys: privateKeys }))
  const masterKey = opened ?? openAny(operand, privateKeys, crypto)?.masterKey
  if (!masterKey) return
  findings.push(...checkMasterKey(masterKey))
  const { digests, findings: faults } = openDigests(operand, masterKey, crypto)
  findings.push(...faults.filter((fault) => !findings.some((f) => f.rule === fault.rule)))
  if (digests) findings.push(...compareAll(digests, parts, contents))
  if (masterKey.length !== 32 || !operand.filesFdt) return
  // What can be said without the key has been said.
  for (const { findings: found } of openAttachments(operand.filesFdt, masterKey, crypto))
    for (const fault of found) if (fault.rule === 'ESM066') findings.push(shifted(fault, operand.filesOffset ?? 0))
}

function compareAll(digests: DigestList, parts: ImageParts, { kernel, initrd }: Contents): Finding[] {
  const { crypto, bootargs } = parts
  const findings: (Finding | undefined)[] = [compareDigest('rtas', digests.rtas, crypto.sha512(RTAS_CODE))]
  if (kernel) {
    findings.push(compareKernelSize(digests.kernelSize, kernel.bytes.length))
    findings.push(compareDigest('kernel', digests.kernel, hashKernel(kernel, digests.kernelSize, crypto)))
  }
  if (initrd) findings.push(compareDigest('initrd', digests.initrd, initrd()))
  if (bootargs !== undefined)
    findings.push(compareDigest('bootargs', digests.bootargs, crypto.sha512(new TextEncoder().encode(bootargs))))
  return findings.filter((f) => f !== undefined)
}

/** SHA-512 of `size` bytes from the kernel's base: the image, and the zeros of its .bss behind it. */
function hashKernel(kernel: KernelImage, size: number, crypto: CryptoProvider): Uint8Array {
  const hash = crypto.sha512Stream()
  hash.update(kernel.bytes.subarray(0, size))
  const zeros = new Uint8Array(0x1_0000)
  // What is behind the .bss is unknown: the digest of so many zeros is as good as any other that does not match.
  for (let left = Math.min(size, kernel.memoryBytes) - kernel.bytes.length; left > 0; left -= zeros.length)
    hash.update(zeros.subarray(0, Math.min(left, zeros.length)))
  return hash.digest()
}

/** ESM081 and ESM058 about `/chosen/bootargs` as the guest has it: text and one NUL. */
export function inspectBootargs(property: Uint8Array | undefined): Finding[] {
  const path = '/chosen/bootargs'
  if (!property || property.length === 0)
    return [finding('ESM081', { found: property ? 'an empty property' : 'none', path })]
  const findings: Finding[] = []
  const nul = property.indexOf(0)
  // The digest decides about these: the ultravisor drops the last byte, whatever it is, and hashes the rest.
  if (nul < 0) findings.push(finding('ESM081', { found: 'no NUL: the last character is dropped', severity: 'W', path }))
  else if (nul < property.length - 1)
    findings.push(
      finding('ESM081', { found: `a NUL ${property.length - 1 - nul} bytes before the end`, severity: 'W', path }),
    )
  const text = new TextDecoder().decode(nul < 0 ? property : property.subarray(0, nul))
  return [...findings, ...inspectWhiteSpace(text, path)]
}

/** ESM058 and ESM059 about a command line. */
export function inspectBootargsText(text: string): Finding[] {
  const findings = inspectWhiteSpace(text)
  if (!asksForSecureVm(text)) findings.push(finding('ESM059', { found: JSON.stringify(text) }))
  return findings
}

/** As Linux reads it: the first `svm=` anywhere, and a true value behind it (spec/esm-operand.md §4.4). */
export function asksForSecureVm(bootargs: string): boolean {
  return /^(1|[yY]|[oO][nN])/.test(bootargs.split('svm=')[1] ?? '')
}

function inspectWhiteSpace(text: string, path?: string): Finding[] {
  const found = [
    ...(/^\s/.test(text) ? ['white space at the start'] : []),
    ...(/\s$/.test(text) ? ['white space at the end'] : []),
    ...(/\S {2,}\S/.test(text) ? ['more than one space'] : []),
    ...(/\S\s*[\t\n\r]\s*\S/.test(text) ? ['a tab or newline'] : []),
  ]
  return found.length > 0 ? [finding('ESM058', { found: found.join(', '), path })] : []
}
