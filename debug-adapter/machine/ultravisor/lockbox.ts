import { writePublicKeyPem } from '../../../server/esm/crypto/pem.ts'
import { type Finding, finding } from '../../../server/esm/findings.ts'
import { PAGE_BYTES, PAGE_SHIFT } from '../memory/real-memory.ts'
import { HCALL, hcallCodeName } from '../platform/hcall-table.ts'
import { Procedure, type Steps } from '../steps.ts'
import { TransportError } from '../tss/transport.ts'
import { unwrapSymmetricKey } from '../tss/unwrap.ts'
import { EsmRefused, type EsmRun } from './esm-run.ts'
import { pinnedPage, pinReserved } from './pin.ts'
import type { Svm } from './svm.ts'
import { crash, type Ultravisor, type WrappingKeyProperty } from './ultravisor.ts'

const OPEN = new Procedure('ultravisor', 'open the lockbox', 'spec/ultravisor.md §4.3', {
  properties: 'read the properties of the wrapping key from the private store',
  unwrap: 'have the TPM decrypt the symmetric key, through a session that the hypervisor cannot read',
  keep: 'keep the symmetric key in its secure page',
})

const CARRY = new Procedure('ultravisor', 'TPM exchange', 'spec/tpm.md §4.5', {
  copyIn: 'copy the command into the bounce page, which is shared with the hypervisor',
  call: 'H_SVM_TPM_COMM',
  copyOut: 'copy the response into the secure page, clear the bounce page',
})

/** Bytes of the bounce buffer in its 64 KiB page (spec/ultravisor.md §0.1). */
const TPM_BUFFER = 4096
const BOUNCE = 'TPM bounce'
const EXECUTE = 1n
const CLOSE = 2n

/** Where the keys page holds the length of the master key, and the key. */
const KEY_LENGTH_AT = 0n
const KEY_AT = 8n

const PROPERTIES: readonly WrappingKeyProperty[] = [
  'wrapping-key-handle',
  'wrapping-key-passwd',
  'wrapping-key-publicname',
  'wrapping-key-policy-a',
  'wrapping-key-policy-b',
]

/** What the lockbox turned out to be, and for which TPM key: for findings about recipients. */
export interface OpenedLockbox {
  readonly key: Uint8Array
  readonly tpmPublicKeyPem: string
}

export type ExplainUnwrap = (found: string, tpmPublicKeyPem: string | undefined) => readonly Finding[]

/**
 * Has the TPM unwrap the master key and puts it into the keys page.
 * @param explain names what is wrong with a lockbox that the TPM could not open
 * @throws EsmRefused with ESM025, ESM026, ESM130 to ESM135, or what `explain` finds
 */
export function* openLockbox(run: EsmRun, encryptedSymkey: Uint8Array, explain: ExplainUnwrap): Steps<OpenedLockbox> {
  return yield* OPEN.frame({ encryptedSymkey }, openSteps(run, encryptedSymkey, explain))
}

function* openSteps(run: EsmRun, ciphertext: Uint8Array, explain: ExplainUnwrap): Steps<OpenedLockbox> {
  const { uv } = run
  yield OPEN.at('properties')
  const values = new Map<WrappingKeyProperty, Uint8Array>()
  for (const name of PROPERTIES) {
    const value = uv.wrappingKey(name)
    if (value) values.set(name, value)
  }
  const missing = PROPERTIES.filter((name) => !values.has(name))
  if (missing.length > 0) run.judge([finding('ESM130', { found: `no ${missing.join(', ')}` })])

  const handle = new DataView(values.get('wrapping-key-handle')!.slice().buffer).getUint32(0)
  yield OPEN.at('unwrap', { handle: BigInt(handle) })
  const password = values.get('wrapping-key-passwd')!
  const end = password.indexOf(0)
  const { crypto, random } = uv.parts
  try {
    const unwrapped = yield* unwrapSymmetricKey((command) => exchange(run, command), {
      crypto,
      random,
      handle,
      password: end < 0 ? password : password.slice(0, end),
      publicName: values.get('wrapping-key-publicname')!,
      policyA: values.get('wrapping-key-policy-a')!,
      policyB: values.get('wrapping-key-policy-b')!,
      ciphertext,
    })
    const pem = unwrapped.publicKey && writePublicKeyPem(unwrapped.publicKey)
    if (!unwrapped.ok) run.judge(unwrapFindings(unwrapped, (found) => explain(found, pem)))
    else {
      yield OPEN.at('keep', { bytes: unwrapped.key.length })
      keepMasterKey(run, unwrapped.key)
      return { key: unwrapped.key, tpmPublicKeyPem: pem! }
    }
  } catch (error) {
    if (error instanceof TransportError) run.judge([finding('ESM135', { found: error.message })])
    throw error
  } finally {
    yield* uv.crossing.hypercall(HCALL.H_SVM_TPM_COMM, [CLOSE], run.frame.msr)
  }
  throw new EsmRefused({ rule: 'ESM026', expected: 'a key', found: 'none', source: 'spec/tpm.md §4' })
}

