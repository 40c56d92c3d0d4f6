import { isEncryptedPrivateKey, KeyFormatError, parsePrivateKey } from '../../../../server/esm/crypto/pem.ts'
import type { RsaPrivateKey } from '../../../../server/esm/crypto/rsa.ts'
import { readWhole } from './files.ts'
import { askPassphrase } from './passphrase.ts'
import { ToolError } from './verb.ts'

/**
 * Reads a private key, and asks for its passphrase where it has one.
 * @throws ToolError naming the file and what is wrong with it; never what is in it
 */
export async function readPrivateKey(path: string): Promise<RsaPrivateKey> {
  const bytes = await readWhole(path)
  const passphrase = isEncryptedPrivateKey(bytes)
    ? await askPassphrase(`Enter passphrase for key '${path}':`)
    : undefined
  try {
    return parsePrivateKey(bytes, passphrase)
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
    throw new ToolError(`${path}: ${error.message}`)
  }
}
