import { oaepDecrypt } from '../../../server/esm/crypto/rsa.ts'
import { Procedure, type Steps } from '../steps.ts'
import { equal, type FieldReader, pack, sized, u32 } from './bytes.ts'
import type { Command, CommandResult } from './command.ts'
import { ALG, CC, PARAMETER, RC, RH, TpmError } from './constants.ts'
import { EMPTY, kdfa } from './key-derivation.ts'
import { extendPolicy, newPolicy, type Session } from './session.ts'
import { bankOf, type TpmState } from './state.ts'

const START = new Procedure('tpm', 'TPM2_StartAuthSession', 'TPM 2.0 Part 3 §11.1', {
  read: 'read nonce, salt, kind, symmetric algorithm and hash',
  key: 'derive the session key from salt and bind authValue (empty for neither)',
  open: 'open the session with a new nonce of the TPM',
})

const KINDS = ['hmac', 'policy', undefined, 'trial'] as const
const MIN_NONCE = 16

function* startAuthSession(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  const [tpmKey, bind] = handles as [number, number]
  parameters.parameter = 1
  const nonceCaller = parameters.sized()
  if (nonceCaller.length < MIN_NONCE || nonceCaller.length > 32) throw TpmError.parameter(RC.SIZE, 1)
  parameters.parameter = 2
  const encryptedSalt = parameters.sized()
  parameters.parameter = 3
  const kind = KINDS[parameters.u8()]
  if (kind === undefined) throw TpmError.parameter(RC.VALUE, 3)
  parameters.parameter = 4
  const encrypts = readSymmetric(parameters)
  parameters.parameter = 5
  if (parameters.u16() !== ALG.SHA256) throw TpmError.parameter(RC.HASH, 5)
  yield START.at('read', { kind, nonceCaller })

  const salt = openSalt(tpm, tpmKey, encryptedSalt)
  const bound = bind === RH.NULL ? undefined : tpm.nameOfHandle(bind)
  const secret = pack(bind === RH.NULL ? EMPTY : tpm.authValueOf(bind), salt)
  const nonceTpm = tpm.random(nonceCaller.length)
  yield START.at('key', { salted: salt.length > 0, bound: bound !== undefined })
  const keyed = salt.length > 0 || bind !== RH.NULL
  const key = keyed ? kdfa(tpm.crypto, secret, 'ATH', nonceTpm, nonceCaller, 256) : EMPTY
  const handle = tpm.freeSessionHandle(kind)
  yield START.at('open', { handle: BigInt(handle), nonceTpm })
  tpm.sessions.set(handle, { handle, kind, key, boundTo: bound, encrypts, nonceTpm, nonceCaller, policy: newPolicy() })
  return { handle, parameters: sized(nonceTpm) }
}

function readSymmetric(parameters: FieldReader): boolean {
  const algorithm = parameters.u16()
  if (algorithm === ALG.NULL) return false
  if (algorithm !== ALG.AES) throw TpmError.parameter(RC.SYMMETRIC, 4)
  if (parameters.u16() !== 128) throw TpmError.parameter(RC.VALUE, 4)
  if (parameters.u16() !== ALG.CFB) throw TpmError.parameter(RC.VALUE, 4)
  return true
}

/** The salt that only the holder of a decryption key can read (TPM 2.0 part 1, B.10.2). */
function openSalt(tpm: TpmState, tpmKey: number, encryptedSalt: Uint8Array): Uint8Array {
  if (tpmKey === RH.NULL) {
    if (encryptedSalt.length > 0) throw TpmError.parameter(RC.VALUE, 2)
    return EMPTY
  }
  const { key } = tpm.object(tpmKey, 1)
  const label = new TextEncoder().encode('SECRET\0')
  const salt = oaepDecrypt(key, encryptedSalt, { crypto: tpm.crypto, label })
  if (!salt) throw TpmError.parameter(RC.VALUE, 2)
  return salt
}

const FLUSH = new Procedure('tpm', 'TPM2_FlushContext', 'TPM 2.0 Part 3 §28.4', {
  flush: 'forget the object or session',
})

function* flushContext(tpm: TpmState, _: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  parameters.parameter = 1
  const handle = parameters.u32()
  yield FLUSH.at('flush', { handle: BigInt(handle) })
  const transient = handle >= 0x8000_0000 && handle < 0x8100_0000
  const gone = tpm.sessions.delete(handle) || (transient && tpm.objects.delete(handle))
  if (!gone) throw new TpmError(RC.HANDLE | PARAMETER | 0x100)
  return {}
}

const POLICY_STEPS = { check: 'check the session and the arguments', extend: 'extend the policy digest' } as const

function policySession(tpm: TpmState, handle: number): Session {
  const session = tpm.session(handle, 1)
  if (session.kind === 'hmac') throw TpmError.handle(RC.HANDLE, 1)
  return session
}

const COMMAND_CODE = new Procedure('tpm', 'TPM2_PolicyCommandCode', 'TPM 2.0 Part 3 §23.11', POLICY_STEPS)

