/**
 * From launch attributes (of a launch.json, a pef.json or the command line) to a MachineConfig: checks every attribute
 * and reads the files that they name. All reading goes through an injected function, so that a web worker and a test
 * use the same code. A wrong attribute is an {@link AttributeError}: which one, what was given, what is accepted.
 */
import { nobleCrypto } from '../server/esm/crypto/noble.ts'
import { parsePrivateKey } from '../server/esm/crypto/pem.ts'
import type { CryptoProvider, RandomSource } from '../server/esm/crypto/provider.ts'
import type { RsaPrivateKey } from '../server/esm/crypto/rsa.ts'
import { type KernelFile, openKernelFile } from '../server/esm/kernel-file.ts'
import { flattenKernel, KernelImageError } from '../server/esm/kernel-image.ts'
import { AttributeError } from './attribute-error.ts'
import { resolvePath } from './attribute-paths.ts'
import { checkAttributes } from './attributes.ts'
import { openDrives } from './drives.ts'
import { Inputs } from './machine/clock/inputs.ts'
import type { MachineConfig } from './machine/config.ts'
import { operandFromYaml } from './operand-file.ts'

export { AttributeError } from './attribute-error.ts'
export { resolvePath } from './attribute-paths.ts'
export { checkAttributes, parseBytes } from './attributes.ts'

/** How files are reached. */
export interface FileAccess {
  /** Reads a whole file; `path` is absolute. Rejects as node:fs does (`code` is ENOENT, EISDIR, EACCES, ...). */
  readFile(path: string): Promise<Uint8Array>
  /** The folder that relative paths start from: the workspace folder, or the folder of the image file. */
  readonly cwd: string
  /** Who computes digests and ciphers; default is the portable provider. */
  readonly crypto?: CryptoProvider
  /** Unpacks raw deflate, for compressed qcow2 images: `size` bytes come out. */
  readonly inflate?: (bytes: Uint8Array, size: number) => Uint8Array
}

/** A file with symbols, as read. */
export interface SymbolFile {
  readonly path: string
  readonly bytes: Uint8Array
}

const ELF_MAGIC = 0x7f454c46
const FDT_MAGIC = 0xd00dfeed
const ELF_ACCEPTED = 'an ELF file for ppc64le or ppc64, such as vmlinux, as it is or compressed with gzip, or a zImage'

/**
 * Checks launch attributes, reads their files, and makes the description of a machine from them.
 * @param attributes launch attributes as a person wrote them: nothing about them is trusted
 * @throws AttributeError for the first attribute that is wrong or names a file that cannot be used
 */
export async function loadMachineConfig(attributes: unknown, io: FileAccess): Promise<MachineConfig> {
  const checked = checkAttributes(attributes)
  const crypto = io.crypto ?? nobleCrypto
  const { vmlinux, ...inside } = await readKernel(checked.kernel, io)
  const initrd =
    (checked.initrd && (await readAttributeFile('initrd', checked.initrd, 'an initrd file', io))) || inside.initrd
  const operand =
    checked.operand &&
    (await readOperand(checked.operand, io, crypto, new Inputs(crypto, checked.seed).stream('operand')))
  const drives = await openDrives(checked.drives, {
    read: (path) => readAttributeFile('drives', path, 'a disk image, raw or qcow2', io),
    cwd: io.cwd,
    inflate: io.inflate,
  })
  const tpmKey = checked.tpmKey && (await readTpmKey(checked.tpmKey, io))
  return {
    kernel: vmlinux,
    ...(inside.operand && { kernelOperand: inside.operand }),
    ...(initrd && { initrd }),
    ...(operand && { operand }),
    ...(drives.length > 0 && { drives }),
    bootargs: checked.bootargs,
    memoryBytes: checked.memoryBytes,
    secureMemoryBytes: checked.secureMemoryBytes,
    seed: checked.seed,
    ...(tpmKey && { tpmKey }),
    esm: checked.esm,
    ...(checked.quirks !== 'sane' && { quirks: checked.quirks }),
    ...(checked.scenario !== undefined && { scenario: checked.scenario }),
    crypto,
  }
}

