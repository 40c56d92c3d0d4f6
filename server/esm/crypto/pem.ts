import type { CryptoProvider } from './provider.ts'
import { fromBigInt, type RsaPrivateKey, type RsaPublicKey, rsaPrivateKey, toBigInt } from './rsa.ts'

/** A key file that cannot be read: what it is, and what would be right. */
export class KeyFormatError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'KeyFormatError'
  }
}

/** A strict reader of DER (ITU-T X.690): every length is checked, nothing may be left over. */
class Der {
  #at = 0

  constructor(readonly bytes: Uint8Array) {}

  get atEnd(): boolean {
    return this.#at === this.bytes.length
  }

  get tag(): number | undefined {
    return this.bytes[this.#at]
  }

  /** The contents of the next element, which must have this tag. */
  read(tag: number, what: string): Uint8Array {
    const start = this.#at
    const found = this.#byte(what)
    if (found !== tag)
      throw new KeyFormatError(
        `${what}: expected tag 0x${tag.toString(16)} at offset ${start}, found 0x${found.toString(16)}`,
      )
    let length = this.#byte(what)
    if (length > 0x80 && length <= 0x83) {
      const bytes = length - 0x80
      length = 0
      for (let i = 0; i < bytes; i++) length = length * 256 + this.#byte(what)
    } else if (length >= 0x80)
      throw new KeyFormatError(`${what}: a length at offset ${start + 1} that DER does not allow`)
    const end = this.#at + length
    if (end > this.bytes.length)
      throw new KeyFormatError(
        `${what}: ${length} bytes at offset ${this.#at}, but ${this.bytes.length - this.#at} are left`,
      )
    const contents = this.bytes.subarray(this.#at, end)
    this.#at = end
    return contents
  }

  integer(what: string): bigint {
    const contents = this.read(0x02, what)
    if (contents.length === 0 || contents[0]! >= 0x80) throw new KeyFormatError(`${what}: not a positive integer`)
    return toBigInt(contents)
  }

  sequence(what: string): Der {
    return new Der(this.read(0x30, what))
  }

  end(what: string): void {
    if (!this.atEnd) throw new KeyFormatError(`${what}: ${this.bytes.length - this.#at} bytes too many`)
  }

  #byte(what: string): number {
    const byte = this.bytes[this.#at++]
    if (byte === undefined) throw new KeyFormatError(`${what}: the data ends at offset ${this.#at - 1}`)
    return byte
  }
}

const RSA_OID = '2a864886f70d010101'
const toHex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')

interface Pem {
  readonly label: string
  readonly headers: string
  readonly der: Uint8Array
}

function readPem(bytes: Uint8Array): Pem | undefined {
  const text = new TextDecoder('latin1').decode(bytes)
  const match = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([\s\S]*?)-----END \1-----/.exec(text)
  if (!match) return undefined
  const body = match[2]!
  const split = /^([\s\S]*?\r?\n\r?\n)?([\s\S]*)$/.exec(body)!
  const headers = split[1]?.includes(':') ? split[1] : ''
  const base64 = body.slice(headers.length).replace(/\s+/g, '')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw new KeyFormatError(`${match[1]}: characters that are not base64`)
  const der = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
  return { label: match[1]!, headers, der }
}

function publicFromSequence(sequence: Der): RsaPublicKey {
  const n = sequence.integer('modulus')
  const e = sequence.integer('public exponent')
  sequence.end('RSA public key')
  return { n, e, bytes: Math.ceil(n.toString(16).length / 2) }
}

function readAlgorithm(der: Der): void {
  const algorithm = der.sequence('algorithm')
  const oid = toHex(algorithm.read(0x06, 'algorithm identifier'))
  if (oid !== RSA_OID) throw new KeyFormatError(`expected an RSA key, found algorithm ${oid}`)
}

function publicFromSpki(der: Uint8Array): RsaPublicKey {
  const outer = new Der(der)
  const spki = outer.sequence('public key')
  outer.end('public key')
  readAlgorithm(spki)
  const bits = spki.read(0x03, 'subject public key')
  spki.end('public key')
  if (bits[0] !== 0) throw new KeyFormatError('subject public key: unused bits')
  const inner = new Der(bits.subarray(1))
  const key = publicFromSequence(inner.sequence('RSA public key'))
  inner.end('subject public key')
  return key
}

/**
 * An RSA public key: SPKI or PKCS #1, PEM or DER.
 * @throws KeyFormatError naming what the file is instead; a private key is refused by name
 */
export function parsePublicKey(bytes: Uint8Array): RsaPublicKey {
  const pem = readPem(bytes)
  if (pem?.label.endsWith('PRIVATE KEY'))
    throw new KeyFormatError(`expected a public key, found a private key (${pem.label})`)
  if (pem?.label === 'RSA PUBLIC KEY') return publicFromSequence(new Der(pem.der).sequence('RSA public key'))
  if (pem && pem.label !== 'PUBLIC KEY') throw new KeyFormatError(`expected an RSA public key, found ${pem.label}`)
  const der = pem?.der ?? bytes
  if (der[0] !== 0x30) throw new KeyFormatError('expected an RSA public key in PEM or DER, found neither')
  const probe = new Der(der).sequence('public key')
  return probe.tag === 0x02 ? publicFromSequence(probe) : publicFromSpki(der)
}

function privateFromPkcs1(der: Uint8Array): RsaPrivateKey {
  const outer = new Der(der)
  const key = outer.sequence('RSA private key')
  outer.end('RSA private key')
  const version = key.integer('version')
  if (version !== 0n) throw new KeyFormatError(`RSA private key of version ${version}: only keys with two primes`)
  const [n, e, d, p, q] = ['modulus', 'public exponent', 'private exponent', 'prime 1', 'prime 2'].map((w) =>
    key.integer(w),
  )
  try {
    return rsaPrivateKey(n!, e!, d!, p!, q!)
  } catch (error) {
    throw new KeyFormatError((error as Error).message)
  }
}

function privateFromPkcs8(der: Uint8Array): RsaPrivateKey {
  const info = new Der(der).sequence('private key')
  info.integer('version')
  readAlgorithm(info)
  return privateFromPkcs1(info.read(0x04, 'private key'))
}

/**
 * An RSA private key without a passphrase: PKCS #1 or PKCS #8, PEM or DER.
 * @throws KeyFormatError naming what the file is instead, an encrypted key among others
 */
export function parsePrivateKey(bytes: Uint8Array): RsaPrivateKey {
  const pem = readPem(bytes)
  if (pem?.label.endsWith('PUBLIC KEY'))
    throw new KeyFormatError(`expected a private key, found a public key (${pem.label})`)
  if (pem && (pem.label === 'ENCRYPTED PRIVATE KEY' || /ENCRYPTED/.test(pem.headers)))
    throw new KeyFormatError(
      'the private key is encrypted with a passphrase: decrypt it first (openssl pkey -in KEY -out PLAIN)',
    )
  if (pem?.label === 'RSA PRIVATE KEY') return privateFromPkcs1(pem.der)
  if (pem?.label === 'PRIVATE KEY') return privateFromPkcs8(pem.der)
  if (pem) throw new KeyFormatError(`expected an RSA private key, found ${pem.label}`)
  if (bytes[0] !== 0x30) throw new KeyFormatError('expected an RSA private key in PEM or DER, found neither')
  const probe = new Der(bytes).sequence('private key')
  probe.integer('version')
  return probe.tag === 0x30 ? privateFromPkcs8(bytes) : privateFromPkcs1(bytes)
}

function derElement(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  const out = new Uint8Array(1 + size.length + length)
  out.set([tag, ...size])
  let at = 1 + size.length
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

function derInteger(value: bigint): Uint8Array {
  const bytes = fromBigInt(value, Math.ceil(value.toString(16).length / 2))
  return derElement(0x02, bytes[0]! >= 0x80 ? Uint8Array.of(0, ...bytes) : bytes)
}

/** The canonical form whose fingerprint an operand carries: SPKI in lines of 64 characters, LF (spec/esm-operand.md §2.3). */
export function writePublicKeyPem(key: RsaPublicKey): string {
  const oid = Uint8Array.from(RSA_OID.match(/../g)!, (h) => Number.parseInt(h, 16))
  const algorithm = derElement(0x30, derElement(0x06, oid), derElement(0x05))
  const rsa = derElement(0x30, derInteger(key.n), derInteger(key.e))
  const spki = derElement(0x30, algorithm, derElement(0x03, Uint8Array.of(0), rsa))
  const base64 = btoa(String.fromCharCode(...spki))
  return `-----BEGIN PUBLIC KEY-----\n${base64.replace(/(.{64})(?!$)/g, '$1\n')}\n-----END PUBLIC KEY-----\n`
}

/** SHA-256 over the bytes of a public-key file, as an operand's lockbox names it (spec/esm-operand.md §2.3). */
export function publicKeyFingerprint(crypto: CryptoProvider, file: Uint8Array): Uint8Array {
  return crypto.sha256(file)
}
