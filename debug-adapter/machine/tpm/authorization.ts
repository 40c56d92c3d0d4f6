import type { Steps } from '../steps.ts'
import { Procedure } from '../steps.ts'
import { equal, FieldReader, pack, trimZeros, u8, u32 } from './bytes.ts'
import type { Command, Role } from './command.ts'
import { ATTRIBUTE, RC, RH, SESSION, TpmError } from './constants.ts'
import { isHierarchy, isObject, isPcr, isPolicySession, isSession, otherKind } from './handles.ts'
import { EMPTY } from './key-derivation.ts'
import { NV, nvHas } from './nv-index.ts'
import { has } from './public-area.ts'
import type { Session, SessionUse } from './session.ts'
import type { TpmState } from './state.ts'

export const AUTHORIZE = new Procedure('tpm', 'authorization', 'TPM 2.0 Part 1 §19', {
  policy: 'compare the policy digest with the policy of the key',
  hmac: 'compare the HMAC over the command with the one that came',
  password: 'compare the password with the authValue',
  decrypt: 'decrypt the first parameter',
})

const MAX_SESSIONS = 3
const MAX_NONCE = 64

/** One session of a command, checked: what the response needs of it. */
export interface CheckedSession {
  readonly use: SessionUse
  /** Absent for a password. */
  readonly session?: Session
  /** What it authorizes. */
  readonly entity?: number
  /** Whether the authValue of the entity is part of the HMAC's key. */
  readonly includesAuth: boolean
}

/** A command on its way through the checks. */
export interface Request {
  readonly command: Command
  readonly handles: readonly number[]
  readonly uses: readonly SessionUse[]
  /** Parameters as they came. */
  readonly wire: Uint8Array
}

/** Reads the authorization area: size, then one to three sessions; what a session may ask for is checked on the way. */
export function readSessions(tpm: TpmState, command: Command, reader: FieldReader): SessionUse[] {
  const size = reader.u32()
  if (size < 9 || size > reader.left) throw new TpmError(RC.SIZE)
  const area = new FieldReader(reader.take(size))
  if (command.noSessions) throw new TpmError(RC.AUTH_CONTEXT)
  const uses: SessionUse[] = []
  while (area.left > 0) {
    const index = uses.length + 1
    if (index > MAX_SESSIONS) throw TpmError.session(RC.SIZE, index)
    const use = readUse(area, index)
    checkUse(tpm, command, uses, use, index)
    uses.push(use)
  }
  return uses
}

function readUse(area: FieldReader, index: number): SessionUse {
  try {
    const handle = area.u32()
    if (handle !== RH.PW && !isSession(handle)) throw new TpmError(RC.VALUE)
    const nonceCaller = area.sized(MAX_NONCE)
    const attributes = area.u8()
    if ((attributes & SESSION.reserved) !== 0) throw new TpmError(RC.RESERVED_BITS)
    return { handle, nonceCaller, attributes, hmac: area.sized(MAX_NONCE) }
  } catch (error) {
    throw error instanceof TpmError ? TpmError.session(error.code, index) : error
  }
}

const asks = (use: SessionUse, attribute: number): boolean => (use.attributes & attribute) !== 0

/** Rules that hold before anything is authorized (TPM 2.0 part 1, 19.6, and part 3, 5.6). */
function checkUse(
  tpm: TpmState,
  command: Command,
  before: readonly SessionUse[],
  use: SessionUse,
  index: number,
): void {
  const { decrypt, encrypt, audit, auditExclusive, auditReset } = SESSION
  const wrong = (code: number) => TpmError.session(code, index)
  if (use.handle === RH.PW) {
    if (asks(use, decrypt | encrypt | audit | auditExclusive | auditReset)) throw wrong(RC.ATTRIBUTES)
    if (use.nonceCaller.length > 0) throw wrong(RC.NONCE)
    return
  }
  const session = tpm.sessions.get(use.handle)
  if (!session)
    throw tpm.sessions.has(otherKind(use.handle)) ? wrong(RC.HANDLE) : new TpmError(RC.REFERENCE_S0 + index - 1)
  if (before.some(({ handle }) => handle === use.handle)) throw wrong(RC.HANDLE)
  for (const [attribute, possible] of [
    [decrypt, command.decrypts],
    [encrypt, command.encrypts],
  ] as const) {
    if (!asks(use, attribute)) continue
    if (!possible || before.some((other) => asks(other, attribute))) throw wrong(RC.ATTRIBUTES)
    if (!session.symmetric) throw wrong(RC.SYMMETRIC)
  }
  if (!asks(use, audit)) return
  if (isPolicySession(use.handle) || before.some((other) => asks(other, audit))) throw wrong(RC.ATTRIBUTES)
  if (!asks(use, auditReset) && session.auditDigest && asks(use, auditExclusive) && tpm.exclusiveAudit !== use.handle)
    throw new TpmError(RC.EXCLUSIVE)
}

