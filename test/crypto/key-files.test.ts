import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { desEde3CbcDecrypt } from '../../server/esm/crypto/des.ts'
import { nobleCrypto } from '../../server/esm/crypto/noble.ts'
import {
  isEncryptedPrivateKey,
  KeyFormatError,
  parsePrivateKey,
  parsePublicKey,
  publicKeyFingerprint,
  writePublicKeyPem,
} from '../../server/esm/crypto/pem.ts'

const file = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/esm/keys/${name}`, import.meta.url)))
const keysJson = JSON.parse(Buffer.from(file('keys.json')).toString())
const bytes = (text: string | Buffer) => Uint8Array.from(Buffer.from(text as string))
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex')
const fromHex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

// The oracle is OpenSSL behind node:crypto.
const pair = generateKeyPairSync('rsa', { modulusLength: 1024 })
const modulus = BigInt(`0x${Buffer.from(pair.publicKey.export({ format: 'jwk' }).n!, 'base64url').toString('hex')}`)
const passphrase = 'correct hörse'

test('fingerprints and the canonical form are those that svm-tool wrote', () => {
  for (const name of ['origin', 'originEnc', 'originBig', 'tpm', 'recipient2', 'recipient3']) {
    const { pub, fingerprint } = keysJson[name]
    const pem = file(pub.replace('keys/', ''))
    expect(hex(publicKeyFingerprint(nobleCrypto, pem)), name).toBe(fingerprint)
    expect(writePublicKeyPem(parsePublicKey(pem))).toBe(Buffer.from(pem).toString())
  }
})

describe('public keys', () => {
  test.each([
    ['SPKI, PEM', pair.publicKey.export({ type: 'spki', format: 'pem' })],
    ['SPKI, DER', pair.publicKey.export({ type: 'spki', format: 'der' })],
    ['PKCS #1, PEM', pair.publicKey.export({ type: 'pkcs1', format: 'pem' })],
    ['PKCS #1, DER', pair.publicKey.export({ type: 'pkcs1', format: 'der' })],
    ['with CRLF', String(pair.publicKey.export({ type: 'spki', format: 'pem' })).replaceAll('\n', '\r\n')],
  ])('%s', (_, exported) => {
    expect(parsePublicKey(bytes(exported))).toMatchObject({ n: modulus, e: 65537n, bytes: 128 })
  })

  test('of another algorithm, a certificate, a private key: each by name', () => {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' })
    expect(() => parsePublicKey(bytes(String(ec)))).toThrow('expected an RSA key, found algorithm 2a8648ce3d0201')
    expect(() => parsePublicKey(bytes('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'))).toThrow(
      'expected an RSA public key, found CERTIFICATE',
    )
    expect(() => parsePublicKey(file('origin-enc.sec'))).toThrow('found a private key (RSA PRIVATE KEY)')
  })
})

describe('private keys', () => {
  const exported = (type: 'pkcs1' | 'pkcs8', format: 'pem' | 'der', cipher?: string) =>
    bytes(pair.privateKey.export({ type, format, ...(cipher ? { cipher, passphrase } : {}) } as never) as never)

  test.each([
    ['PKCS #1, PEM', exported('pkcs1', 'pem')],
    ['PKCS #1, DER', exported('pkcs1', 'der')],
    ['PKCS #8, PEM', exported('pkcs8', 'pem')],
    ['PKCS #8, DER', exported('pkcs8', 'der')],
  ])('%s, whether a passphrase is given or not', (_, key) => {
    expect(parsePrivateKey(key).n).toBe(modulus)
    expect(parsePrivateKey(key, 'not asked for').n).toBe(modulus)
  })

  test.each([
    ['PKCS #1, DES-EDE3-CBC', exported('pkcs1', 'pem', 'des-ede3-cbc')],
    ['PKCS #1, AES-128-CBC', exported('pkcs1', 'pem', 'aes-128-cbc')],
    ['PKCS #1, AES-192-CBC', exported('pkcs1', 'pem', 'aes-192-cbc')],
    ['PKCS #1, AES-256-CBC', exported('pkcs1', 'pem', 'aes-256-cbc')],
    ['PKCS #8, DES-EDE3-CBC', exported('pkcs8', 'pem', 'des-ede3-cbc')],
    ['PKCS #8, AES-128-CBC', exported('pkcs8', 'pem', 'aes-128-cbc')],
    ['PKCS #8, AES-256-CBC', exported('pkcs8', 'pem', 'aes-256-cbc')],
    ['PKCS #8, AES-256-CBC, DER', exported('pkcs8', 'der', 'aes-256-cbc')],
  ])('%s opens with its passphrase and no other', (_, key) => {
    expect(parsePrivateKey(key, passphrase)).toMatchObject({ n: modulus, bytes: 128 })
    expect(() => parsePrivateKey(key, 'another')).toThrow('passphrase does not open the private key')
    expect(() => parsePrivateKey(key)).toThrow('encrypted with a passphrase: decrypt it first')
    expect(isEncryptedPrivateKey(key)).toBe(true)
  })

  test('a passphrase in Latin-1, as svm-tool takes it', () => {
    const secret = Buffer.from(passphrase, 'latin1')
    for (const type of ['pkcs1', 'pkcs8'] as const) {
      const key = pair.privateKey.export({ type, format: 'pem', cipher: 'aes-128-cbc', passphrase: secret as never })
      expect(parsePrivateKey(bytes(key), passphrase).n).toBe(modulus)
      expect(() => parsePrivateKey(bytes(key), 'correct h\u{f6e}rse')).toThrow('passphrase does not open')
    }
  })

  test('only what takes a passphrase says so', () => {
    const plain = [exported('pkcs1', 'pem'), exported('pkcs8', 'der'), file('origin.pub'), bytes('hello')]
    expect(plain.map(isEncryptedPrivateKey)).toEqual([false, false, false, false])
    expect(isEncryptedPrivateKey(bytes(pair.publicKey.export({ type: 'spki', format: 'der' })))).toBe(false)
  })

  test('the encrypted key that svm-tool generated', () => {
    const key = parsePrivateKey(file('origin-enc.sec'), keysJson.originEnc.passphrase)
    expect(key.n).toBe(parsePublicKey(file('origin-enc.pub')).n)
    const { d, p, q } = createPrivateKey({
      key: Buffer.from(file('origin-enc.sec')),
      passphrase: keysJson.originEnc.passphrase,
    }).export({ format: 'jwk' })
    const number = (text: string) => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)
    expect([key.d, key.p, key.q]).toEqual([number(d!), number(p!), number(q!)])
  })

  test('a cipher or scheme that is not supported is named', () => {
    expect(() => parsePrivateKey(exported('pkcs1', 'pem', 'camellia-128-cbc'), passphrase)).toThrow(
      'CAMELLIA-128-CBC, which is not supported (but DES-EDE3-CBC, AES-128-CBC',
    )
    expect(() => parsePrivateKey(exported('pkcs8', 'pem', 'camellia-128-cbc'), passphrase)).toThrow(
      'object identifier 1.2.392.200011.61.1.1.1.2, which is not supported',
    )
  })

  test('parts that do not belong together are refused', () => {
    const der = exported('pkcs1', 'der')
    // The last byte is that of the coefficient.
    const wrong = der.map((byte, i) => (i === der.length - 1 ? byte ^ 2 : byte))
    expect(() => parsePrivateKey(wrong)).toThrow('do not fit its primes')
  })
})

describe('strict DER', () => {
  const good = bytes(pair.publicKey.export({ type: 'pkcs1', format: 'der' }))
  const longLength = Uint8Array.of(0x30, 0x82, 0x00, good[2]!, ...good.subarray(3))
  const contents = [...good.subarray(3)]
  const withZero = Uint8Array.of(0x30, 0x81, good[2]! + 1, 0x02, 0x81, 0x82, 0, ...contents.slice(3))

  test.each([
    ['a byte behind the key', Uint8Array.of(...good, 0), '1 bytes too many'],
    ['a length that is not in its shortest form', longLength, 'not in its shortest form'],
    ['a number that is not in its shortest form', withZero, 'not in its shortest form'],
    ['a length without end', Uint8Array.of(0x30, 0x80, ...contents, 0, 0), 'DER does not allow'],
    ['an even modulus', good.map((b, i) => (i === good.length - 6 ? b & 0xfe : b)), 'is even'],
    ['an exponent of 65536', good.map((b, i) => (i === good.length - 1 ? 0 : b)), 'not an odd number from 3'],
    ['a tiny modulus', fromHex('3006020103020103'), '2 bits, expected 512'],
  ])('%s', (_, der, message) => {
    expect(parsePublicKey(good).n).toBe(modulus)
    expect(() => parsePublicKey(der)).toThrow(message)
  })

  test('whatever the file holds, it is a key or a KeyFormatError', () => {
    const files = ['origin.pub', 'origin.sec', 'origin-enc.sec', 'origin-big.sec', 'recipient-2.sec'].map(file)
    const files1 = [...files, good, bytes(pair.privateKey.export({ type: 'pkcs8', format: 'der' }))]
    const changed = fc
      .tuple(fc.constantFrom(...files1), fc.nat(2000), fc.nat(255), fc.boolean())
      .map(([key, at, value, cut]) =>
        cut ? key.slice(0, at % key.length) : key.map((b, i) => (i === at % key.length ? value : b)),
      )
    const check = (parse: () => unknown) => {
      try {
        parse()
      } catch (error) {
        expect(error).toBeInstanceOf(KeyFormatError)
      }
    }
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 200 })), (key) => {
        check(() => parsePublicKey(key))
        check(() => parsePrivateKey(key, 'x'))
      }),
      { numRuns: 400 },
    )
  })
})

test('DES: the known answer of FIPS 81 in three-key form, and lengths by name', () => {
  // "Now is the time for all " under one key used three times is single DES in CBC mode (FIPS 81, table C1).
  const key = fromHex('0123456789abcdef 0123456789abcdef 0123456789abcdef')
  const plain = desEde3CbcDecrypt(
    key,
    fromHex('1234567890abcdef'),
    fromHex('e5c7cdde872bf27c 43e934008c389c0f 683788499a7c05f6'),
  )
  expect(Buffer.from(plain).toString()).toBe('Now is the time for all ')
  expect(() => desEde3CbcDecrypt(key.subarray(1), key.subarray(0, 8), key)).toThrow('24 bytes, not 23')
  expect(() => desEde3CbcDecrypt(key, key.subarray(0, 7), key)).toThrow('8 bytes, not 7')
  expect(() => desEde3CbcDecrypt(key, key.subarray(0, 8), key.subarray(1))).toThrow('blocks of 8 bytes, not 23')
})
