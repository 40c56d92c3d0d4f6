import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import { fromBigInt, type RsaPrivateKey, rsaPrivateKey, toBigInt } from '../../../server/esm/crypto/rsa.ts'
import { equal, FieldReader, pack, sized, u16, u32 } from './bytes.ts'
import { ALG, RC, TpmError } from './constants.ts'
import { EMPTY, kdfa } from './key-derivation.ts'

/** A TPMT_PUBLIC of an RSA key (TPM 2.0 part 2, 12.2.4). */
export interface PublicArea {
  readonly nameAlg: number
  readonly attributes: number
  readonly authPolicy: Uint8Array
  readonly symmetric: { readonly algorithm: number; readonly keyBits: number; readonly mode: number } | undefined
  readonly scheme: { readonly algorithm: number; readonly hash: number } | undefined
  readonly keyBits: number
  /** 0 stands for 65537. */
  readonly exponent: number
  readonly modulus: Uint8Array
}

/** @param parameter number of the parameter that the area is part of, for the response code */
export function readPublicArea(bytes: Uint8Array, parameter: number): PublicArea {
  const reader = new FieldReader(bytes)
  reader.parameter = parameter
  if (reader.u16() !== ALG.RSA) throw TpmError.parameter(RC.TYPE, parameter)
  const nameAlg = reader.u16()
  if (nameAlg !== ALG.SHA256) throw TpmError.parameter(RC.HASH, parameter)
  const attributes = reader.u32()
  const authPolicy = reader.sized()
  const algorithm = reader.u16()
  if (algorithm !== ALG.AES && algorithm !== ALG.NULL) throw TpmError.parameter(RC.SYMMETRIC, parameter)
  const symmetric = algorithm === ALG.NULL ? undefined : { algorithm, keyBits: reader.u16(), mode: reader.u16() }
  const schemeAlgorithm = reader.u16()
  if (schemeAlgorithm !== ALG.OAEP && schemeAlgorithm !== ALG.NULL) throw TpmError.parameter(RC.SCHEME, parameter)
  const scheme = schemeAlgorithm === ALG.NULL ? undefined : { algorithm: schemeAlgorithm, hash: reader.u16() }
  const keyBits = reader.u16()
  if (keyBits !== 2048) throw TpmError.parameter(RC.VALUE, parameter)
  const exponent = reader.u32()
  const modulus = reader.sized()
  if (reader.left > 0) throw TpmError.parameter(RC.SIZE, parameter)
  return { nameAlg, attributes, authPolicy, symmetric, scheme, keyBits, exponent, modulus }
}

export function writePublicArea(area: PublicArea): Uint8Array {
  const { symmetric, scheme } = area
  return pack(
    u16(ALG.RSA),
    u16(area.nameAlg),
    u32(area.attributes),
    sized(area.authPolicy),
    symmetric ? pack(u16(symmetric.algorithm), u16(symmetric.keyBits), u16(symmetric.mode)) : pack(u16(ALG.NULL)),
    scheme ? pack(u16(scheme.algorithm), u16(scheme.hash)) : pack(u16(ALG.NULL)),
    u16(area.keyBits),
    u32(area.exponent),
    sized(area.modulus),
  )
}

/** nameAlg and the digest of the public area (TPM 2.0 part 1, 16). */
export const nameOf = (crypto: CryptoProvider, area: Uint8Array): Uint8Array =>
  pack(u16(ALG.SHA256), crypto.sha256(area))

/** A key inside the TPM. */
export interface TpmObject {
  readonly area: PublicArea
  readonly publicBytes: Uint8Array
  readonly name: Uint8Array
  readonly qualifiedName: Uint8Array
  readonly hierarchy: number
  readonly key: RsaPrivateKey
  readonly authValue: Uint8Array
  /** Seed of a storage key, which the private areas of its children are sealed with; empty for other keys. */
  readonly seed: Uint8Array
}

