import { ghash } from '@noble/ciphers/_polyval.js'
import { cfb, gcm, unsafe } from '@noble/ciphers/aes.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha1 } from '@noble/hashes/legacy.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import type { CryptoProvider } from './provider.ts'

type Hash = typeof sha256

const digestOf = (hash: Hash | typeof sha1 | typeof sha512, parts: Uint8Array[]): Uint8Array => {
  const state = hash.create()
  for (const part of parts) state.update(part)
  return state.digest()
}

const KEY_BYTES = [16, 24, 32]
/** Shortest IV that the library's own GCM takes. */
const LIBRARY_IV_BYTES = 8
const TAG_BYTES = 16

function checkLengths(key: Uint8Array, iv: Uint8Array, tag?: Uint8Array): void {
  if (!KEY_BYTES.includes(key.length)) throw new RangeError(`an AES key has 16, 24 or 32 bytes, not ${key.length}`)
  if (iv.length === 0) throw new RangeError('the IV of AES-GCM has at least 1 byte, not 0')
  if (tag && (tag.length < 4 || tag.length > TAG_BYTES))
    throw new RangeError(`a tag of AES-GCM has 4 to 16 bytes, not ${tag.length}`)
}

/** SP 800-38D from its parts, for an IV that the library refuses. */
function gcmShortIv(
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
  aad: Uint8Array,
): { ciphertext: Uint8Array; tag: Uint8Array } {
  const schedule = unsafe.expandKeyLE(key)
  const block = (input: Uint8Array): Uint8Array => {
    const words = new Uint32Array(Uint8Array.from(input).buffer)
    const { s0, s1, s2, s3 } = unsafe.encrypt(schedule, words[0]!, words[1]!, words[2]!, words[3]!)
    return new Uint8Array(Uint32Array.of(s0, s1, s2, s3).buffer)
  }
  const lengths = (a: number, b: number): Uint8Array => {
    const out = new Uint8Array(16)
    const view = new DataView(out.buffer)
    view.setBigUint64(0, BigInt(a) * 8n)
    view.setBigUint64(8, BigInt(b) * 8n)
    return out
  }
  const subkey = block(new Uint8Array(16))
  const hash = (...parts: Uint8Array[]): Uint8Array => {
    const state = ghash.create(subkey)
    for (const part of parts) state.update(part)
    return state.digest()
  }
  const first = hash(iv, lengths(0, iv.length))
  const counter = Uint8Array.from(first)
  const view = new DataView(counter.buffer)
  const ciphertext = new Uint8Array(data.length)
  for (let at = 0; at < data.length; at += 16) {
    view.setUint32(12, (view.getUint32(12) + 1) >>> 0)
    const stream = block(counter)
    for (let i = 0; i < 16 && at + i < data.length; i++) ciphertext[at + i] = data[at + i]! ^ stream[i]!
  }
  const tag = hash(aad, ciphertext, lengths(aad.length, data.length))
  const mask = block(first)
  return { ciphertext, tag: tag.map((byte, i) => byte ^ mask[i]!) }
}

function seal(
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
  aad: Uint8Array,
): { ciphertext: Uint8Array; tag: Uint8Array } {
  if (iv.length < LIBRARY_IV_BYTES) return gcmShortIv(key, iv, data, aad)
  const sealed = gcm(key, iv, aad).encrypt(data)
  return { ciphertext: sealed.slice(0, data.length), tag: sealed.slice(data.length) }
}

const NONE = new Uint8Array(0)

/** The portable provider: pure TypeScript libraries, the same in Node, a worker and a browser. */
export const nobleCrypto: CryptoProvider = {
  name: 'noble',
  sha1: (...parts) => digestOf(sha1, parts),
  sha256: (...parts) => digestOf(sha256, parts),
  sha512: (...parts) => digestOf(sha512, parts),
  sha512Stream: () => {
    const state = sha512.create()
    return { update: (bytes) => void state.update(bytes), digest: () => state.digest() }
  },
  hmacSha256: (key, ...parts) => {
    const state = hmac.create(sha256, key)
    for (const part of parts) state.update(part)
    return state.digest()
  },
  aesGcmEncrypt: (key, iv, plaintext, aad = NONE) => {
    checkLengths(key, iv)
    return seal(key, iv, plaintext, aad)
  },
  aesGcmDecrypt: (key, iv, ciphertext, tag, aad = NONE) => {
    checkLengths(key, iv, tag)
    // The key stream is its own inverse, so sealing the ciphertext opens it; sealing that again gives the full tag, of
    // which a short tag is the beginning.
    const plaintext = seal(key, iv, ciphertext, aad).ciphertext
    const expected = seal(key, iv, plaintext, aad).tag
    let difference = 0
    for (const [i, byte] of tag.entries()) difference |= byte ^ expected[i]!
    return difference === 0 ? plaintext : undefined
  },
  aesCfbEncrypt: (key, iv, data) => (data.length === 0 ? NONE : cfb(key, iv).encrypt(data)),
  aesCfbDecrypt: (key, iv, data) => (data.length === 0 ? NONE : cfb(key, iv).decrypt(data)),
}