/** H(command code ‖ names of the handles ‖ parameters as they came) (part 1, 18.7). */
export function cpHash(tpm: TpmState, { command, handles, wire }: Request): Uint8Array {
  return tpm.crypto.sha256(pack(u32(command.code)), ...handles.map((handle) => tpm.nameOfHandle(handle)), wire)
}

/**
 * Checks every session of a command in order.
 * @throws TpmError with the code that names the session (spec/tpm.md §4.6)
 */
export function* authorize(tpm: TpmState, request: Request): Steps<CheckedSession[]> {
  const { command, handles, uses } = request
  const roles = command.handles.flatMap(({ role }) => role ?? [])
  if (uses.length < roles.length) throw new TpmError(RC.AUTH_MISSING)
  const checked: CheckedSession[] = []
  for (const [i, use] of uses.entries()) {
    try {
      checked.push(yield* checkSession(tpm, request, use, i, roles[i] && { handle: handles[i]!, role: roles[i] }))
    } catch (error) {
      throw error instanceof TpmError ? blame(error, i + 1) : error
    }
  }
  return checked
}

/** A format-one code gets the number of the session; the others say what they say. */
const blame = (error: TpmError, index: number): TpmError =>
  error.code >= 0x80 && error.code < 0xc0 ? TpmError.session(error.code, index) : error

interface Target {
  readonly handle: number
  readonly role: Role
}

function* checkSession(
  tpm: TpmState,
  request: Request,
  use: SessionUse,
  place: number,
  target: Target | undefined,
): Steps<CheckedSession> {
  const { attacks } = tpm
  const session = tpm.sessions.get(use.handle)
  if (!session && !target) throw new TpmError(RC.HANDLE)
  if (session?.kind === 'trial') throw new TpmError(RC.ATTRIBUTES)
  if (session && session.guards !== 'nothing') attacks.check(session.guards === 'lockout')
  const includesAuth = target !== undefined && (!session || keyHasAuth(tpm, session, target.handle))
  if (target) {
    if (includesAuth && !tpm.isExempt(target.handle)) attacks.check(target.handle === RH.LOCKOUT)
    if (session?.kind === 'policy') yield* checkPolicy(tpm, request, session, target)
    else checkAuthValueAllowed(tpm, request.command, target)
  } else if (!asks(use, SESSION.audit | SESSION.encrypt | SESSION.decrypt)) throw new TpmError(RC.ATTRIBUTES)

  const entity = target?.handle
  const checked = { use, includesAuth, ...(session && { session }), ...(entity !== undefined && { entity }) }
  if (session) {
    const expected = commandHmac(tpm, request, checked, place)
    if (expected.length > 0) yield AUTHORIZE.at('hmac', { cpHash: cpHash(tpm, request), expected, found: use.hmac })
    if (!equal(expected, use.hmac)) throw failed(tpm, checked)
  } else {
    yield AUTHORIZE.at('password', { entity: BigInt(entity!) })
    if (!equal(trimZeros(use.hmac), tpm.authValueOf(entity!))) throw failed(tpm, checked)
  }
  return checked
}

function keyHasAuth(tpm: TpmState, session: Session, entity: number): boolean {
  if (session.kind === 'policy') return session.policy.authValueNeeded
  const { bound } = session
  return !bound || !equal(bound.name, tpm.nameOfHandle(entity)) || !equal(bound.auth, tpm.authValueOf(entity))
}

/** HMAC key of a session: its own key, and the authValue of what it authorizes (part 1, 19.6.8). */
const hmacKey = (tpm: TpmState, { session, entity, includesAuth }: CheckedSession): Uint8Array =>
  pack(session!.key, includesAuth && entity !== undefined ? tpm.authValueOf(entity) : EMPTY)

