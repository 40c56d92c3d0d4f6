import { resolve } from 'node:path'
import { version } from '../../../../package.json'
import { locateOperand } from '../../../../server/esm/cpio.ts'
import { nodeCrypto } from '../../../../server/esm/crypto/node.ts'
import { KeyFormatError, parsePublicKey, writePublicKeyPem } from '../../../../server/esm/crypto/pem.ts'
import { inSource, readDtsOperand } from '../../../../server/esm/dts/operand.ts'
import { type Finding, finding, type ImagePart } from '../../../../server/esm/findings.ts'
import { describePrivateKey, findPrivateKey } from '../../../../server/esm/private-key-scan.ts'
import type { ByteSource } from '../../../../server/esm/reader.ts'
import { type ImageParts, verifyImage } from '../../../../server/esm/verify/image.ts'
import type { ZImage } from '../../../../server/esm/zimage.ts'
import { AttributeError } from '../../../files.ts'
import { bootedTpm } from '../../../machine/firmware/booted-tpm.ts'
import { WRAPPING_KEY_HANDLE } from '../../../machine/tpm/tpm.ts'
import { suggestion, UsageError } from '../../options.ts'
import type { Terminal } from '../../terminal.ts'
import type { Arguments, Option } from './arguments.ts'
import { checkRecipe } from './check-recipe.ts'
import { readWhole, withFile } from './files.ts'
import { chunksOf, sha512File } from './hash.ts'
import {
  type ImageFile,
  type InputKind,
  kindOf,
  readDtsFile,
  readImageFile,
  readVmlinux,
  readZImageFile,
  readZImageOf,
  withSource,
} from './inputs.ts'
import { readPrivateKey } from './keys.ts'
import { type Located, levelOf, toJson, toSarif, toText } from './report.ts'
import { ToolError, type Verb } from './verb.ts'

const FORMATS = ['text', 'json', 'sarif'] as const

/** A private key that opens lockboxes: the owner's, or a recipient's. */
export const KEY: Option = {
  name: 'key',
  value: 'KEY',
  help: "a private key that opens a lockbox (the owner's or a recipient's); may be repeated",
}
export const FORMAT = (formats: readonly string[]): Option => ({
  name: 'format',
  value: formats.join('|'),
  help: 'what is printed (default text)',
})

/** @throws UsageError for a format that is not one of them */
export function formatOf<F extends string>(args: Arguments, formats: readonly F[]): F {
  const given = args.value('format') ?? formats[0]!
  if (formats.includes(given as F)) return given as F
  throw new UsageError(`--format takes ${formats.join(', ')}, not ${given}${suggestion(given, formats)}`)
}

/** Everything that the command line names. */
export interface Given {
  /** What is checked; absent where --image or --initrd names it. */
  readonly file: string | undefined
  readonly kernel: string | undefined
  readonly initrd: string | undefined
  readonly append: string | undefined
  readonly tpm: Pick<ImageParts, 'tpmPrivateKey' | 'tpmPublicKeyPem'>
  /** FILE is the operand of an image, which is put in front of its initrd as that is: also where one is there already. */
  readonly isAttached: boolean
  /** What only an image tells. */
  readonly run?: Pick<ImageParts, 'lacksInitrd' | 'warnOnly'>
}

/** `esm check`: the ultravisor's own verifier, and everything that it says. */
export const check: Verb = {
  usage:
    '[FILE] [--image IMAGE.json] [--kernel K] [--initrd I] [--append A] [--tpm-key KEY] [--format text|json|sarif]',
  summary: 'say everything that is wrong with an operand, an image or svm_blob.yml',
  description: `FILE is an operand, its device-tree source, an initrd with an operand in front, a zImage with an operand, or svm_blob.yml. What is given
beside it is checked against it: with the private half of the machine's key, or one that opens another lockbox, the digests and attachments too.

Exit codes: 0 no error (there may be warnings), 1 an error, 2 wrong usage or a file that cannot be read.`,
  options: [
    {
      name: 'image',
      value: 'IMAGE.json',
      help: 'takes kernel, initrd, operand, bootargs and TPM key from launch attributes',
    },
    { letter: 'k', name: 'kernel', value: 'KERNEL', help: 'vmlinux, which the machine loads' },
    { letter: 'i', name: 'initrd', value: 'INITRD', help: 'the initrd, with or without an operand in front' },
    { letter: 'a', name: 'append', value: 'ARGS', help: 'the kernel command line, exactly' },
    { name: 'tpm-key', value: 'KEY', help: "the machine's wrapping key, public or private" },
    KEY,
    { letter: 'p', name: 'pubkey', value: 'PUBKEY', help: 'a public key that lockboxes may be for; may be repeated' },
    FORMAT(FORMATS),
  ],
  files: true,
  example:
    'pef esm check esmb-initrd.img --kernel vmlinux --append "root=/dev/vda svm=on" --tpm-key tpm.pem --key owner.key',
  async run(args, terminal) {
    const format = formatOf(args, FORMATS)
    if (args.rest.length > 1) throw new UsageError(`one FILE, not ${args.rest.length}: ${args.rest.join(' ')}`)
    let checked: Checked
    try {
      checked = await checkAll(args, terminal)
    } catch (error) {
      // 1 is for findings.
      if (error instanceof ToolError || error instanceof AttributeError) throw new UsageError(error.message)
      throw error
    }
    const { found, opened } = checked
    if (format === 'text') terminal.out(`${toText(found)}${opened ? '' : UNCHECKED}`)
    else terminal.out(format === 'json' ? toJson(found) : toSarif(found, version))
    return found.some(({ finding }) => levelOf(finding) === 'error') ? 1 : 0
  },
}

