/**
 * The cryptography that an ESM operand, the ultravisor and a TPM need, behind one interface.
 *
 * `noble.ts` is the portable default; `node.ts` serves the same interface from node:crypto for bulk data.
 * All calls are synchronous: an ultracall happens inside one guest instruction.
 */
export interface CryptoProvider {
  readonly name: string
  /** SHA-1 of the concatenated parts, 20 bytes. */
  sha1(...parts: Uint8Array[]): Uint8Array
  /** SHA-256 of the concatenated parts, 32 bytes. */
  sha256(...parts: Uint8Array[]): Uint8Array
  /** SHA-512 of the concatenated parts, 64 bytes. */
  sha512(...parts: Uint8Array[]): Uint8Array
  /** Incremental SHA-512, for what is too large to hold at once. */
  sha512Stream(): { update(bytes: Uint8Array): void; digest(): Uint8Array }
  /** HMAC-SHA-256 over the concatenated parts, 32 bytes. */
  hmacSha256(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array
  /**
   * AES-GCM (SP 800-38D). `key` 16, 24 or 32 bytes; `iv` of any length from 1 byte; returns a 16-byte tag.
   * @throws RangeError for any other key or IV length
   */
  aesGcmEncrypt(
    key: Uint8Array,
    iv: Uint8Array,
    plaintext: Uint8Array,
    aad?: Uint8Array,
  ): { ciphertext: Uint8Array; tag: Uint8Array }
  /**
   * Opens what {@link aesGcmEncrypt} sealed. `tag` of 4 to 16 bytes: a short tag is compared over its own length.
   * @returns the plaintext, or undefined where the tag does not match
   * @throws RangeError for a key, IV or tag of a length that AES-GCM does not take
   */
  aesGcmDecrypt(
    key: Uint8Array,
    iv: Uint8Array,
    ciphertext: Uint8Array,
    tag: Uint8Array,
    aad?: Uint8Array,
  ): Uint8Array | undefined
  /** AES-CFB with 128-bit feedback (SP 800-38A), as TPM 2.0 parameter encryption uses it. `key` 16/24/32, `iv` 16 bytes. */
  aesCfbEncrypt(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array
  aesCfbDecrypt(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array
  /** Whether an odd number is prime, where the host can tell quickly; absent: whoever asks tests it by {@link RandomSource} bases. */
  isPrime?(n: bigint): boolean
}

/** Where random bytes come from; in the machine it is the recorded source, in a tool the host's generator. */
export type RandomSource = (length: number) => Uint8Array
