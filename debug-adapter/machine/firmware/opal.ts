import { newFdt, newNode, writeFdt } from '../../../server/esm/fdt.ts'
import { MSR } from '../cpu/msr.ts'
import { Actor } from '../memory/actor.ts'
import { SECURE_RA_BIT } from '../memory/real-memory.ts'
import { Procedure, type Steps } from '../steps.ts'
import { nvReadPublic } from '../tss/commands.ts'
import { provisionWrappingKey, type WrappingKey } from '../tss/provision.ts'
import { logExchange } from './local-tpm.ts'
import { HOST_KERNEL, OPAL, ULTRAVISOR, UV_FDT, UV_OPAL } from './memory-map.ts'
import { type BootParts, componentDigests, measure } from './parts.ts'

const BEFORE = new Procedure('firmware', 'OPAL', 'spec/ultravisor.md §7.1', {
  loadUltravisor: 'load and verify the ultravisor, measure it into PCR 4',
  place: 'place the ultravisor at the start of secure memory',
  probe: 'probe NV index 0x01C10190; the result is only logged',
  loadKernel: 'load the host kernel, measure it into PCR 4',
  wrappingKey: 'provision the wrapping key: a random password for TPM and ultravisor',
  close: 'extend the separator into PCR 0 to 7: no firmware measurement after this',
  handOver: 'write the password into uv_fdt in secure memory, and struct uv_opal',
  forget: 'overwrite the own copy of the password',
  start: 'start the ultravisor',
})

const AFTER = new Procedure('firmware', 'OPAL after the ultravisor', 'spec/ultravisor.md §7.1', {
  check: 'check that MSR[S] is 0 now: OPAL is not trusted any more',
  host: 'start the host kernel',
})

const NV_INDEX = 0x01c1_0190
const SEPARATOR = Uint8Array.of(0xff, 0xff, 0xff, 0xff)
const LAST_FIRMWARE_PCR = 7
/** Where OPAL holds the password until it has handed it over: 16 bytes in its own memory. */
const PASSWORD_AT = BigInt(OPAL.start) + 0x1000n
const OPAL_MAGIC = 0x4f50_5556

/** OPAL up to the start of the ultravisor, and after it. */
export function* opal(parts: BootParts): Steps<void> {
  yield* BEFORE.frame({}, before(parts))
  yield* AFTER.frame({}, after(parts))
}

