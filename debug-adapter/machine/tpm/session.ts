import type { CryptoProvider } from '../../../server/esm/crypto/provider.ts'
import { pack, u32 } from './bytes.ts'

/** An authorization session (TPM 2.0 part 1, 19). Its hash is SHA-256, its parameter encryption AES-128-CFB or none. */
export interface Session {
  readonly handle: number
  readonly kind: 'hmac' | 'policy' | 'trial'
  /** Empty for a session that is neither salted nor bound. */
  readonly key: Uint8Array
  /** Name of the entity that the session is bound to: its authValue is in the session key already. */
  readonly boundTo: Uint8Array | undefined
  readonly encrypts: boolean
  nonceTpm: Uint8Array
  nonceCaller: Uint8Array
  policy: Policy
}

/** What a policy session has proved so far. */
export interface Policy {
  digest: Uint8Array
  commandCode: number | undefined
  /** PolicyAuthValue: the HMAC has to show knowledge of the authValue. */
  authValueNeeded: boolean
  /** The PCRs must not change between PolicyPCR and the use. */
  pcrCounter: number | undefined
}

export const newPolicy = (): Policy => ({
  digest: new Uint8Array(32),
  commandCode: undefined,
  authValueNeeded: false,
  pcrCounter: undefined,
})

/** policyDigest := H(policyDigest ‖ command code ‖ what the command adds) (TPM 2.0 part 3, 23.2). */
export function extendPolicy(crypto: CryptoProvider, policy: Policy, code: number, ...parts: Uint8Array[]): void {
  policy.digest = crypto.sha256(policy.digest, pack(u32(code)), ...parts)
}

/** How one session came with a command. */
export interface SessionUse {
  readonly handle: number
  readonly nonceCaller: Uint8Array
  readonly attributes: number
  readonly hmac: Uint8Array
}
