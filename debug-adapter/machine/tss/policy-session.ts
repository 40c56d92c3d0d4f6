import type { CryptoProvider } from '../../../server/esm/crypto/provider.ts'
import { equal, FieldReader, pack, sized, u8, u32 } from '../tpm/bytes.ts'
import { CC } from '../tpm/constants.ts'
import { kdfa } from '../tpm/key-derivation.ts'
import { withSessions } from './commands.ts'

/** encrypt (the response parameter) and continueSession (spec/tpm.md §4.3). */
const ENCRYPT_AND_CONTINUE = 0x41
const CONTINUE = 0x01

/** H(nameAlg ‖ public area): what a client recomputes instead of believing the Name that it is told. */
export function nameOfPublic(crypto: CryptoProvider, publicArea: Uint8Array): Uint8Array {
  return pack(Uint8Array.of(0, 0x0b), crypto.sha256(publicArea))
}

/** An unsalted, unbound policy session as its user holds it: the session key is empty, only the authValue protects. */
export class PolicySession {
  constructor(
    readonly crypto: CryptoProvider,
    readonly handle: number,
    private nonceTpm: Uint8Array,
    readonly nonceStart: Uint8Array,
  ) {}

  /** RSA_Decrypt with the command's HMAC (spec/tpm.md §4.4). */
  rsaDecrypt(
    key: number,
    name: Uint8Array,
    ciphertext: Uint8Array,
    authValue: Uint8Array,
    nonceCaller: Uint8Array,
  ): Uint8Array {
    // Scheme TPM_ALG_NULL: the key's own; no label.
    const parameters = pack(sized(ciphertext), Uint8Array.of(0, 0x10, 0, 0))
    const cpHash = this.crypto.sha256(pack(u32(CC.RSA_Decrypt)), name, parameters)
    const attributes = Uint8Array.of(ENCRYPT_AND_CONTINUE)
    const hmac = this.crypto.hmacSha256(authValue, cpHash, nonceCaller, this.nonceTpm, attributes)
    const session = pack(u32(this.handle), sized(nonceCaller), attributes, sized(hmac))
    return withSessions(CC.RSA_Decrypt, [key], session, parameters)
  }

  /**
   * Checks and decrypts what RSA_Decrypt answered.
   * @returns the message, or undefined where the response's HMAC does not match: somebody else than the TPM wrote it
   */
  openRsaDecrypt(response: Uint8Array, authValue: Uint8Array, nonceCaller: Uint8Array): Uint8Array | undefined {
    const reader = new FieldReader(response, 10)
    const parameters = reader.take(reader.u32())
    const nonceTpm = reader.sized()
    const attributes = pack(u8(reader.u8()))
    const hmac = reader.sized()
    const rpHash = this.crypto.sha256(pack(u32(0), u32(CC.RSA_Decrypt)), parameters)
    if (!equal(hmac, this.crypto.hmacSha256(authValue, rpHash, nonceTpm, nonceCaller, attributes))) return undefined
    this.nonceTpm = nonceTpm
    const keys = kdfa(this.crypto, authValue, 'CFB', nonceTpm, nonceCaller, 256)
    return this.crypto.aesCfbDecrypt(keys.slice(0, 16), keys.slice(16), new FieldReader(parameters).sized())
  }

  /** ObjectChangeAuth under a policy that asks for no authValue: no HMAC (spec/tpm.md §3.2 step 9). */
  objectChangeAuth(object: number, parent: number, newAuth: Uint8Array, nonceCaller: Uint8Array): Uint8Array {
    const session = pack(u32(this.handle), sized(nonceCaller), Uint8Array.of(CONTINUE, 0, 0))
    return withSessions(CC.ObjectChangeAuth, [object, parent], session, sized(newAuth))
  }
}