function* policyCommandCode(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  const { policy } = policySession(tpm, handles[0]!)
  parameters.parameter = 1
  const code = parameters.u32()
  yield COMMAND_CODE.at('check', { code: BigInt(code) })
  if (policy.commandCode !== undefined && policy.commandCode !== code) throw TpmError.parameter(RC.VALUE, 1)
  extendPolicy(tpm.crypto, policy, CC.PolicyCommandCode, pack(u32(code)))
  policy.commandCode = code
  yield COMMAND_CODE.at('extend', { policyDigest: policy.digest })
  return {}
}

const AUTH_VALUE = new Procedure('tpm', 'TPM2_PolicyAuthValue', 'TPM 2.0 Part 3 §23.17', POLICY_STEPS)

function* policyAuthValue(tpm: TpmState, handles: readonly number[]): Steps<CommandResult> {
  const { policy } = policySession(tpm, handles[0]!)
  yield AUTH_VALUE.at('check')
  extendPolicy(tpm.crypto, policy, CC.PolicyAuthValue)
  policy.authValueNeeded = true
  yield AUTH_VALUE.at('extend', { policyDigest: policy.digest })
  return {}
}

const OR = new Procedure('tpm', 'TPM2_PolicyOR', 'TPM 2.0 Part 3 §23.6', {
  check: 'check that the policy digest is one of the list',
  extend: 'the policy digest becomes the digest of the list',
})

function* policyOr(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  const session = policySession(tpm, handles[0]!)
  parameters.parameter = 1
  const count = parameters.u32()
  if (count < 2 || count > 8) throw TpmError.parameter(RC.VALUE, 1)
  const digests = Array.from({ length: count }, () => parameters.sized())
  const { policy } = session
  yield OR.at('check', { policyDigest: policy.digest, branches: count })
  if (session.kind === 'policy' && !digests.some((digest) => equal(digest, policy.digest)))
    throw TpmError.parameter(RC.VALUE, 1)
  policy.digest = new Uint8Array(32)
  extendPolicy(tpm.crypto, policy, CC.PolicyOR, ...digests)
  yield OR.at('extend', { policyDigest: policy.digest })
  return {}
}

const PCR = new Procedure('tpm', 'TPM2_PolicyPCR', 'TPM 2.0 Part 3 §23.7', {
  check: 'digest the selected PCRs as they are now',
  extend: 'extend the policy digest by the selection and that digest',
})

function* policyPcr(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  const { policy } = policySession(tpm, handles[0]!)
  parameters.parameter = 1
  const given = parameters.sized()
  parameters.parameter = 2
  const start = parameters.at
  const values = readSelections(tpm, parameters).flatMap((s) => s.pcrs.map((pcr) => pcr.value))
  const selection = parameters.bytes.slice(start, parameters.at)
  const digest = tpm.crypto.sha256(...values)
  yield PCR.at('check', { digest, pcrs: values.length })
  if (given.length > 0 && !equal(given, digest)) throw TpmError.parameter(RC.VALUE, 1)
  extendPolicy(tpm.crypto, policy, CC.PolicyPCR, selection, digest)
  policy.pcrCounter = tpm.pcrCounter
  yield PCR.at('extend', { policyDigest: policy.digest })
  return {}
}

/** A TPML_PCR_SELECTION, and the PCRs that it selects. */
export function readSelections(tpm: TpmState, parameters: FieldReader) {
  const count = parameters.u32()
  if (count > 16) throw TpmError.parameter(RC.SIZE, parameters.parameter)
  return Array.from({ length: count }, () => {
    const hash = parameters.u16()
    const bank = bankOf(hash)
    const mask = parameters.take(parameters.u8())
    if (!bank) throw TpmError.parameter(RC.HASH, parameters.parameter)
    return { hash, bank, mask, pcrs: tpm.selected(bank, mask) }
  })
}

const GET_DIGEST = new Procedure('tpm', 'TPM2_PolicyGetDigest', 'TPM 2.0 Part 3 §23.16', {
  read: 'read the policy digest',
})

function* policyGetDigest(tpm: TpmState, handles: readonly number[]): Steps<CommandResult> {
  const { policy } = policySession(tpm, handles[0]!)
  yield GET_DIGEST.at('read', { policyDigest: policy.digest })
  return { parameters: sized(policy.digest) }
}

const entry = (code: number, handles: number, procedure: Procedure, run: Command['run']): Command => ({
  code,
  handles,
  authorized: 0,
  procedure,
  run,
})

export const policyCommands: readonly Command[] = [
  entry(CC.StartAuthSession, 2, START as unknown as Procedure, startAuthSession),
  entry(CC.FlushContext, 0, FLUSH as unknown as Procedure, flushContext),
  entry(CC.PolicyCommandCode, 1, COMMAND_CODE as unknown as Procedure, policyCommandCode),
  entry(CC.PolicyAuthValue, 1, AUTH_VALUE as unknown as Procedure, policyAuthValue),
  entry(CC.PolicyOR, 1, OR as unknown as Procedure, policyOr),
  entry(CC.PolicyPCR, 1, PCR as unknown as Procedure, policyPcr),
  entry(CC.PolicyGetDigest, 1, GET_DIGEST as unknown as Procedure, policyGetDigest),
]
