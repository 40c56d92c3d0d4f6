import { Procedure } from '../../steps.ts'
import { equal, pack, sized, u32, u64 } from '../bytes.ts'
import { command, plain, type Run, user } from '../command.ts'
import { CC, RC, RH, TAG, TpmError } from '../constants.ts'
import { entity, isHierarchy, isPolicySession } from '../handles.ts'
import { EMPTY } from '../key-derivation.ts'
import { digestOf, readSelections, writeSelections } from '../pcr-selection.ts'
import { extendPolicy } from '../session.ts'
import type { TpmState } from '../state.ts'
import { ticket } from '../tickets.ts'

const POLICY_STEPS = { check: 'check the session and the arguments', extend: 'extend the policy digest' } as const
const MAX_DIGEST_FIELD = 64

const COMMAND_CODE = new Procedure('tpm', 'TPM2_PolicyCommandCode', 'TPM 2.0 Part 3 §23.11', POLICY_STEPS)
const IMPLEMENTED: ReadonlySet<number> = new Set(Object.values(CC))

const policyCommandCode: Run = function* (tpm, handles, parameters) {
  const { policy } = tpm.session(handles[0]!, 1)
  const code = parameters.next().u32()
  yield COMMAND_CODE.at('check', { code: BigInt(code) })
  if (policy.commandCode !== undefined && policy.commandCode !== code) throw parameters.fail(RC.VALUE)
  if (!IMPLEMENTED.has(code)) throw parameters.fail(RC.POLICY_CC)
  extendPolicy(tpm.crypto, policy, CC.PolicyCommandCode, pack(u32(code)))
  policy.commandCode = code
  yield COMMAND_CODE.at('extend', { policyDigest: policy.digest })
  return {}
}

const AUTH_VALUE = new Procedure('tpm', 'TPM2_PolicyAuthValue', 'TPM 2.0 Part 3 §23.17', POLICY_STEPS)