/** The HMAC that a command has to bring; none where the key is empty and none came. */
function commandHmac(tpm: TpmState, request: Request, checked: CheckedSession, place: number): Uint8Array {
  const { session, use } = checked
  const key = hmacKey(tpm, checked)
  if (key.length === 0 && use.hmac.length === 0) return EMPTY
  // Where another session encrypts or decrypts, the first one vouches for its nonce (part 1, 19.6.5).
  const { uses } = request
  const decrypting = uses.findIndex((other) => asks(other, SESSION.decrypt))
  const encrypting = uses.findIndex((other) => asks(other, SESSION.encrypt))
  const others = place === 0 && checked.entity !== undefined ? [...new Set([decrypting, encrypting])] : []
  const nonces = others.filter((i) => i > 0).map((i) => tpm.sessions.get(uses[i]!.handle)!.nonceTpm)
  const attributes = pack(u8(use.attributes))
  return tpm.crypto.hmacSha256(key, cpHash(tpm, request), use.nonceCaller, session!.nonceTpm, ...nonces, attributes)
}

/** HMAC of a response. */
export function responseHmac(
  tpm: TpmState,
  checked: CheckedSession,
  attributes: number,
  rpHash: Uint8Array,
): Uint8Array {
  const { use, session } = checked
  const key = hmacKey(tpm, checked)
  if (key.length === 0 && use.hmac.length === 0) return EMPTY
  return tpm.crypto.hmacSha256(key, rpHash, session!.nonceTpm, use.nonceCaller, pack(u8(attributes)))
}

/** A wrong password or HMAC: TPM_RC_AUTH_FAIL where it counts as a guess, else TPM_RC_BAD_AUTH (part 1, 19.8). */
function failed(tpm: TpmState, { session, entity, includesAuth }: CheckedSession): TpmError {
  const guards = session?.guards ?? 'nothing'
  const exempt = entity === undefined || tpm.isExempt(entity) || !includesAuth
  if (guards === 'nothing' && exempt) return new TpmError(RC.BAD_AUTH)
  tpm.attacks.failed(guards === 'lockout' || (guards === 'nothing' && entity === RH.LOCKOUT))
  tpm.disturbed()
  return new TpmError(RC.AUTH_FAIL)
}

/** Whether the authValue may authorize this use (part 1, 19.7 and 31.6): else only a policy does. */
function checkAuthValueAllowed(tpm: TpmState, command: Command, { handle, role }: Target): void {
  const unavailable = new TpmError(RC.AUTH_UNAVAILABLE)
  if (isHierarchy(handle) || isPcr(handle)) {
    if (role === 'admin') throw new TpmError(RC.AUTH_TYPE)
    return
  }
  const index = tpm.nv.get(handle)
  if (index) {
    if (role === 'admin') throw new TpmError(RC.AUTH_TYPE)
    if (!nvHas(index, command.writesNv ? NV.authWrite : NV.authRead)) throw unavailable
    return
  }
  const object = tpm.objects.get(handle)!
  const byPolicy = has(object.area, ATTRIBUTE.adminWithPolicy)
  if (role === 'admin' && byPolicy) throw new TpmError(RC.AUTH_TYPE)
  if (!object.sensitive || (role === 'user' && !has(object.area, ATTRIBUTE.userWithAuth))) throw unavailable
}

/** The policy that protects a handle; undefined where none can. Hierarchies and PCRs of this TPM have none. */
function policyOf(tpm: TpmState, command: Command, handle: number): Uint8Array | undefined {
  const index = tpm.nv.get(handle)
  if (index) {
    const { policyRead, policyWrite } = NV
    const usable = index.authPolicy.length > 0 && nvHas(index, command.writesNv ? policyWrite : policyRead)
    return usable ? index.authPolicy : undefined
  }
  const object = isObject(handle) ? tpm.objects.get(handle) : undefined
  return object?.sensitive ? object.area.authPolicy : undefined
}

function* checkPolicy(tpm: TpmState, request: Request, session: Session, { handle, role }: Target): Steps<void> {
  const { code } = request.command
  const { policy } = session
  const expected = policyOf(tpm, request.command, handle)
  if (!expected) throw new TpmError(RC.AUTH_UNAVAILABLE)
  yield AUTHORIZE.at('policy', { expected, found: policy.digest })
  if (policy.pcrCounter !== undefined && policy.pcrCounter !== tpm.pcrs.counter) throw new TpmError(RC.PCR_CHANGED)
  if (!equal(policy.digest, expected)) throw new TpmError(RC.POLICY_FAIL)
  if (policy.expires !== undefined && policy.expires < tpm.time) throw new TpmError(RC.EXPIRED)
  if (policy.commandCode !== undefined && policy.commandCode !== code) throw new TpmError(RC.POLICY_CC)
  if (role === 'admin' && policy.commandCode === undefined) throw new TpmError(RC.POLICY_FAIL)
  if (policy.cpHash && !equal(policy.cpHash, cpHash(tpm, request))) throw new TpmError(RC.POLICY_FAIL)
}
