/** The files that check, diff and explain look at: which is what, and what else there is to check them against. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { locateOperand } from '../../../../server/esm/cpio.ts'
import { readDtsOperand } from '../../../../server/esm/dts/operand.ts'
import { openKernelFile } from '../../../../server/esm/kernel-file.ts'
import { COMPRESSED, KernelImageError } from '../../../../server/esm/kernel-image.ts'
import { type ByteSource, latin1 } from '../../../../server/esm/reader.ts'
import { asksForSecureVm } from '../../../../server/esm/verify/image.ts'
import { readZImage, type ZImage } from '../../../../server/esm/zimage.ts'
import { checkAttributes, resolvePath } from '../../../files.ts'
import { chosenQuirks } from '../../../machine/ultravisor/quirks.ts'
import { fileError, readHead, readWhole } from './files.ts'
import { ToolError } from './verb.ts'

/** Opens a file that is read where it is looked at. @throws ToolError where it cannot be read */
export function openSource(path: string): { readonly source: ByteSource; readonly close: () => void } {
  try {
    const descriptor = openSync(path, 'r')
    return { source: sourceOfFile(descriptor), close: () => closeSync(descriptor) }
  } catch (error) {
    throw fileError(path, error)
  }
}

/** Opens a file for a while, and closes it. @throws ToolError where it cannot be read */
export async function withSource<T>(path: string, use: (source: ByteSource) => T | Promise<T>): Promise<T> {
  const { source, close } = openSource(path)
  try {
    return await use(source)
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall === 'read' ? fileError(path, error) : error
  } finally {
    close()
  }
}

function sourceOfFile(descriptor: number): ByteSource {
  const { size } = fstatSync(descriptor)
  return {
    length: size,
    slice(start, end) {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start))
      return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, start))
    },
  }
}

export type InputKind = 'operand' | 'initrd' | 'zImage' | 'yaml' | 'dts'

const HEAD_BYTES = 4096

/**
 * What a file is, by how it begins: an operand is a device tree, an initrd an archive or something compressed, a zImage an ELF
 * file, YAML and device-tree source are text. What is none of them is a damaged operand.
 * @throws ToolError where it cannot be read
 */
export async function kindOf(path: string): Promise<InputKind> {
  const head = await readHead(path, HEAD_BYTES)
  const text = latin1(head)
  refuseKey(path, text)
  if (text.startsWith('\xd0\x0d\xfe\xed')) return 'operand'
  if (text.startsWith('\x7fELF')) return 'zImage'
  if (text.startsWith('0707') || COMPRESSED.some(([magic]) => text.startsWith(magic))) return 'initrd'
  if (/\.dts$/i.test(path) || /^(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*\/dts-v1\//.test(text)) return 'dts'
  if (/\.ya?ml$/i.test(path)) return 'yaml'
  if (/\.(img|cpio|gz|xz|zst)$/i.test(path)) return 'initrd'
  return head.includes(0) || head.length === 0 ? 'operand' : 'yaml'
}

/** A key in place of what a verb works on is told by its kind: its text must not come up in what is wrong with it. */
export function refuseKey(path: string, text: string): void {
  const [, label] = /^\s*-----BEGIN ([A-Z ]+)-----/.exec(text) ?? []
  if (label) throw new ToolError(`${path}: expected an operand, an image or svm_blob.yml, found a key file (${label})`)
}

/** A zImage of which the operand, or the kernel, can be read. @throws ToolError for another ELF file */
export async function readZImageFile(path: string): Promise<ZImage> {
  const found = readZImage(await readWhole(path))
  if (found) return found
  throw new ToolError(`${path}: an ELF file without the sections of a zImage: a kernel is given with --kernel`)
}

/** The boot wrapper of a kernel; undefined where it has none. @throws ToolError where the file cannot be read */
export async function readZImageOf(path: string): Promise<ZImage | undefined> {
  return readZImage(await readWhole(path))
}

/** vmlinux as it lies in a file: as it is, compressed, or in a zImage. What cannot be unpacked is given as it is: the verifier says what it is. */
export async function readVmlinux(path: string): Promise<Uint8Array> {
  const bytes = await readWhole(path)
  try {
    return (await openKernelFile(bytes)).vmlinux
  } catch (error) {
    if (error instanceof KernelImageError) return bytes
    throw error
  }
}

/** Device-tree source. @throws ToolError where the file cannot be read, or is no text */
export async function readDtsFile(path: string): Promise<string> {
  const bytes = await readWhole(path)
  refuseKey(path, latin1(bytes.subarray(0, HEAD_BYTES)))
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ToolError(`${path}: expected device-tree source, found bytes that are not UTF-8`)
  }
}

/** The operand in a file of any kind. */
export interface OperandFile {
  readonly kind: InputKind
  readonly bytes: Uint8Array
  /** Of the operand in its file. */
  readonly offset: number
}

/** Takes the operand out of whatever carries it. @throws ToolError where there is none */
export async function readOperandFile(path: string): Promise<OperandFile> {
  const kind = await kindOf(path)
  if (kind === 'yaml') throw new ToolError(`${path}: expected an operand, an initrd or a zImage with one, found text`)
  if (kind === 'operand') return { kind, bytes: await readWhole(path), offset: 0 }
  if (kind === 'dts') {
    const { bytes, findings } = readDtsOperand(await readDtsFile(path))
    if (bytes) return { kind, bytes, offset: 0 }
    const told = findings.map(({ rule, message, range: { start } }) => `line ${start.line + 1}: ${rule}: ${message}`)
    throw new ToolError(`${path}: ${told.join('; ')}`)
  }
  if (kind === 'zImage') {
    const { operand } = await readZImageFile(path)
    if (!operand) throw new ToolError(`${path}: a zImage without an operand (section .kernel:esm_blob)`)
    return { kind, ...operand }
  }
  const { operand, findings } = await withSource(path, (source) => locateOperand(source))
  if (operand) return { kind, bytes: operand.bytes, offset: operand.offset }
  throw new ToolError(`${path}: ${findings.map(({ rule, message }) => `${rule}: ${message}`).join('; ')}`)
}

/** What launch attributes say about an image; paths are absolute or relative to the working directory. */
export interface ImageFile {
  readonly kernel?: string
  readonly initrd?: string
  readonly operand?: string
  readonly append?: string
  readonly tpmKey?: string
  /** Of the machine, whose TPM has a key of its own where none is given. */
  readonly seed: number
  /** The VM is to become secure: its command line says so, or a boot stub sees to it. */
  readonly asksForSecureVm: boolean
  /** The ultravisor goes on where an operand is wrong (quirk Q29). */
  readonly warnOnly: boolean
}

/** Reads IMAGE.json as `pef run` does. @throws ToolError, AttributeError */
export async function readImageFile(path: string): Promise<ImageFile> {
  let attributes: unknown
  try {
    attributes = JSON.parse(new TextDecoder().decode(await readWhole(path)))
  } catch (error) {
    if (error instanceof ToolError) throw error
    throw new ToolError(`${path} is not JSON: ${(error as Error).message}`)
  }
  const { kernel, initrd, operand, bootargs, tpmKey, seed, esm, quirks } = checkAttributes(attributes)
  const at = (name: string | undefined) => (name === undefined ? undefined : resolvePath(dirname(path), name))
  return {
    kernel: at(kernel),
    initrd: at(initrd),
    operand: at(operand),
    append: bootargs,
    tpmKey: at(tpmKey),
    seed,
    asksForSecureVm: esm === 'stub' || asksForSecureVm(bootargs),
    warnOnly: chosenQuirks(quirks).has('Q29'),
  }
}
