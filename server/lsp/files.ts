import { flattenKernel, KernelImageError } from '../esm/kernel-image.ts'
import { type FoundPrivateKey, findPrivateKey } from '../esm/private-key-scan.ts'
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

/** A kernel is read whole; a larger file is none that anybody boots. Bytes. */
const MOST_KERNEL_BYTES = 1 << 30
/** Digests that are kept. */
const MOST_KEPT = 200

/** The files that documents name, and what was computed of them: once for each version of a file. */
export class Files {
  /** Uris of the workspace's folders. */
  folders: readonly string[] = []
  readonly #kept = new Map<string, Promise<unknown>>()

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

  /** Digest and size of a kernel's flat image; undefined where the file is no kernel. */
  kernel({ uri, stat }: FoundFile): Promise<KernelDigest | undefined> {
    return this.once(`kernel ${uri} ${stat.stamp}`, async () => {
      const elf = await this.host.read(uri, MOST_KERNEL_BYTES)
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
