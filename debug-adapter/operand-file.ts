import type { CryptoProvider, RandomSource } from '../server/esm/crypto/provider.ts'
import { makeOperand } from '../server/esm/make.ts'
import { parseSvmBlob } from '../server/esm/svm-blob.ts'

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
  const { origin, recipients, digest, files } = document
  return makeOperand({
    crypto,
    random,
    origin: { publicKey: await readFile(origin.pubkey), comment: origin.comment },
    recipients: await Promise.all(
      recipients.map(async ({ pubkey, comment }) => ({ publicKey: await readFile(pubkey), comment })),
    ),
    digests: {
      kernel: await readFile(digest.kernel),
      initrd: await readFile(digest.initramfs),
      bootargs: digest.args,
    },
    digestsComment: digest.comment,
    files: await Promise.all(
      files.map(async ({ path, name, comment }) => ({ name, comment, bytes: await readFile(path) })),
    ),
  })
}