/** What no finding tells: that nobody could look. */
const UNCHECKED =
  'Not checked without a private key (--tpm-key or --key): the digests and the attachments, which are encrypted.\n'

function isPublicKey(bytes: Uint8Array): boolean {
  try {
    parsePublicKey(bytes)
    return true
  } catch (error) {
    if (error instanceof KeyFormatError) return false
    throw error
  }
}

interface Checked {
  readonly found: readonly Located[]
  /** Whether there was a key, so that what is encrypted could be looked at. */
  readonly opened: boolean
}

async function checkAll(args: Arguments, terminal: Terminal): Promise<Checked> {
  const imagePath = args.value('image')
  const image = imagePath === undefined ? undefined : await readImageFile(imagePath)
  const file = args.rest[0] ?? image?.operand
  const kind = file === undefined ? 'initrd' : await kindOf(file)
  const given: Given = {
    file,
    kernel: args.value('kernel') ?? image?.kernel,
    // An initrd as FILE is there instead of the one of the image.
    initrd: args.value('initrd') ?? (kind === 'initrd' && file !== undefined ? undefined : image?.initrd),
    append: args.value('append') ?? image?.append,
    tpm: await tpmKey(args.value('tpm-key') ?? image?.tpmKey, image),
    isAttached: image?.operand !== undefined && resolve(file!) === resolve(image.operand),
    ...(image && { run: { warnOnly: image.warnOnly } }),
  }
  if (given.file === undefined && given.initrd === undefined && image) return checkWithoutInitrd(given, image)
  if (given.file === undefined && given.initrd === undefined)
    throw new UsageError('give a FILE, --image or --initrd (pef esm check --help)')
  if (kind === 'yaml') {
    const found = await checkRecipe(given.file!, given, terminal)
    const more = verifyImage({ crypto: nodeCrypto, ...given.run }).map((one) => ({ finding: one, file: imagePath! }))
    return { found: [...found, ...more], opened: true }
  }
  const initrd = initrdOf(kind, given)
  const check = (operand?: Uint8Array): Promise<Checked> => {
    const withIt = (source?: ByteSource) => checkImage(kind, given, args, terminal, initrd, operand, source)
    return initrd === undefined ? withIt() : withSource(initrd, withIt)
  }
  if (kind === 'dts') return checkSource(given.file!, check)
  return check(kind === 'operand' && given.file !== undefined ? await readWhole(given.file) : undefined)
}

/** The source of an operand: everything that is wrong with the operand is told at its part of the text. */
async function checkSource(file: string, check: (operand: Uint8Array) => Promise<Checked>): Promise<Checked> {
  const source = readDtsOperand(await readDtsFile(file))
  const inText = source.findings.map((finding) => ({ finding, file, range: finding.range }))
  if (!source.bytes) return { found: inText, opened: true }
  const { found, opened } = await check(source.bytes)
  const placed = found.map((one): Located => {
    if (one.file !== file) return one
    const finding = inSource(source, one.finding)
    return { finding, file, range: finding.range }
  })
  return { found: [...inText, ...placed], opened }
}

/** An image of a kernel alone, which may carry an operand: a VM that asks to become secure needs an initrd. */
async function checkWithoutInitrd({ kernel, append, run }: Given, image: ImageFile): Promise<Checked> {
  const zImage = await readZImageOf(kernel!)
  const findings = verifyImage({
    crypto: nodeCrypto,
    kernel: await readVmlinux(kernel!),
    ...(zImage?.operand && { zImage }),
    ...(append !== undefined && { bootargs: append }),
    ...run,
    lacksInitrd: image.asksForSecureVm && !zImage?.initrd,
  })
  return { found: findings.map((finding) => ({ finding, file: kernel! })), opened: true }
}

