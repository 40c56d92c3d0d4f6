import type { CryptoProvider, RandomSource } from '../server/esm/crypto/provider.ts'
import { parseSvmBlob } from '../server/esm/svm-blob.ts'
import { makeFromSvmBlob } from '../server/esm/svm-blob-files.ts'

/** What an operand is made with. */
export interface OperandMaking {
  /** Reads a file that the YAML names, by its path as written. */
  readFile(path: string): Promise<Uint8Array>
  readonly crypto: CryptoProvider
  /** Where the keys and initialisation vectors come from. */
  readonly random: RandomSource
}

/**
 * Builds an ESM operand from an svm_blob.yml in memory, as `svm-tool esm make` does (spec/esm-operand.md §10).
 * @param yaml bytes of the file
 * @throws Error with every error of the YAML, and its line; OperandError, KeyFormatError where what it names is wrong
 */
export async function operandFromYaml(
  yaml: Uint8Array,
  { readFile, crypto, random }: OperandMaking,
): Promise<Uint8Array> {
  const { document, findings } = parseSvmBlob(new TextDecoder('utf-8', { fatal: true }).decode(yaml))
  if (!document) {
    const errors = findings.filter((finding) => finding.severity === 'E' || finding.severity === 'X')
    throw new Error(
      errors.map((finding) => `line ${finding.range.start.line + 1}: ${finding.rule}: ${finding.message}`).join('; '),
    )
  }
  return makeFromSvmBlob(document, readFile, crypto, random)
}
