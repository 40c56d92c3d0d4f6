import {
  algorithmOf,
  isDecrypting,
  isSigning,
  readHash,
  readHashOrNull,
  readScheme,
  readSymmetric,
  type Scheme,
  type Symmetric,
} from './algorithms.ts'
import { FieldReader, pack, sized, u16, u32 } from './bytes.ts'
import { ALG, ATTRIBUTE, RC, TpmError } from './constants.ts'

/** A TPMT_PUBLIC (TPM 2.0 part 2, 12.2.4) of an RSA key, or of data that the TPM keeps (a KEYEDHASH without a scheme). */
export interface PublicArea {
  readonly type: number
  /** SHA-256; the null algorithm for an object that came from outside and has no name. */
  readonly nameAlg: number
  readonly attributes: number
  readonly authPolicy: Uint8Array
  readonly symmetric: Symmetric | undefined
  readonly scheme: Scheme | undefined
  /** Of an RSA key: 1024 or 2048. 0 for data. */
  readonly keyBits: number
  /** 0 stands for 65537. */
  readonly exponent: number
  /** The modulus of an RSA key; of data, the digest of its seed and itself. */
  readonly unique: Uint8Array
}

/** Attributes that have no meaning (part 2, 8.3.2). */
const RESERVED = 0xfff0_f309
const KEY_BITS = [1024, 2048]
const MAX_DIGEST_FIELD = 64
/** An RSA-3072 modulus: the largest that the field takes, whatever the key. */
const MAX_MODULUS = 384
const isRsaScheme = (algorithm: number): boolean => isSigning(algorithm) || isDecrypting(algorithm)

/** A TPMT_PUBLIC. @param nameless whether the null name algorithm may stand, as in an object from outside */
export function readPublic(reader: FieldReader, nameless = false): PublicArea {
  const type = reader.u16()
  if (type !== ALG.RSA && type !== ALG.KEYEDHASH) throw reader.fail(RC.TYPE)
  const hash = nameless ? readHashOrNull(reader) : readHash(reader)
  // Names of this TPM are SHA-256.
  if (hash === 'sha1') throw reader.fail(RC.HASH)
  const nameAlg = hash ? algorithmOf[hash] : ALG.NULL
  const attributes = reader.u32()
  if ((attributes & RESERVED) !== 0) throw reader.fail(RC.RESERVED_BITS)
  const authPolicy = reader.sized(MAX_DIGEST_FIELD)
  const common = { type, nameAlg, attributes, authPolicy }
  if (type === ALG.KEYEDHASH) {
    // Data only: no HMAC keys.
    if (reader.u16() !== ALG.NULL) throw reader.fail(RC.VALUE)
    const unique = reader.sized(MAX_DIGEST_FIELD)
    return { ...common, symmetric: undefined, scheme: undefined, keyBits: 0, exponent: 0, unique }
  }
  const symmetric = readSymmetric(reader)
  const scheme = readScheme(reader, isRsaScheme)
  const keyBits = reader.u16()
  if (!KEY_BITS.includes(keyBits)) throw reader.fail(RC.VALUE)
  const exponent = reader.u32()
  return { ...common, symmetric, scheme, keyBits, exponent, unique: reader.sized(MAX_MODULUS) }
}

/**
 * A TPMT_PUBLIC that stands alone.
 * @param parameter number of the parameter that the area is part of, for the response code
 */
export function readPublicArea(bytes: Uint8Array, parameter: number): PublicArea {
  const reader = new FieldReader(bytes)
  reader.parameter = parameter
  const area = readPublic(reader)
  if (reader.left > 0) throw reader.fail(RC.SIZE)
  return area
}

export function writePublicArea(area: PublicArea): Uint8Array {
  const { type, symmetric, scheme } = area
  const head = pack(u16(type), u16(area.nameAlg), u32(area.attributes), sized(area.authPolicy))
  if (type === ALG.KEYEDHASH) return pack(head, u16(ALG.NULL), sized(area.unique))
  return pack(
    head,
    symmetric ? pack(u16(symmetric.algorithm), u16(symmetric.keyBits), u16(symmetric.mode)) : u16(ALG.NULL),
    scheme ? pack(u16(scheme.algorithm), ...(scheme.hash ? [u16(algorithmOf[scheme.hash])] : [])) : u16(ALG.NULL),
    u16(area.keyBits),
    u32(area.exponent),
    sized(area.unique),
  )
}

export const has = (area: PublicArea, attribute: number): boolean => (area.attributes & attribute) !== 0

/** A key that others are kept under: restricted, for decryption. */
export const isStorage = (area: PublicArea): boolean =>
  area.type === ALG.RSA && has(area, ATTRIBUTE.restricted) && has(area, ATTRIBUTE.decrypt)

/**
 * Whether the attributes and schemes of an area go together, and with its parent (part 1, 27; part 3, 12.1).
 * @param parent absent for a primary object
 * @throws TpmError without a parameter number: the caller knows it
 */
export function checkPublic(area: PublicArea, parent: PublicArea | undefined): void {
  const { fixedTPM, fixedParent, encryptedDuplication, sign, decrypt, restricted } = ATTRIBUTE
  if (area.nameAlg === ALG.NULL) throw new TpmError(RC.HASH)
  if (area.authPolicy.length !== 0 && area.authPolicy.length !== 32) throw new TpmError(RC.SIZE)
  const wrong = (parentIsFixed: boolean): boolean =>
    parentIsFixed
      ? has(area, fixedParent) !== has(area, fixedTPM)
      : has(area, fixedTPM) || has(area, encryptedDuplication) !== has(parent!, encryptedDuplication)
  if (wrong(!parent || has(parent, fixedTPM))) throw new TpmError(RC.ATTRIBUTES)
  const undecided = has(area, sign) === has(area, decrypt)
  if (undecided && (has(area, restricted) || (area.type === ALG.RSA && !has(area, sign))))
    throw new TpmError(RC.ATTRIBUTES)
  if (has(area, fixedTPM) && has(area, encryptedDuplication)) throw new TpmError(RC.ATTRIBUTES)
  checkSchemes(area, parent)
}

/** The schemes that fit a use (part 2, 12.2.3.5, and part 1, 25.2). */
export function checkSchemes(area: PublicArea, parent: PublicArea | undefined): void {
  const { sign, decrypt, restricted, fixedParent } = ATTRIBUTE
  const { scheme, symmetric } = area
  if (area.type === ALG.KEYEDHASH) {
    // Data has no scheme; a key for signing or decrypting would need one.
    if (has(area, sign) !== has(area, decrypt)) throw new TpmError(RC.SCHEME)
    return
  }
  const fits =
    has(area, sign) === has(area, decrypt)
      ? !scheme
      : has(area, sign)
        ? scheme
          ? isSigning(scheme.algorithm)
          : !has(area, restricted)
        : !scheme || (!has(area, restricted) && isDecrypting(scheme.algorithm))
  if (!fits) throw new TpmError(RC.SCHEME)
  if (!isStorage(area)) {
    if (symmetric) throw new TpmError(RC.SYMMETRIC)
    return
  }
  if (!symmetric) throw new TpmError(RC.SYMMETRIC)
  const theirs = parent?.symmetric
  if (!has(area, fixedParent) || !theirs) return
  const { keyBits, mode } = symmetric
  if (keyBits !== theirs.keyBits || mode !== theirs.mode) throw new TpmError(RC.SYMMETRIC)
}
