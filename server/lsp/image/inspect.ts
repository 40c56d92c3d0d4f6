/** What is wrong with an image as a whole: its files, its operand, and whether they belong together. */
import { locateOperand } from '../../esm/cpio.ts'
import { KeyFormatError, parsePrivateKey, parsePublicKey, writePublicKeyPem } from '../../esm/crypto/pem.ts'
import type { RsaPrivateKey } from '../../esm/crypto/rsa.ts'
import { type Finding, finding, type ImagePart } from '../../esm/findings.ts'
import { describePrivateKey } from '../../esm/private-key-scan.ts'
import { sameBytes } from '../../esm/reader.ts'
import { parseSvmBlob, type SvmBlobEntry } from '../../esm/svm-blob.ts'
import type { TextFinding, TextRange } from '../../esm/svm-yaml.ts'
import { asksForSecureVm, verifyImage } from '../../esm/verify/image.ts'
import type { Files, FoundFile, OpenedKernel } from '../files.ts'
import { keysBeside } from '../keys-beside.ts'
import { digestEntry } from '../svm-blob/inspect.ts'
import { joinUri, parentOf } from '../uris.ts'
import type { Attribute, ImageConfiguration } from './configurations.ts'

/** Bytes. */
const KEY_LIMIT = 1 << 16
/** An operand is much smaller, so that this much of an initrd holds all of one in front: and one that crosses 2 MiB too. */
const HEAD_LIMIT = 4 << 20

/** The files of a configuration that are there. */
type Found = Readonly<Partial<Record<'kernel' | 'initrd' | 'operand' | 'tpmKey', FoundFile>>>

/** Everything that can be told; the small files are read each time, of the large ones digests are kept. */
export async function inspectImage(configuration: ImageConfiguration, files: Files): Promise<TextFinding[]> {
  const findings: TextFinding[] = []
  const add = (at: { readonly range: TextRange } | undefined, ...found: readonly Finding[]) => {
    for (const one of found) findings.push({ ...one, range: at?.range ?? configuration.range })
  }
  const found: { -readonly [K in keyof Found]: Found[K] } = {}
  for (const name of ['kernel', 'initrd', 'operand', 'tpmKey'] as const) {
    const path = configuration[name]
    const file = path && (await findFile(path, configuration, files))
    if (file) found[name] = file
    else if (path) add(path, finding('ESM110', { found: path.text }))
  }
  for (const path of configuration.symbols)
    if (!(await findFile(path, configuration, files))) add(path, finding('ESM110', { found: path.text }))

  const operandHead = found.operand && (await files.host.read(found.operand.uri, HEAD_LIMIT))
  // A recipe is text; a damaged operand is still bytes.
  const isRecipe = operandHead !== undefined && !operandHead.includes(0)
  const machine = await tpmKeys(configuration, found, files, add)
  if (isRecipe) {
    await inspectRecipe(configuration, found, operandHead, machine.publicKey, files, add)
    await inspectPlain(configuration, found, files, add)
  } else await inspectWhole(configuration, found, operandHead, machine, files, add)
  const secret = found.initrd && (await files.privateKeyIn(found.initrd))
  if (secret) add(configuration.initrd, finding('ESM141', { found: describePrivateKey(secret) }))
  return findings
}

type Add = (at: { readonly range: TextRange } | undefined, ...found: readonly Finding[]) => void

async function findFile(
  { text }: Attribute,
  { folder }: ImageConfiguration,
  files: Files,
): Promise<FoundFile | undefined> {
  const uri = joinUri(folder, text)
  const stat = await files.host.stat(uri)
  return stat && !stat.isFolder ? { uri, stat } : undefined
}

interface MachineKeys {
  readonly secretKey?: RsaPrivateKey
  /** PEM. */
  readonly publicKey?: Uint8Array
}

