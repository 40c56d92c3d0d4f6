import { readFileSync } from 'node:fs'
import { Tpm } from '../../debug-adapter/machine/tpm/tpm.ts'
import { nobleCrypto } from '../../server/esm/crypto/noble.ts'
import { parsePrivateKey } from '../../server/esm/crypto/pem.ts'
import { rsaPrivateKey } from '../../server/esm/crypto/rsa.ts'

/** The recorded exchanges of the real firmware with a real TPM (test/fixtures/esm/tpm). */
export interface Recorded {
  readonly command: string
  readonly request: string
  readonly response: string
  readonly responseCode: string
  readonly requestFields?: readonly (readonly [string, number, number, string?])[]
  readonly responseFields?: readonly (readonly [string, number, number, string?])[]
  readonly nondeterministic?: readonly { readonly field: string; readonly offset: number; readonly size: number }[]
  readonly implementationSpecific?: unknown
}

const file = (name: string) => readFileSync(new URL(`../fixtures/esm/${name}`, import.meta.url))
const transcript = JSON.parse(file('tpm/transcript.json').toString()) as {
  phases: { phase: string; commands: Recorded[] }[]
}
export const keys = JSON.parse(file('tpm/keys.json').toString())

export const phases = transcript.phases
export const phase = (name: string): readonly Recorded[] => phases.find((p) => p.phase === name)!.commands
export const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
export const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')

/** A TPM that holds the recorded keys, and draws its random bytes from `random`. */
export function recordedTpm(random: (length: number) => Uint8Array, password: string): Tpm {
  const n = BigInt(`0x${keys.parent.modulus}`)
  const p = BigInt(`0x${keys.parent.prime}`)
  const e = 65537n
  const q = n / p
  return new Tpm({
    crypto: nobleCrypto,
    random,
    wrappingKey: parsePrivateKey(file('keys/tpm-private-for-replay.pem')),
    wrappingAuth: bytes(password),
    parent: { key: rsaPrivateKey(n, e, inverse(e, (p - 1n) * (q - 1n)), p, q), seed: bytes(keys.parent.seedValue) },
  })
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [r0, r1, t0, t1] = [modulus, value, 0n, 1n]
  while (r1 !== 0n) [r0, r1, t0, t1] = [r1, r0 % r1, t1, t0 - (r0 / r1) * t1]
  return ((t0 % modulus) + modulus) % modulus
}
