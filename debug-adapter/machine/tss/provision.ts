import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import { Procedure, type Steps } from '../steps.ts'
import { type FieldReader, pack, u32 } from '../tpm/bytes.ts'
import { CC, commandName, responseCodeName } from '../tpm/constants.ts'
import * as command from './commands.ts'
import { PolicySession } from './policy-session.ts'
import type { TpmTransport } from './transport.ts'

const PROVISION = new Procedure('firmware', 'wrapping key', 'spec/tpm.md §3', {
  password: 'draw 16 random bytes that are not zero: the password of this boot',
  look: 'look whether the wrapping key exists already',
  parent: 'make the storage key under the platform hierarchy',
  create: 'create the wrapping key with the password as its authValue, and keep it',
  session: 'open a policy session for branch B: the password may change while PCR 16 is zero',
  change: 'change the authValue of the wrapping key to the new password',
  keep: 'replace the persistent copy',
  name: 'read the Name of the wrapping key',
})

export const PARENT = 0x8180_0000
export const WRAPPING_KEY = 0x8180_0001
const PASSWORD_BYTES = 16
/** The register that branch B names: the resettable debug PCR, as published (Q45). */
const POLICY_PCR = 16

export interface WrappingKey {
  readonly handle: number
  readonly password: Uint8Array
  readonly publicName: Uint8Array
  readonly policyA: Uint8Array
  readonly policyB: Uint8Array
}

export type Provisioned =
  | { readonly ok: true; readonly key: WrappingKey }
  | { readonly ok: false; readonly reason: string }

class Failed extends Error {}

/** The two branches of the wrapping key's policy, computed (spec/tpm.md §2.3). */
export function wrappingKeyPolicies(crypto: CryptoProvider): { a: Uint8Array; b: Uint8Array; or: Uint8Array } {
  const zero = new Uint8Array(32)
  const code = (value: number) => crypto.sha256(zero, pack(u32(CC.PolicyCommandCode), u32(value)))
  const a = crypto.sha256(code(CC.RSA_Decrypt), pack(u32(CC.PolicyAuthValue)))
  const selection = Uint8Array.of(0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 1)
  const b = crypto.sha256(code(CC.ObjectChangeAuth), pack(u32(CC.PolicyPCR)), selection, crypto.sha256(zero))
  return { a, b, or: crypto.sha256(zero, pack(u32(CC.PolicyOR)), a, b) }
}

/**
 * OPAL's provisioning: makes the wrapping key on the first boot, changes its password on later ones.
 * @param transport the local bus
 */
export function* provisionWrappingKey(
  transport: TpmTransport,
  options: { readonly crypto: CryptoProvider; readonly random: RandomSource },
): Steps<Provisioned> {
  return yield* PROVISION.frame({}, provision(transport, options))
}

function* provision(
  transport: TpmTransport,
  options: { readonly crypto: CryptoProvider; readonly random: RandomSource },
): Steps<Provisioned> {
  const policies = wrappingKeyPolicies(options.crypto)
  const send = function* (packet: Uint8Array): Steps<FieldReader> {
    const response = command.readResponse(yield* transport(packet))
    if (response.code === 0) return response.body
    const name = commandName(new DataView(packet.buffer, packet.byteOffset).getUint32(6))
    throw new Failed(`${name} answered 0x${response.code.toString(16)} (${responseCodeName(response.code)})`)
  }
  try {
    const password = yield* drawPassword(send)
    yield PROVISION.at('look')
    const listed = yield* send(command.getHandles(0x8100_0000))
    const handles = readHandles(listed)
    if (handles.includes(WRAPPING_KEY)) yield* rotate(send, options, password, policies)
    else yield* create(send, handles, password, policies)
    yield PROVISION.at('name')
    const body = yield* send(command.readPublic(WRAPPING_KEY))
    body.sized()
    const publicName = body.sized()
    // Only to work around an erratum of the chip; a failure is logged and no more (spec/tpm.md §3.1 step 11).
    yield* transport(command.selfTest())
    return { ok: true, key: { handle: WRAPPING_KEY, password, publicName, policyA: policies.a, policyB: policies.b } }
  } catch (error) {
    if (!(error instanceof Failed) && !(error instanceof RangeError)) throw error
    return { ok: false, reason: error.message }
  }
}

type Send = (packet: Uint8Array) => Steps<FieldReader>
type Policies = ReturnType<typeof wrappingKeyPolicies>

function* drawPassword(send: Send): Steps<Uint8Array> {
  yield PROVISION.at('password')
  const password: number[] = []
  while (password.length < PASSWORD_BYTES) {
    const body = yield* send(command.getRandom(PASSWORD_BYTES))
    // Zeros are left out: the password is handed on as a C string.
    password.push(...body.sized().filter((byte) => byte !== 0))
  }
  return Uint8Array.from(password.slice(0, PASSWORD_BYTES))
}

function readHandles(body: FieldReader): number[] {
  body.u8()
  body.u32()
  return Array.from({ length: body.u32() }, () => body.u32())
}

function* create(send: Send, handles: readonly number[], password: Uint8Array, policies: Policies): Steps<void> {
  if (!handles.includes(PARENT)) {
    yield PROVISION.at('parent')
    const handle = (yield* send(command.createPrimary())).u32()
    yield* send(command.evictControl(handle, PARENT))
    yield* send(command.flushContext(handle))
  }
  yield PROVISION.at('create')
  const created = yield* send(command.createWrappingKey(PARENT, password, policies.or))
  created.u32()
  const privateArea = created.sized()
  const publicArea = created.sized()
  const handle = (yield* send(command.load(PARENT, privateArea, publicArea))).u32()
  yield* send(command.evictControl(handle, WRAPPING_KEY))
  yield* send(command.flushContext(handle))
}

function* rotate(
  send: Send,
  { crypto, random }: { readonly crypto: CryptoProvider; readonly random: RandomSource },
  password: Uint8Array,
  policies: Policies,
): Steps<void> {
  yield PROVISION.at('session', { pcr: POLICY_PCR })
  const nonce = random(32)
  const started = yield* send(command.startPolicySession(nonce))
  const handle = started.u32()
  const nonceTpm = started.sized()
  try {
    yield* send(command.policyCommandCode(handle, CC.ObjectChangeAuth))
    yield* send(command.policyGetDigest(handle))
    yield* send(command.policyPcr(handle, POLICY_PCR))
    yield* send(command.policyGetDigest(handle))
    yield* send(command.policyOr(handle, [policies.a, policies.b]))
    yield* send(command.policyGetDigest(handle))
    yield* send(command.readPublic(PARENT))
    const publicArea = (yield* send(command.readPublic(WRAPPING_KEY))).sized()
    yield PROVISION.at('change')
    const session = new PolicySession(crypto, handle, nonceTpm, nonce)
    const changed = yield* send(session.objectChangeAuth(WRAPPING_KEY, PARENT, password, random(32)))
    changed.u32()
    const privateArea = changed.sized()
    yield PROVISION.at('keep')
    yield* send(command.evictControl(WRAPPING_KEY, WRAPPING_KEY))
    const loaded = (yield* send(command.load(PARENT, privateArea, publicArea))).u32()
    yield* send(command.evictControl(loaded, WRAPPING_KEY))
    yield* send(command.flushContext(loaded))
  } finally {
    yield* send(command.flushContext(handle))
  }
}
