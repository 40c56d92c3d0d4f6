import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { COMMON, debug } from './editing.ts'
import { contents, writeOutputs } from './files.ts'
import { askPassphrase } from './passphrase.ts'
import { ToolError, type Verb } from './verb.ts'

const BITS = 2048
/** Nobody but the owner reads it. */
const SECRET_MODE = 0o600

/** `esm generate`: a key pair in the forms that svm-tool reads. */
export const generate: Verb = {
  usage: '[-nv] -p PUBKEY -s SECKEY',
  summary: 'a new RSA key pair',
  description: `Makes an RSA key of ${BITS} bits. The private key is PKCS #1; with a passphrase PKCS #8 under AES-256. The public key is in the
one form whose fingerprint lets its owner open an operand.`,
  options: [
    ...COMMON,
    { letter: 'p', name: 'pubkey', value: 'PUBKEY', required: true, help: 'where the public key goes' },
    { letter: 's', name: 'seckey', value: 'SECKEY', required: true, help: 'where the private key goes' },
  ],
  example: 'pef esm generate -p owner.pub -s owner.key',
  async run(args, terminal) {
    const [pubkey, seckey] = [args.needed('pubkey'), args.needed('seckey')]
    if (pubkey === seckey) throw new ToolError(`pubkey and seckey cannot be the same: ${pubkey}`)
    const passphrase = await askPassphrase('Enter passphrase (empty for no passphrase):')
    const again = await askPassphrase('Enter same passphrase again:')
    if (passphrase !== again) throw new ToolError('passphrases do not match')
    debug(args, terminal, 'making new key')
    const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: BITS })
    const secret =
      passphrase === ''
        ? privateKey.export({ type: 'pkcs1', format: 'pem' })
        : privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
    if (args.count('dry-run') > 0) return 0
    await writeOutputs(
      contents(seckey, String(secret), SECRET_MODE),
      contents(pubkey, String(publicKey.export({ type: 'spki', format: 'pem' }))),
    )
    return 0
  },
}
