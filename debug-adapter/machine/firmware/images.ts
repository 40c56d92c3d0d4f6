/**
 * The components that trusted boot measures. IBM's and the host's binaries are not part of this project: what stands for one is
 * a short text with its name and the version of the model. That text is really placed in memory where the component would be,
 * and it is what is measured: change the model, and the registers change.
 */
import type { CryptoProvider } from '../../../server/esm/crypto/provider.ts'

/** Raised when the behaviour of the models changes in a way that a verifier of measurements should see. */
const MODEL_VERSION = 1

export type Component = 'self-boot engine and hostboot base' | 'hostboot' | 'OPAL' | 'ultravisor' | 'host kernel'

/** What is measured into both banks: SHA-256 takes 32 bytes of it, SHA-1 takes 20. */
export interface Digests {
  readonly sha256: Uint8Array
  readonly sha1: Uint8Array
}

/** The bytes that stand for a component. */
export function componentImage(component: Component): Uint8Array {
  return new TextEncoder().encode(`pef-debug model of ${component}, version ${MODEL_VERSION}\n`)
}

/** Trusted boot hashes a component by SHA-512 and truncates to each bank (spec/ultravisor.md §7.1, step 3). */
export function componentDigests(crypto: CryptoProvider, component: Component): Digests {
  return rawDigests(crypto.sha512(componentImage(component)))
}

/** Hash of the key that signed a component. No signature is checked here, so the name of the signer stands for the key. */
export function signerDigests(crypto: CryptoProvider, signer: string): Digests {
  return rawDigests(crypto.sha512(new TextEncoder().encode(`pef-debug key of ${signer}, version ${MODEL_VERSION}\n`)))
}

/**
 * A value that is extended as it is: the first bytes of it, zeros behind a short one. This is how firmware measures its
 * configuration (open-power/hostboot src/usr/secureboot/trusted/trustedboot.C, tpmLogConfigEntries).
 */
export function rawDigests(value: Uint8Array): Digests {
  const truncated = (bytes: number) => {
    const digest = new Uint8Array(bytes)
    digest.set(value.subarray(0, bytes))
    return digest
  }
  return { sha256: truncated(32), sha1: truncated(20) }
}
