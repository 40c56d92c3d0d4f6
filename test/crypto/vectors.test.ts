/** Both providers against published vectors, against each other on whatever fast-check thinks of, and OAEP against OpenSSL. */
import { constants, createPrivateKey, createPublicKey, privateDecrypt, publicEncrypt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nobleCrypto } from '../../server/esm/crypto/noble.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { parsePrivateKey } from '../../server/esm/crypto/pem.ts'
import { oaepDecrypt, oaepEncrypt, rsaKeyFromPrime } from '../../server/esm/crypto/rsa.ts'

const hex = (data: Uint8Array | undefined) => data && Buffer.from(data).toString('hex')
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const text = (words: string) => new TextEncoder().encode(words)
const providers = [nobleCrypto, nodeCrypto]

describe.each(providers.map((crypto) => [crypto.name, crypto] as const))('%s', (_, crypto) => {
  test('FIPS 180-4: "abc"', () => {
    expect(hex(crypto.sha1(text('a'), text('bc')))).toBe('a9993e364706816aba3e25717850c26c9cd0d89d')
    expect(hex(crypto.sha256(text('ab'), text('c')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
    const sha512 =
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f'
    expect(hex(crypto.sha512(text('abc')))).toBe(sha512)
    const stream = crypto.sha512Stream()
    for (const letter of 'abc') stream.update(text(letter))
    expect(hex(stream.digest())).toBe(sha512)
  })

  test('RFC 4231, test case 2', () => {
    expect(hex(crypto.hmacSha256(text('Jefe'), text('what do ya want '), text('for nothing?')))).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    )
  })

  test('SP 800-38A F.3.13: CFB with 128-bit feedback', () => {
    const key = bytes('2b7e151628aed2a6abf7158809cf4f3c')
    const iv = bytes('000102030405060708090a0b0c0d0e0f')
    const plain = '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52ef'
    const sealed = '3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140b1808cf187a4f4df'
    expect(hex(crypto.aesCfbEncrypt(key, iv, bytes(plain)))).toBe(sealed)
    expect(hex(crypto.aesCfbDecrypt(key, iv, bytes(sealed)))).toBe(plain)
  })

  const plaintext = bytes(
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
  )
  test.each([
    [
      5,
      'cafebabefacedbad',
      '61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598',
      '3612d2e79e3b0785561be14aaca2fccb',
    ],
    [
      6,
      '9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b',
      '8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca701e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5',
      '619cc5aefffe0bfa462af43c1699d050',
    ],
  ])('the GCM specification, test case %i: an IV that is not 12 bytes', (_case, iv, ciphertext, tag) => {
    const key = bytes('feffe9928665731c6d6a8f9467308308')
    const aad = bytes('feedfacedeadbeeffeedfacedeadbeefabaddad2')
    const sealed = crypto.aesGcmEncrypt(key, bytes(iv), plaintext, aad)
    expect([hex(sealed.ciphertext), hex(sealed.tag)]).toEqual([ciphertext, tag])
    expect(hex(crypto.aesGcmDecrypt(key, bytes(iv), bytes(ciphertext), bytes(tag).slice(0, 4), aad))).toBe(
      hex(plaintext),
    )
  })
})

test('the providers agree on whatever they are given', () => {
  const data = fc.uint8Array({ maxLength: 200 })
  const key = fc.constantFrom(16, 24, 32).chain((n) => fc.uint8Array({ minLength: n, maxLength: n }))
  const iv16 = fc.uint8Array({ minLength: 16, maxLength: 16 })
  const iv = fc.uint8Array({ minLength: 1, maxLength: 100 })
  fc.assert(
    fc.property(key, iv, iv16, data, data, fc.integer({ min: 4, max: 16 }), (k, nonce, iv128, plain, aad, tagBytes) => {
      const [a, b] = providers.map((crypto) => crypto.aesGcmEncrypt(k, nonce, plain, aad))
      expect([hex(a!.ciphertext), hex(a!.tag)]).toEqual([hex(b!.ciphertext), hex(b!.tag)])
      const tag = a!.tag.slice(0, tagBytes)
      for (const crypto of providers) {
        expect(hex(crypto.aesGcmDecrypt(k, nonce, a!.ciphertext, tag, aad))).toBe(hex(plain))
        const other = Uint8Array.of(...aad, 0)
        expect(crypto.aesGcmDecrypt(k, nonce, a!.ciphertext, a!.tag, other)).toBeUndefined()
      }
      const [c, d] = providers.map((crypto) => crypto.aesCfbEncrypt(k, iv128, plain))
      expect(hex(c)).toBe(hex(d))
      expect(providers.map((crypto) => hex(crypto.hmacSha256(aad, plain)))).toEqual(
        Array(2).fill(hex(nodeCrypto.hmacSha256(aad, plain))),
      )
    }),
  )
})

describe('RSA against OpenSSL', () => {
  const pem = readFileSync(new URL('../fixtures/esm/keys/tpm-private-for-replay.pem', import.meta.url))
  const key = parsePrivateKey(pem)
  const label = text('DUPLICATE\0')

  test.each(['sha256', 'sha1'] as const)('OAEP with %s, both ways, with and without a label', (hash) => {
    const room = hash === 'sha256' ? 190 : 214
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: room }), fc.boolean(), (message, labelled) => {
        const options = { hash, ...(labelled ? { label } : {}) }
        const theirs = {
          padding: constants.RSA_PKCS1_OAEP_PADDING,
          oaepHash: hash,
          ...(labelled ? { oaepLabel: label } : {}),
        }
        const random = (length: number) => new Uint8Array(length).fill(message.length)
        const ours = oaepEncrypt(key, message, { crypto: nobleCrypto, random, ...options })
        expect(hex(privateDecrypt({ key: createPrivateKey(pem), ...theirs }, ours))).toBe(hex(message))
        const sealed = new Uint8Array(publicEncrypt({ key: createPublicKey(pem), ...theirs }, message))
        expect(hex(oaepDecrypt(key, sealed, { crypto: nobleCrypto, ...options }))).toBe(hex(message))
      }),
      { numRuns: 15 },
    )
  })

  test('a message that does not fit, a ciphertext that is not below the modulus', () => {
    const random = (length: number) => new Uint8Array(length)
    expect(() => oaepEncrypt(key, new Uint8Array(191), { crypto: nobleCrypto, random })).toThrow(
      'a message of 191 bytes where the key takes 190',
    )
    expect(oaepDecrypt(key, new Uint8Array(256).fill(0xff), { crypto: nobleCrypto })).toBeUndefined()
  })

  test('a key from one of its primes is that key; another number is none', () => {
    expect(rsaKeyFromPrime(key.n, key.e, key.q)).toMatchObject({ n: key.n, p: key.q, q: key.p })
    expect(() => rsaKeyFromPrime(key.n, key.e, key.p + 2n)).toThrow('does not divide')
    expect(() => rsaKeyFromPrime(key.n, key.e, key.n)).toThrow('no inverse')
  })
})