/** A kernel that carries an operand: another one is a kernel and nothing else. */
async function zImageWithOperand(path: string | undefined): Promise<ZImage | undefined> {
  const found = path === undefined ? undefined : await readZImageOf(path)
  return found?.operand && found
}

/** The machine's key: a file, or the one that the emulated TPM of the image makes from its seed. */
async function tpmKey(path: string | undefined, image: ImageFile | undefined): Promise<Given['tpm']> {
  const pem = (key: Parameters<typeof writePublicKeyPem>[0]) => new TextEncoder().encode(writePublicKeyPem(key))
  if (path === undefined)
    return image
      ? { tpmPublicKeyPem: pem(bootedTpm(nodeCrypto, image.seed, undefined).publicKey(WRAPPING_KEY_HANDLE)!) }
      : {}
  const bytes = await readWhole(path)
  if (isPublicKey(bytes)) return { tpmPublicKeyPem: bytes }
  const key = await readPrivateKey(path)
  return { tpmPrivateKey: key, tpmPublicKeyPem: pem(key) }
}

async function checkImage(
  kind: Exclude<InputKind, 'yaml'>,
  given: Given,
  args: Arguments,
  terminal: Terminal,
  initrdPath: string | undefined,
  operand: Uint8Array | undefined,
  source: ByteSource | undefined,
): Promise<Checked> {
  const { file, kernel, append, tpm, run } = given
  const zImage = kind === 'zImage' ? await readZImageFile(file!) : await zImageWithOperand(kernel)
  const located = source && locateOperand(source)
  // Where there is an operand elsewhere, an initrd may be one without.
  const isPlain = zImage?.operand !== undefined || (kind !== 'initrd' && !located?.operand)
  const keys = []
  for (const path of args.values('key')) keys.push(await readPrivateKey(path))
  const opened = keys.length > 0 || tpm.tpmPrivateKey !== undefined
  const digestStart = isPlain ? 0 : (located?.archiveBytes ?? 0)
  const kernelFile = kernel ?? (zImage?.kernel ? file : undefined)
  const kernelBytes = kernelFile === undefined ? undefined : await readVmlinux(kernelFile)
  const findings = verifyImage({
    crypto: nodeCrypto,
    ...(operand && { operand }),
    ...(source && (isPlain ? { initrd: source } : { esmbInitrd: source })),
    ...(source && opened && { initrdSha512: await sha512File(initrdPath!, terminal, digestStart) }),
    ...(zImage && { zImage }),
    ...(kernelBytes && { kernel: kernelBytes }),
    ...(append !== undefined && { bootargs: append }),
    ...tpm,
    ...run,
    ...(args.count('pubkey') > 0 && { knownKeys: await knownKeys(args.values('pubkey')) }),
    privateKeys: keys,
  })
  const files: Partial<Record<ImagePart, string | undefined>> = {
    operand: file,
    zImage: kind === 'zImage' ? file : kernel,
    initrd: initrdPath,
    kernel: kernel ?? file,
  }
  const found = findings.map((finding) => ({ finding, file: nameOf(finding, files) ?? file ?? initrdPath! }))
  const secret = initrdPath === undefined ? undefined : await initrdSecret(initrdPath, terminal)
  if (secret) found.push({ finding: secret, file: initrdPath! })
  return { found, opened }
}

/** ESM141: a private key inside the initrd. */
export async function initrdSecret(path: string, terminal: Terminal): Promise<Finding | undefined> {
  const key = await withFile(path, (file) => findPrivateKey(chunksOf(file, `searching ${path} for keys`, terminal)))
  return key && finding('ESM141', { found: describePrivateKey(key) })
}

const nameOf = ({ part }: Finding, files: Partial<Record<ImagePart, string | undefined>>): string | undefined =>
  part && files[part]

function initrdOf(kind: InputKind, { file, initrd }: Given): string | undefined {
  if (kind === 'initrd' && file !== undefined && initrd !== undefined && file !== initrd)
    throw new UsageError(`two initrds: ${file} and --initrd ${initrd}`)
  return kind === 'initrd' ? (file ?? initrd) : initrd
}

const knownKeys = (paths: readonly string[]) =>
  Promise.all(paths.map(async (path) => ({ name: path, bytes: await readWhole(path) })))
