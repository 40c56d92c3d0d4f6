import type { CryptoProvider } from '../server/esm/crypto/provider.ts'

/**
 * Builds an ESM operand from an svm_blob.yml (spec/esm-operand.md §6): parses it, reads the files it names, seals.
 * @param yaml     bytes of the file
 * @param readFile reads a file that the YAML names, relative to the folder of the YAML
 * @throws Error with the first finding where the YAML is wrong
 */
export async function operandFromYaml(
  yaml: Uint8Array,
  readFile: (path: string) => Promise<Uint8Array>,
  crypto: CryptoProvider,
): Promise<Uint8Array> {
  void yaml
  void readFile
  void crypto
  throw new Error('the operand library is not there yet')
}
