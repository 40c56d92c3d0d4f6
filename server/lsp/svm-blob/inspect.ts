/** Everything that is wrong with an svm_blob.yml, the files that it names, and the operands that were made of it. */
import { isEncryptedPrivateKey, KeyFormatError, parsePrivateKey } from '../../esm/crypto/pem.ts'
import type { RsaPrivateKey } from '../../esm/crypto/rsa.ts'
import { bySeverity } from '../../esm/findings.ts'
import { describePrivateKey } from '../../esm/private-key-scan.ts'
import { hexBytes, sameBytes } from '../../esm/reader.ts'
import { type ParsedSvmBlob, parseSvmBlob, type SvmBlobEntry } from '../../esm/svm-blob.ts'
import { inspectSvmBlobFiles } from '../../esm/svm-blob-files.ts'
import { type TextFinding, TextFindings, type YamlText } from '../../esm/svm-yaml.ts'
import { type DigestList, openDigests } from '../../esm/verify/digests.ts'
import { unwrap } from '../../esm/verify/lockboxes.ts'
import { inspectOperand } from '../../esm/verify/operand.ts'
import type { Files } from '../files.ts'
import { joinUri, nameOf, parentOf } from '../uris.ts'

/** Bytes. */
const KEY_LIMIT = 1 << 16
const OPERAND_LIMIT = 1 << 20
/** Files beside the YAML that are taken for operands. */
const OPERAND_NAME = /\.(esmb|dtb|blob)$|^esmb$/i
const MOST_OPERANDS = 8

/** What the text and its small files say: this is quick. */
export async function inspectSvmBlob(
  text: string,
  document: string,
  files: Files,
): Promise<{ parsed: ParsedSvmBlob; findings: TextFinding[] }> {
  const parsed = parseSvmBlob(text)
  const told = new Set(parsed.findings.map(key))
  const read = (path: string, limit: number) => files.read(document, path, limit)
  const look = async (path: string) => (await files.find(document, path))?.stat
  const fromFiles = await inspectSvmBlobFiles(text, parsed.entries, read, files.host.crypto, undefined, look)
  const more = new TextFindings(text)
  inspectBuildHost(parsed.entries, files, more)
  const all = [...parsed.findings, ...[...fromFiles, ...more.list].filter((found) => !told.has(key(found)))]
  return { parsed, findings: bySeverity(all) as TextFinding[] }
}

/** The text alone and its files may tell the same, e.g. ESM116 for a path that is there twice. */
function key({ rule, offset }: TextFinding): string {
  return `${rule} ${offset}`
}

/** ESM127, where the kernel stands: it is objcopy that svm-tool flattens it with. */
function inspectBuildHost(entries: readonly SvmBlobEntry[], { host }: Files, findings: TextFindings): void {
  const { kernel } = digestEntry(entries)
  const found = kernel && host.inspectBuildHost?.()
  if (found) findings.add(found.rule, kernel, { severity: found.severity, found: found.found })
}

/** Values of the one digest entry and of the origin, where they are there. */
export interface DigestEntry {
  readonly args?: YamlText
  readonly initramfs?: YamlText
  readonly kernel?: YamlText
}

export function digestEntry(entries: readonly SvmBlobEntry[]): DigestEntry {
  const values = entries.find(({ kind }) => kind === 'digest')?.values
  return { args: values?.get('args'), initramfs: values?.get('initramfs'), kernel: values?.get('kernel') }
}

/** Digests of what the YAML names now; those of files that are not there are absent. */
export interface PresentDigests {
  readonly kernel?: Uint8Array
  /** Of the flat kernel, in bytes. */
  readonly kernelBytes?: number
  readonly initrd?: Uint8Array
  readonly bootargs?: Uint8Array
}

/** Reads kernel and initrd whole the first time: 40 MiB take a tenth of a second. */
export async function presentDigests(entry: DigestEntry, document: string, files: Files): Promise<PresentDigests> {
  const at = async (path: YamlText | undefined) => path && files.find(document, path.text)
  const kernelFile = await at(entry.kernel)
  const initrdFile = await at(entry.initramfs)
  const kernel = kernelFile && (await files.kernel(kernelFile))
  return {
    kernel: kernel?.digest,
    kernelBytes: kernel?.bytes,
    initrd: initrdFile && (await files.sha512(initrdFile)),
    bootargs: entry.args && files.host.crypto.sha512(new TextEncoder().encode(entry.args.text)),
  }
}

