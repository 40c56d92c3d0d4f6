import type { CryptoProvider } from '../../../server/esm/crypto/provider.ts'
import type { Symmetric } from './algorithms.ts'
import { pack, u32 } from './bytes.ts'

/** An authorization session (TPM 2.0 part 1, 19). Its hash is SHA-256. */
export interface Session {
  readonly handle: number
  readonly kind: 'hmac' | 'policy' | 'trial'
  /** Empty for a session that is neither salted nor bound. */
  readonly key: Uint8Array
  /** Of an HMAC session the entity that it is bound to, as it was then: its authValue is in the session key already. */
  bound: { readonly name: Uint8Array; readonly auth: Uint8Array } | undefined
  /** Bound to something that dictionary attack protection covers: a wrong HMAC counts. */
  readonly guards: 'nothing' | 'entity' | 'lockout'
  /** Cipher of parameter encryption. */
  readonly symmetric: Symmetric | undefined
  nonceTpm: Uint8Array
  policy: Policy
  /** Digest over the commands that it audits, from the first on. */
  auditDigest: Uint8Array | undefined
}

/** What a policy session has proved so far. */
export interface Policy {
  digest: Uint8Array
  commandCode: number | undefined
  /** PolicyAuthValue: the HMAC has to show knowledge of the authValue. */
  authValueNeeded: boolean
  /** The PCRs must not change between PolicyPCR and the use. */
  pcrCounter: number | undefined
  /** PolicySecret: the one command and parameters that it allows. */
  cpHash: Uint8Array | undefined
  /** PolicySecret: no use after this time of the TPM, in milliseconds. */
  expires: number | undefined
}

export const newPolicy = (): Policy => ({
  digest: new Uint8Array(32),
  commandCode: undefined,
  authValueNeeded: false,
  pcrCounter: undefined,
  cpHash: undefined,
  expires: undefined,
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
