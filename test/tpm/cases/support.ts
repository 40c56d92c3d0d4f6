import { pack, sized, u8, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import type { WrappingKey } from '../../../debug-adapter/machine/tss/provision.ts'
import { nobleCrypto as crypto } from '../../../server/esm/crypto/noble.ts'
import { toBigInt } from '../../../server/esm/crypto/rsa.ts'
import { type Client, type CommandParts, EMPTY, type Use } from '../client.ts'

/**
 * What a client can do right and wrong, beyond what OPAL and the ultravisor do. Each case runs on our TPM and on another make:
 * the response codes and sizes have to be the same.
 */
export interface Setting {
  readonly client: Client
  readonly wrapping: WrappingKey
  readonly powerCycle: () => Promise<void>
}

export const [OWNER, NULL, PW, LOCKOUT, ENDORSEMENT, PLATFORM] = [
  0x4000_0001, 0x4000_0007, 0x4000_0009, 0x4000_000a, 0x4000_000b, 0x4000_000c,
]
export const PARENT = 0x8180_0000
export const WRAPPING = 0x8180_0001
export const text = (words: string) => new TextEncoder().encode(words)
export const noAuth: Use = {}

/** Keys of the cases are of the smallest size: both sides search for primes. */
export const KEY_BITS = 1024
export const KEY_BYTES = KEY_BITS / 8

/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt. */
export const STORAGE = 0x0003_0472

export function template(
  change: {
    attributes?: number
    policy?: Uint8Array
    symmetric?: Uint8Array
    scheme?: Uint8Array
    bits?: number
    exponent?: number
    unique?: Uint8Array
    nameAlg?: number
    type?: number
  } = {},
): Uint8Array {
  return pack(
    u16(change.type ?? 1),
    u16(change.nameAlg ?? 0x0b),
    u32(change.attributes ?? STORAGE),
    sized(change.policy ?? EMPTY),
    change.symmetric ?? pack(u16(6), u16(128), u16(0x43)),
    change.scheme ?? pack(u16(0x10)),
    u16(change.bits ?? KEY_BITS),
    u32(change.exponent ?? 0),
    sized(change.unique ?? EMPTY),
  )
}

export const NO_SYMMETRIC = pack(u16(0x10))
/** A key for decryption by its authValue: sensitiveDataOrigin, userWithAuth, decrypt; with `noDA` or without. */
export const decryptionKey = (attributes = 0x0002_0460, scheme = pack(u16(0x17), u16(0x0b)), policy = EMPTY) =>
  template({ attributes, symmetric: NO_SYMMETRIC, scheme, policy })

export const creation = (area: Uint8Array, auth: Uint8Array = EMPTY, pcrs: Uint8Array = pack(u32(0))) =>
  pack(sized(pack(sized(auth), sized(EMPTY))), sized(area), sized(EMPTY), pcrs)

export async function createPrimary(client: Client, hierarchy = OWNER, area = template(), auth: Uint8Array = EMPTY) {
  const answer = await client.command('CreatePrimary', CC.CreatePrimary, {
    handles: [hierarchy],
    uses: [noAuth],
    parameters: creation(area, auth),
    makesHandle: true,
  })
  return answer.handle
}

/** Creates a key under the parent and loads it. */
export async function createAndLoad(client: Client, area: Uint8Array, auth: Uint8Array = EMPTY, parent = PARENT) {
  const made = await client.command('Create', CC.Create, {
    handles: [parent],
    uses: [noAuth],
    parameters: creation(area, auth),
  })
  const [privateArea, publicArea] = twoSized(made.parameters)
  const loaded = await client.command('Load', CC.Load, {
    handles: [parent],
    uses: [noAuth],
    parameters: pack(sized(privateArea), sized(publicArea)),
    makesHandle: true,
  })
  return { handle: loaded.handle, privateArea, publicArea, name: nameOf(publicArea) }
}

export const nameOf = (publicArea: Uint8Array) => pack(u16(0x0b), crypto.sha256(publicArea))

export function twoSized(parameters: Uint8Array): [Uint8Array, Uint8Array] {
  const view = new DataView(parameters.buffer, parameters.byteOffset)
  if (parameters.length < 4) return [EMPTY, EMPTY]
  const first = view.getUint16(0)
  const second = view.getUint16(2 + first)
  return [parameters.slice(2, 2 + first), parameters.slice(4 + first, 4 + first + second)]
}

export async function publicKeyOf(client: Client, handle: number) {
  const answer = await client.command('ReadPublic', CC.ReadPublic, { handles: [handle] })
  const [area] = twoSized(answer.parameters)
  // The modulus is the last field; the exponent before its size is 0.
  const bytes = area.length > 256 ? 256 : KEY_BYTES
  return { key: { n: toBigInt(area.slice(-bytes)), e: 65537n, bytes }, name: nameOf(area), area }
}

export const simple =
  (code: number, rows: readonly (readonly [string, CommandParts])[]) =>
  async ({ client }: Setting): Promise<void> => {
    for (const [what, parts] of rows) await client.command(what, code, parts)
  }

export const getRandom = pack(u16(8))
export const pcrDigest = (hash: number, bytes: number) => pack(u32(1), u16(hash), new Uint8Array(bytes).fill(1))
export const selection = (hash: number, mask: readonly number[]) =>
  pack(u32(1), u16(hash), u8(mask.length), Uint8Array.from(mask))
export type Cases = Readonly<Record<string, (setting: Setting) => Promise<void>>>