/** An operand beside the YAML that its owner's key opens. */
export interface OwnOperand {
  readonly name: string
  readonly uri: string
  readonly digests: DigestList
}

/** Operands in the folder of the YAML that the key of its origin opens. None where that key has a passphrase. */
export async function ownOperands(parsed: ParsedSvmBlob, document: string, files: Files): Promise<OwnOperand[]> {
  const path = parsed.entries.find(({ kind }) => kind === 'origin')?.values.get('seckey')
  const keyFile = path && (await files.find(document, path.text))
  if (!path || !keyFile) return []
  const folder = parentOf(document)
  const names = (await files.host.list(folder)).filter((name) => OPERAND_NAME.test(name)).slice(0, MOST_OPERANDS)
  const found: OwnOperand[] = []
  for (const name of names) {
    const uri = joinUri(folder, name)
    const stamp = (await files.host.stat(uri))?.stamp
    // A private operation takes some milliseconds, too many for every keystroke.
    const digests = await files.once(`opened ${uri} ${stamp} ${keyFile.uri} ${keyFile.stat.stamp}`, async () => {
      const secret = await readPrivateKey(document, path.text, files)
      return secret && openWith(secret, uri, files)
    })
    if (digests) found.push({ name, uri, digests })
  }
  return found
}

/** A private key without a passphrase; undefined where there is none at the path. */
export async function readPrivateKey(document: string, path: string, files: Files): Promise<RsaPrivateKey | undefined> {
  const bytes = await files.read(document, path, KEY_LIMIT)
  if (!bytes || isEncryptedPrivateKey(bytes)) return undefined
  try {
    return parsePrivateKey(bytes)
  } catch (error) {
    if (error instanceof KeyFormatError) return undefined
    throw error
  }
}

async function openWith(secret: RsaPrivateKey, uri: string, files: Files): Promise<DigestList | undefined> {
  const blob = await files.host.read(uri, OPERAND_LIMIT)
  const operand = blob && inspectOperand(blob).operand
  const { crypto } = files.host
  const masterKey = operand?.originLockbox && unwrap(operand.originLockbox, secret, crypto)
  return masterKey && openDigests(operand!, masterKey, crypto).digests
}

/** ESM054 to ESM057 as warnings: an operand beside the YAML was made of something else than the YAML names now. */
export async function inspectOwnOperands(
  text: string,
  parsed: ParsedSvmBlob,
  document: string,
  files: Files,
): Promise<TextFinding[]> {
  const operands = await ownOperands(parsed, document, files)
  if (operands.length === 0) return []
  const entry = digestEntry(parsed.entries)
  const present = await presentDigests(entry, document, files)
  const findings = new TextFindings(text)
  for (const { name, digests } of operands) {
    const compare = (
      rule: string,
      at: YamlText | undefined,
      had: Uint8Array,
      has: Uint8Array | undefined,
      what: string,
    ) => {
      if (!at || !has || sameBytes(had, has)) return
      const expected = `SHA-512 ${short(had)} of ${what}, as ${name} was made with`
      findings.add(rule, at, { severity: 'W', expected, found: `${short(has)}: make the operand again` })
    }
    compare('ESM054', entry.kernel, digests.kernel, present.kernel, 'the kernel')
    compare('ESM056', entry.initramfs, digests.initrd, present.initrd, 'the initrd')
    compare('ESM057', entry.args, digests.bootargs, present.bootargs, 'the boot arguments')
  }
  return findings.list
}

/** ESM141: a private key inside the initrd, which is read whole the first time. */
export async function inspectInitrdSecrets(
  text: string,
  { entries }: ParsedSvmBlob,
  document: string,
  files: Files,
): Promise<TextFinding[]> {
  const findings = new TextFindings(text)
  const { initramfs } = digestEntry(entries)
  const file = initramfs && (await files.find(document, initramfs.text))
  const key = file && (await files.privateKeyIn(file))
  if (key) findings.add('ESM141', initramfs, { found: describePrivateKey(key) })
  return findings.list
}

/** The first bytes of a digest: enough to compare by eye. */
export function short(digest: Uint8Array): string {
  return `${hexBytes(digest.subarray(0, 6))}…`
}

/** Name of an entry's file as the operand will have it. */
export function attachmentName({ values }: SvmBlobEntry): string | undefined {
  const path = values.get('path')
  return values.get('name')?.text ?? (path && nameOf(path.text))
}
