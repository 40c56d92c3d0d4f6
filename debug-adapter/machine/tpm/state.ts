import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import { pack, u32 } from './bytes.ts'
import { ATTRIBUTE, RC, RH, TpmError } from './constants.ts'
import { DictionaryAttacks } from './dictionary-attacks.ts'
import {
  HMAC_SESSION,
  isPersistent,
  MAX_LOADED_SESSIONS,
  MAX_SESSIONS,
  MAX_TRANSIENT,
  POLICY_SESSION,
  TRANSIENT,
} from './handles.ts'
import { NV, type NvIndex, nvHas, nvName } from './nv-index.ts'
import type { TpmObject } from './object.ts'
import { Pcrs } from './pcrs.ts'
import { has } from './public-area.ts'
import type { Session } from './session.ts'

/** What Shutdown(STATE) keeps for the next Startup. */
interface SavedState {
  readonly pcrs: Pcrs
  readonly platformAuth: Uint8Array
}

const EMPTY = new Uint8Array(0)

/** Everything that a TPM holds. Command handlers change it; nothing outside `tpm/` sees it. */
export class TpmState {
  readonly crypto: CryptoProvider
  readonly random: RandomSource
  /** Seeds that primary keys derive from, by hierarchy. That of the null hierarchy is new with each reset. */
  private readonly seeds = new Map<number, Uint8Array>()
  /** Secrets that tickets and saved contexts are made with, by hierarchy. */
  private readonly proofs = new Map<number, Uint8Array>()
  private readonly made: { readonly seed: Uint8Array; readonly proof: Uint8Array }
  private readonly auths = new Map<number, Uint8Array>()
  readonly objects = new Map<number, TpmObject>()
  readonly sessions = new Map<number, Session>()
  /** Sessions that ContextSave took out, by handle, with the sequence number of the one context that brings them back. */
  readonly savedSessions = new Map<number, bigint>()
  readonly nv = new Map<number, NvIndex>()
  readonly attacks: DictionaryAttacks
  pcrs = new Pcrs()
  started = false
  /** Type of the Shutdown that nothing has come after; undefined where a power loss would not be orderly. */
  shutdown: 'clear' | 'state' | undefined = 'clear'
  private saved: SavedState | undefined
  /** Whether a Shutdown came before the last power loss. */
  wasOrderly = false
  /** Resets since manufacture; `resetCount` is since the last Clear. */
  totalResets = 0
  resetCount = 0
  restartCount = 0
  /** Startups that saved contexts of stClear objects do not survive. */
  clearCount = 0
  contextCounter = 0n
  exclusiveAudit: number | undefined
  /** The commands that the TPM knows, as TPMA_CC, in order. */
  commandAttributes: readonly number[] = []
  /** Object handles of the command in work that are persistent: each takes a slot meanwhile, as in the reference code. */
  slotsInUse = 0
  private poweredOnAt = 0

  /** @param now milliseconds since the machine started */
  constructor(
    crypto: CryptoProvider,
    random: RandomSource,
    readonly now: () => number = () => 0,
  ) {
    this.crypto = crypto
    this.random = random
    this.made = { seed: random(32), proof: random(32) }
    this.attacks = new DictionaryAttacks(now)
    for (const hierarchy of [RH.OWNER, RH.ENDORSEMENT, RH.PLATFORM]) {
      this.seeds.set(hierarchy, this.made.seed)
      this.proofs.set(hierarchy, this.made.proof)
    }
    this.#renewNull()
  }

