import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import {
  fromBigInt,
  type RsaPrivateKey,
  type RsaPublicKey,
  rsaKeyFromPrime,
  rsaPublicKey,
  toBigInt,
} from '../../../server/esm/crypto/rsa.ts'
import { equal, FieldReader, pack, sized, trimZeros, u16 } from './bytes.ts'
import { ALG, ATTRIBUTE, RC, RH, TpmError } from './constants.ts'
import { EMPTY, kdfa } from './key-derivation.ts'
import { has, isStorage, type PublicArea, writePublicArea } from './public-area.ts'

/** What an object keeps to itself (TPM 2.0 part 2, 12.3.2.4). */
export interface Sensitive {
  /** Without trailing zeros. */
  readonly authValue: Uint8Array
  /** Of a storage key the seed that the private areas of its children are sealed with; of data what blinds its digest. */
  readonly seed: Uint8Array
  readonly key?: RsaPrivateKey
  readonly data?: Uint8Array
}

/** An object inside the TPM. */
export interface TpmObject {
  readonly area: PublicArea
  readonly publicBytes: Uint8Array
  readonly name: Uint8Array
  readonly qualifiedName: Uint8Array
  readonly hierarchy: number
  /** Absent where only the public part is here. */
  readonly sensitive: Sensitive | undefined
  /** From LoadExternal: it has no parent, and is none. */
  readonly external: boolean
  /** Its saved context does not survive Startup(CLEAR), nor those below it. */
  readonly stClear: boolean
}

/** nameAlg and the digest of the public area (TPM 2.0 part 1, 16); nothing for an object without a name algorithm. */
export const nameOf = (crypto: CryptoProvider, area: PublicArea): Uint8Array =>
  area.nameAlg === ALG.NULL ? EMPTY : pack(u16(area.nameAlg), crypto.sha256(writePublicArea(area)))

export interface ParentOf {
  readonly qualifiedName: Uint8Array
  readonly hierarchy: number
  readonly stClear?: boolean
}

/** The qualified name that an object of this name has under a parent. */
export const qualified = (crypto: CryptoProvider, parent: Uint8Array, name: Uint8Array): Uint8Array =>
  pack(u16(ALG.SHA256), crypto.sha256(parent, name))

/** An object under a parent, or under a hierarchy, whose qualified name is its handle. */
export function makeObject(
  crypto: CryptoProvider,
  area: PublicArea,
  sensitive: Sensitive,
  parent: ParentOf,
): TpmObject {
  const name = nameOf(crypto, area)
  return {
    area,
    publicBytes: writePublicArea(area),
    name,
    qualifiedName: qualified(crypto, parent.qualifiedName, name),
    hierarchy: parent.hierarchy,
    sensitive,
    external: false,
    stClear: has(area, ATTRIBUTE.stClear) || parent.stClear === true,
  }
}

/** An object from outside: its qualified name is its name. */
export function externalObject(
  crypto: CryptoProvider,
  area: PublicArea,
  sensitive: Sensitive | undefined,
  hierarchy: number,
): TpmObject {
  const name = nameOf(crypto, area)
  const publicBytes = writePublicArea(area)
  const stClear = has(area, ATTRIBUTE.stClear)
  return { area, publicBytes, name, qualifiedName: name, hierarchy, sensitive, external: true, stClear }
}

/** A key that others can be kept under, and that is whole. */
export const isParent = (object: TpmObject): boolean =>
  isStorage(object.area) && object.sensitive !== undefined && !object.external

/** An object that must not outlive its power cycle. */
export const isTemporary = (object: TpmObject): boolean => object.hierarchy === RH.NULL || object.external

/** The public half of an RSA object; undefined for data. @throws RangeError where the modulus cannot be one */
export const rsaOf = (area: PublicArea): RsaPublicKey | undefined =>
  area.type === ALG.RSA ? rsaPublicKey(toBigInt(area.unique), BigInt(area.exponent || 65537)) : undefined

const IV_BYTES = 16
const AUTH_BYTES = 32

/** A TPMT_SENSITIVE. */
export function writeSensitive(area: PublicArea, { authValue, seed, key, data }: Sensitive): Uint8Array {
  const padded = new Uint8Array(AUTH_BYTES)
  padded.set(authValue)
  const secret = key ? fromBigInt(key.p, key.bytes / 2) : data!
  return pack(u16(area.type), sized(padded), sized(seed), sized(secret))
}

/** Largest authValue, seed, prime or data that a TPMT_SENSITIVE holds. */
const MAX_AUTH = 64
const MAX_PRIME = 192
export const MAX_SEALED = 128

