import type { OperandModel } from '../esm/operand-model.ts'
import type { FileStat } from './host.ts'

export type { OperandModel }

/** What the server answers besides the language server protocol. The extension uses these types. */
export interface PefServerRequests {
  /** What an svm_blob.yml is made for, to debug it. */
  'pef/recipe': {
    arguments: { readonly uri: string }
    /** Absent where the document has no such thing; files by their uris where they are found, else as written. */
    body: { readonly kernel?: string; readonly initrd?: string; readonly bootargs?: string }
  }
  /** Everything that there is to see in an operand; what is wrong with it becomes diagnostics of the file. Rejects where the file holds none, or the key does not open. */
  'pef/operand': {
    arguments: {
      readonly uri: string
      /** A private key to open it with, besides those that recipes beside it name. It is used and forgotten. */
      readonly key?: { readonly uri: string; readonly passphrase?: string }
    }
    body: OperandModel
  }
  /** Nobody looks at an operand any more: its diagnostics go. */
  'pef/operandClosed': {
    arguments: { readonly uri: string }
    body: null
  }
}

/** What the server asks the extension, which knows the machine; and the files, where the server runs in a browser. */
export interface PefClientRequests {
  /** What is at a uri; null where there is nothing. */
  'pef/stat': {
    arguments: { readonly uri: string }
    body: FileStat | null
  }
  /** The beginning of a file, `limit` bytes at most; null where there is no such file. */
  'pef/read': {
    arguments: { readonly uri: string; readonly limit: number }
    body: Uint8Array | null
  }
  /** Names in a folder, with a slash behind those of folders; none where there is no such folder. */
  'pef/list': {
    arguments: { readonly uri: string }
    body: readonly string[]
  }
  /** The wrapping key that the emulated TPM makes from a seed, as PEM. */
  'pef/tpmPublicKey': {
    arguments: { readonly seed: number }
    body: string
  }
}

/** What the extension says at the beginning besides what the protocol has. */
export interface InitializationOptions {
  /** Uri of the folder with the rules' pages. */
  readonly rulePages?: string
  /** Whether it answers `pef/tpmPublicKey`. */
  readonly tpmKeys?: boolean
  /** Whether it has no machine to run commands on: lenses and fixes that are commands are not offered then. */
  readonly withoutCommands?: boolean
}
