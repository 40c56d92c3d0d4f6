import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import { fromBigInt, type RsaPrivateKey } from '../../../server/esm/crypto/rsa.ts'
import { Procedure, type Steps } from '../steps.ts'
import type { Bank } from './algorithms.ts'
import { AUTHORIZE, authorize, cpHash, type Request, readSessions } from './authorization.ts'
import { FieldReader, pack, trimZeros, u16, u32 } from './bytes.ts'
import type { Command } from './command.ts'
import { attestationCommands } from './commands/attestation.ts'
import { capabilityCommands } from './commands/capability.ts'
import { contextCommands } from './commands/context.ts'
import { createCommands } from './commands/create.ts'
import { credentialCommands } from './commands/credential.ts'
import { hierarchyCommands } from './commands/hierarchy.ts'
import { nvCommands } from './commands/nv.ts'
import { objectCommands } from './commands/objects.ts'
import { pcrCommands } from './commands/pcr.ts'
import { policyCommands } from './commands/policy.ts'
import { rsaCommands } from './commands/rsa.ts'
import { sessionCommands } from './commands/sessions.ts'
import { startupCommands } from './commands/startup.ts'
import { ALG, ATTRIBUTE, CC, commandName, MAX_BUFFER, RC, RH, SESSION, TAG, TpmError } from './constants.ts'
import { isNvIndex, isPersistent, isSession, isTransient, isVendorAuth, otherKind } from './handles.ts'
import { makeObject, rsaOf } from './object.ts'
import type { PublicArea } from './public-area.ts'
import { keyFromSeed } from './rsa-keys.ts'
import { decryptParameters, responseParameters, responseSessions } from './session-response.ts'
import { TpmState } from './state.ts'

const commands: ReadonlyMap<number, Command> = new Map(
  [
    ...startupCommands,
    ...pcrCommands,
    ...capabilityCommands,
    ...sessionCommands,
    ...policyCommands,
    ...createCommands,
    ...objectCommands,
    ...rsaCommands,
    ...hierarchyCommands,
    ...nvCommands,
    ...attestationCommands,
    ...credentialCommands,
    ...contextCommands,
  ]
    .sort((a, b) => a.code - b.code)
    .map((command) => [command.code, command]),
)

const RECEIVE = new Procedure('tpm', 'TPM command', 'TPM 2.0 Part 3 §5', {
  header: 'check tag, size and command code',
  handles: 'look up the handles',
})

/** Tags of TPM 2.0 that are not those of a command (part 2, 6.9); the reference code tells them from what is no tag. */
const isTag = (tag: number): boolean =>
  tag === 0x00c4 || tag === 0x8000 || (tag >= 0x8014 && tag <= 0x801a) || (tag >= 0x8021 && tag <= 0x8025)

/** The storage key that OPAL makes as parent (spec/tpm.md §2.1). */
const PARENT_AREA: Omit<PublicArea, 'unique'> = {
  type: ALG.RSA,
  nameAlg: ALG.SHA256,
  attributes:
    ATTRIBUTE.fixedTPM |
    ATTRIBUTE.fixedParent |
    ATTRIBUTE.sensitiveDataOrigin |
    ATTRIBUTE.userWithAuth |
    ATTRIBUTE.noDA |
    ATTRIBUTE.restricted |
    ATTRIBUTE.decrypt,
  authPolicy: new Uint8Array(0),
  symmetric: { algorithm: ALG.AES, keyBits: 128, mode: ALG.CFB },
  scheme: undefined,
  keyBits: 2048,
  exponent: 0,
}

/** PolicyOR of "use" and "rotate" (spec/tpm.md §2.3): the policy of a wrapping key that OPAL made. */
export const WRAPPING_KEY_POLICY = 'e86c7354251aa8e6ce27fddc541946f48120ff95c3d7a4d343f463321bd3e55c'
export const PARENT_HANDLE = 0x8180_0000
export const WRAPPING_KEY_HANDLE = 0x8180_0001

export interface TpmOptions {
  readonly crypto: CryptoProvider
  readonly random: RandomSource
  /** A key that an earlier boot provisioned as wrapping key 0x81800001, with a password that nobody knows any more. */
  readonly wrappingKey?: RsaPrivateKey
  /** Its authValue, where it is known after all. */
  readonly wrappingAuth?: Uint8Array
  /** The storage key above it, and the seed that its children are sealed with; absent: made from the TPM's own seed. */
  readonly parent?: { readonly key: RsaPrivateKey; readonly seed: Uint8Array }
  /** Milliseconds since the machine started, for the TPM's clock; without it time stands still. */
  readonly now?: () => number
}