const policyAuthValue: Run = function* (tpm, handles) {
  const { policy } = tpm.session(handles[0]!, 1)
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

const policyOr: Run = function* (tpm, handles, parameters) {
  const session = tpm.session(handles[0]!, 1)
  const count = parameters.next().u32()
  if (count < 2 || count > 8) throw parameters.fail(RC.SIZE)
  const digests = Array.from({ length: count }, () => parameters.sized(MAX_DIGEST_FIELD))
  const { policy } = session
  yield OR.at('check', { policyDigest: policy.digest, branches: count })
  if (session.kind === 'policy' && !digests.some((digest) => equal(digest, policy.digest)))
    throw parameters.fail(RC.VALUE)
  policy.digest = new Uint8Array(32)
  extendPolicy(tpm.crypto, policy, CC.PolicyOR, ...digests)
  yield OR.at('extend', { policyDigest: policy.digest })
  return {}
}

const PCR = new Procedure('tpm', 'TPM2_PolicyPCR', 'TPM 2.0 Part 3 §23.7', {
  check: 'digest the selected PCRs as they are now',
  extend: 'extend the policy digest by the selection and that digest',
})

const policyPcr: Run = function* (tpm, handles, parameters) {
  const { policy, kind } = tpm.session(handles[0]!, 1)
  const given = parameters.next().sized(MAX_DIGEST_FIELD)
  const selections = readSelections(parameters.next())
  const current = digestOf(tpm, selections)
  yield PCR.at('check', { digest: current, selections: selections.length })
  if (kind === 'policy') {
    if (policy.pcrCounter !== undefined && policy.pcrCounter !== tpm.pcrs.counter) throw new TpmError(RC.PCR_CHANGED)
    if (given.length > 0 && !equal(given, current)) throw TpmError.parameter(RC.VALUE, 1)
    policy.pcrCounter = tpm.pcrs.counter
  }
  // A trial takes the word of the caller for what the PCRs will be.
  const digest = kind === 'trial' && given.length > 0 ? given : current
  extendPolicy(tpm.crypto, policy, CC.PolicyPCR, writeSelections(selections), digest)
  yield PCR.at('extend', { policyDigest: policy.digest })
  return {}
}

const GET_DIGEST = new Procedure('tpm', 'TPM2_PolicyGetDigest', 'TPM 2.0 Part 3 §23.16', {
  read: 'read the policy digest',
})

const policyGetDigest: Run = function* (tpm, handles) {
  const { policy } = tpm.session(handles[0]!, 1)
  yield GET_DIGEST.at('read', { policyDigest: policy.digest })
  return { parameters: sized(policy.digest) }
}

const SECRET = new Procedure('tpm', 'TPM2_PolicySecret', 'TPM 2.0 Part 3 §23.4', POLICY_STEPS)
/** Set in a timeout that ends with a reset of the TPM rather than with the session. */
const EXPIRES_ON_RESET = 1n << 63n

const policySecret: Run = function* (tpm, handles, parameters) {
  const [authorizer, sessionHandle] = handles as [number, number]
  const { policy, kind, nonceTpm } = tpm.session(sessionHandle, 2)
  const nonce = parameters.next().sized(MAX_DIGEST_FIELD)
  const cpHash = parameters.next().sized(MAX_DIGEST_FIELD)
  const reference = parameters.next().sized(MAX_DIGEST_FIELD)
  const expiration = parameters.next().u32() | 0
  yield SECRET.at('check', { expiration })
  const seconds = Math.min(Math.abs(expiration), 0x7fff_ffff)
  const timeout = expiration === 0 ? 0 : seconds * 1000 + (nonce.length > 0 ? tpm.time : tpm.time % 1000)
  if (kind === 'policy') {
    if (nonce.length > 0 && !equal(nonce, nonceTpm)) throw TpmError.parameter(RC.NONCE, 1)
    if (timeout !== 0 && timeout < tpm.time) throw TpmError.parameter(RC.EXPIRED, 4)
    if (cpHash.length > 0 && cpHash.length !== policy.digest.length) throw TpmError.parameter(RC.SIZE, 2)
    if (cpHash.length > 0 && policy.cpHash && !equal(policy.cpHash, cpHash)) throw new TpmError(RC.CPHASH)
  }
  const name = tpm.nameOfHandle(authorizer)
  extendPolicy(tpm.crypto, policy, CC.PolicySecret, name)
  policy.digest = tpm.crypto.sha256(policy.digest, reference)
  if (cpHash.length > 0) policy.cpHash = cpHash
  if (timeout !== 0 && kind === 'policy') policy.expires = Math.min(policy.expires ?? timeout, timeout)
  yield SECRET.at('extend', { policyDigest: policy.digest })
  if (expiration >= 0 || kind === 'trial')
    return { parameters: pack(sized(EMPTY), ticket(tpm, TAG.AUTH_SECRET, RH.NULL)) }
  const shown = BigInt(timeout) | (nonce.length === 0 ? EXPIRES_ON_RESET : 0n)
  const hierarchy = hierarchyOf(tpm, authorizer)
  const said = [u64(shown), sized(cpHash), sized(reference), sized(name)]
  return { parameters: pack(sized(u64(shown)), ticket(tpm, TAG.AUTH_SECRET, hierarchy, ...said)) }
}

/** The hierarchy that an entity belongs to: what has none of its own is the platform's, or the owner's. */
function hierarchyOf(tpm: TpmState, handle: number): number {
  if (handle === RH.LOCKOUT) return RH.OWNER
  return isHierarchy(handle) ? handle : (tpm.objects.get(handle)?.hierarchy ?? RH.OWNER)
}

const session = plain(isPolicySession)

export const policyCommands = [
  command(CC.PolicyCommandCode, [session], COMMAND_CODE, policyCommandCode),
  command(CC.PolicyAuthValue, [session], AUTH_VALUE, policyAuthValue),
  command(CC.PolicyOR, [session], OR, policyOr),
  command(CC.PolicyPCR, [session], PCR, policyPcr, { decrypts: true }),
  command(CC.PolicyGetDigest, [session], GET_DIGEST, policyGetDigest, { encrypts: true }),
  command(CC.PolicySecret, [user(entity), session], SECRET, policySecret, { decrypts: true, encrypts: true }),
]