function* before(parts: BootParts): Steps<void> {
  const { crypto, memory, trace, tpm } = parts
  const secure = (offset: number) => SECURE_RA_BIT + BigInt(offset)
  trace.add({
    type: 'boot',
    stage: 'OPAL',
    title: 'OPAL: load the ultravisor, provision the wrapping key',
    tcb: ['processor', 'self-boot engine', 'hostboot', 'OPAL', 'TPM'],
  })
  yield BEFORE.at('loadUltravisor')
  yield* measure(parts, 'OPAL', 4, 'ultravisor image', componentDigests(crypto, 'the ultravisor'))
  yield BEFORE.at('place', { base: secure(ULTRAVISOR.base) })
  memory.assign(secure(ULTRAVISOR.base), ULTRAVISOR.textBytes >> 16, { owner: 'ultravisor', use: 'text' })
  memory.assign(secure(ULTRAVISOR.storeOffset), ULTRAVISOR.storeBytes >> 16, {
    owner: 'ultravisor',
    use: 'store of the wrapping key properties',
  })
  yield BEFORE.at('probe')
  yield* logExchange(tpm, trace, 'OPAL', nvReadPublic(NV_INDEX))
  yield BEFORE.at('loadKernel')
  yield* measure(parts, 'OPAL', 4, 'host kernel', componentDigests(crypto, 'the host kernel'))

  yield BEFORE.at('wrappingKey')
  const provisioned = yield* provisionWrappingKey((request) => logExchange(tpm, trace, 'OPAL', request), parts)
  const firmware = memory.as(Actor.Firmware)
  // A failure is logged and the ultravisor starts without the key: every UV_ESM is refused then (ESM130).
  if (provisioned.ok) firmware.write(PASSWORD_AT, provisioned.key.password)
  else
    trace.add({
      type: 'refusal',
      by: 'firmware',
      rule: 'ESM136',
      expected: 'a TPM whose wrapping key can be given a new password',
      found: provisioned.reason,
      source: 'spec/tpm.md §3.2',
    })
  yield BEFORE.at('close')
  const separator = { sha256: crypto.sha256(SEPARATOR), sha1: crypto.sha1(SEPARATOR) }
  for (let pcr = 0; pcr <= LAST_FIRMWARE_PCR; pcr++) yield* measure(parts, 'OPAL', pcr, 'separator', separator)

  yield BEFORE.at('handOver', { uvFdt: secure(UV_FDT.offset) })
  memory.assign(secure(UV_FDT.offset), UV_FDT.bytes >> 16, { owner: 'ultravisor', use: 'uv_fdt: from OPAL' })
  memory.assign(BigInt(UV_OPAL.start), UV_OPAL.bytes >> 16, { owner: 'firmware', use: 'struct uv_opal' })
  const tree = wrappingKeyTree(parts, provisioned.ok ? provisioned.key : undefined)
  firmware.write(secure(UV_FDT.offset), tree)
  firmware.setU32(BigInt(UV_OPAL.start), OPAL_MAGIC)
  firmware.setU64(BigInt(UV_OPAL.start) + 16n, secure(ULTRAVISOR.base))
  firmware.setU64(BigInt(UV_OPAL.start) + 32n, secure(UV_FDT.offset))
  yield BEFORE.at('forget', { at: PASSWORD_AT, bytes: 16 })
  firmware.fill(PASSWORD_AT, 0, 16)
  if (provisioned.ok) provisioned.key.password.fill(0)
  yield BEFORE.at('start')
  trace.add({
    type: 'boot',
    stage: 'ultravisor',
    title: 'ultravisor: take over the wrapping key, own secure memory',
    tcb: ['processor', 'TPM', 'ultravisor'],
  })
  yield* parts.startUltravisor(secure(UV_FDT.offset))
}

/** `/ibm,uv-fdt/ibm,uv-tpm` (spec/ultravisor.md §7.2). */
function wrappingKeyTree(parts: BootParts, key: WrappingKey | undefined): Uint8Array {
  const properties = new Map<string, Uint8Array>()
  if (key) {
    const handle = new Uint8Array(4)
    new DataView(handle.buffer).setUint32(0, key.handle)
    properties.set('wrapping-key-handle', handle)
    properties.set('wrapping-key-passwd', Uint8Array.of(...key.password, 0))
    properties.set('wrapping-key-publicname', key.publicName)
    properties.set('wrapping-key-policy-a', key.policyA)
    properties.set('wrapping-key-policy-b', key.policyB)
  }
  parts.interventions?.wrappingKeyProperties?.(properties)
  const text = (value: string) => new TextEncoder().encode(`${value}\0`)
  const node = newNode('ibm,uv-tpm', { compatible: text('ibm,uv-tpm'), ...Object.fromEntries(properties) })
  const tree = newFdt()
  tree.root.children.push(newNode('ibm,uv-fdt', { compatible: text('ibm,uv-fdt') }, [node]))
  return writeFdt(tree)
}

function* after(parts: BootParts): Steps<void> {
  const { cpu, memory, trace } = parts
  trace.add({
    type: 'boot',
    stage: 'OPAL (after)',
    title: 'OPAL again, outside the trusted computing base',
    tcb: ['processor', 'TPM', 'ultravisor'],
  })
  yield AFTER.at('check', { msr: cpu.msr })
  if ((cpu.msr & MSR.S) !== 0n) throw new Error('the ultravisor returned to OPAL with MSR[S] set')
  yield AFTER.at('host')
  memory.assign(BigInt(HOST_KERNEL.start), HOST_KERNEL.bytes >> 16, { owner: 'hypervisor', use: 'host kernel' })
  trace.add({
    type: 'boot',
    stage: 'host',
    title: 'host kernel with KVM: finds the ultravisor, creates VMs',
    tcb: ['processor', 'TPM', 'ultravisor'],
  })
}
