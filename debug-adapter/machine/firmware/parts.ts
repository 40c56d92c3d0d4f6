import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import type { Interventions } from '../config.ts'
import type { Cpu } from '../cpu/cpu.ts'
import type { RealMemory } from '../memory/real-memory.ts'
import { RefusalError } from '../refusal.ts'
import type { Steps } from '../steps.ts'
import type { Tpm } from '../tpm/tpm.ts'
import type { Trace } from '../trace/trace.ts'
import { pcrExtend, readResponse } from '../tss/commands.ts'
import { logExchange } from './local-tpm.ts'

/** What the boot firmware works on. It starts the ultravisor through a port: it knows nothing of its inside. */
export interface BootParts {
  readonly cpu: Cpu
  readonly memory: RealMemory
  readonly trace: Trace
  readonly tpm: Tpm
  readonly crypto: CryptoProvider
  readonly random: RandomSource
  readonly interventions: Interventions | undefined
  readonly startUltravisor: (uvFdt: bigint) => Steps<void>
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')

/** Extends a PCR in both banks, and logs what was measured and what the register is now. */
export function* measure(
  parts: BootParts,
  carrier: 'hostboot' | 'OPAL',
  pcr: number,
  what: string,
  digests: { readonly sha256: Uint8Array; readonly sha1: Uint8Array },
): Steps<void> {
  const { tpm, trace } = parts
  const response = yield* logExchange(tpm, trace, carrier, pcrExtend(pcr, digests.sha256, digests.sha1))
  const { code } = readResponse(response)
  if (code !== 0)
    throw new RefusalError({
      rule: 'BOOT-001',
      expected: 'a TPM that takes a measurement',
      found: `response code 0x${code.toString(16)}`,
      source: 'spec/tpm.md §1',
    })
  for (const bank of ['sha256', 'sha1'] as const)
    trace.add({ type: 'measurement', pcr, bank, what, digest: hex(digests[bank]), value: hex(tpm.pcr(bank, pcr)) })
}

/**
 * The digest of a firmware component as trusted boot takes it: SHA-512, truncated to each bank. The emulator has no IBM
 * binaries, so what stands for a component is its name and the version of this model.
 */
export function componentDigests(crypto: CryptoProvider, component: string) {
  const digest = crypto.sha512(new TextEncoder().encode(`pef-debug model of ${component}, version 1`))
  return { sha256: digest.slice(0, 32), sha1: digest.slice(0, 20) }
}