/** The wrapping key of the machine: from its file, else made from the seed, where the host can tell. */
async function tpmKeys(configuration: ImageConfiguration, found: Found, files: Files, add: Add): Promise<MachineKeys> {
  const { host } = files
  if (!configuration.tpmKey) {
    const pem = host.tpmPublicKey?.(configuration.seed)
    return pem === undefined ? {} : { publicKey: new TextEncoder().encode(pem) }
  }
  const bytes = found.tpmKey && (await host.read(found.tpmKey.uri, KEY_LIMIT))
  if (!bytes) return {}
  try {
    const secretKey = parsePrivateKey(bytes)
    // Of an emulated TPM: nothing that a real machine keeps.
    if (found.tpmKey?.stat.readableByOthers)
      add(configuration.tpmKey, finding('ESM140', { severity: 'I', found: 'rights for group or others' }))
    return { secretKey, publicKey: new TextEncoder().encode(writePublicKeyPem(secretKey)) }
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
    add(configuration.tpmKey, finding('ESM111', { expected: 'an RSA-2048 private key', found: error.message }))
    return {}
  }
}

/** An svm_blob.yml as the operand: it must be made for this kernel, initrd, command line and machine. */
async function inspectRecipe(
  { operand, kernel, initrd, bootargs, folder: _ }: ImageConfiguration,
  found: Found,
  yaml: Uint8Array,
  tpmPublicKey: Uint8Array | undefined,
  files: Files,
  add: Add,
): Promise<void> {
  const document = found.operand!.uri
  const { entries, findings } = parseSvmBlob(new TextDecoder().decode(yaml))
  const errors = findings.filter(({ severity }) => severity === 'E' || severity === 'X')
  for (const { range: _, offset, length, ...first } of errors.slice(0, 1)) add(operand, first)
  const digest = digestEntry(entries)
  const args = bootargs?.text ?? ''
  if (digest.args && digest.args.text !== args)
    add(bootargs, finding('ESM057', { expected: JSON.stringify(digest.args.text), found: JSON.stringify(args) }))
  const other = async (path: string | undefined, own: FoundFile | undefined) => {
    const named = path === undefined ? undefined : await files.find(document, path)
    return named && own && named.uri !== own.uri ? named : undefined
  }
  const otherKernel = await other(digest.kernel?.text, found.kernel)
  if (otherKernel) {
    const [theirs, ours] = [await files.kernel(otherKernel), await files.kernel(found.kernel!, 'unpacked')]
    if (theirs && ours && !sameBytes(theirs.digest, ours.digest))
      add(kernel, finding('ESM054', { expected: `what is in ${digest.kernel!.text}`, found: 'another kernel' }))
  }
  const otherInitrd = await other(digest.initramfs?.text, found.initrd)
  if (otherInitrd && !sameBytes(await files.sha512(otherInitrd), await files.sha512(found.initrd!)))
    add(initrd, finding('ESM056', { expected: `what is in ${digest.initramfs!.text}`, found: 'another initrd' }))
  if (tpmPublicKey) await inspectFirstRecipient(entries, document, tpmPublicKey, operand, files, add)
}

/** ESM129: the first recipient is not the machine of this image. */
async function inspectFirstRecipient(
  entries: readonly SvmBlobEntry[],
  document: string,
  tpmPublicKey: Uint8Array,
  operand: Attribute | undefined,
  files: Files,
  add: Add,
): Promise<void> {
  const path = entries.find(({ kind }) => kind === 'recipient')?.values.get('pubkey')
  const bytes = path && (await files.read(document, path.text, KEY_LIMIT))
  if (!bytes) return
  try {
    if (parsePublicKey(bytes).n !== parsePublicKey(tpmPublicKey).n)
      add(operand, finding('ESM129', { severity: 'E', found: path.text }))
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
  }
}

/** The kernel, and the initrd that the operand is going to be put in front of. */
async function inspectPlain(configuration: ImageConfiguration, found: Found, files: Files, add: Add): Promise<void> {
  const { crypto } = files.host
  const initrd = found.initrd && (await files.host.read(found.initrd.uri, HEAD_LIMIT))
  const kernel = found.kernel && (await files.openKernel(found.kernel))
  const findings = verifyImage({
    crypto,
    initrd,
    kernel: kernel?.vmlinux,
    ...carried(kernel),
    ...whatRuns(configuration),
    lacksInitrd: isWithoutInitrd(configuration, kernel),
  })
  place(configuration, findings, add)
  // The recipe's operand is put in front of the initrd, and that of the zImage wins.
  if (configuration.operand && kernel?.zImage?.operand)
    add(configuration.operand, finding('ESM078', { found: 'one in the zImage too' }))
}

