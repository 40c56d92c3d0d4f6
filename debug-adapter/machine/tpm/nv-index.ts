import type { CryptoProvider } from '../../../server/esm/crypto/provider.ts'
import { algorithmOf } from './algorithms.ts'
import { pack, sized, u16, u32 } from './bytes.ts'

/** Attributes of an NV index (TPM 2.0 part 2, 13.4). */
export const NV = {
  ppWrite: 1 << 0,
  ownerWrite: 1 << 1,
  authWrite: 1 << 2,
  policyWrite: 1 << 3,
  policyDelete: 1 << 10,
  writeLocked: 1 << 11,
  writeAll: 1 << 12,
  writeDefine: 1 << 13,
  writeStClear: 1 << 14,
  globalLock: 1 << 15,
  ppRead: 1 << 16,
  ownerRead: 1 << 17,
  authRead: 1 << 18,
  policyRead: 1 << 19,
  noDA: 1 << 25,
  orderly: 1 << 26,
  clearStClear: 1 << 27,
  readLocked: 1 << 28,
  written: 1 << 29,
  platformCreate: 1 << 30,
  readStClear: 2 ** 31,
} as const

export const NV_RESERVED = 0x01f0_0300
/** Type of the index: 0 is an ordinary one. */
export const nvType = (attributes: number): number => (attributes >>> 4) & 0xf

/** An NV index with its data. */
export interface NvIndex {
  readonly handle: number
  attributes: number
  readonly authPolicy: Uint8Array
  readonly authValue: Uint8Array
  readonly data: Uint8Array
}

export const nvHas = (index: NvIndex, attribute: number): boolean => (index.attributes & attribute) !== 0

/** A TPMS_NV_PUBLIC. */
export const nvPublic = (index: NvIndex): Uint8Array =>
  pack(
    u32(index.handle),
    u16(algorithmOf.sha256),
    u32(index.attributes),
    sized(index.authPolicy),
    u16(index.data.length),
  )

/** The name changes with the attributes: who names an index says that it is written, or not (part 1, 16). */
export const nvName = (crypto: CryptoProvider, index: NvIndex): Uint8Array =>
  pack(u16(algorithmOf.sha256), crypto.sha256(nvPublic(index)))
