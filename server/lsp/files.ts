import { openKernelFile } from '../esm/kernel-file.ts'
import { flattenKernel, KernelImageError } from '../esm/kernel-image.ts'
import { type FoundPrivateKey, findPrivateKey } from '../esm/private-key-scan.ts'
import { readZImage, type ZImage } from '../esm/zimage.ts'
import type { FileStat, ServerHost } from './host.ts'
import { isAbsolutePath, joinUri, parentOf } from './uris.ts'

/** A file that a document names. */
export interface FoundFile {
  readonly uri: string
  readonly stat: FileStat
}

/** The flat image of a kernel, as far as digests go. */
export interface KernelDigest {
  /** SHA-512, 64 bytes. */
  readonly digest: Uint8Array
  /** Bytes of the flat image. */
  readonly bytes: number
}

/** A kernel as a machine takes it. */
export interface OpenedKernel {
  /** What is inside; the file itself where that cannot be told. */
  readonly vmlinux: Uint8Array
  /** The boot wrapper around it, with what it carries. */
  readonly zImage?: ZImage
}

/** A kernel is read whole; a larger file is none that anybody boots. Bytes. */
const MOST_KERNEL_BYTES = 1 << 30
/** Digests that are kept. */
const MOST_KEPT = 200

/** The files that documents name, and what was computed of them: once for each version of a file. */
export class Files {
  /** Uris of the workspace's folders. */
  folders: readonly string[] = []
  readonly #kept = new Map<string, Promise<unknown>>()
  #opened: { readonly key: string; readonly kernel: Promise<OpenedKernel | undefined> } | undefined

  constructor(readonly host: ServerHost) {}

  /**
   * Looks for a file. A relative path starts where svm-tool would be run: at a folder of the workspace, it is assumed, or at
   * the document's own.
   */
  async find(document: string, path: string): Promise<FoundFile | undefined> {
    for (const uri of this.candidates(document, path)) {
      const stat = await this.host.stat(uri)
      if (stat && !stat.isFolder) return { uri, stat }
    }
    return undefined
  }

  /** Where a path may lead, the most likely first: the document's own folder is where most of them are. */
  candidates(document: string, path: string): string[] {
    const own = parentOf(document)
    const bases = isAbsolutePath(path) ? [own] : [own, ...this.folders]
    return [...new Set(bases.map((base) => joinUri(base, path)))]
  }

  /** The beginning of the file that a path means. */
  async read(document: string, path: string, limit: number): Promise<Uint8Array | undefined> {
    const found = await this.find(document, path)
    return found && this.host.read(found.uri, limit)
  }

  /** SHA-512 of a file from an offset on, 64 bytes. */
  sha512({ uri, stat }: FoundFile, from = 0): Promise<Uint8Array> {
    return this.once(`sha512 ${from} ${uri} ${stat.stamp}`, async () => {
      const hash = this.host.crypto.sha512Stream()
      for await (const chunk of this.host.chunks(uri, from)) hash.update(chunk)
      return hash.digest()
    })
  }

  /**
   * Digest and size of a kernel's flat image; undefined where the file is no kernel.
   * @param unpacked what is in a compressed file or a zImage, as a machine takes it; svm-tool takes an ELF file only
   */
  kernel(file: FoundFile, unpacked?: 'unpacked'): Promise<KernelDigest | undefined> {
    const { uri, stat } = file
    return this.once(`kernel ${unpacked ?? ''} ${uri} ${stat.stamp}`, async () => {
      const elf = unpacked ? (await this.openKernel(file))?.vmlinux : await this.host.read(uri, MOST_KERNEL_BYTES)
      if (!elf) return undefined
      try {
        const { bytes } = flattenKernel(elf)
        return { digest: this.host.crypto.sha512(bytes), bytes: bytes.length }
      } catch (error) {
        if (error instanceof KernelImageError) return undefined
        throw error
      }
    })
  }

  /** A kernel, unpacked. The last one is kept: it is large, and an image that is being written names the same one again. */
  openKernel({ uri, stat }: FoundFile): Promise<OpenedKernel | undefined> {
    const key = `${uri} ${stat.stamp}`
    if (this.#opened?.key === key) return this.#opened.kernel
    const kernel = this.#openKernel(uri)
    this.#opened = { key, kernel }
    // What failed is tried again.
    kernel.catch(() => {
      if (this.#opened?.kernel === kernel) this.#opened = undefined
    })
    return kernel
  }

  async #openKernel(uri: string): Promise<OpenedKernel | undefined> {
    const bytes = await this.host.read(uri, MOST_KERNEL_BYTES)
    if (!bytes) return undefined
    const zImage = readZImage(bytes)
    try {
      return { vmlinux: (await openKernelFile(bytes)).vmlinux, ...(zImage && { zImage }) }
    } catch (error) {
      if (!(error instanceof KernelImageError)) throw error
      return { vmlinux: bytes, ...(zImage && { zImage }) }
    }
  }

  /** A private key in an initrd. */
  privateKeyIn({ uri, stat }: FoundFile): Promise<FoundPrivateKey | undefined> {
    return this.once(`private key ${uri} ${stat.stamp}`, () => findPrivateKey(this.host.chunks(uri, 0)))
  }

  /** Runs what takes long once for a key, which has to name all that it depends on; what failed is tried again. */
  once<T>(key: string, work: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(key) as Promise<T> | undefined
    if (kept) return kept
    const made = work()
    this.#kept.set(key, made)
    made.catch(() => this.#kept.delete(key))
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest)
    return made
  }
}
