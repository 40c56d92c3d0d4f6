import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import type { Interventions } from '../config.ts'
import type { Cpu } from '../cpu/cpu.ts'
import type { RealMemory } from '../memory/real-memory.ts'
import { RefusalError } from '../refusal.ts'
import { Procedure, type Steps } from '../steps.ts'
import { hex } from '../tpm/bytes.ts'
import { responseCodeName } from '../tpm/constants.ts'
import type { Tpm } from '../tpm/tpm.ts'
import type { Trace } from '../trace/trace.ts'
import { pcrExtend, readResponse } from '../tss/commands.ts'
import type { Digests } from './images.ts'
import { logExchange } from './local-tpm.ts'

/** What the boot firmware works on. It starts the ultravisor through a port: it knows nothing of its inside. */
export interface BootParts {
  readonly cpu: Pick<Cpu, 'msr' | 'nia' | 'lr' | 'spr' | 'setSpr' | 'setGpr'>
  readonly memory: RealMemory
  readonly trace: Trace
  readonly tpm: Pick<Tpm, 'execute' | 'pcr'>
  readonly crypto: CryptoProvider
  readonly random: RandomSource
  readonly interventions: Interventions | undefined
  /**
   * The ultravisor's boot, from its entry until it returns to OPAL in the non-secure state.
   * @param uvFdt real address of the private device tree, in secure memory
   */
  readonly startUltravisor: (uvFdt: bigint) => Steps<void>
}

const MEASURE = new Procedure('firmware', 'measure', 'spec/ultravisor.md §7.1', {
  extend: 'TPM2_PCR_Extend of both banks',
})

/**
 * Extends a PCR in both banks, and logs what was measured and what the register is now.
 * @throws RefusalError BOOT-001 where the TPM does not take it: nothing measured later would mean anything
 */
export function* measure(
  parts: BootParts,
  carrier: 'hostboot' | 'OPAL',
  pcr: number,
  what: string,
  digests: Digests,
): Steps<void> {
  yield* MEASURE.frame({ pcr, what }, extend(parts, carrier, pcr, what, digests))
}

function* extend(
  { tpm, trace }: BootParts,
  carrier: 'hostboot' | 'OPAL',
  pcr: number,
  what: string,
  digests: Digests,
): Steps<void> {
  yield MEASURE.at('extend', { pcr, what, sha256: digests.sha256, sha1: digests.sha1 })
  const response = yield* logExchange(tpm, trace, carrier, pcrExtend(pcr, digests.sha256, digests.sha1))
  mustSucceed(response, `takes the measurement of ${what} into PCR ${pcr}`)
  for (const bank of ['sha256', 'sha1'] as const)
    trace.add({ type: 'measurement', pcr, bank, what, digest: hex(digests[bank]), value: hex(tpm.pcr(bank, pcr)) })
}

/** @throws RefusalError BOOT-001 where the response has another code than 0 */
export function mustSucceed(response: Uint8Array, doing: string): void {
  const { code } = readResponse(response)
  if (code === 0) return
  throw new RefusalError({
    rule: 'BOOT-001',
    expected: `a TPM that ${doing}`,
    found: `response code 0x${code.toString(16)} (${responseCodeName(code)})`,
    source: 'spec/tpm.md §1',
  })
}
