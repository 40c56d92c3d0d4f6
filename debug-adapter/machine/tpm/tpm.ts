import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import { fromBigInt, type RsaPrivateKey } from '../../../server/esm/crypto/rsa.ts'
import { Procedure, type Steps } from '../steps.ts'
import {
  AUTHORIZE,
  authorize,
  decryptParameters,
  readSessions,
  responseParameters,
  responseSessions,
} from './authorization.ts'
import { FieldReader, pack, u16, u32 } from './bytes.ts'
import type { Command } from './command.ts'
import { objectCommands } from './commands-objects.ts'
import { platformCommands } from './commands-platform.ts'
import { policyCommands } from './commands-policy.ts'
import { ALG, ATTRIBUTE, CC, commandName, MAX_BUFFER, RC, RH, TAG, TpmError } from './constants.ts'
import { makeObject, type PublicArea } from './object.ts'
import { type Bank, isPersistent, keyFromSeed, TpmState } from './state.ts'

const commands: ReadonlyMap<number, Command> = new Map(
  [...policyCommands, ...objectCommands, ...platformCommands].map((command) => [command.code, command]),
)

const RECEIVE = new Procedure('tpm', 'TPM command', 'TPM 2.0 Part 3 §5', {
  header: 'check tag, size and command code',
  handles: 'look up the handles',
})

/** The storage key that OPAL makes as parent (spec/tpm.md §2.1). */
const PARENT_AREA: Omit<PublicArea, 'modulus'> = {
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
}

/** A TPM 2.0 in software: computes everything, keeps no secret from nobody but by cryptography. */
export class Tpm {
  readonly #state: TpmState

  constructor(options: TpmOptions) {
    this.#state = new TpmState(options.crypto, options.random)
    if (options.wrappingKey) this.#provision(options.wrappingKey, options)
  }

  #provision(wrappingKey: RsaPrivateKey, options: TpmOptions): void {
    const { crypto, primarySeed, random } = this.#state
    const own = () =>
      keyFromSeed(crypto, crypto.hmacSha256(primarySeed, new TextEncoder().encode('provisioned parent')))
    const { key, seed } = options.parent ?? { key: own(), seed: random(32) }
    const platform = pack(u32(RH.PLATFORM))
    const area = { ...PARENT_AREA, modulus: fromBigInt(key.n, 256) }
    const parent = makeObject(crypto, area, key, new Uint8Array(0), seed, {
      qualifiedName: platform,
      hierarchy: RH.PLATFORM,
    })
    const wrappingArea: PublicArea = {
      nameAlg: ALG.SHA256,
      attributes: ATTRIBUTE.sensitiveDataOrigin | ATTRIBUTE.noDA | ATTRIBUTE.encryptedDuplication | ATTRIBUTE.decrypt,
      authPolicy: Uint8Array.from(WRAPPING_KEY_POLICY.match(/../g)!, (h) => Number.parseInt(h, 16)),
      symmetric: undefined,
      scheme: { algorithm: ALG.OAEP, hash: ALG.SHA256 },
      keyBits: 2048,
      exponent: 0,
      modulus: fromBigInt(wrappingKey.n, 256),
    }
    const auth = options.wrappingAuth ?? random(16)
    const wrapping = makeObject(crypto, wrappingArea, wrappingKey, auth, new Uint8Array(0), parent)
    this.#state.objects.set(PARENT_HANDLE, parent)
    this.#state.objects.set(WRAPPING_KEY_HANDLE, wrapping)
  }

  /** Power off and on: transient objects and sessions are gone, Startup is due. */
  powerCycle(): void {
    this.#state.powerCycle()
  }

  /** Value of a PCR, as anybody may read it. @param index 0..23 */
  pcr(bank: Bank, index: number): Uint8Array {
    return this.#state.pcrs[bank][index]!.slice()
  }

  /** The handles in use, as GetCapability would list them, with what each is. */
  handles(): { readonly handle: number; readonly what: string }[] {
    const { objects, sessions } = this.#state
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
    const object = this.#state.objects.get(handle)
    return object && { n: object.key.n, e: object.key.e, bytes: object.key.bytes }
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
      this.#state.slotsInUse = 0
    }
  }

  *#run(request: Uint8Array): Steps<Uint8Array> {
    const state = this.#state
    const reader = new FieldReader(request)
    const tag = reader.u16()
    const size = reader.u32()
    const code = reader.u32()
    if (tag !== TAG.NO_SESSIONS && tag !== TAG.SESSIONS) throw new TpmError(RC.VALUE)
    if (size !== request.length || size > MAX_BUFFER) throw new TpmError(RC.COMMAND_SIZE)
    if (state.started === (code === CC.Startup)) throw new TpmError(RC.INITIALIZE)
    const command = commands.get(code)
    if (!command) throw new TpmError(RC.COMMAND_CODE)
    const handles = Array.from({ length: command.handles }, () => reader.u32())
    state.slotsInUse = handles.filter(isPersistent).length
    this.#checkHandles(command, handles)
    const uses = tag === TAG.SESSIONS ? readSessions(reader) : []
    if (uses.length < command.authorized) throw new TpmError(RC.AUTH_MISSING)
    const wire = reader.rest()

    const checked = yield* AUTHORIZE.frame({}, authorize(state, command, handles, uses, wire))
    const parameters = new FieldReader(yield* decryptParameters(state, checked, wire))
    const steps = command.run(state, handles, parameters)
    // Commands read all their parameters before their first step, so surplus bytes are refused before any effect.
    const first = steps.next()
    if (parameters.left > 0) throw new TpmError(RC.SIZE)
    if (!first.done) yield first.value
    const result = first.done ? first.value : yield* steps
    const plain = result.parameters ?? new Uint8Array(0)
    const handle = result.handle === undefined ? new Uint8Array(0) : pack(u32(result.handle))
    if (tag === TAG.NO_SESSIONS) return pack(u16(tag), u32(10 + handle.length + plain.length), u32(0), handle, plain)
    const shown = responseParameters(state, checked, plain)
    const sessions = responseSessions(state, code, checked, shown)
    const body = pack(handle, u32(shown.length), shown, sessions)
    return pack(u16(tag), u32(10 + body.length), u32(0), body)
  }

  /** Handles that stand for nothing are refused before any authorization is looked at. */
  #checkHandles(command: Command, handles: readonly number[]): void {
    for (const [i, handle] of handles.entries()) {
      const kind = handle >>> 24
      if (kind === 0x80 || kind === 0x81) this.#state.object(handle, i + 1)
      else if (kind === 0x02 || kind === 0x03) this.#state.session(handle, i + 1)
      else if (kind === 0x40 && ![RH.OWNER, RH.NULL, RH.PLATFORM, RH.ENDORSEMENT, RH.LOCKOUT].includes(handle as never))
        throw TpmError.handle(RC.VALUE, i + 1)
      else if (kind === 0x00 && handle > 23) throw TpmError.handle(RC.VALUE, i + 1)
      else if (kind !== 0x00 && kind !== 0x01 && kind !== 0x40) throw TpmError.handle(RC.VALUE, i + 1)
    }
    const needsObject: readonly number[] = [CC.ReadPublic, CC.RSA_Decrypt, CC.Load, CC.Create, CC.ObjectChangeAuth]
    if (needsObject.includes(command.code))
      for (const [i, handle] of handles.entries()) this.#state.object(handle, i + 1)
  }
}