/** A TPM 2.0 in software: computes everything, keeps no secret from nobody but by cryptography. */
export class Tpm {
  private readonly state: TpmState

  constructor(options: TpmOptions) {
    this.state = new TpmState(options.crypto, options.random, options.now)
    this.state.commandAttributes = [...commands.values()].map(({ attributes }) => attributes)
    if (options.wrappingKey) this.#provision(options.wrappingKey, options)
  }

  #provision(wrappingKey: RsaPrivateKey, options: TpmOptions): void {
    const { crypto, random } = this.state
    const own = () =>
      keyFromSeed(
        crypto,
        crypto.hmacSha256(this.state.seedOf(RH.PLATFORM), new TextEncoder().encode('provisioned parent')),
      )
    const { key, seed } = options.parent ?? { key: own(), seed: random(32) }
    const platform = pack(u32(RH.PLATFORM))
    const area = { ...PARENT_AREA, unique: fromBigInt(key.n, 256) }
    const none = new Uint8Array(0)
    const hierarchy = { qualifiedName: platform, hierarchy: RH.PLATFORM }
    const parent = makeObject(crypto, area, { authValue: none, seed, key }, hierarchy)
    const wrappingArea: PublicArea = {
      type: ALG.RSA,
      nameAlg: ALG.SHA256,
      attributes: ATTRIBUTE.sensitiveDataOrigin | ATTRIBUTE.noDA | ATTRIBUTE.encryptedDuplication | ATTRIBUTE.decrypt,
      authPolicy: Uint8Array.from(WRAPPING_KEY_POLICY.match(/../g)!, (h) => Number.parseInt(h, 16)),
      symmetric: undefined,
      scheme: { algorithm: ALG.OAEP, hash: 'sha256' },
      keyBits: 2048,
      exponent: 0,
      unique: fromBigInt(wrappingKey.n, 256),
    }
    const authValue = trimZeros(options.wrappingAuth ?? random(16))
    const wrapping = makeObject(crypto, wrappingArea, { authValue, seed: none, key: wrappingKey }, parent)
    this.state.objects.set(PARENT_HANDLE, parent)
    this.state.objects.set(WRAPPING_KEY_HANDLE, wrapping)
  }

  /** Power off and on: transient objects and sessions are gone, Startup is due. */
  powerCycle(): void {
    this.state.powerCycle()
  }

  /** Value of a PCR, as anybody may read it. @param index 0..23 */
  pcr(bank: Bank, index: number): Uint8Array {
    return this.state.pcrs.values[bank][index]!.slice()
  }

  /** The handles in use, as GetCapability would list them, with what each is. */
  handles(): { readonly handle: number; readonly what: string }[] {
    const { objects, sessions } = this.state
    const known: Record<number, string> = {
      [PARENT_HANDLE]: 'storage key, parent of the wrapping key',
      [WRAPPING_KEY_HANDLE]: 'wrapping key',
    }
    const objectRows = [...objects.keys()].map((handle) => ({
      handle,
      what: known[handle] ?? (isPersistent(handle) ? 'persistent key' : 'transient key'),
    }))
    const sessionRows = [...sessions.values()].map(({ handle, kind }) => ({ handle, what: `${kind} session` }))
    return [...objectRows, ...sessionRows].sort((a, b) => a.handle - b.handle)
  }

  /** Public part of a key in the TPM, as ReadPublic would give it; undefined where there is none. */
  publicKey(handle: number): { readonly n: bigint; readonly e: bigint; readonly bytes: number } | undefined {
    const object = this.state.objects.get(handle)
    return object && rsaOf(object.area)
  }

  /** The whole key, which no TPM gives away: for whoever built this machine, to check an image before it runs. */
  privateKey(handle: number): RsaPrivateKey | undefined {
    return this.state.objects.get(handle)?.sensitive?.key
  }

  /**
   * Executes one command.
   * @param request a whole command packet
   * @returns a response packet of at most 4096 bytes, whatever came in
   */
  *execute(request: Uint8Array): Steps<Uint8Array> {
    const code = request.length >= 10 ? new DataView(request.buffer, request.byteOffset).getUint32(6) : 0
    const command = commands.get(code)
    const procedure = (command?.procedure ?? RECEIVE) as Procedure
    return yield* procedure.frame({ command: commandName(code), bytes: request.length }, this.#execute(request))
  }

  *#execute(request: Uint8Array): Steps<Uint8Array> {
    try {
      return yield* this.#run(request)
    } catch (error) {
      if (!(error instanceof TpmError)) throw error
      return pack(u16(TAG.NO_SESSIONS), u32(10), u32(error.code))
    } finally {
      this.state.slotsInUse = 0
    }
  }

  *#run(request: Uint8Array): Steps<Uint8Array> {
    const state = this.state
    const reader = new FieldReader(request)
    const tag = reader.u16()
    if (tag !== TAG.NO_SESSIONS && tag !== TAG.SESSIONS) throw new TpmError(isTag(tag) ? RC.BAD_TAG : RC.VALUE)
    const size = reader.u32()
    if (size !== request.length || size > MAX_BUFFER) throw new TpmError(RC.COMMAND_SIZE)
    const code = reader.u32()
    const command = commands.get(code)
    if (!command) throw new TpmError(RC.COMMAND_CODE)
    if (state.started === (code === CC.Startup)) throw new TpmError(RC.INITIALIZE)
    const handles = this.#readHandles(command, reader)
    const uses = tag === TAG.SESSIONS ? readSessions(state, command, reader) : []
    const asked: Request = { command, handles, uses, wire: reader.rest() }
    const audits = uses.some(({ attributes }) => (attributes & SESSION.audit) !== 0)
    // The names in it may change with the command.
    const hash = audits ? cpHash(state, asked) : new Uint8Array(0)

    const checked = yield* AUTHORIZE.frame({}, authorize(state, asked))
    const parameters = new FieldReader(yield* decryptParameters(state, checked, asked.wire))
    const steps = command.run(state, handles, parameters)
    // Commands read all their parameters before their first step, so surplus bytes are refused before any effect.
    const first = steps.next()
    if (parameters.left > 0) throw new TpmError(RC.SIZE)
    if (!first.done) yield first.value
    const result = first.done ? first.value : yield* steps
    const plain = result.parameters ?? new Uint8Array(0)
    const handle = result.handle === undefined ? new Uint8Array(0) : pack(u32(result.handle))
    if (tag === TAG.NO_SESSIONS) {
      if (!command.noSessions) state.exclusiveAudit = undefined
      return pack(u16(tag), u32(10 + handle.length + plain.length), u32(0), handle, plain)
    }
    const shown = responseParameters(state, checked, plain)
    const sessions = responseSessions(state, asked, hash, checked, shown)
    const body = pack(handle, u32(shown.length), shown, sessions)
    return pack(u16(tag), u32(10 + body.length), u32(0), body)
  }

  /** The handle area: each handle is of a kind that may stand there, then each stands for something. */
  #readHandles(command: Command, reader: FieldReader): number[] {
    const handles: number[] = []
    for (const [i, { type }] of command.handles.entries()) {
      if (reader.left < 4) throw TpmError.handle(RC.INSUFFICIENT, i + 1)
      const handle = reader.u32()
      if (!type(handle)) throw TpmError.handle(RC.VALUE, i + 1)
      handles.push(handle)
    }
    for (const [i, handle] of handles.entries()) this.#checkLoaded(handle, i)
    return handles
  }

  /** Handles that stand for nothing are refused before any authorization is looked at. @param place from 0 */
  #checkLoaded(handle: number, place: number): void {
    const { objects, sessions, nv } = this.state
    if (isTransient(handle) && !objects.has(handle)) throw new TpmError(RC.REFERENCE_H0 + place)
    if (isSession(handle) && !sessions.has(handle))
      throw sessions.has(otherKind(handle))
        ? TpmError.handle(RC.HANDLE, place + 1)
        : new TpmError(RC.REFERENCE_H0 + place)
    if (isVendorAuth(handle)) throw TpmError.handle(RC.VALUE, place + 1)
    if (isNvIndex(handle) && !nv.has(handle)) throw TpmError.handle(RC.HANDLE, place + 1)
    if (!isPersistent(handle)) return
    // A persistent object is worked with in a place of its own.
    this.state.freeObjectHandle()
    if (!objects.has(handle)) throw TpmError.handle(RC.HANDLE, place + 1)
    this.state.slotsInUse++
  }
}
