import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import { type RsaPublicKey, toBigInt } from '../../../server/esm/crypto/rsa.ts'
import { Procedure, type Steps } from '../steps.ts'
import { equal, type FieldReader, hex } from '../tpm/bytes.ts'
import { CC, responseCodeName } from '../tpm/constants.ts'
import { readPublicArea } from '../tpm/public-area.ts'
import * as command from './commands.ts'
import { nameOfPublic, PolicySession } from './policy-session.ts'
import { type TpmTransport, TransportError } from './transport.ts'

const UNWRAP = new Procedure('ultravisor', 'UV_TSS_Decrypt', 'spec/tpm.md §4.1', {
  readPublic: 'ReadPublic: is it the key that OPAL named?',
  start: 'StartAuthSession: a policy session with a fresh nonce',
  commandCode: 'PolicyCommandCode(RSA_Decrypt)',
  authValue: 'PolicyAuthValue: the HMAC will show knowledge of the password',
  or: 'PolicyOR of use and rotate',
  decrypt: 'RSA_Decrypt, with an HMAC keyed by the password, response encrypted',
  check: 'check the HMAC of the response and decrypt the key',
  flush: 'FlushContext: close the session',
})

export interface UnwrapOptions {
  readonly crypto: CryptoProvider
  readonly random: RandomSource
  readonly handle: number
  /** authValue of the key, without the NUL that ends it in the device tree. */
  readonly password: Uint8Array
  readonly publicName: Uint8Array
  readonly policyA: Uint8Array
  readonly policyB: Uint8Array
  readonly ciphertext: Uint8Array
}

interface Result {
  /** The TPM's key as ReadPublic gave it, where it came so far. */
  readonly publicKey?: RsaPublicKey
}

export type Unwrapped = Result &
  (
    | { readonly ok: true; readonly key: Uint8Array }
    /** `rule`: of spec/esm-operand.md §12. */
    | { readonly ok: false; readonly rule: string; readonly reason: string; readonly responseCode?: number }
  )

/** Which rule a response code of which command is a case of (spec/tpm.md §4.6). */
function ruleOf(name: string, code: number): string {
  if (name === 'ReadPublic') return 'ESM131'
  if (name === 'PolicyOR') return 'ESM134'
  if (name === 'RSA_Decrypt') {
    if (code === 0x9a2) return 'ESM133'
    if (code === 0x99d) return 'ESM134'
    if ((code & 0x3f) === 0x15 && (code & 0x80) !== 0) return 'ESM025'
    if (code === 0x101 || code === 0x1c4) return 'ESM026'
  }
  return 'ESM131'
}

/**
 * Has the TPM decrypt a lockbox. The order of the commands is that of the released ultravisor.
 * @throws TransportError where a command does not reach the TPM, or what comes back is no response
 */
export function* unwrapSymmetricKey(transport: TpmTransport, options: UnwrapOptions): Steps<Unwrapped> {
  return yield* UNWRAP.frame({ handle: BigInt(options.handle) }, unwrap(transport, options))
}

function* send(
  transport: TpmTransport,
  packet: Uint8Array,
): Steps<{ code: number; body: FieldReader; bytes: Uint8Array }> {
  const bytes = yield* transport(packet)
  try {
    return { ...command.readResponse(bytes), bytes }
  } catch (error) {
    throw new TransportError((error as Error).message)
  }
}

function failure(name: string, code: number): Unwrapped {
  const reason = `TPM2_${name} answered 0x${code.toString(16)} (${responseCodeName(code)})`
  return { ok: false, rule: ruleOf(name, code), reason, responseCode: code }
}

function* unwrap(transport: TpmTransport, options: UnwrapOptions): Steps<Unwrapped> {
  const { crypto, random, handle, publicName } = options
  yield UNWRAP.at('readPublic')
  const read = yield* send(transport, command.readPublic(handle))
  if (read.code !== 0) return failure('ReadPublic', read.code)
  const publicArea = read.body.sized()
  const name = nameOfPublic(crypto, publicArea)
  if (!equal(name, read.body.sized()))
    return { ok: false, rule: 'ESM132', reason: 'the TPM answered a Name that is not that of its public area' }
  if (!equal(name, publicName))
    return {
      ok: false,
      rule: 'ESM132',
      reason: `the TPM's key has the Name ${hex(name)}, OPAL recorded ${hex(publicName)}`,
    }

  const nonceCaller = random(32)
  yield UNWRAP.at('start', { nonceCaller })
  const started = yield* send(transport, command.startPolicySession(nonceCaller))
  if (started.code !== 0) return failure('StartAuthSession', started.code)
  const sessionHandle = started.body.u32()
  const session = new PolicySession(crypto, sessionHandle, started.body.sized(), nonceCaller)
  const result = yield* useSession(transport, options, session, name)
  yield UNWRAP.at('flush', { session: BigInt(sessionHandle) })
  yield* send(transport, command.flushContext(sessionHandle))
  return { ...result, publicKey: publicKeyOf(publicArea) }
}

/** The RSA key in a public area. @throws TransportError where it is none */
function publicKeyOf(publicArea: Uint8Array): RsaPublicKey {
  try {
    const { unique: modulus, exponent } = readPublicArea(publicArea, 1)
    return { n: toBigInt(modulus), e: BigInt(exponent || 65537), bytes: modulus.length }
  } catch (error) {
    throw new TransportError(`a public area that is no RSA key: ${(error as Error).message}`)
  }
}

function* useSession(
  transport: TpmTransport,
  options: UnwrapOptions,
  session: PolicySession,
  name: Uint8Array,
): Steps<Unwrapped> {
  const { handle, password, policyA, policyB, ciphertext } = options
  yield UNWRAP.at('commandCode')
  const commandCode = yield* send(transport, command.policyCommandCode(session.handle, CC.RSA_Decrypt))
  if (commandCode.code !== 0) return failure('PolicyCommandCode', commandCode.code)
  yield UNWRAP.at('authValue')
  const authValue = yield* send(transport, command.policyAuthValue(session.handle))
  if (authValue.code !== 0) return failure('PolicyAuthValue', authValue.code)
  yield UNWRAP.at('or', { policyA, policyB })
  const or = yield* send(transport, command.policyOr(session.handle, [policyA, policyB]))
  if (or.code !== 0) return failure('PolicyOR', or.code)

  const nonce = options.random(32)
  yield UNWRAP.at('decrypt', { nonceCaller: nonce })
  const decrypted = yield* send(transport, session.rsaDecrypt(handle, name, ciphertext, password, nonce))
  if (decrypted.code !== 0) return failure('RSA_Decrypt', decrypted.code)
  yield UNWRAP.at('check', { response: decrypted.bytes })
  const key = session.openRsaDecrypt(decrypted.bytes, password, nonce)
  if (!key)
    return { ok: false, rule: 'ESM135', reason: 'the HMAC of the response does not match: it is not from the TPM' }
  return { ok: true, key }
}
