/** What the files that an svm_blob.yml names have to say (spec/esm-operand.md §12.6), and the operand that it describes. */
import { beginsWithOperand, locateOperand } from './cpio.ts'
import {
  isEncryptedPrivateKey,
  KeyFormatError,
  parsePrivateKey,
  parsePublicKey,
  writePublicKeyPem,
} from './crypto/pem.ts'
import type { CryptoProvider, RandomSource } from './crypto/provider.ts'
import type { RsaPublicKey } from './crypto/rsa.ts'
import { inspectKernelHead } from './kernel-image.ts'
import { makeOperand } from './make.ts'
import { hexBytes, latin1, sameBytes } from './reader.ts'
import { ENTRY_KINDS, type SvmBlob, type SvmBlobEntry } from './svm-blob.ts'
import { type TextFinding, TextFindings, type YamlText } from './svm-yaml.ts'
import { FILES_PAGE_BYTES } from './verify/attachments.ts'
import { TPM_MODULUS_BYTES } from './verify/lockboxes.ts'

/**
 * Reads a file that the YAML names, its path as written there.
 * @param limit how many bytes are wanted at most
 * @returns undefined where there is no such file
 */
export type FileReader = (path: string, limit: number) => Promise<Uint8Array | undefined>

/** What is known of a file without reading it. */
export interface FileFacts {
  /** Bytes. */
  readonly size: number
  /** Whether people other than the owner may read it; undefined where the file system does not tell. */
  readonly readableByOthers?: boolean
}

/** @returns undefined where there is no such file */
export type FileLooker = (path: string) => Promise<FileFacts | undefined>

/** A key file is not larger; of a kernel and an initrd the beginning tells enough. Bytes. */
const KEY_LIMIT = 1 << 16
const HEAD_LIMIT = 1 << 16

/**
 * ESM025, ESM110 to ESM116, ESM120, ESM121, ESM126 and ESM129: what the entries' files have to say; with `look` ESM061, ESM067 and ESM140 too.
 * @param text            of the YAML
 * @param entries         as parseSvmBlob found them
 * @param tpmPublicKeyPem the wrapping key of the machine that is to boot, if it is known
 */
export async function inspectSvmBlobFiles(
  text: string,
  entries: readonly SvmBlobEntry[],
  read: FileReader,
  crypto: CryptoProvider,
  tpmPublicKeyPem?: Uint8Array,
  look?: FileLooker,
): Promise<TextFinding[]> {
  const findings = new TextFindings(text)
  const seen = new Map<string, string>()
  const recipients = entries.filter(({ kind }) => kind === 'recipient')
  for (const entry of [...entries].sort((a, b) => Number(b.kind === 'origin') - Number(a.kind === 'origin'))) {
    const files = new Map<string, Uint8Array>()
    for (const name of ENTRY_KINDS[entry.kind].paths) {
      const path = entry.values.get(name)
      if (!path) continue
      const isKey = name === 'pubkey' || name === 'seckey'
      const bytes = await read(path.text, isKey ? KEY_LIMIT : HEAD_LIMIT)
      if (bytes) files.set(name, bytes)
      else findings.add('ESM110', path, { found: path.text })
    }
    inspectEntry(entry, files, findings)
    checkRepeat(entry, files, seen, findings, crypto)
  }
  const first = recipients[0]?.values.get('pubkey')
  const firstFile = first && (await read(first.text, KEY_LIMIT))
  if (first && firstFile) inspectFirstSize(first, firstFile, findings)
  if (tpmPublicKeyPem && firstFile && !isSameKey(firstFile, tpmPublicKeyPem))
    findings.add('ESM129', first, { found: first.text })
  if (look) {
    await inspectAttachmentSizes(entries, look, findings)
    await inspectKeyRights(entries, look, findings)
  }
  return findings.list
}

/** ESM025, as a warning, for the operand can be made: no TPM has a wrapping key of another size. */
function inspectFirstSize(path: YamlText, file: Uint8Array, findings: TextFindings): void {
  try {
    const { bytes } = parsePublicKey(file)
    if (bytes === TPM_MODULUS_BYTES) return
    const found = `a key of ${bytes * 8} bits in ${path.text} as the first recipient, which has to be the TPM`
    findings.add('ESM025', path, { severity: 'W', found })
  } catch (error) {
    // What is no public key has rules of its own.
    if (!(error instanceof KeyFormatError)) throw error
  }
}

/** ESM067 and ESM061: an attachment must be smaller than 64 KiB, and all of them together have to fit into it. */
async function inspectAttachmentSizes(
  entries: readonly SvmBlobEntry[],
  look: FileLooker,
  findings: TextFindings,
): Promise<void> {
  let sum = 0
  for (const { kind, values } of entries) {
    const path = kind === 'file' ? values.get('path') : undefined
    const file = path && (await look(path.text))
    if (!file) continue
    sum += file.size
    if (file.size >= FILES_PAGE_BYTES) findings.add('ESM067', path, { found: `${file.size} bytes` })
    else if (sum > FILES_PAGE_BYTES) {
      findings.add('ESM061', path, { found: `${sum} bytes up to and with this file` })
      return
    }
  }
}