/** A finished operand, of its own, in front of the initrd or in a zImage, with everything that it is for. */
async function inspectWhole(
  configuration: ImageConfiguration,
  found: Found,
  operand: Uint8Array | undefined,
  { secretKey, publicKey }: MachineKeys,
  files: Files,
  add: Add,
): Promise<void> {
  const kernel = found.kernel && (await files.openKernel(found.kernel))
  const { operand: inKernel, initrd: initrdInKernel } = kernel?.zImage ?? {}
  const home = found.operand ?? found.initrd ?? found.kernel
  if (!home || !(found.initrd || operand || inKernel)) {
    await inspectPlain(configuration, found, files, add)
    return
  }
  const { crypto } = files.host
  const head = found.initrd ? await files.host.read(found.initrd.uri, HEAD_LIMIT) : initrdInKernel?.bytes
  const located = head && locateOperand(head)
  const owners = await keysBeside(parentOf(home.uri), files)
  const privateKeys = owners.map(({ key }) => key)
  const canOpen = secretKey !== undefined || privateKeys.length > 0
  // Of a zImage's operand nothing is taken off the initrd.
  const digestStart = inKernel || !located?.operand ? 0 : located.archiveBytes
  const initrdSha512 = found.initrd && canOpen ? await files.sha512(found.initrd, digestStart) : undefined
  const isPlain = inKernel !== undefined || (operand !== undefined && !located?.operand)
  const findings = verifyImage({
    crypto,
    ...(operand && { operand }),
    ...(head && (isPlain ? { initrd: head } : { esmbInitrd: head })),
    ...(initrdSha512 && { initrdSha512 }),
    ...(kernel && { kernel: kernel.vmlinux }),
    ...carried(kernel),
    ...whatRuns(configuration),
    lacksInitrd: isWithoutInitrd(configuration, kernel),
    ...(secretKey && { tpmPrivateKey: secretKey }),
    ...(publicKey && { tpmPublicKeyPem: publicKey }),
    privateKeys,
  })
  place(configuration, findings, add)
}

/** A zImage is told to the verifier where it carries an operand: else it is a kernel as any other. */
const carried = (kernel: OpenedKernel | undefined) => (kernel?.zImage?.operand ? { zImage: kernel.zImage } : {})

/** An operand of its own is put in front of an initrd of no bytes, which will do. */
function isWithoutInitrd(
  { initrd, operand, bootargs, stub }: ImageConfiguration,
  kernel: OpenedKernel | undefined,
): boolean {
  const isAsked = stub || asksForSecureVm(bootargs?.text ?? '')
  return isAsked && !initrd && !operand && !kernel?.zImage?.initrd
}

/** Without a command line the guest does not ask by itself; that is told where one stands. */
function whatRuns({ bootargs, stub, warnOnly }: ImageConfiguration): { bootargs?: string; warnOnly?: boolean } {
  return { ...((bootargs || stub) && { bootargs: bootargs?.text ?? '' }), ...(warnOnly && { warnOnly: true }) }
}

/** Each finding to the attribute that it is about. */
function place(configuration: ImageConfiguration, findings: readonly Finding[], add: Add): void {
  const { kernel, initrd, operand, bootargs, stub, warnOnly } = configuration
  const isAsked = stub || asksForSecureVm(bootargs?.text ?? '')
  const parts: Readonly<Partial<Record<ImagePart, Attribute | undefined>>> = {
    kernel,
    zImage: kernel,
    initrd,
    operand: operand ?? initrd,
    bootargs,
  }
  const byRule: Readonly<Record<string, { readonly range: TextRange } | undefined>> = {
    ESM054: kernel,
    ESM055: kernel,
    ESM056: initrd,
    ESM057: bootargs,
    ESM080: bootargs ?? configuration,
    ESM137: warnOnly,
  }
  for (const { offset: _, length: __, ...found } of findings) {
    if (stub && found.rule === 'ESM059') continue
    // A VM that never asks to become secure needs no operand.
    const mild = !isAsked && found.rule === 'ESM070'
    const at = byRule[found.rule] ?? (found.part && parts[found.part]) ?? operand ?? initrd
    add(at, mild ? { ...found, severity: 'I' } : found)
  }
}
