import { MSR } from '../cpu/msr.ts'
import { Actor } from '../memory/actor.ts'
import { RefusalError } from '../refusal.ts'
import { Procedure, type Steps } from '../steps.ts'
import { nvReadPublic } from '../tss/commands.ts'
import { provisionWrappingKey, type WrappingKey } from '../tss/provision.ts'
import { UV_OPAL_FIELDS, writeSystemTree, writeUvFdt, writeUvOpal } from './hand-over.ts'
import type { SecureRange } from './hostboot.ts'
import { componentDigests, componentImage, type Digests } from './images.ts'
import { logExchange } from './local-tpm.ts'
import { HOST_KERNEL, OPAL, OPAL_PASSWORD, secureAddress, ULTRAVISOR, UV_OPAL } from './memory-map.ts'
import { type BootParts, measure } from './parts.ts'
import { systemTree } from './system-tree.ts'

const BEFORE = new Procedure('firmware', 'OPAL', 'spec/ultravisor.md §7.1', {
  state: 'check that MSR[S] is 1: without it there is no ultravisor',
  measureUltravisor: 'load and verify the ultravisor, measure it into PCR 4',
  place: 'unpack the ultravisor to the start of the first secure range',
  describe: 'prepare struct uv_opal, the console of the ultravisor and the device tree of the host',
  probe: 'probe NV index 0x01C10190; the result is only logged',
  loadKernel: 'load the host kernel, measure it into PCR 4',
  wrappingKey: 'provision the wrapping key: a random password for the TPM and the ultravisor',
  keep: 'hold the password in the memory of OPAL until it is handed over',
  close: 'extend the separator into PCR 0 to 7: no firmware measurement after this',
  handOver: 'write handle, password, Name and policies into uv_fdt in secure memory',
  forget: 'overwrite the own copy of the password',
  start: 'start the ultravisor: nothing of the password is left outside secure memory',
})

const AFTER = new Procedure('firmware', 'OPAL after the ultravisor', 'spec/ultravisor.md §7.1', {
  state: 'check that MSR[S] is 0: OPAL is not trusted any more',
  result: 'check uv_ret_code in struct uv_opal',
  host: 'start the host kernel',
})

const NV_INDEX = 0x01c1_0190
const SEPARATOR = Uint8Array.of(0xff, 0xff, 0xff, 0xff)
const LAST_FIRMWARE_PCR = 7
/** What R6 holds at every entry by the ePAPR convention. */
const EPAPR_MAGIC = 0x6550_4150n
/** Where OPAL goes on after the ultravisor, from its start. */
const RETURN_OFFSET = 0x100n

const TCB_BEFORE = ['processor', 'self-boot engine', 'hostboot', 'OPAL', 'TPM']
/** What has to be trusted once the ultravisor owns secure memory. */
const TCB_AFTER = ['processor', 'TPM', 'ultravisor']

/**
 * OPAL up to the start of the ultravisor, and after it.
 * @param secure the secure memory that hostboot described
 * @throws RefusalError BOOT-001 for a TPM that takes no measurement, BOOT-003 where a structure does not fit, BOOT-004 in the
 *   wrong privilege state, BOOT-005 for an ultravisor that reports an error
 */
export function* opal(parts: BootParts, secure: readonly SecureRange[]): Steps<void> {
  yield* BEFORE.frame({}, before(parts, secure))
  yield* AFTER.frame({}, after(parts))
}

function* before(parts: BootParts, secure: readonly SecureRange[]): Steps<void> {
  const { cpu, crypto, memory, trace, tpm } = parts
  trace.add({
    type: 'boot',
    stage: 'OPAL',
    title: 'OPAL: load the ultravisor, provision the wrapping key',
    tcb: TCB_BEFORE,
  })
  yield BEFORE.at('state', { msr: cpu.msr })
  if ((cpu.msr & MSR.S) === 0n) throw wrongState('MSR[S]=1 to start the ultravisor', cpu.msr)
  yield* loadUltravisor(parts)

  yield BEFORE.at('describe', { uvOpal: BigInt(UV_OPAL.start) })
  writeUvOpal(parts)
  writeSystemTree(parts, systemTree(memory.normalBytes, secure))
  yield BEFORE.at('probe', { index: BigInt(NV_INDEX) })
  yield* logExchange(tpm, trace, 'OPAL', nvReadPublic(NV_INDEX))

  yield BEFORE.at('loadKernel', { at: BigInt(HOST_KERNEL.start) })
  const firmware = memory.as(Actor.Firmware)
  memory.assign(BigInt(HOST_KERNEL.start), HOST_KERNEL.bytes >> 16, { owner: 'hypervisor', use: 'host kernel' })
  firmware.write(BigInt(HOST_KERNEL.start), componentImage('host kernel'))
  yield* measure(parts, 'OPAL', 4, 'host kernel', componentDigests(crypto, 'host kernel'))

  const key = yield* provision(parts)
  yield BEFORE.at('close', { firstPcr: 0, lastPcr: LAST_FIRMWARE_PCR })
  const separator: Digests = { sha256: crypto.sha256(SEPARATOR), sha1: crypto.sha1(SEPARATOR) }
  for (let pcr = 0; pcr <= LAST_FIRMWARE_PCR; pcr++) yield* measure(parts, 'OPAL', pcr, 'separator', separator)

  yield* startUltravisor(parts, key)
}

