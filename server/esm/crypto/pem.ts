import { type Der, derElement, derInteger, KeyFormatError, onlySequence, TAG } from './der.ts'
import { decryptLegacyPem, decryptPkcs8 } from './encrypted-key.ts'
import type { CryptoProvider } from './provider.ts'
import { type RsaPrivateKey, type RsaPublicKey, rsaPrivateKey, rsaPublicKey } from './rsa.ts'

export { KeyFormatError } from './der.ts'

const RSA_OID = '2a864886f70d010101'

interface Pem {
  readonly label: string
  readonly headers: string
  readonly der: Uint8Array
}

/** The first PEM block (RFC 7468); undefined where there is none. @throws KeyFormatError for one that is not base64 */
function readPem(bytes: Uint8Array): Pem | undefined {
  const text = new TextDecoder('latin1').decode(bytes)
  const match = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([\s\S]*?)-----END \1-----/.exec(text)
  if (!match) return undefined
  const [, label, body] = match as unknown as [string, string, string]
  const split = /^([\s\S]*?\r?\n\r?\n)?([\s\S]*)$/.exec(body)!
  const headers = split[1]?.includes(':') ? split[1] : ''
  const base64 = body.slice(headers.length).replace(/\s+/g, '')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw new KeyFormatError(`${label}: characters that are not base64`)
  if (base64.length % 4 !== 0)
    throw new KeyFormatError(`${label}: ${base64.length} characters of base64, expected a multiple of 4`)
  const der = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
  return { label, headers, der }
}

/** Runs what says RangeError about numbers that are no key. */
function asKey<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new KeyFormatError(error.message)
  }
}

function publicFromSequence(sequence: Der): RsaPublicKey {
  const n = sequence.integer('modulus')
  const e = sequence.integer('public exponent')
  sequence.end('RSA public key')
  return asKey(() => rsaPublicKey(n, e))
}

/** An AlgorithmIdentifier that says rsaEncryption, whose parameters are NULL (RFC 8017 A.1). */
function readAlgorithm(der: Der): void {
  const algorithm = der.sequence('algorithm')
  const oid = algorithm.objectIdentifier('algorithm identifier')
  if (oid !== RSA_OID) throw new KeyFormatError(`expected an RSA key, found algorithm ${oid}`)
  if (algorithm.read(TAG.null, 'algorithm parameters').length > 0)
    throw new KeyFormatError('algorithm parameters: NULL has no contents')
  algorithm.end('algorithm')
}

function publicFromSpki(spki: Der): RsaPublicKey {
  readAlgorithm(spki)
  const bits = spki.read(TAG.bitString, 'subject public key')
  spki.end('public key')
  if (bits[0] !== 0) throw new KeyFormatError('subject public key: expected 0 unused bits')
  return publicFromSequence(onlySequence(bits.subarray(1), 'RSA public key'))
}

/**
 * An RSA public key: SPKI or PKCS #1, PEM or DER.
 * @throws KeyFormatError naming what the file is instead; a private key is refused by name
 */
export function parsePublicKey(bytes: Uint8Array): RsaPublicKey {
  const pem = readPem(bytes)
  if (pem?.label.endsWith('PRIVATE KEY'))
    throw new KeyFormatError(`expected a public key, found a private key (${pem.label})`)
  if (pem?.label === 'RSA PUBLIC KEY') return publicFromSequence(onlySequence(pem.der, 'RSA public key'))
  if (pem?.label === 'PUBLIC KEY') return publicFromSpki(onlySequence(pem.der, 'public key'))
  if (pem) throw new KeyFormatError(`expected an RSA public key, found ${pem.label}`)
  if (bytes[0] !== TAG.sequence) throw new KeyFormatError('expected an RSA public key in PEM or DER, found neither')
  const sequence = onlySequence(bytes, 'public key')
  return sequence.tag === TAG.integer ? publicFromSequence(sequence) : publicFromSpki(sequence)
}

/** An RSAPrivateKey (RFC 8017 A.1.2): nine numbers, the first of which is the version. */
function privateFromPkcs1(key: Der): RsaPrivateKey {
  const version = key.integer('version')
  if (version !== 0n) throw new KeyFormatError(`RSA private key of version ${version}: only keys with two primes`)
  const [n, e, d, p, q, dp, dq, coefficient] = [
    'modulus',
    'public exponent',
    'private exponent',
    'prime 1',
    'prime 2',
    'exponent 1',
    'exponent 2',
    'coefficient',
  ].map((what) => key.integer(what)) as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  key.end('RSA private key')
  const made = asKey(() => rsaPrivateKey(n, e, d, p, q))
  if (dp !== d % (p - 1n) || dq !== d % (q - 1n) || (coefficient * q) % p !== 1n)
    throw new KeyFormatError('the exponents or the coefficient of the RSA key do not fit its primes')
  return made
}

/** A PrivateKeyInfo (RFC 5208); what follows the key are attributes, which say nothing about it. */
function privateFromPkcs8(info: Der): RsaPrivateKey {
  info.integer('version')
  readAlgorithm(info)
  return privateFromPkcs1(onlySequence(info.read(TAG.octetString, 'private key'), 'RSA private key'))
}

