import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import { generateRsaKey, type RsaPrivateKey } from '../../../server/esm/crypto/rsa.ts'
import { hex, pack, u32 } from './bytes.ts'
import { ALG, RC, RH, TpmError } from './constants.ts'
import type { TpmObject } from './object.ts'
import type { Session } from './session.ts'

export const PCR_COUNT = 24
export type Bank = 'sha1' | 'sha256'

const TRANSIENT = 0x8000_0000
const PERSISTENT = 0x8100_0000
const PERSISTENT_PLATFORM = 0x8180_0000
const PERSISTENT_END = 0x81ff_ffff
const MAX_TRANSIENT = 8
const MAX_SESSIONS = 8

export const isPersistent = (handle: number): boolean => handle >= PERSISTENT && handle <= PERSISTENT_END
export const isPlatformHandle = (handle: number): boolean => handle >= PERSISTENT_PLATFORM && handle <= PERSISTENT_END
export const isSession = (handle: number): boolean => (handle & 0xfe00_0000) >>> 0 === 0x0200_0000
export const isPcr = (handle: number): boolean => handle < PCR_COUNT
const HIERARCHIES: readonly number[] = [RH.OWNER, RH.PLATFORM, RH.ENDORSEMENT, RH.LOCKOUT, RH.NULL]
export const isHierarchy = (handle: number): boolean => HIERARCHIES.includes(handle)

/** Keys are pure functions of their seed, and costly: the last ones are kept. */
const keyCache = new Map<string, RsaPrivateKey>()
const KEY_CACHE = 16

/** RSA-2048 from a seed: a deterministic random stream of HMAC-SHA-256 blocks feeds the search for primes. */
export function keyFromSeed(crypto: CryptoProvider, seed: Uint8Array): RsaPrivateKey {
  const id = hex(seed)
  const known = keyCache.get(id)
  if (known) return known
  let counter = 0
  const stream: RandomSource = (length) => {
    const out = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) {
      const block = crypto.hmacSha256(seed, pack(u32(counter++)))
      out.set(block.subarray(0, length - at), at)
    }
    return out
  }
  const key = generateRsaKey(2048, stream)
  if (keyCache.size >= KEY_CACHE) keyCache.delete(keyCache.keys().next().value!)
  keyCache.set(id, key)
  return key
}

/** Everything that a TPM holds. Command handlers change it; nothing outside `tpm/` sees it. */
export class TpmState {
  readonly crypto: CryptoProvider
  readonly random: RandomSource
  /** Seed that primary keys derive from; made at manufacture, the same for the life of the TPM. */
  readonly primarySeed: Uint8Array
  readonly proof: Uint8Array
  readonly objects = new Map<number, TpmObject>()
  readonly sessions = new Map<number, Session>()
  readonly pcrs: Record<Bank, Uint8Array[]>
  pcrCounter = 0
  started = false
  /** Object handles of the command in work that are persistent: each takes a slot meanwhile, as in the reference code. */
  slotsInUse = 0

  constructor(crypto: CryptoProvider, random: RandomSource) {
    this.crypto = crypto
    this.random = random
    this.primarySeed = random(32)
    this.proof = random(32)
    this.pcrs = { sha1: [], sha256: [] }
    this.resetPcrs()
  }

  /** PC Client profile: 17 to 22 start as all ones, the others as zeros. */
  resetPcrs(): void {
    for (const [bank, size] of [
      ['sha1', 20],
      ['sha256', 32],
    ] as const)
      this.pcrs[bank] = Array.from({ length: PCR_COUNT }, (_, i) =>
        new Uint8Array(size).fill(i >= 17 && i <= 22 ? 0xff : 0),
      )
  }

  /** Loses what is volatile: transient objects, sessions. */
  powerCycle(): void {
    this.started = false
    for (const handle of [...this.objects.keys()]) if (!isPersistent(handle)) this.objects.delete(handle)
    this.sessions.clear()
  }

  /** @param index of the handle in the command, from 1, for the response code */
  object(handle: number, index: number): TpmObject {
    const object = this.objects.get(handle)
    if (!object) throw TpmError.handle(RC.HANDLE, index)
    return object
  }

  session(handle: number, index: number): Session {
    const session = this.sessions.get(handle)
    if (!session) throw TpmError.handle(RC.HANDLE, index)
    return session
  }

  addObject(object: TpmObject): number {
    for (let slot = this.slotsInUse; slot < MAX_TRANSIENT; slot++)
      if (!this.objects.has(TRANSIENT + slot)) {
        this.objects.set(TRANSIENT + slot, object)
        return TRANSIENT + slot
      }
    throw new TpmError(RC.OBJECT_MEMORY)
  }

  freeSessionHandle(kind: Session['kind']): number {
    const base = kind === 'hmac' ? 0x0200_0000 : 0x0300_0000
    for (let i = 0; i < MAX_SESSIONS; i++)
      if (!this.sessions.has(0x0200_0000 + i) && !this.sessions.has(0x0300_0000 + i)) return base + i
    throw new TpmError(RC.SESSION_MEMORY)
  }

  /** Name of whatever a handle stands for: of an object its own, of anything else the handle (part 1, 16). */
  nameOfHandle(handle: number): Uint8Array {
    return this.objects.get(handle)?.name ?? pack(u32(handle))
  }

  /** authValue of the entity behind a handle: hierarchies and PCRs of this TPM have the empty one. */
  authValueOf(handle: number): Uint8Array {
    return this.objects.get(handle)?.authValue ?? new Uint8Array(0)
  }

  extend(index: number, bank: Bank, digest: Uint8Array): void {
    this.pcrs[bank][index] = this.crypto[bank](this.pcrs[bank][index]!, digest)
    this.pcrCounter++
  }

  /** Values of the selected PCRs of one bank, concatenated in order. */
  selected(bank: Bank, mask: Uint8Array): { index: number; value: Uint8Array }[] {
    return this.pcrs[bank].flatMap((value, index) =>
      ((mask[index >> 3] ?? 0) & (1 << (index & 7))) !== 0 ? [{ index, value }] : [],
    )
  }
}

export function bankOf(algorithm: number): Bank | undefined {
  return algorithm === ALG.SHA1 ? 'sha1' : algorithm === ALG.SHA256 ? 'sha256' : undefined
}
