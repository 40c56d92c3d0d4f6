import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { nobleCrypto } from '../../server/esm/crypto/noble.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { parsePrivateKey, parsePublicKey, writePublicKeyPem } from '../../server/esm/crypto/pem.ts'
import { fromBigInt, generateRsaKey, oaepDecrypt, oaepEncrypt } from '../../server/esm/crypto/rsa.ts'

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex')
const key = (name: string) => readFileSync(new URL(`../fixtures/esm/keys/${name}`, import.meta.url))

/** A random stream that is the same in every run. */
function stream(): (length: number) => Uint8Array {
  let counter = 0n
  return (length) => {
    const out = new Uint8Array(length)
    for (let at = 0; at < length; at += 32)
      out.set(nobleCrypto.sha256(fromBigInt(counter++, 8)).subarray(0, length - at), at)
    return out
  }
}

describe('the two providers agree', () => {
  const random = stream()
  const lengths = [0, 1, 15, 16, 17, 100, 1000]

  test.each([1, 4, 7, 8, 12, 16, 33])('AES-GCM with an IV of %i bytes', (ivBytes) => {
    for (const keyBytes of [16, 24, 32])
      for (const length of lengths) {
        const [k, iv, data, aad] = [random(keyBytes), random(ivBytes), random(length), random(length % 20)]
        const sealed = nobleCrypto.aesGcmEncrypt(k, iv, data, aad)
        const native = nodeCrypto.aesGcmEncrypt(k, iv, data, aad)
        expect([hex(sealed.ciphertext), hex(sealed.tag)]).toEqual([hex(native.ciphertext), hex(native.tag)])
        for (const tagBytes of [4, 15, 16])
          for (const crypto of [nobleCrypto, nodeCrypto]) {
            const tag = sealed.tag.slice(0, tagBytes)
            expect(hex(crypto.aesGcmDecrypt(k, iv, sealed.ciphertext, tag, aad))).toBe(hex(data))
            tag[tagBytes - 1]! ^= 1
            expect(crypto.aesGcmDecrypt(k, iv, sealed.ciphertext, tag, aad)).toBeUndefined()
          }
      }
  })

  test('digests, HMAC and CFB', () => {
    for (const length of lengths) {
      const [data, k, iv] = [random(length), random(16), random(16)]
      for (const hash of ['sha1', 'sha256', 'sha512'] as const)
        expect(hex(nobleCrypto[hash](data, k))).toBe(hex(nodeCrypto[hash](data, k)))
      expect(hex(nobleCrypto.hmacSha256(k, data))).toBe(hex(nodeCrypto.hmacSha256(k, data)))
      const sealed = nobleCrypto.aesCfbEncrypt(k, iv, data)
      expect(hex(sealed)).toBe(hex(nodeCrypto.aesCfbEncrypt(k, iv, data)))
      expect(hex(nobleCrypto.aesCfbDecrypt(k, iv, sealed))).toBe(hex(data))
      expect(hex(nodeCrypto.aesCfbDecrypt(k, iv, sealed))).toBe(hex(data))
    }
  })

  test('lengths that AES-GCM does not take are refused by name', () => {
    const [k, iv, tag] = [new Uint8Array(32), new Uint8Array(12), new Uint8Array(16)]
    for (const crypto of [nobleCrypto, nodeCrypto]) {
      expect(() => crypto.aesGcmEncrypt(new Uint8Array(31), iv, tag)).toThrow('16, 24 or 32 bytes, not 31')
      expect(() => crypto.aesGcmEncrypt(k, new Uint8Array(0), tag)).toThrow('at least 1 byte')
      expect(() => crypto.aesGcmDecrypt(k, iv, tag, new Uint8Array(3))).toThrow('4 to 16 bytes, not 3')
    }
  })
})

test('AES-256-GCM test case 16 of the GCM specification', () => {
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
  const sealed = nobleCrypto.aesGcmEncrypt(
    bytes('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308'),
    bytes('cafebabefacedbaddecaf888'),
    bytes(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    ),
    bytes('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
  )
  expect(hex(sealed.tag)).toBe('76fc6ece0f4e1768cddf8853bb2d551b')
})

describe('RSA', () => {
  const random = stream()
  const own = generateRsaKey(2048, random)

  test('the same random stream makes the same key', () => {
    expect(generateRsaKey(2048, stream()).n).toBe(own.n)
    expect(own.n.toString(2)).toHaveLength(2048)
    expect(generateRsaKey(2048, stream(), 65537n, nodeCrypto.isPrime).n).toBe(own.n)
  })

  test('OAEP opens what it sealed, and nothing else', () => {
    const message = random(32)
    const sealed = oaepEncrypt(own, message, { crypto: nobleCrypto, random })
    expect(hex(oaepDecrypt(own, sealed, { crypto: nodeCrypto }))).toBe(hex(message))
    expect(oaepDecrypt(own, sealed, { crypto: nodeCrypto, hash: 'sha1' })).toBeUndefined()
    expect(oaepDecrypt(own, sealed, { crypto: nodeCrypto, label: Uint8Array.of(1) })).toBeUndefined()
    expect(oaepDecrypt(own, sealed.subarray(1), { crypto: nodeCrypto })).toBeUndefined()
    sealed[100]! ^= 1
    expect(oaepDecrypt(own, sealed, { crypto: nodeCrypto })).toBeUndefined()
  })

  test('key files in every form that is supported, and by name what is not', () => {
    const secret = parsePrivateKey(key('tpm-private-for-replay.pem'))
    expect(writePublicKeyPem(secret)).toBe(key('tpm.pem').toString())
    expect(parsePublicKey(key('tpm.pem')).n).toBe(secret.n)
    expect(parsePrivateKey(key('origin-big.sec')).bytes).toBe(384)
    expect(() => parsePrivateKey(key('origin-enc.sec'))).toThrow('encrypted with a passphrase')
    expect(() => parsePrivateKey(key('tpm.pem'))).toThrow('found a public key')
    expect(() => parsePublicKey(key('origin.sec'))).toThrow('found a private key')
    expect(() => parsePublicKey(new TextEncoder().encode('hello'))).toThrow('found neither')
    const der = Buffer.from(key('tpm.pem').toString().split('\n').slice(1, -2).join(''), 'base64')
    expect(parsePublicKey(der).n).toBe(secret.n)
    for (let cut = 1; cut < der.length; cut++) expect(() => parsePublicKey(der.subarray(0, cut))).toThrow()
  })
})
