import type { FieldReader } from './bytes.ts'
import { ALG, RC } from './constants.ts'

/** A PCR bank, and the hash that it extends with. */
export type Bank = 'sha1' | 'sha256'

/** The hashes of this TPM: SHA-1 for PCRs, measurements and schemes; names, sessions and policies are SHA-256. */
export const BANKS: readonly Bank[] = ['sha1', 'sha256']
export const DIGEST_BYTES: Readonly<Record<Bank, number>> = { sha1: 20, sha256: 32 }
export const algorithmOf: Readonly<Record<Bank, number>> = { sha1: ALG.SHA1, sha256: ALG.SHA256 }

export function bankOf(algorithm: number): Bank | undefined {
  return algorithm === ALG.SHA1 ? 'sha1' : algorithm === ALG.SHA256 ? 'sha256' : undefined
}

/** A TPMI_ALG_HASH. @throws TpmError TPM_RC_HASH for a hash that this TPM lacks */
export function readHash(reader: FieldReader): Bank {
  const bank = bankOf(reader.u16())
  if (!bank) throw reader.fail(RC.HASH)
  return bank
}

/** A TPMI_ALG_HASH+ where the null algorithm will do: undefined for it. */
export function readHashOrNull(reader: FieldReader): Bank | undefined {
  const algorithm = reader.u16()
  if (algorithm === ALG.NULL) return undefined
  const bank = bankOf(algorithm)
  if (!bank) throw reader.fail(RC.HASH)
  return bank
}

export interface Symmetric {
  readonly algorithm: number
  readonly keyBits: number
  readonly mode: number
}

const MODES: readonly number[] = [ALG.CTR, ALG.OFB, ALG.CBC, ALG.CFB, ALG.ECB, ALG.NULL]

/** A TPMT_SYM_DEF or TPMT_SYM_DEF_OBJECT (part 2, 11.1.6 and 11.1.7): AES with 128 or 256 bits, or nothing. */
export function readSymmetric(reader: FieldReader): Symmetric | undefined {
  const algorithm = reader.u16()
  if (algorithm === ALG.NULL) return undefined
  if (algorithm !== ALG.AES) throw reader.fail(RC.SYMMETRIC)
  const keyBits = reader.u16()
  if (keyBits !== 128 && keyBits !== 256) throw reader.fail(RC.VALUE)
  const mode = reader.u16()
  if (!MODES.includes(mode)) throw reader.fail(RC.MODE)
  return { algorithm, keyBits, mode }
}

/** A scheme of an RSA key or of one operation with it. */
export interface Scheme {
  readonly algorithm: number
  /** Absent for RSAES. */
  readonly hash: Bank | undefined
}

export const isSigning = (algorithm: number): boolean => algorithm === ALG.RSASSA || algorithm === ALG.RSAPSS
export const isDecrypting = (algorithm: number): boolean => algorithm === ALG.RSAES || algorithm === ALG.OAEP

/**
 * A TPMT_RSA_SCHEME, TPMT_RSA_DECRYPT or TPMT_SIG_SCHEME: an algorithm and its hash.
 * @param allowed which algorithms may stand here, besides none
 * @param wrong code for the others: part 2 asks for TPM_RC_VALUE, of a signature for TPM_RC_SCHEME
 */
export function readScheme(
  reader: FieldReader,
  allowed: (algorithm: number) => boolean,
  wrong: number = RC.VALUE,
): Scheme | undefined {
  const algorithm = reader.u16()
  if (algorithm === ALG.NULL) return undefined
  if (!allowed(algorithm)) throw reader.fail(wrong)
  return { algorithm, hash: algorithm === ALG.RSAES ? undefined : readHash(reader) }
}
