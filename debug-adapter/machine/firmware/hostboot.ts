import { MSR } from '../cpu/msr.ts'
import { SPR } from '../cpu/spr.ts'
import { SECURE_RA_BIT } from '../memory/real-memory.ts'
import { Procedure, type Steps } from '../steps.ts'
import { startup } from '../tss/commands.ts'
import { logExchange } from './local-tpm.ts'
import { OPAL } from './memory-map.ts'
import { type BootParts, componentDigests, measure } from './parts.ts'

const HOSTBOOT = new Procedure('firmware', 'hostboot', 'spec/ultravisor.md §7.1', {
  tpm: 'TPM2_Startup(CLEAR)',
  measure: 'measure hostboot itself and its configuration',
  secureMemory: 'set up secure memory and enable the facility (SMFCTRL[E])',
  opal: 'verify and start OPAL in the secure state',
})

/** Bit 0 of SMFCTRL enables the facility; a simulated PEF machine starts with this value (spec/ultravisor.md §1.2). */
const SMFCTRL = 0x8000_0000_0000_0002n
/** POWER9 DD2.3, the first with the facility. */
const PVR = 0x004e_1203n

export function* hostboot(parts: BootParts): Steps<void> {
  yield* HOSTBOOT.frame({}, steps(parts))
}

function* steps(parts: BootParts): Steps<void> {
  const { cpu, crypto, memory, trace, tpm } = parts
  trace.add({
    type: 'boot',
    stage: 'hostboot',
    title: 'hostboot: start the TPM, set up secure memory',
    tcb: ['processor', 'self-boot engine', 'hostboot'],
  })
  cpu.msr = MSR.SF | MSR.S | MSR.HV | MSR.ME
  yield HOSTBOOT.at('tpm')
  yield* logExchange(tpm, trace, 'hostboot', startup())
  yield HOSTBOOT.at('measure')
  yield* measure(parts, 'hostboot', 0, 'self-boot engine and hostboot', componentDigests(crypto, 'hostboot'))
  yield* measure(
    parts,
    'hostboot',
    1,
    'configuration of the platform',
    componentDigests(crypto, 'platform configuration'),
  )
  yield HOSTBOOT.at('secureMemory', { base: SECURE_RA_BIT, bytes: memory.secureBytes })
  cpu.setSpr(SPR.SMFCTRL, SMFCTRL)
  cpu.setSpr(SPR.PVR, PVR)
  yield HOSTBOOT.at('opal')
  memory.assign(BigInt(OPAL.start), OPAL.bytes >> 16, { owner: 'firmware', use: 'OPAL' })
}