/** Which rule a failed unwrap is a case of (spec/tpm.md §4.6). */
function unwrapFindings(
  failure: { readonly rule: string; readonly reason: string },
  explain: (found: string) => readonly Finding[],
): readonly Finding[] {
  if (failure.rule !== 'ESM025' && failure.rule !== 'ESM026') return [finding(failure.rule, { found: failure.reason })]
  const explained = explain(failure.reason)
  return explained.length > 0 ? explained : [finding(failure.rule, { found: failure.reason })]
}

/** One TPM command through the hypervisor (spec/tpm.md §4.5). */
function* exchange(run: EsmRun, command: Uint8Array): Steps<Uint8Array> {
  return yield* CARRY.frame({ bytes: command.length }, exchangeSteps(run, command))
}

function* exchangeSteps(run: EsmRun, command: Uint8Array): Steps<Uint8Array> {
  const { svm, uv } = run
  const bounceGpa = svm.reserved.get(BOUNCE)!.gpa
  if (command.length > TPM_BUFFER) throw new TransportError(`a command of ${command.length} bytes, more than 4096`)
  yield* pin(run)
  yield CARRY.at('copyIn', { command })
  uv.memory.write(pinnedPage(svm, BOUNCE), command)
  yield CARRY.at('call', { gpa: bounceGpa })
  const args = [EXECUTE, bounceGpa, BigInt(command.length), bounceGpa, BigInt(TPM_BUFFER)]
  const [r3, r4] = yield* uv.crossing.hypercall(HCALL.H_SVM_TPM_COMM, args, run.frame.msr)
  const code = BigInt.asIntN(64, r3!)
  if (code !== 0n) throw new TransportError(`the hypervisor answered H_SVM_TPM_COMM with ${hcallCodeName(code)}`)
  if (r4! > BigInt(TPM_BUFFER) && uv.quirk('Q32')) crash('Q32', `a TPM response of ${r4} bytes`)
  if (r4! > BigInt(TPM_BUFFER)) throw new TransportError(`a response of ${r4} bytes, more than 4096`)
  yield* pin(run)
  yield CARRY.at('copyOut', { bytes: r4! })
  const bounce = pinnedPage(svm, BOUNCE)
  const response = uv.memory.read(bounce, Number(r4))
  uv.memory.write(svm.securePage(svm.reserved.get('TPM response')!.gpa >> PAGE_SHIFT)!, response)
  uv.memory.fill(bounce, 0, TPM_BUFFER)
  return response
}

/** @throws TransportError where the hypervisor withdrew the bounce page and does not bring it back */
function* pin({ uv, svm, frame }: EsmRun): Steps<void> {
  const lost = yield* pinReserved(uv, svm, [BOUNCE], frame.msr)
  if (lost !== undefined) throw new TransportError('the hypervisor withdrew the bounce page of the TPM')
}

function keepMasterKey(run: EsmRun, key: Uint8Array): void {
  const page = run.svm.securePage(run.svm.reserved.get('keys and digests')!.gpa >> PAGE_SHIFT)!
  run.uv.memory.setU64(page + KEY_LENGTH_AT, BigInt(key.length))
  run.uv.memory.write(page + KEY_AT, key)
}

/** The operand's symmetric key: always 32 bytes of the keys page, as attachments use it (spec/esm-operand.md §2.2). */
export function masterKeyOf(uv: Ultravisor, svm: Svm): Uint8Array {
  const { gpa } = svm.reserved.get('keys and digests')!
  const page = svm.securePage(gpa >> PAGE_SHIFT)
  // The hypervisor may remove the slot that it lies in.
  return page === undefined ? new Uint8Array(32) : uv.memory.read(page + KEY_AT, 32)
}

/** Overwrites the keys page, and what else UV_ESM put into its reserved pages. */
export function eraseReserved(uv: Ultravisor, svm: Svm): void {
  for (const { gpa, pages } of svm.reserved.values())
    for (let i = 0n; i < BigInt(pages); i++) {
      const page = svm.securePage((gpa >> PAGE_SHIFT) + i)
      if (page !== undefined) uv.clear(page, PAGE_BYTES)
    }
}
