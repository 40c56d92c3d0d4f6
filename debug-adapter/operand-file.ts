import type { CryptoProvider, RandomSource } from '../server/esm/crypto/provider.ts'
import { parseSvmBlob } from '../server/esm/svm-blob.ts'
import { inspectSvmBlobFiles, makeFromSvmBlob } from '../server/esm/svm-blob-files.ts'
import type { TextFinding } from '../server/esm/svm-yaml.ts'
import { AttributeError } from './attribute-error.ts'

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
 * @throws Error with every error of the YAML and its files, the rules and their lines; OperandError where what is attached is too large
 */
export async function operandFromYaml(
  yaml: Uint8Array,
  { readFile, crypto, random }: OperandMaking,
): Promise<Uint8Array> {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(yaml)
  const { document, entries, findings } = parseSvmBlob(text)
  const read = new Map<string, Uint8Array | Error>()
  const readOnce = async (path: string): Promise<Uint8Array> => {
    const known = read.get(path) ?? (await readFile(path).catch((error: Error) => error))
    read.set(path, known)
    if (known instanceof Error) throw known
    return known
  }
  const head = (path: string, limit: number) =>
    readOnce(path).then(
      (bytes) => bytes.subarray(0, limit),
      () => undefined,
    )
  const all = [...findings, ...(await inspectSvmBlobFiles(text, entries, head, crypto))]
  const errors = all.filter(({ severity }) => severity === 'E' || severity === 'X')
  if (!document || errors.length > 0) throw new Error(errors.map((found) => describe(found, read)).join('; '))
  return makeFromSvmBlob(document, readOnce, crypto, random)
}

function describe({ rule, message, range, found }: TextFinding, read: ReadonlyMap<string, Uint8Array | Error>): string {
  const problem = rule === 'ESM110' && found !== undefined ? read.get(found) : undefined
  const why =
    problem instanceof AttributeError ? problem.reason : problem instanceof Error ? problem.message : undefined
  return `line ${range.start.line + 1}: ${rule}: ${message}${why === undefined ? '' : ` (${why})`}`
}
