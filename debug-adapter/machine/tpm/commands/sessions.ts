import { oaepDecrypt } from '../../../../server/esm/crypto/rsa.ts'
import { Procedure } from '../../steps.ts'
import { readHash, readSymmetric } from '../algorithms.ts'
import { pack, sized } from '../bytes.ts'
import { command, plain, type Run } from '../command.ts'
import { ALG, ATTRIBUTE, CC, RC, RH, TpmError } from '../constants.ts'
import { context, entityOrNull, isPolicySession, objectOrNull } from '../handles.ts'
import { EMPTY, kdfa } from '../key-derivation.ts'
import { has } from '../public-area.ts'
import { newPolicy } from '../session.ts'
import type { TpmState } from '../state.ts'

const START = new Procedure('tpm', 'TPM2_StartAuthSession', 'TPM 2.0 Part 3 §11.1', {
  read: 'read nonce, salt, kind, symmetric algorithm and hash',
  key: 'derive the session key from salt and bind authValue (empty for neither)',
  open: 'open the session with a new nonce of the TPM',
})

const KINDS = ['hmac', 'policy', undefined, 'trial'] as const
const MIN_NONCE = 16
const MAX_NONCE_FIELD = 64
/** The digest of the session: SHA-256. */
const MAX_NONCE = 32
/** An RSA-3072 ciphertext: the largest that the field takes. */
const MAX_SECRET = 384

const startAuthSession: Run = function* (tpm, handles, parameters) {
  const [tpmKey, bind] = handles as [number, number]
  const nonceCaller = parameters.next().sized(MAX_NONCE_FIELD)
  const encryptedSalt = parameters.next().sized(MAX_SECRET)
  const kind = KINDS[parameters.next().u8()]
  if (kind === undefined) throw parameters.fail(RC.VALUE)
  const symmetric = readSymmetric(parameters.next())
  // Sessions of this TPM are SHA-256.
  if (readHash(parameters.next()) !== 'sha256') throw parameters.fail(RC.HASH)
  yield START.at('read', { kind, nonceCaller })
  if (nonceCaller.length < MIN_NONCE || nonceCaller.length > MAX_NONCE) throw TpmError.parameter(RC.SIZE, 1)

  const salt = openSalt(tpm, tpmKey, encryptedSalt)
  const isBound = bind !== RH.NULL
  const boundObject = tpm.objects.get(bind)
  if (boundObject && !boundObject.sensitive) throw TpmError.handle(RC.HANDLE, 2)
  if (symmetric && symmetric.mode !== ALG.CFB) throw TpmError.parameter(RC.MODE, 4)
  const handle = tpm.freeSessionHandle(kind)
  const nonceTpm = tpm.random(nonceCaller.length)
  yield START.at('key', { salted: salt.length > 0, bound: isBound })
  const auth = isBound ? tpm.authValueOf(bind) : EMPTY
  const keyed = salt.length > 0 || isBound
  const key = keyed ? kdfa(tpm.crypto, pack(auth, salt), 'ATH', nonceTpm, nonceCaller, 256) : EMPTY
  yield START.at('open', { handle: BigInt(handle), nonceTpm })
  tpm.sessions.set(handle, {
    handle,
    kind,
    key,
    bound: isBound && kind === 'hmac' ? { name: tpm.nameOfHandle(bind), auth } : undefined,
    guards: !isBound || tpm.isExempt(bind) ? 'nothing' : bind === RH.LOCKOUT ? 'lockout' : 'entity',
    symmetric,
    nonceTpm,
    policy: newPolicy(),
    auditDigest: undefined,
  })
  return { handle, parameters: sized(nonceTpm) }
}

/** The salt that only the holder of a decryption key can read (TPM 2.0 part 1, B.10.2). */
function openSalt(tpm: TpmState, tpmKey: number, encryptedSalt: Uint8Array): Uint8Array {
  if (tpmKey === RH.NULL) {
    if (encryptedSalt.length > 0) throw TpmError.parameter(RC.VALUE, 2)
    return EMPTY
  }
  const { area, sensitive } = tpm.object(tpmKey, 1)
  if (area.type !== ALG.RSA) throw TpmError.handle(RC.KEY, 1)
  if (encryptedSalt.length === 0) throw TpmError.parameter(RC.VALUE, 2)
  if (!sensitive?.key) throw TpmError.handle(RC.HANDLE, 1)
  if (!has(area, ATTRIBUTE.decrypt)) throw TpmError.handle(RC.ATTRIBUTES, 1)
  const { scheme } = area
  if (scheme && scheme.algorithm !== ALG.OAEP) throw TpmError.parameter(RC.VALUE, 2)
  const label = new TextEncoder().encode('SECRET\0')
  const hash = scheme?.hash ?? 'sha256'
  const salt = oaepDecrypt(sensitive.key, encryptedSalt, { crypto: tpm.crypto, label, hash })
  if (!salt || salt.length > MAX_NONCE) throw TpmError.parameter(RC.VALUE, 2)
  return salt
}

const FLUSH = new Procedure('tpm', 'TPM2_FlushContext', 'TPM 2.0 Part 3 §28.4', {
  flush: 'forget the object or session',
})

const flushContext: Run = function* (tpm, _, parameters) {
  const handle = parameters.next().u32()
  if (!context(handle)) throw parameters.fail(RC.VALUE)
  yield FLUSH.at('flush', { handle: BigInt(handle) })
  if (!tpm.endSession(handle) && !tpm.objects.delete(handle)) throw parameters.fail(RC.HANDLE)
  return {}
}

const RESTART = new Procedure('tpm', 'TPM2_PolicyRestart', 'TPM 2.0 Part 3 §11.2', {
  restart: 'forget what the session has proved',
})

const policyRestart: Run = function* (tpm, handles) {
  yield RESTART.at('restart')
  tpm.session(handles[0]!, 1).policy = newPolicy()
  return {}
}

export const sessionCommands = [
  command(CC.StartAuthSession, [plain(objectOrNull), plain(entityOrNull)], START, startAuthSession, {
    decrypts: true,
    encrypts: true,
    makesHandle: true,
  }),
  command(CC.FlushContext, [], FLUSH, flushContext, { noSessions: true }),
  command(CC.PolicyRestart, [plain(isPolicySession)], RESTART, policyRestart),
]