/** Whether a file is a private key that takes a passphrase to open. */
export function isEncryptedPrivateKey(bytes: Uint8Array): boolean {
  const text = new TextDecoder('latin1').decode(bytes)
  return isEncryptedDer(bytes) || /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)
}

/** An EncryptedPrivateKeyInfo begins with an algorithm and then has bytes; a public key has bits there. */
function isEncryptedDer(bytes: Uint8Array): boolean {
  try {
    const outer = onlySequence(bytes, 'private key')
    outer.sequence('algorithm')
    return outer.tag === TAG.octetString
  } catch {
    return false
  }
}

/**
 * An RSA private key: PKCS #1 or PKCS #8, PEM or DER. Under a passphrase: PKCS #1 with DES-EDE3-CBC or AES-CBC, PKCS #8 with
 * PBES2 (PBKDF2 and the same ciphers).
 * @param passphrase not looked at where the key needs none
 * @throws KeyFormatError naming what the file is instead, an encrypted key without its passphrase among others
 */
export function parsePrivateKey(bytes: Uint8Array, passphrase?: string): RsaPrivateKey {
  const pem = readPem(bytes)
  if (pem?.label.endsWith('PUBLIC KEY'))
    throw new KeyFormatError(`expected a private key, found a public key (${pem.label})`)
  if (pem?.label === 'ENCRYPTED PRIVATE KEY' || (!pem && isEncryptedDer(bytes)))
    return unlock(passphrase, (secret) => {
      const plain = decryptPkcs8(pem?.der ?? bytes, secret)
      return opened(() => privateFromPkcs8(onlySequence(plain, 'private key')))
    })
  if (pem && /ENCRYPTED/.test(pem.headers)) {
    if (pem.label !== 'RSA PRIVATE KEY') throw new KeyFormatError(`expected an RSA private key, found ${pem.label}`)
    return unlock(passphrase, (secret) => {
      const plain = decryptLegacyPem(pem.headers, pem.der, secret)
      return opened(() => privateFromPkcs1(onlySequence(plain, 'RSA private key')))
    })
  }
  if (pem?.label === 'RSA PRIVATE KEY') return privateFromPkcs1(onlySequence(pem.der, 'RSA private key'))
  if (pem?.label === 'PRIVATE KEY') return privateFromPkcs8(onlySequence(pem.der, 'private key'))
  if (pem) throw new KeyFormatError(`expected an RSA private key, found ${pem.label}`)
  if (bytes[0] !== TAG.sequence) throw new KeyFormatError('expected an RSA private key in PEM or DER, found neither')
  const probe = onlySequence(bytes, 'private key')
  // Both begin with a version; then comes a sequence in PKCS #8, the modulus in PKCS #1.
  probe.integer('version')
  const sequence = onlySequence(bytes, 'private key')
  return probe.tag === TAG.sequence ? privateFromPkcs8(sequence) : privateFromPkcs1(sequence)
}

/** Tries a passphrase as OpenSSL takes it, in UTF-8, and as svm-tool does, in Latin-1. */
function unlock(passphrase: string | undefined, open: (secret: Uint8Array) => RsaPrivateKey): RsaPrivateKey {
  if (passphrase === undefined)
    throw new KeyFormatError(
      'the private key is encrypted with a passphrase: decrypt it first (openssl pkey -in KEY -out PLAIN)',
    )
  const utf8 = new TextEncoder().encode(passphrase)
  try {
    return open(utf8)
  } catch (error) {
    const codes = Array.from(passphrase, (character) => character.codePointAt(0)!)
    if (!(error instanceof KeyFormatError) || utf8.length === codes.length || codes.some((c) => c > 0xff)) throw error
    return open(Uint8Array.from(codes))
  }
}

/** One wrong passphrase in some hundred leaves padding that looks right: then the structure tells. */
function opened(parse: () => RsaPrivateKey): RsaPrivateKey {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
    throw new KeyFormatError(`the passphrase does not open the private key, or it is no RSA key (${error.message})`)
  }
}

/** The canonical form whose fingerprint an operand carries: SPKI in lines of 64 characters, LF (spec/esm-operand.md §2.3). */
export function writePublicKeyPem(key: RsaPublicKey): string {
  const oid = Uint8Array.from(RSA_OID.match(/../g)!, (h) => Number.parseInt(h, 16))
  const algorithm = derElement(TAG.sequence, derElement(TAG.objectIdentifier, oid), derElement(TAG.null))
  const rsa = derElement(TAG.sequence, derInteger(key.n), derInteger(key.e))
  const spki = derElement(TAG.sequence, algorithm, derElement(TAG.bitString, Uint8Array.of(0), rsa))
  const base64 = btoa(String.fromCharCode(...spki))
  return `-----BEGIN PUBLIC KEY-----\n${base64.replace(/(.{64})(?!$)/g, '$1\n')}\n-----END PUBLIC KEY-----\n`
}

/** SHA-256 over the bytes of a public-key file, as an operand's lockbox names it (spec/esm-operand.md §2.3). */
export function publicKeyFingerprint(crypto: CryptoProvider, file: Uint8Array): Uint8Array {
  return crypto.sha256(file)
}
