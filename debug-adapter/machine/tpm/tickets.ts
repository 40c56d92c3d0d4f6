import { pack, sized, u16, u32 } from './bytes.ts'
import { RH } from './constants.ts'
import { EMPTY, hmacSha512 } from './key-derivation.ts'
import type { TpmState } from './state.ts'

/**
 * A ticket (TPM 2.0 part 2, 10.7): the TPM's word for itself, an HMAC with the proof of the hierarchy.
 * Nothing is vouched for in the null hierarchy, except that an object was created in it.
 */
export function ticket(tpm: TpmState, tag: number, hierarchy: number, ...said: Uint8Array[]): Uint8Array {
  const digest = hierarchy === RH.NULL ? EMPTY : ticketDigest(tpm, tag, hierarchy, ...said)
  return pack(u16(tag), u32(hierarchy), sized(digest))
}

export function ticketDigest(tpm: TpmState, tag: number, hierarchy: number, ...said: Uint8Array[]): Uint8Array {
  return hmacSha512(tpm.crypto, tpm.proofOf(hierarchy), pack(u16(tag), ...said))
}