  /** The null hierarchy is another one after each reset. */
  #renewNull(): void {
    const label = new TextEncoder().encode('null hierarchy')
    const { seed, proof } = this.made
    this.seeds.set(RH.NULL, this.crypto.hmacSha256(seed, label, pack(u32(this.totalResets))))
    this.proofs.set(RH.NULL, this.crypto.hmacSha256(proof, label, pack(u32(this.totalResets))))
  }

  seedOf(hierarchy: number): Uint8Array {
    return this.seeds.get(hierarchy)!
  }

  proofOf(hierarchy: number): Uint8Array {
    return this.proofs.get(hierarchy)!
  }

  /** Milliseconds since this power-on. */
  get time(): number {
    return this.now() - this.poweredOnAt
  }

  /** Something that Shutdown had kept is no longer so: a power loss now is not orderly. */
  disturbed(): void {
    this.shutdown = undefined
  }

  /** Shutdown: what is kept for the next power-on. */
  prepareShutdown(type: 'clear' | 'state'): void {
    this.shutdown = type
    this.saved =
      type === 'state' ? { pcrs: this.pcrs.copy(), platformAuth: this.hierarchyAuth(RH.PLATFORM) } : undefined
  }

  /** Loses what is volatile: transient objects, sessions. */
  powerCycle(): void {
    this.started = false
    for (const handle of [...this.objects.keys()]) if (!isPersistent(handle)) this.objects.delete(handle)
    this.sessions.clear()
    this.exclusiveAudit = undefined
    this.poweredOnAt = this.now()
  }

  /** Whether Startup(STATE) finds what it needs. */
  get canResume(): boolean {
    return this.shutdown === 'state'
  }

  /** TPM Reset, Restart or Resume (TPM 2.0 part 1, 12.2.4), by what the Shutdown before was and `type`. */
  startup(type: 'clear' | 'state'): void {
    this.attacks.startup(this.shutdown !== undefined)
    this.wasOrderly = this.shutdown !== undefined
    const kept = this.shutdown === 'state'
    if (type === 'state') {
      this.pcrs = this.saved!.pcrs.resumed()
      this.restartCount++
    } else {
      const { counter } = this.saved?.pcrs ?? { counter: 0 }
      this.pcrs = new Pcrs()
      if (kept) this.pcrs.counter += counter
      this.auths.delete(RH.PLATFORM)
      this.restartCount = kept ? this.restartCount + 1 : 0
      this.clearCount = kept ? this.clearCount + 1 : 0
      if (!kept) {
        this.resetCount++
        this.totalResets++
        this.savedSessions.clear()
        this.contextCounter = 0n
        this.#renewNull()
      }
    }
    for (const index of this.nv.values()) this.#startIndex(index, type, kept)
    this.shutdown = undefined
    this.started = true
  }

  /** @param kept whether it is no reset: an orderly index keeps its data then */
  #startIndex(index: NvIndex, type: 'clear' | 'state', kept: boolean): void {
    if (type === 'state') return
    index.attributes &= ~NV.readLocked
    if (nvHas(index, NV.clearStClear) || (nvHas(index, NV.orderly) && !kept)) index.attributes &= ~NV.written
    if (!nvHas(index, NV.writeDefine) || !nvHas(index, NV.written)) index.attributes &= ~NV.writeLocked
    index.attributes >>>= 0
  }

  /** TPM2_Clear: what belongs to the owner is gone (TPM 2.0 part 3, 24.6). */
  clear(): void {
    this.seeds.set(RH.OWNER, this.random(32))
    this.proofs.set(RH.OWNER, this.random(32))
    this.proofs.set(RH.ENDORSEMENT, this.random(32))
    for (const hierarchy of [RH.OWNER, RH.ENDORSEMENT, RH.LOCKOUT]) this.auths.delete(hierarchy)
    for (const [handle, object] of this.objects)
      if (object.hierarchy === RH.OWNER || object.hierarchy === RH.ENDORSEMENT) this.objects.delete(handle)
    for (const [handle, index] of this.nv) if (!nvHas(index, NV.platformCreate)) this.nv.delete(handle)
    this.attacks.clear()
    this.resetCount = 0
    this.restartCount = 0
    this.clearCount = 0
    this.pcrs.touch()
    this.disturbed()
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

  index(handle: number, index: number): NvIndex {
    const found = this.nv.get(handle)
    if (!found) throw TpmError.handle(RC.HANDLE, index)
    return found
  }

  /** A free place for a transient object. @throws TpmError TPM_RC_OBJECT_MEMORY */
  freeObjectHandle(): number {
    const free = Array.from({ length: MAX_TRANSIENT }, (_, slot) => TRANSIENT + slot).filter(
      (h) => !this.objects.has(h),
    )
    const handle = free[this.slotsInUse]
    if (handle === undefined) throw new TpmError(RC.OBJECT_MEMORY)
    return handle
  }

  addObject(object: TpmObject): number {
    const handle = this.freeObjectHandle()
    this.objects.set(handle, object)
    return handle
  }

  /** @throws TpmError TPM_RC_SESSION_MEMORY or TPM_RC_SESSION_HANDLES */
  freeSessionHandle(kind: Session['kind']): number {
    if (this.sessions.size >= MAX_LOADED_SESSIONS) throw new TpmError(RC.SESSION_MEMORY)
    const used = new Set([...this.sessions.keys(), ...this.savedSessions.keys()].map((handle) => handle & 0xff_ffff))
    for (let i = 0; i < MAX_SESSIONS; i++)
      if (!used.has(i)) return (kind === 'hmac' ? HMAC_SESSION : POLICY_SESSION) + i
    throw new TpmError(RC.SESSION_HANDLES)
  }

  /** Ends a session, loaded or saved. @returns whether there was one */
  endSession(handle: number): boolean {
    if (this.exclusiveAudit === handle) this.exclusiveAudit = undefined
    return this.sessions.delete(handle) || this.savedSessions.delete(handle)
  }

  /** Name of whatever a handle stands for: of an object or an NV index its own, of anything else the handle (part 1, 16). */
  nameOfHandle(handle: number): Uint8Array {
    const index = this.nv.get(handle)
    return this.objects.get(handle)?.name ?? (index ? nvName(this.crypto, index) : pack(u32(handle)))
  }

  hierarchyAuth(hierarchy: number): Uint8Array {
    return this.auths.get(hierarchy) ?? EMPTY
  }

  setHierarchyAuth(hierarchy: number, auth: Uint8Array): void {
    this.auths.set(hierarchy, auth)
  }

  /** authValue of the entity behind a handle, without trailing zeros; PCRs of this TPM have the empty one. */
  authValueOf(handle: number): Uint8Array {
    return (
      this.objects.get(handle)?.sensitive?.authValue ?? this.nv.get(handle)?.authValue ?? this.hierarchyAuth(handle)
    )
  }

  /** Whether guesses at the authValue behind a handle go unpunished (TPM 2.0 part 1, 19.8.2). */
  isExempt(handle: number): boolean {
    if (handle === RH.LOCKOUT) return false
    const object = this.objects.get(handle)
    if (object) return has(object.area, ATTRIBUTE.noDA)
    const index = this.nv.get(handle)
    return index === undefined || nvHas(index, NV.noDA)
  }
}
