import { Procedure, type Steps } from '../steps.ts'
import { equal, FieldReader, pack, sized, trimZeros, u8, u32 } from './bytes.ts'
import type { Command } from './command.ts'
import { ATTRIBUTE, RC, RH, SESSION, TpmError } from './constants.ts'
import { EMPTY, kdfa } from './key-derivation.ts'
import { newPolicy, type Session, type SessionUse } from './session.ts'
import { isHierarchy, isPcr, isSession, type TpmState } from './state.ts'

export const AUTHORIZE = new Procedure('tpm', 'authorization', 'TPM 2.0 Part 1 §19', {
  policy: 'compare the policy digest with the policy of the key',
  hmac: 'compare the HMAC over the command with the one that came',
  password: 'compare the password with the authValue',
  decrypt: 'decrypt the first parameter',
})

/** One session of a command, checked: what the response needs of it. */
export interface CheckedSession {
  readonly use: SessionUse
  /** Absent for a password. */
  readonly session?: Session
  /** Key of the response's HMAC; absent where a policy asks for none. */
  readonly hmacKey?: Uint8Array
  /** Key that parameter encryption derives from. */
  readonly encryptionKey: Uint8Array
}

/** Reads the authorization area: size, then sessions. */
export function readSessions(reader: FieldReader): SessionUse[] {
  const size = reader.u32()
  if (size < 9 || size > reader.left) throw new TpmError(RC.AUTHSIZE)
  const end = reader.at + size
  const uses: SessionUse[] = []
  while (reader.at < end) {
    if (uses.length === 3) throw new TpmError(RC.AUTHSIZE)
    uses.push({
      handle: reader.u32(),
      nonceCaller: reader.sized(),
      attributes: reader.u8(),
      hmac: reader.sized(),
    })
  }
  if (reader.at !== end) throw new TpmError(RC.AUTHSIZE)
  return uses
}

/** H(command code ‖ names of the handles ‖ parameters as they came) (part 1, 18.7). */
function cpHash(tpm: TpmState, code: number, handles: readonly number[], parameters: Uint8Array): Uint8Array {
  return tpm.crypto.sha256(pack(u32(code)), ...handles.map((handle) => tpm.nameOfHandle(handle)), parameters)
}

/**
 * Checks every session of a command in order.
 * @throws TpmError with the code that names the session (spec/tpm.md §4.6)
 */
export function* authorize(
  tpm: TpmState,
  command: Command,
  handles: readonly number[],
  uses: readonly SessionUse[],
  parameters: Uint8Array,
): Steps<CheckedSession[]> {
  const checked: CheckedSession[] = []
  for (const [i, use] of uses.entries()) {
    const entity = i < command.authorized ? handles[i] : undefined
    checked.push(yield* checkSession(tpm, command, handles, use, i + 1, entity, parameters))
  }
  return checked
}

function* checkSession(
  tpm: TpmState,
  command: Command,
  handles: readonly number[],
  use: SessionUse,
  index: number,
  entity: number | undefined,
  parameters: Uint8Array,
): Steps<CheckedSession> {
  if (use.handle === RH.PW) return yield* checkPassword(tpm, use, index, entity)
  const session = isSession(use.handle) ? tpm.sessions.get(use.handle) : undefined
  // 0x910 + number: a session that is not loaded (part 2, 6.6.3, TPM_RC_REFERENCE_S0).
  if (!session) throw new TpmError(0x917 + index)
  if (session.kind === 'trial') throw TpmError.session(RC.ATTRIBUTES, index)
  const entityAuth = entity === undefined ? EMPTY : trimZeros(tpm.authValueOf(entity))
  const bound =
    entity !== undefined && session.boundTo !== undefined && equal(session.boundTo, tpm.nameOfHandle(entity))
  const authInKey = session.kind === 'policy' ? session.policy.authValueNeeded : entity !== undefined && !bound
  if (session.kind === 'policy' && entity !== undefined) yield* checkPolicy(tpm, command, session, index, entity)
  else if (entity !== undefined) checkUserWithAuth(tpm, entity)

  const key = pack(session.key, authInKey ? entityAuth : EMPTY)
  const needed = session.kind === 'hmac' || session.policy.authValueNeeded || session.key.length > 0
  if (needed) {
    const hash = cpHash(tpm, command.code, handles, parameters)
    const expected = tpm.crypto.hmacSha256(key, hash, use.nonceCaller, session.nonceTpm, pack(u8(use.attributes)))
    yield AUTHORIZE.at('hmac', { cpHash: hash, expected, found: use.hmac })
    if (!equal(expected, use.hmac)) throw TpmError.session(RC.BAD_AUTH, index)
  } else if (use.hmac.length > 0) throw TpmError.session(RC.BAD_AUTH, index)
  // The authValue is part of this key whenever the session authorizes the handle, HMAC or not (part 1, 21).
  const encryptionKey = pack(session.key, entity === undefined ? EMPTY : entityAuth)
  return { use, session, encryptionKey, ...(needed ? { hmacKey: key } : {}) }
}

