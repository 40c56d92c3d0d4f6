import type { CryptoProvider } from '../../../server/esm/crypto/provider.ts'
import type { Steps } from '../steps.ts'
import { AUTHORIZE, type CheckedSession, type Request, responseHmac } from './authorization.ts'
import { FieldReader, pack, sized, u8, u32 } from './bytes.ts'
import { RC, SESSION, TpmError } from './constants.ts'
import { EMPTY, kdfa } from './key-derivation.ts'
import { newPolicy, type Session } from './session.ts'
import type { TpmState } from './state.ts'

const IV_BITS = 128

/** Key and IV of one parameter (TPM 2.0 part 1, 21.3): the authValue belongs to it, HMAC or not. */
function parameterKey(
  crypto: CryptoProvider,
  { key, symmetric }: Session,
  auth: Uint8Array,
  newer: Uint8Array,
  older: Uint8Array,
): [Uint8Array, Uint8Array] {
  const bits = symmetric!.keyBits
  const both = kdfa(crypto, pack(key, auth), 'CFB', newer, older, bits + IV_BITS)
  return [both.slice(0, bits / 8), both.slice(bits / 8)]
}

const asking = (checked: readonly CheckedSession[], attribute: number) =>
  checked.find(({ use, session }) => session && (use.attributes & attribute) !== 0)

const authOf = (tpm: TpmState, { entity }: CheckedSession): Uint8Array =>
  entity === undefined ? EMPTY : tpm.authValueOf(entity)

/** Decrypts the first parameter where a session asks for it (part 1, 21). @returns the parameters in clear */
export function* decryptParameters(
  tpm: TpmState,
  checked: readonly CheckedSession[],
  parameters: Uint8Array,
): Steps<Uint8Array> {
  const by = asking(checked, SESSION.decrypt)
  if (!by?.session) return parameters
  const reader = new FieldReader(parameters)
  const index = checked.indexOf(by) + 1
  const size = reader.left < 2 ? undefined : reader.u16()
  if (size === undefined) throw TpmError.session(RC.INSUFFICIENT, index)
  if (size > reader.left) throw TpmError.session(RC.SIZE, index)
  const first = reader.take(size)
  yield AUTHORIZE.at('decrypt', { bytes: first.length })
  const { session, use } = by
  const [key, iv] = parameterKey(tpm.crypto, session, authOf(tpm, by), use.nonceCaller, session.nonceTpm)
  return pack(sized(tpm.crypto.aesCfbDecrypt(key, iv, first)), reader.rest())
}

/** Rolls the nonces, and encrypts the first response parameter where a session asks for it. */
export function responseParameters(
  tpm: TpmState,
  checked: readonly CheckedSession[],
  parameters: Uint8Array,
): Uint8Array {
  for (const { session } of checked) if (session) session.nonceTpm = tpm.random(session.nonceTpm.length)
  const by = asking(checked, SESSION.encrypt)
  if (!by?.session) return parameters
  const reader = new FieldReader(parameters)
  const first = reader.sized()
  const { session, use } = by
  const [key, iv] = parameterKey(tpm.crypto, session, authOf(tpm, by), session.nonceTpm, use.nonceCaller)
  return pack(sized(tpm.crypto.aesCfbEncrypt(key, iv, first)), reader.rest())
}

/** The authorization area of a response, and the end of sessions that are not to go on. */
export function responseSessions(
  tpm: TpmState,
  request: Request,
  command: Uint8Array,
  checked: readonly CheckedSession[],
  parameters: Uint8Array,
): Uint8Array {
  const rpHash = tpm.crypto.sha256(pack(u32(0), u32(request.command.code)), parameters)
  audit(tpm, checked, command, rpHash)
  const parts = checked.map((one) => {
    const { use, session } = one
    if (!session) return pack(sized(EMPTY), u8(use.attributes | SESSION.continueSession), sized(EMPTY))
    const exclusive = tpm.exclusiveAudit === session.handle
    const audited = (use.attributes & SESSION.audit) !== 0
    const rest = use.attributes & ~SESSION.auditExclusive
    const attributes = !audited ? use.attributes : exclusive ? rest | SESSION.auditExclusive : rest
    const hmac = responseHmac(tpm, one, attributes, rpHash)
    if (session.kind === 'policy') session.policy = newPolicy()
    if ((use.attributes & SESSION.continueSession) === 0) tpm.endSession(session.handle)
    return pack(sized(session.nonceTpm), u8(attributes), sized(hmac))
  })
  return pack(...parts)
}

/** auditDigest := H(auditDigest ‖ cpHash ‖ rpHash) (part 1, 19.12). The first use starts from zeros, and unbinds. */
function audit(tpm: TpmState, checked: readonly CheckedSession[], command: Uint8Array, rpHash: Uint8Array): void {
  const by = checked.find(({ use, session }) => session && (use.attributes & SESSION.audit) !== 0)
  if (!by?.session) {
    tpm.exclusiveAudit = undefined
    return
  }
  const { session, use } = by
  if (!session.auditDigest || (use.attributes & SESSION.auditReset) !== 0) {
    session.auditDigest = new Uint8Array(32)
    session.bound = undefined
    tpm.exclusiveAudit = session.handle
  } else if (tpm.exclusiveAudit !== session.handle) tpm.exclusiveAudit = undefined
  session.auditDigest = tpm.crypto.sha256(session.auditDigest, command, rpHash)
}