/** Reads past a TPMT_SENSITIVE, to see whether it is one: what of a key it can be of is not known yet. */
export function skimSensitive(reader: FieldReader): void {
  const type = reader.u16()
  if (type !== ALG.RSA && type !== ALG.KEYEDHASH) throw reader.fail(RC.TYPE)
  reader.sized(MAX_AUTH)
  reader.sized(MAX_AUTH)
  reader.sized(type === ALG.RSA ? MAX_PRIME : MAX_SEALED)
}

/**
 * A TPMT_SENSITIVE that has to belong to `area`.
 * @throws TpmError that blames the reader's parameter
 */
export function readSensitive(reader: FieldReader, area: PublicArea): Sensitive {
  const type = reader.u16()
  const authValue = trimZeros(reader.sized(MAX_AUTH))
  const seed = reader.sized(MAX_AUTH)
  const secret = reader.sized(type === ALG.RSA ? MAX_PRIME : MAX_SEALED)
  if (type !== area.type) throw reader.fail(RC.TYPE)
  if (authValue.length > AUTH_BYTES) throw reader.fail(RC.SIZE)
  if (type === ALG.KEYEDHASH) return { authValue, seed, data: secret }
  if (secret.length * 2 !== area.unique.length || secret[0]! < 0x80) throw reader.fail(RC.KEY_SIZE)
  try {
    const key = rsaKeyFromPrime(toBigInt(area.unique), BigInt(area.exponent || 65537), toBigInt(secret))
    return { authValue, seed, key }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw reader.fail(RC.BINDING)
  }
}

/** H(seed ‖ data): what the public area of sealed data shows of it (TPM 2.0 part 1, 27.6). */
export const sealedDigest = (crypto: CryptoProvider, seed: Uint8Array, data: Uint8Array): Uint8Array =>
  crypto.sha256(seed, data)

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
  const sensitive = sized(writeSensitive(object.area, object.sensitive!))
  const iv = random(IV_BYTES)
  const encrypted = pack(sized(iv), crypto.aesCfbEncrypt(storageKey(crypto, parent, object.name), iv, sensitive))
  return pack(sized(integrityOf(crypto, parent, encrypted, object.name)), encrypted)
}

/** Seed and cipher of a storage key. */
export const seedOf = (parent: TpmObject): Uint8Array => parent.sensitive!.seed

export function storageKey(
  crypto: CryptoProvider,
  parent: TpmObject,
  name: Uint8Array,
  seed = seedOf(parent),
): Uint8Array {
  return kdfa(crypto, seed, 'STORAGE', name, EMPTY, parent.area.symmetric!.keyBits)
}

export function integrityOf(
  crypto: CryptoProvider,
  parent: TpmObject,
  encrypted: Uint8Array,
  name: Uint8Array,
  seed = seedOf(parent),
): Uint8Array {
  return crypto.hmacSha256(kdfa(crypto, seed, 'INTEGRITY', EMPTY, EMPTY, 256), encrypted, name)
}

/** @throws TpmError TPM_RC_INTEGRITY of parameter 1 where the private area is not this parent's, or was changed */
export function openPrivate(
  crypto: CryptoProvider,
  parent: TpmObject,
  area: PublicArea,
  privateArea: Uint8Array,
): Sensitive {
  const outer = new FieldReader(privateArea)
  outer.parameter = 1
  const integrity = outer.sized(MAX_AUTH)
  const encrypted = outer.rest()
  const name = nameOf(crypto, area)
  if (!equal(integrity, integrityOf(crypto, parent, encrypted, name))) throw outer.fail(RC.INTEGRITY)
  const inner = new FieldReader(encrypted)
  inner.parameter = 1
  const iv = inner.sized()
  if (iv.length !== IV_BYTES) throw inner.fail(RC.SIZE)
  const plain = new FieldReader(crypto.aesCfbDecrypt(storageKey(crypto, parent, name), iv, inner.rest()))
  plain.parameter = 1
  return plain.structure(() => readSensitive(plain, area))
}

/** Whether the modulus is one of this size (part 3, 12.3). @throws TpmError TPM_RC_KEY without a parameter number */
export function checkUnique(area: PublicArea, hasPrivate: boolean): void {
  const { type, unique, keyBits, exponent } = area
  if (type === ALG.KEYEDHASH) {
    if (!hasPrivate && unique.length !== (area.nameAlg === ALG.NULL ? 0 : 32)) throw new TpmError(RC.KEY)
    return
  }
  if (unique.length !== keyBits / 8 || unique[0]! < 0x80) throw new TpmError(RC.KEY)
  if (exponent !== 0 && exponent < 7) throw new TpmError(RC.VALUE)
  // No product of two odd primes is even, no even exponent has an inverse: such a key would only fail later.
  if (unique.at(-1)! % 2 === 0 || (exponent !== 0 && exponent % 2 === 0)) throw new TpmError(RC.KEY)
}
