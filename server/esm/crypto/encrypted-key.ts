import { cbc } from '@noble/ciphers/aes.js'
import { md5, sha1 } from '@noble/hashes/legacy.js'
import { pbkdf2 } from '@noble/hashes/pbkdf2.js'
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { type Der, KeyFormatError, onlySequence, TAG } from './der.ts'
import { desEde3CbcDecrypt } from './des.ts'

/** Private keys under a passphrase: the two forms that OpenSSL, and so svm-tool, writes. */

interface Cipher {
  readonly name: string
  readonly keyBytes: number
  readonly ivBytes: number
  /** Of whole blocks, padding left on. */
  decrypt(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array
}

const aes = (keyBytes: number): Cipher => ({
  name: `AES-${keyBytes * 8}-CBC`,
  keyBytes,
  ivBytes: 16,
  decrypt: (key, iv, data) => cbc(key, iv, { disablePadding: true }).decrypt(data),
})

const ciphers: readonly Cipher[] = [
  { name: 'DES-EDE3-CBC', keyBytes: 24, ivBytes: 8, decrypt: desEde3CbcDecrypt },
  aes(16),
  aes(24),
  aes(32),
]
const SUPPORTED = ciphers.map(({ name }) => name).join(', ')

const WRONG = 'the passphrase does not open the private key, or the key file was changed'

/** Takes off the padding of PKCS #7. @throws KeyFormatError where it is none: the sign of a wrong passphrase */
function open(cipher: Cipher, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  if (iv.length !== cipher.ivBytes)
    throw new KeyFormatError(`${cipher.name}: an IV of ${iv.length} bytes, expected ${cipher.ivBytes}`)
  if (data.length === 0 || data.length % cipher.ivBytes !== 0)
    throw new KeyFormatError(
      `${cipher.name}: ${data.length} encrypted bytes, expected whole blocks of ${cipher.ivBytes}`,
    )
  const plain = cipher.decrypt(key, iv, data)
  const padding = plain.at(-1)!
  if (padding === 0 || padding > cipher.ivBytes || plain.subarray(-padding).some((byte) => byte !== padding))
    throw new KeyFormatError(WRONG)
  return plain.subarray(0, plain.length - padding)
}

/** The key that PEM encryption (RFC 1421 as OpenSSL does it) makes of a passphrase: MD5 in a chain, salted with the IV. */
function legacyKey(passphrase: Uint8Array, salt: Uint8Array, keyBytes: number): Uint8Array {
  const key = new Uint8Array(keyBytes)
  let block = new Uint8Array(0)
  for (let at = 0; at < keyBytes; at += block.length) {
    block = Uint8Array.from(md5.create().update(block).update(passphrase).update(salt).digest())
    key.set(block.subarray(0, keyBytes - at), at)
  }
  return key
}

/**
 * Opens a PKCS #1 key that its PEM headers `Proc-Type: 4,ENCRYPTED` and `DEK-Info` describe.
 * @returns the DER of the key
 * @throws KeyFormatError for a cipher that is not supported, by its name, or a wrong passphrase
 */
export function decryptLegacyPem(headers: string, data: Uint8Array, passphrase: Uint8Array): Uint8Array {
  const info = /^DEK-Info: *([^,\s]+),([0-9A-Fa-f]+)\s*$/m.exec(headers)
  if (!info || info[2]!.length % 2 !== 0)
    throw new KeyFormatError('an encrypted key without "DEK-Info: CIPHER,IV" in its headers')
  const cipher = ciphers.find(({ name }) => name === info[1]!.toUpperCase())
  if (!cipher)
    throw new KeyFormatError(
      `the private key is encrypted with ${info[1]}, which is not supported (but ${SUPPORTED} are)`,
    )
  const iv = Uint8Array.from(info[2]!.match(/../g)!, (h) => Number.parseInt(h, 16))
  if (iv.length < 8) throw new KeyFormatError(`DEK-Info: an IV of ${iv.length} bytes, expected ${cipher.ivBytes}`)
  return open(cipher, legacyKey(passphrase, iv.subarray(0, 8), cipher.keyBytes), iv, data)
}

/** Object identifiers by their contents (RFC 8018 and NIST). */
const PBES2 = '2a864886f70d01050d'
const PBKDF2 = '2a864886f70d01050c'
const OTHER_SCHEMES: Readonly<Record<string, string>> = {
  '2a864886f70d010503': 'PBES1 with MD5 and DES',
  '2a864886f70d01050a': 'PBES1 with SHA-1 and DES',
  '2a864886f70d010c0103': 'PKCS #12 with three-key DES',
  '2b06010401da47040b': 'scrypt',
}
const PRFS: Readonly<Record<string, Parameters<typeof pbkdf2>[0]>> = {
  '2a864886f70d0207': sha1,
  '2a864886f70d0208': sha224,
  '2a864886f70d0209': sha256,
  '2a864886f70d020a': sha384,
  '2a864886f70d020b': sha512,
}
const HMAC_SHA1 = '2a864886f70d0207'
const CIPHER_OIDS: Readonly<Record<string, string>> = {
  '2a864886f70d0307': 'DES-EDE3-CBC',
  '608648016503040102': 'AES-128-CBC',
  '608648016503040116': 'AES-192-CBC',
  '60864801650304012a': 'AES-256-CBC',
}
/** More rounds than any tool sets by default; without a limit a file could keep the editor busy for hours. */
const MAX_ITERATIONS = 2_000_000

/**
 * Opens an EncryptedPrivateKeyInfo (PKCS #8): PBES2 with PBKDF2.
 * @returns the DER of the PrivateKeyInfo
 * @throws KeyFormatError for a scheme that is not supported, by its name, or a wrong passphrase
 */
export function decryptPkcs8(der: Uint8Array, passphrase: Uint8Array): Uint8Array {
  const outer = onlySequence(der, 'encrypted private key')
  const algorithm = outer.sequence('encryption algorithm')
  const data = outer.read(TAG.octetString, 'encrypted data')
  outer.end('encrypted private key')
  const scheme = algorithm.objectIdentifier('encryption scheme')
  if (scheme !== PBES2) throw unsupported(scheme, 'PBES2')
  const parameters = algorithm.sequence('PBES2 parameters')
  algorithm.end('encryption algorithm')
  const derivation = parameters.sequence('key derivation')
  const encryption = parameters.sequence('cipher')
  parameters.end('PBES2 parameters')

  const name = encryption.objectIdentifier('cipher')
  const cipher = ciphers.find((c) => c.name === CIPHER_OIDS[name])
  if (!cipher) throw unsupported(name, SUPPORTED)
  const iv = encryption.read(TAG.octetString, 'IV')
  encryption.end('cipher')
  return open(cipher, deriveKey(derivation, passphrase, cipher.keyBytes), iv, data)
}

function deriveKey(derivation: Der, passphrase: Uint8Array, keyBytes: number): Uint8Array {
  const name = derivation.objectIdentifier('key derivation')
  if (name !== PBKDF2) throw unsupported(name, 'PBKDF2')
  const parameters = derivation.sequence('PBKDF2 parameters')
  derivation.end('key derivation')
  const salt = parameters.read(TAG.octetString, 'salt')
  const iterations = parameters.integer('iterations')
  if (iterations < 1n || iterations > BigInt(MAX_ITERATIONS))
    throw new KeyFormatError(`PBKDF2: ${iterations} iterations, expected 1 to ${MAX_ITERATIONS}`)
  if (parameters.tag === TAG.integer && parameters.integer('key length') !== BigInt(keyBytes))
    throw new KeyFormatError(`PBKDF2: the key length is not the ${keyBytes} bytes of the cipher`)
  let prf = HMAC_SHA1
  if (parameters.tag === TAG.sequence) {
    const algorithm = parameters.sequence('pseudorandom function')
    prf = algorithm.objectIdentifier('pseudorandom function')
    if (algorithm.tag === TAG.null) algorithm.read(TAG.null, 'pseudorandom function')
    algorithm.end('pseudorandom function')
  }
  parameters.end('PBKDF2 parameters')
  const hash = PRFS[prf]
  if (!hash) throw unsupported(prf, 'HMAC with SHA-1, SHA-224, SHA-256, SHA-384 or SHA-512')
  return pbkdf2(hash, passphrase, salt, { c: Number(iterations), dkLen: keyBytes })
}

function unsupported(oid: string, supported: string): KeyFormatError {
  const name = OTHER_SCHEMES[oid] ?? `the algorithm with object identifier ${dotted(oid)}`
  return new KeyFormatError(`the private key is encrypted with ${name}, which is not supported (but ${supported} is)`)
}

/** `1.2.840.113549` for the contents of an object identifier (X.690 §8.19). */
function dotted(oid: string): string {
  const arcs: number[] = []
  let arc = 0
  for (const byte of oid.match(/../g) ?? []) {
    const value = Number.parseInt(byte, 16)
    arc = arc * 128 + (value & 0x7f)
    if (value >= 0x80) continue
    arcs.push(arc)
    arc = 0
  }
  const first = arcs[0] ?? 0
  const top = Math.min(2, Math.floor(first / 40))
  return [top, first - 40 * top, ...arcs.slice(1)].join('.')
}
