import type { CryptoProvider } from '../esm/crypto/provider.ts'
import type { Finding } from '../esm/findings.ts'
import type { FileFacts } from '../esm/svm-blob-files.ts'

/** What is at a uri. */
export interface FileStat extends FileFacts {
  readonly isFolder: boolean
  /** Changes whenever the file does. */
  readonly stamp: string
}

/** What the server needs from the world around it: files are named by their uris. */
export interface ServerHost {
  readonly crypto: CryptoProvider
  /** @returns undefined where there is nothing */
  stat(uri: string): Promise<FileStat | undefined>
  /**
   * Reads the beginning of a file.
   * @param limit bytes that are wanted at most
   * @returns undefined where there is no such file
   */
  read(uri: string, limit: number): Promise<Uint8Array | undefined>
  /** The bytes of a file from an offset on, in order; nothing where there is no such file. A chunk is valid until the next. */
  chunks(uri: string, from: number): AsyncIterable<Uint8Array>
  /** Names in a folder, with a slash behind those of folders; none where there is no such folder. */
  list(uri: string): Promise<readonly string[]>
  /**
   * The wrapping key that the emulated TPM makes from a seed, as PEM; undefined where it is not known (yet). Absent where
   * there is nobody to ask.
   */
  tpmPublicKey?(seed: number): string | undefined
  /** ESM127: what svm-tool would miss on this host; absent where there is no such host, in a browser. */
  inspectBuildHost?(): Finding | undefined
  /** Folder of the rules' pages; without it diagnostics have no links. */
  readonly rulePages?: string
}