function* checkPassword(
  tpm: TpmState,
  use: SessionUse,
  index: number,
  entity: number | undefined,
): Steps<CheckedSession> {
  if (entity === undefined) throw TpmError.session(RC.HANDLE, index)
  if (use.nonceCaller.length > 0) throw TpmError.session(RC.SIZE, index)
  checkUserWithAuth(tpm, entity)
  yield AUTHORIZE.at('password', { entity: BigInt(entity) })
  if (!equal(trimZeros(use.hmac), trimZeros(tpm.authValueOf(entity)))) throw TpmError.session(RC.BAD_AUTH, index)
  return { use, encryptionKey: EMPTY }
}

/** A key whose userWithAuth is clear takes only a policy (part 1, 19.7.1). */
function checkUserWithAuth(tpm: TpmState, entity: number): void {
  if (isHierarchy(entity) || isPcr(entity)) return
  const object = tpm.objects.get(entity)
  if (object && (object.area.attributes & ATTRIBUTE.userWithAuth) === 0) throw new TpmError(RC.AUTH_UNAVAILABLE)
}

function* checkPolicy(tpm: TpmState, command: Command, session: Session, index: number, entity: number): Steps<void> {
  const authPolicy = tpm.objects.get(entity)?.area.authPolicy ?? EMPTY
  const { policy } = session
  yield AUTHORIZE.at('policy', { expected: authPolicy, found: policy.digest })
  if (!equal(policy.digest, authPolicy)) throw TpmError.session(RC.POLICY_FAIL, index)
  if (policy.commandCode !== undefined && policy.commandCode !== command.code)
    throw TpmError.session(RC.POLICY_CC, index)
  if (command.role === 'admin' && policy.commandCode !== command.code) throw TpmError.session(RC.POLICY_FAIL, index)
  if (policy.pcrCounter !== undefined && policy.pcrCounter !== tpm.pcrCounter) throw new TpmError(0x128) // PCR_CHANGED
}

/** Decrypts the first parameter where a session asks for it (part 1, 21). @returns the parameters in clear */
export function* decryptParameters(
  tpm: TpmState,
  checked: readonly CheckedSession[],
  parameters: Uint8Array,
): Steps<Uint8Array> {
  const by = checked.find(({ use, session }) => session && (use.attributes & SESSION.decrypt) !== 0)
  if (!by?.session) return parameters
  if (!by.session.encrypts) throw TpmError.session(RC.SYMMETRIC, 1)
  const reader = new FieldReader(parameters)
  reader.parameter = 1
  const first = reader.sized()
  yield AUTHORIZE.at('decrypt', { bytes: first.length })
  const keys = kdfa(tpm.crypto, by.encryptionKey, 'CFB', by.use.nonceCaller, by.session.nonceTpm, 256)
  const plain = tpm.crypto.aesCfbDecrypt(keys.slice(0, 16), keys.slice(16), first)
  return pack(sized(plain), reader.rest())
}

/** Encrypts the first response parameter where a session asks for it, and rolls the nonces. */
export function responseParameters(
  tpm: TpmState,
  checked: readonly CheckedSession[],
  parameters: Uint8Array,
): Uint8Array {
  for (const { session, use } of checked) {
    if (!session) continue
    session.nonceCaller = use.nonceCaller
    session.nonceTpm = tpm.random(session.nonceTpm.length)
  }
  const by = checked.find(({ use, session }) => session && (use.attributes & SESSION.encrypt) !== 0)
  if (!by?.session || parameters.length < 2) return parameters
  if (!by.session.encrypts) throw TpmError.session(RC.SYMMETRIC, 1)
  const reader = new FieldReader(parameters)
  const first = reader.sized()
  const keys = kdfa(tpm.crypto, by.encryptionKey, 'CFB', by.session.nonceTpm, by.session.nonceCaller, 256)
  return pack(sized(tpm.crypto.aesCfbEncrypt(keys.slice(0, 16), keys.slice(16), first)), reader.rest())
}

/** The authorization area of a response, and the end of sessions that are not to go on. */
export function responseSessions(
  tpm: TpmState,
  code: number,
  checked: readonly CheckedSession[],
  parameters: Uint8Array,
): Uint8Array {
  const rpHash = tpm.crypto.sha256(pack(u32(0), u32(code)), parameters)
  const parts = checked.map(({ use, session, hmacKey }) => {
    if (!session) return pack(sized(EMPTY), u8(use.attributes | SESSION.continueSession), sized(EMPTY))
    const attributes = pack(u8(use.attributes))
    const hmac = hmacKey
      ? tpm.crypto.hmacSha256(hmacKey, rpHash, session.nonceTpm, session.nonceCaller, attributes)
      : EMPTY
    if (session.kind === 'policy') session.policy = newPolicy()
    if ((use.attributes & SESSION.continueSession) === 0) tpm.sessions.delete(session.handle)
    return pack(sized(session.nonceTpm), attributes, sized(hmac))
  })
  return pack(...parts)
}