function* loadUltravisor(parts: BootParts): Steps<void> {
  const { crypto, memory } = parts
  const base = secureAddress(ULTRAVISOR.base)
  const image = componentImage('ultravisor')
  yield BEFORE.at('measureUltravisor', { bytes: image.length })
  yield* measure(parts, 'OPAL', 4, 'ultravisor', componentDigests(crypto, 'ultravisor'))
  yield BEFORE.at('place', { base })
  memory.assign(base, ULTRAVISOR.textBytes >> 16, { owner: 'ultravisor', use: 'text' })
  memory.assign(secureAddress(ULTRAVISOR.storeOffset), ULTRAVISOR.storeBytes >> 16, {
    owner: 'ultravisor',
    use: 'store of the wrapping key properties',
  })
  memory.as(Actor.Firmware).write(base, image)
}

/** The wrapping key of this boot. A failure is logged and the boot goes on without it (spec/tpm.md §3.2, Errors). */
function* provision(parts: BootParts): Steps<WrappingKey | undefined> {
  const { memory, trace, tpm } = parts
  yield BEFORE.at('wrappingKey')
  const provisioned = yield* provisionWrappingKey((request) => logExchange(tpm, trace, 'OPAL', request), parts)
  if (!provisioned.ok) {
    trace.add({
      type: 'refusal',
      by: 'firmware',
      rule: 'ESM136',
      expected: 'a TPM whose wrapping key can be given a new password',
      found: provisioned.reason,
      source: 'spec/tpm.md §3.2',
    })
    return undefined
  }
  yield BEFORE.at('keep', { at: BigInt(OPAL_PASSWORD.start), bytes: OPAL_PASSWORD.bytes })
  const { key } = provisioned
  memory.as(Actor.Firmware).write(BigInt(OPAL_PASSWORD.start), key.password)
  return key
}

function* startUltravisor(parts: BootParts, key: WrappingKey | undefined): Steps<void> {
  const { cpu, memory, trace } = parts
  const firmware = memory.as(Actor.Firmware)
  const password = () => firmware.read(BigInt(OPAL_PASSWORD.start), OPAL_PASSWORD.bytes)
  yield BEFORE.at('handOver')
  const uvFdt = writeUvFdt(parts, key)
  yield BEFORE.at('forget', { at: BigInt(OPAL_PASSWORD.start), inMemory: password() })
  firmware.fill(BigInt(OPAL_PASSWORD.start), 0, OPAL_PASSWORD.bytes)
  key?.password.fill(0)
  trace.add({
    type: 'boot',
    stage: 'OPAL',
    title: key
      ? 'OPAL: the random password of the wrapping key is with the TPM and in uv_fdt for the ultravisor; its own copy is overwritten'
      : 'OPAL: no wrapping key; the ultravisor starts without one, and will refuse every UV_ESM',
    tcb: TCB_BEFORE,
  })
  const entry = secureAddress(ULTRAVISOR.base)
  yield BEFORE.at('start', { nia: entry, R3: BigInt(UV_OPAL.start), inMemory: password() })
  trace.add({
    type: 'boot',
    stage: 'ultravisor',
    title: 'ultravisor: take over the wrapping key, own secure memory',
    tcb: TCB_AFTER,
  })
  // The entry registers of spec/ultravisor.md §7.2.
  const registers = [
    [3, BigInt(UV_OPAL.start)],
    [4, 0n],
    [5, 0n],
    [6, EPAPR_MAGIC],
    [8, BigInt(OPAL.start)],
    [9, BigInt(OPAL.start)],
  ] as const
  for (const [register, value] of registers) cpu.setGpr(register, value)
  cpu.lr = BigInt(OPAL.start) + RETURN_OFFSET
  cpu.nia = entry
  yield* parts.startUltravisor(uvFdt)
  cpu.nia = cpu.lr
}

function* after(parts: BootParts): Steps<void> {
  const { cpu, memory, trace } = parts
  trace.add({
    type: 'boot',
    stage: 'OPAL (after)',
    title: 'OPAL again, outside the trusted computing base',
    tcb: TCB_AFTER,
  })
  yield AFTER.at('state', { msr: cpu.msr })
  if ((cpu.msr & MSR.S) !== 0n) throw wrongState('MSR[S]=0 after the ultravisor', cpu.msr)
  // From here on OPAL sees what the hypervisor sees: normal memory.
  const code = memory.as(Actor.Hypervisor).u32(BigInt(UV_OPAL.start + UV_OPAL_FIELDS.returnCode))
  yield AFTER.at('result', { uvReturnCode: code })
  if (code !== 0)
    throw new RefusalError({
      rule: 'BOOT-005',
      expected: 'uv_ret_code 0 from the ultravisor',
      found: `0x${code.toString(16)} (OPAL_HARDWARE)`,
      source: 'spec/ultravisor.md §7.2',
    })
  yield AFTER.at('host', { nia: BigInt(HOST_KERNEL.start) })
  cpu.nia = BigInt(HOST_KERNEL.start)
  trace.add({
    type: 'boot',
    stage: 'host',
    title: 'host kernel with KVM: finds the ultravisor, creates VMs',
    tcb: TCB_AFTER,
  })
}

function wrongState(expected: string, msr: bigint): RefusalError {
  return new RefusalError({
    rule: 'BOOT-004',
    expected,
    found: `MSR 0x${msr.toString(16)}`,
    source: 'spec/ultravisor.md §7.1',
  })
}