/** ESM140: a private key that people other than its owner can read. */
async function inspectKeyRights(
  entries: readonly SvmBlobEntry[],
  look: FileLooker,
  findings: TextFindings,
): Promise<void> {
  for (const { values } of entries) {
    const path = values.get('seckey')
    if (path && (await look(path.text))?.readableByOthers)
      findings.add('ESM140', path, { found: 'rights for group or others' })
  }
}

function inspectEntry(
  { kind, values }: SvmBlobEntry,
  files: ReadonlyMap<string, Uint8Array>,
  findings: TextFindings,
): void {
  const pubkey = files.get('pubkey')
  const publicKey = pubkey && inspectPublicKey(kind === 'origin', values.get('pubkey')!, pubkey, findings)
  const seckey = files.get('seckey')
  // Where the two files are swapped, ESM112 has said so.
  if (seckey && !(pubkey && isPrivateKey(pubkey))) inspectSecretKey(values.get('seckey')!, seckey, publicKey, findings)
  const kernel = files.get('kernel')
  const fault = kernel && inspectKernelHead(kernel)
  if (fault) findings.add('ESM120', values.get('kernel')!, { found: fault.found })
  const initramfs = files.get('initramfs')
  // An operand of any size is found by the name of its folder: only the beginning was read.
  if (initramfs && (locateOperand(initramfs).operand || beginsWithOperand(initramfs)))
    findings.add('ESM121', values.get('initramfs')!, { found: 'a cpio archive with opt/ibm/pef in front' })
}

function inspectPublicKey(
  isOrigin: boolean,
  path: YamlText,
  file: Uint8Array,
  findings: TextFindings,
): RsaPublicKey | undefined {
  if (isPrivateKey(file)) {
    findings.add(isOrigin ? 'ESM112' : 'ESM113', path, { found: `a private key in ${path.text}` })
    return undefined
  }
  try {
    const key = parsePublicKey(file)
    const canonical = new TextEncoder().encode(writePublicKeyPem(key))
    if (isOrigin && !sameBytes(canonical, file))
      findings.add('ESM115', path, {
        found: `${file.length} bytes that are not the ${canonical.length} of the canonical form`,
      })
    return key
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
    findings.add('ESM111', path, { found: `${path.text}: ${error.message}` })
    return undefined
  }
}

function inspectSecretKey(
  path: YamlText,
  file: Uint8Array,
  publicKey: RsaPublicKey | undefined,
  findings: TextFindings,
): void {
  if (isEncryptedPrivateKey(file)) {
    findings.add('ESM126', path, { found: path.text })
    return
  }
  try {
    const { n, e } = parsePrivateKey(file)
    if (publicKey && (publicKey.n !== n || publicKey.e !== e))
      findings.add('ESM114', path, { found: `another key in ${path.text}` })
  } catch (error) {
    if (!(error instanceof KeyFormatError || error instanceof RangeError)) throw error
    findings.add('ESM111', path, { found: `${path.text}: ${error.message}` })
  }
}

function isPrivateKey(file: Uint8Array): boolean {
  if (/-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/.test(latin1(file))) return true
  try {
    return parsePrivateKey(file) !== undefined
  } catch {
    return false
  }
}

function isSameKey(a: Uint8Array, b: Uint8Array): boolean {
  try {
    return parsePublicKey(a).n === parsePublicKey(b).n
  } catch {
    return false
  }
}

function checkRepeat(
  { kind, values }: SvmBlobEntry,
  files: ReadonlyMap<string, Uint8Array>,
  seen: Map<string, string>,
  findings: TextFindings,
  crypto: CryptoProvider,
): void {
  const path = values.get('pubkey')
  const file = files.get('pubkey')
  if (!path || !file || (kind !== 'origin' && kind !== 'recipient')) return
  const print = hexBytes(crypto.sha256(file))
  const first = seen.get(print)
  if (first) findings.add('ESM116', path, { found: `${path.text}, the same file as ${first}` })
  else seen.set(print, path.text)
}

export interface BlobMaking {
  /** SHA-512 of a file that is too large to be read at once: the initrd. Default: of what `read` answers. */
  readonly sha512File?: (path: string) => Promise<Uint8Array>
  readonly allowNoRecipient?: boolean
}

/**
 * Makes the operand that an svm_blob.yml describes, as `svm-tool esm make` does.
 * @param read reads a whole file, its path as written
 * @throws OperandError, KernelImageError or KeyFormatError where a file is not what it should be, and whatever `read` throws
 */
export async function makeFromSvmBlob(
  document: SvmBlob,
  read: (path: string) => Promise<Uint8Array>,
  crypto: CryptoProvider,
  random: RandomSource,
  { sha512File = async (path) => crypto.sha512(await read(path)), allowNoRecipient }: BlobMaking = {},
): Promise<Uint8Array> {
  const { origin, recipients, digest, files } = document
  const holder = async ({ pubkey, comment }: { pubkey: string; comment: string }) => ({
    publicKey: await read(pubkey),
    comment,
  })
  return makeOperand({
    crypto,
    random,
    origin: await holder(origin),
    recipients: await Promise.all(recipients.map(holder)),
    digests: {
      kernel: await read(digest.kernel),
      initrd: { sha512: await sha512File(digest.initramfs) },
      bootargs: digest.args,
    },
    digestsComment: digest.comment,
    allowNoRecipient,
    files: await Promise.all(
      files.map(async ({ path, name, comment }) => ({ name, comment, bytes: await read(path) })),
    ),
  })
}
