import {
  fromBigInt,
  mgf1,
  modPow,
  oaepDecrypt,
  oaepEncrypt,
  type RsaPrivateKey,
  type RsaPublicKey,
  rsaPrivate,
  toBigInt,
} from '../../../server/esm/crypto/rsa.ts'
import type { Bank, Scheme } from './algorithms.ts'
import { equal, pack, u8 } from './bytes.ts'
import { ALG, RC, TpmError } from './constants.ts'
import type { TpmState } from './state.ts'

/** The RSA schemes of a TPM (TPM 2.0 part 1, B.4 to B.8): encryption and signatures of PKCS #1 v2.2. */

const TRAILER = 0xbc
const MIN_PADDING = 8

/** A block that starts with 0, holds a type, padding, 0 and what it is for. */
function typed(type: number, padding: Uint8Array, content: Uint8Array): Uint8Array {
  return pack(u8(0), u8(type), padding, u8(0), content)
}

/** @throws TpmError TPM_RC_VALUE where the message does not fit, TPM_RC_SCHEME for a scheme for signing */
export function encrypt(
  tpm: TpmState,
  key: RsaPublicKey,
  message: Uint8Array,
  scheme: Scheme | undefined,
  label: Uint8Array,
): Uint8Array {
  const { crypto, random } = tpm
  const raw = (block: Uint8Array) => fromBigInt(modPow(toBigInt(block), key.e, key.n), key.bytes)
  if (!scheme) {
    if (toBigInt(message) >= key.n) throw new TpmError(RC.VALUE)
    return raw(message)
  }
  if (scheme.algorithm === ALG.RSAES) {
    const room = key.bytes - message.length - 3
    if (room < MIN_PADDING) throw new TpmError(RC.VALUE)
    return raw(typed(2, nonZero(tpm, room), message))
  }
  if (scheme.algorithm !== ALG.OAEP) throw new TpmError(RC.SCHEME)
  try {
    return oaepEncrypt(key, message, { crypto, random, label, hash: scheme.hash! })
  } catch (error) {
    throw error instanceof RangeError ? new TpmError(RC.VALUE) : error
  }
}

function nonZero(tpm: TpmState, length: number): Uint8Array {
  const out = new Uint8Array(length)
  for (let at = 0; at < length; ) for (const byte of tpm.random(length - at)) if (byte !== 0) out[at++] = byte
  return out
}

/**
 * Opens a ciphertext as long as the key.
 * @returns undefined where it is no ciphertext of this key and scheme: which check failed is not told
 */
export function decrypt(
  tpm: TpmState,
  key: RsaPrivateKey,
  ciphertext: Uint8Array,
  scheme: Scheme | undefined,
  label: Uint8Array,
): Uint8Array | undefined {
  const { crypto } = tpm
  if (toBigInt(ciphertext) >= key.n) return undefined
  if (scheme?.algorithm === ALG.OAEP) return oaepDecrypt(key, ciphertext, { crypto, label, hash: scheme.hash! })
  const block = fromBigInt(rsaPrivate(key, toBigInt(ciphertext)), key.bytes)
  if (!scheme) return block
  const end = block.indexOf(0, 2)
  return block[0] === 0 && block[1] === 2 && end >= 2 + MIN_PADDING ? block.slice(end + 1) : undefined
}

/** DER of a DigestInfo up to the digest (RFC 8017, 9.2). */
const DIGEST_INFO: Readonly<Record<Bank, readonly number[]>> = {
  sha1: [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14],
  sha256: [
    ...[0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01],
    ...[0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20],
  ],
}

/** RSASSA-PKCS1-v1_5: the block that a signature of this digest has to open to. */
function rsassaBlock(key: RsaPublicKey, bank: Bank, digest: Uint8Array): Uint8Array {
  const content = pack(Uint8Array.from(DIGEST_INFO[bank]), digest)
  return typed(1, new Uint8Array(key.bytes - content.length - 3).fill(0xff), content)
}

/** H(eight zeros ‖ digest ‖ salt) of RSASSA-PSS. */
const pssHash = (tpm: TpmState, bank: Bank, digest: Uint8Array, salt: Uint8Array): Uint8Array =>
  tpm.crypto[bank](new Uint8Array(8), digest, salt)

/** Mask of a PSS block; the modulus has its top bit set, so the block lacks its own. */
function pssMask(tpm: TpmState, bank: Bank, hash: Uint8Array, data: Uint8Array): Uint8Array {
  const mask = mgf1({ crypto: tpm.crypto, hash: bank }, hash, data.length)
  const out = data.map((byte, i) => byte ^ mask[i]!)
  out[0]! &= 0x7f
  return out
}

function pssBlock(tpm: TpmState, key: RsaPublicKey, bank: Bank, digest: Uint8Array): Uint8Array {
  const salt = tpm.random(digest.length)
  const hash = pssHash(tpm, bank, digest, salt)
  const data = new Uint8Array(key.bytes - hash.length - 1)
  data.set(pack(u8(1), salt), data.length - salt.length - 1)
  return pack(pssMask(tpm, bank, hash, data), hash, u8(TRAILER))
}

function pssFits(tpm: TpmState, block: Uint8Array, bank: Bank, digest: Uint8Array): boolean {
  if (block.at(-1) !== TRAILER || block[0]! >= 0x80) return false
  const hash = block.slice(-1 - digest.length, -1)
  const data = pssMask(tpm, bank, hash, block.slice(0, -1 - digest.length))
  const one = data.findIndex((byte) => byte !== 0)
  return one >= 0 && data[one] === 1 && equal(hash, pssHash(tpm, bank, digest, data.slice(one + 1)))
}

/** Signs a digest of the length of the scheme's hash. @param scheme RSASSA or RSAPSS */
export function sign(tpm: TpmState, key: RsaPrivateKey, scheme: Scheme, digest: Uint8Array): Uint8Array {
  const bank = scheme.hash!
  const block = scheme.algorithm === ALG.RSASSA ? rsassaBlock(key, bank, digest) : pssBlock(tpm, key, bank, digest)
  return fromBigInt(rsaPrivate(key, toBigInt(block)), key.bytes)
}

export function verify(
  tpm: TpmState,
  key: RsaPublicKey,
  scheme: Scheme,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const bank = scheme.hash!
  if (signature.length !== key.bytes || toBigInt(signature) >= key.n) return false
  if (digest.length !== tpm.crypto[bank]().length) return false
  const block = fromBigInt(modPow(toBigInt(signature), key.e, key.n), key.bytes)
  return scheme.algorithm === ALG.RSASSA
    ? equal(block, rsassaBlock(key, bank, digest))
    : pssFits(tpm, block, bank, digest)
}