export function makeObject(
  crypto: CryptoProvider,
  area: PublicArea,
  key: RsaPrivateKey,
  authValue: Uint8Array,
  seed: Uint8Array,
  parent: { readonly qualifiedName: Uint8Array; readonly hierarchy: number },
): TpmObject {
  const publicBytes = writePublicArea(area)
  const name = nameOf(crypto, publicBytes)
  const qualifiedName = pack(u16(ALG.SHA256), crypto.sha256(parent.qualifiedName, name))
  return { area, publicBytes, name, qualifiedName, hierarchy: parent.hierarchy, key, authValue, seed }
}

const IV_BYTES = 16
const AUTH_BYTES = 32

/**
 * The private area of an object as it leaves the TPM: encrypted and authenticated under the seed of its parent
 * (TPM 2.0 part 1, 22 "protected storage"). Byte layout as in spec/tpm.md §6.2.
 */
export function sealPrivate(
  crypto: CryptoProvider,
  parent: TpmObject,
  object: TpmObject,
  random: RandomSource,
): Uint8Array {
  const padded = new Uint8Array(AUTH_BYTES)
  padded.set(object.authValue)
  const prime = fromBigInt(object.key.p, object.key.bytes / 2)
  const sensitive = sized(pack(u16(ALG.RSA), sized(padded), sized(object.seed), sized(prime)))
  const iv = random(IV_BYTES)
  const encrypted = pack(sized(iv), crypto.aesCfbEncrypt(storageKey(crypto, parent, object.name), iv, sensitive))
  return pack(sized(integrityOf(crypto, parent, encrypted, object.name)), encrypted)
}

function storageKey(crypto: CryptoProvider, parent: TpmObject, name: Uint8Array): Uint8Array {
  return kdfa(crypto, parent.seed, 'STORAGE', name, EMPTY, 128)
}

function integrityOf(crypto: CryptoProvider, parent: TpmObject, encrypted: Uint8Array, name: Uint8Array): Uint8Array {
  return crypto.hmacSha256(kdfa(crypto, parent.seed, 'INTEGRITY', EMPTY, EMPTY, 256), encrypted, name)
}

/** @throws TpmError TPM_RC_INTEGRITY of parameter 1 where the private area is not this parent's, or was changed */
export function openPrivate(
  crypto: CryptoProvider,
  parent: TpmObject,
  area: PublicArea,
  privateArea: Uint8Array,
): TpmObject {
  const outer = new FieldReader(privateArea)
  outer.parameter = 1
  const integrity = outer.sized()
  const encrypted = outer.rest()
  const name = nameOf(crypto, writePublicArea(area))
  if (!equal(integrity, integrityOf(crypto, parent, encrypted, name))) throw TpmError.parameter(RC.INTEGRITY, 1)
  const inner = new FieldReader(encrypted)
  inner.parameter = 1
  const iv = inner.sized()
  if (iv.length !== IV_BYTES) throw TpmError.parameter(RC.SIZE, 1)
  const plain = new FieldReader(crypto.aesCfbDecrypt(storageKey(crypto, parent, name), iv, inner.rest()))
  plain.parameter = 1
  const sensitive = new FieldReader(plain.sized())
  sensitive.parameter = 1
  if (sensitive.u16() !== ALG.RSA) throw TpmError.parameter(RC.TYPE, 1)
  const authValue = sensitive.sized()
  const seed = sensitive.sized()
  const key = keyFromPrime(area, sensitive.sized())
  return makeObject(crypto, area, key, authValue, seed, parent)
}

function keyFromPrime(area: PublicArea, prime: Uint8Array): RsaPrivateKey {
  const n = toBigInt(area.modulus)
  const p = toBigInt(prime)
  const e = BigInt(area.exponent || 65537)
  if (p < 3n || n % p !== 0n) throw TpmError.parameter(RC.INTEGRITY, 1)
  const q = n / p
  return rsaPrivateKey(n, e, modInverse(e, (p - 1n) * (q - 1n)), p, q)
}

function modInverse(value: bigint, modulus: bigint): bigint {
  let [r0, r1, t0, t1] = [modulus, value, 0n, 1n]
  while (r1 !== 0n) {
    const q = r0 / r1
    ;[r0, r1, t0, t1] = [r1, r0 - q * r1, t1, t0 - q * t1]
  }
  return ((t0 % modulus) + modulus) % modulus
}
