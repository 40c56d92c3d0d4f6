import { MSR } from '../cpu/msr.ts'
import { SPR } from '../cpu/spr.ts'
import { Actor } from '../memory/actor.ts'
import { SECURE_RA_BIT } from '../memory/real-memory.ts'
import { RefusalError } from '../refusal.ts'
import { Procedure, type Steps } from '../steps.ts'
import { pack, u32 } from '../tpm/bytes.ts'
import { CC } from '../tpm/constants.ts'
import { plain, startup } from '../tss/commands.ts'
import { componentDigests, componentImage, type Digests, rawDigests, signerDigests } from './images.ts'
import { logExchange } from './local-tpm.ts'
import { LEAST_SECURE_BYTES, OPAL } from './memory-map.ts'
import { type BootParts, measure, mustSucceed } from './parts.ts'

const HOSTBOOT = new Procedure('firmware', 'hostboot', 'spec/ultravisor.md §7.1', {
  power: 'the self-boot engine starts hostboot in the secure state, the facility on (SMFCTRL[E])',
  tpm: 'TPM2_Startup(CLEAR), and ask for the version of its firmware',
  configuration: 'measure the configuration of the platform: PCR 1, its node number into 4, 5 and 6 too',
  code: 'measure the code of hostboot into PCR 0, the keys that signed it into PCR 1',
  secureMemory: 'set up secure memory, and describe it to OPAL (HDAT)',
  payload: 'load and verify OPAL, measure it into PCR 4 and its key into PCR 5',
  opal: 'start OPAL with MSR[S]=1',
})

/** Bit 0 of SMFCTRL enables the facility; a simulated PEF machine starts with this value (spec/ultravisor.md §1.2). */
const SMFCTRL = 0x8000_0000_0000_0002n
/** POWER9 DD2.3, the first with the facility (spec/pseries.md §8). */
const PVR = 0x004e_1203n
/** TPM_CAP_TPM_PROPERTIES, TPM_PT_FIRMWARE_VERSION_1 (TPM 2.0 Part 2 §6.13). */
const FIRMWARE_VERSION = [6, 0x10b, 1] as const
/** Secure boot is enforced: what the security switches would say on a machine as it is sold. */
const SECURITY_SWITCHES = 0x8000_0000_0000_0000n
const NODE = 0n
const TPM_REQUIRED = 1

/** A range of secure memory as hostboot describes it. Real address and bytes. */
export interface SecureRange {
  readonly start: bigint
  readonly bytes: bigint
}

/**
 * Power-on to the entry of OPAL. What is measured, in which register and in which order is hostboot's
 * (open-power/hostboot src/usr/secureboot/trusted: configuration as it is into PCR 1; a section's hash into PCR 0 and its
 * key's into PCR 1; OPAL, the payload, into PCR 4 and 5); the measured components are models, see images.ts.
 * @throws RefusalError BOOT-001 for a TPM that does not work, BOOT-002 for too little secure memory
 */
export function* hostboot(parts: BootParts): Steps<SecureRange[]> {
  return yield* HOSTBOOT.frame({}, steps(parts))
}

function* steps(parts: BootParts): Steps<SecureRange[]> {
  const { cpu, crypto, memory, trace, tpm } = parts
  trace.add({
    type: 'boot',
    stage: 'hostboot',
    title: 'hostboot: start the TPM, set up secure memory',
    tcb: ['processor', 'self-boot engine', 'hostboot'],
  })
  yield HOSTBOOT.at('power', { SMFCTRL, PVR })
  cpu.setSpr(SPR.SMFCTRL, SMFCTRL)
  cpu.setSpr(SPR.PVR, PVR)
  cpu.msr = MSR.SF | MSR.S | MSR.HV | MSR.ME

  yield HOSTBOOT.at('tpm')
  mustSucceed(yield* logExchange(tpm, trace, 'hostboot', startup()), 'starts')
  const version = plain(CC.GetCapability, pack(...FIRMWARE_VERSION.map(u32)))
  mustSucceed(yield* logExchange(tpm, trace, 'hostboot', version), 'tells its properties')

  yield HOSTBOOT.at('configuration')
  for (const [pcr, what, digests] of configuration(parts)) yield* measure(parts, 'hostboot', pcr, what, digests)

  yield HOSTBOOT.at('code')
  for (const component of ['self-boot engine and hostboot base', 'hostboot'] as const) {
    yield* measure(parts, 'hostboot', 0, component, componentDigests(crypto, component))
    yield* measure(parts, 'hostboot', 1, `key of ${component}`, signerDigests(crypto, component))
  }

  yield HOSTBOOT.at('secureMemory', { base: SECURE_RA_BIT, bytes: memory.secureBytes })
  if (memory.secureBytes < LEAST_SECURE_BYTES)
    throw new RefusalError({
      rule: 'BOOT-002',
      expected: `at least ${LEAST_SECURE_BYTES} bytes of secure memory: the ultravisor's own and one page of 2 MiB`,
      found: `${memory.secureBytes} bytes`,
      source: 'spec/ultravisor.md §5.1',
    })
  const ranges = [{ start: SECURE_RA_BIT, bytes: BigInt(memory.secureBytes) }]

  yield HOSTBOOT.at('payload', { at: BigInt(OPAL.start) })
  memory.assign(BigInt(OPAL.start), OPAL.bytes >> 16, { owner: 'firmware', use: 'OPAL' })
  memory.as(Actor.Firmware).write(BigInt(OPAL.start), componentImage('OPAL'))
  yield* measure(parts, 'hostboot', 4, 'OPAL', componentDigests(crypto, 'OPAL'))
  yield* measure(parts, 'hostboot', 5, 'key of OPAL', signerDigests(crypto, 'OPAL'))

  yield HOSTBOOT.at('opal', { nia: BigInt(OPAL.start), msr: cpu.msr })
  cpu.nia = BigInt(OPAL.start)
  return ranges
}

/** What hostboot tells of the platform, extended as it is, not hashed. */
function configuration({ cpu, crypto }: BootParts): (readonly [pcr: number, what: string, digests: Digests])[] {
  const number = (value: bigint, bytes: number) => {
    const out = new Uint8Array(8)
    new DataView(out.buffer).setBigUint64(0, value)
    return rawDigests(out.subarray(8 - bytes))
  }
  const node = number(NODE, 8)
  return [
    [1, 'security switches', number(SECURITY_SWITCHES, 8)],
    [1, 'PVR of the chip', number(cpu.spr(SPR.PVR), 4)],
    [1, 'node number', node],
    [4, 'node number', node],
    [5, 'node number', node],
    [6, 'node number', node],
    [1, 'TPM required', rawDigests(Uint8Array.of(TPM_REQUIRED))],
    [1, 'hash of the hardware keys', signerDigests(crypto, 'hardware')],
  ]
}