async function readKernel(path: string, io: FileAccess): Promise<KernelFile> {
  const bytes = await readAttributeFile('kernel', path, ELF_ACCEPTED, io)
  try {
    const file = await openKernelFile(bytes)
    if (magicOf(file.vmlinux) !== ELF_MAGIC)
      throw new AttributeError('kernel', path, ELF_ACCEPTED, notElf(file.vmlinux))
    flattenKernel(file.vmlinux)
    return file
  } catch (error) {
    if (!(error instanceof KernelImageError)) throw error
    throw new AttributeError('kernel', path, ELF_ACCEPTED, `it is ${error.finding.found}`)
  }
}

/**
 * Reads the files of the attribute `symbols`, and the kernel first of all.
 * @throws AttributeError where one cannot be read
 */
export async function loadSymbolFiles(attributes: unknown, io: FileAccess): Promise<SymbolFile[]> {
  const checked = checkAttributes(attributes)
  const { vmlinux } = await readKernel(checked.kernel, io)
  const files: SymbolFile[] = [{ path: resolvePath(io.cwd, checked.kernel), bytes: vmlinux }]
  for (const path of checked.symbols)
    files.push({
      path: resolvePath(io.cwd, path),
      bytes: await readAttributeFile('symbols', path, 'an ELF file or a System.map', io),
    })
  return files
}

async function readAttributeFile(
  attribute: string,
  path: string,
  accepted: string,
  io: FileAccess,
): Promise<Uint8Array> {
  const absolute = resolvePath(io.cwd, path)
  let bytes: Uint8Array
  try {
    bytes = await io.readFile(absolute)
  } catch (error) {
    throw new AttributeError(attribute, path, accepted, fileProblem(error, absolute))
  }
  if (bytes.length === 0) throw new AttributeError(attribute, path, accepted, `${absolute} is empty`)
  return bytes
}

function fileProblem(error: unknown, path: string): string {
  const code = (error as { code?: string } | undefined)?.code
  const problems: Record<string, string> = {
    ENOENT: `there is no file ${path}`,
    ENOTDIR: `there is no file ${path}`,
    EISDIR: `${path} is a directory`,
    EACCES: `no permission to read ${path}`,
    EPERM: `no permission to read ${path}`,
  }
  return problems[code ?? ''] ?? `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`
}

function magicOf(bytes: Uint8Array): number {
  return bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}

function notElf(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return `the file begins with ${shown}, an ELF file with 7f 45 4c 46`
}

/** A finished operand, or an svm_blob.yml that one is built from in memory. */
async function readOperand(
  path: string,
  io: FileAccess,
  crypto: CryptoProvider,
  random: RandomSource,
): Promise<Uint8Array> {
  const accepted = 'an ESM operand (a flattened device tree) or an svm_blob.yml'
  const bytes = await readAttributeFile('operand', path, accepted, io)
  if (magicOf(bytes) === FDT_MAGIC) return bytes
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 6))
  if (start === '070701' || start === '070702')
    throw new AttributeError(
      'operand',
      path,
      accepted,
      'the file is a cpio archive: an initrd that has an operand in front is given as "initrd"',
    )
  // What is no text is an operand, if a damaged one: why it is refused, the ultravisor says.
  if (bytes.includes(0)) return bytes
  const absolute = resolvePath(io.cwd, path)
  const folder = absolute.replace(/[\\/][^\\/]*$/, '')
  // svm-tool takes paths from the folder it is run in; beside the YAML is what most people mean.
  const readNamed = async (name: string) => {
    const beside = await io.readFile(resolvePath(folder, name)).catch(() => undefined)
    return beside ?? readAttributeFile('operand', name, 'a YAML that names files that are there', io)
  }
  try {
    return await operandFromYaml(bytes, { readFile: readNamed, crypto, random })
  } catch (error) {
    if (error instanceof AttributeError) throw error
    throw new AttributeError('operand', path, accepted, error instanceof Error ? error.message : String(error))
  }
}

async function readTpmKey(path: string, io: FileAccess): Promise<RsaPrivateKey> {
  const accepted = 'a PEM file with an RSA-2048 private key'
  const bytes = await readAttributeFile('tpm.key', path, accepted, io)
  let key: RsaPrivateKey
  try {
    key = parsePrivateKey(bytes)
  } catch (error) {
    throw new AttributeError('tpm.key', path, accepted, error instanceof Error ? error.message : String(error))
  }
  if (key.bytes !== 256) throw new AttributeError('tpm.key', path, accepted, `the key has ${key.bytes * 8} bits`)
  return key
}
