import { imageFindings } from '../image-findings.ts'
import type { SecureMemoryStatistics } from '../machine/api.ts'
import type { Machine } from '../machine/machine.ts'

/** What `pef run --json` prints: other people's scripts read it. */
export interface Outcome {
  readonly outcome: 'secure' | 'refused' | 'fault' | 'limit'
  readonly returnCode: number
  readonly rules: readonly string[]
  readonly reason: string
  readonly instructions: number
  readonly console: string
  /** Characters that the VM printed before those of {@link console}, of which a run of very much output keeps the newest. */
  readonly consoleForgotten: number
  /** Bytes and pages at the end of the run, by SVM. */
  readonly secureMemory: SecureMemoryStatistics
}

export const EXIT = { ok: 0, usage: 2, refused: 3, fault: 4, limit: 5, interrupted: 130 } as const

export const exitCode = (outcome: Outcome['outcome']): number =>
  ({ secure: EXIT.ok, refused: EXIT.refused, fault: EXIT.fault, limit: EXIT.limit })[outcome]

/**
 * What became of a run.
 * A VM that ended without UV_ESM counts as refused with return code 0: it never became secure, and nobody but it is to blame.
 * @param limit the run was stopped at its limit of instructions
 * @param until `esm`: the run ended when UV_ESM was decided
 */
export function outcomeOf(machine: Machine, limit: boolean, until: 'esm' | undefined): Outcome {
  const { esm, end } = machine
  const common = {
    instructions: machine.clock.instructions,
    console: machine.platform.console.text,
    consoleForgotten: machine.platform.console.forgotten,
    secureMemory: machine.secureMemory,
  }
  const fromImage = esm?.outcome === 'refused' ? imageFindings(machine) : []
  const rules = [...(esm?.rules ?? []), ...fromImage.map(({ rule }) => rule)]
  const returnCode = Number(esm?.returnCode ?? 0n)
  const result = (outcome: Outcome['outcome'], reason: string): Outcome => ({
    outcome,
    returnCode,
    rules,
    reason,
    ...common,
  })
  if (esm?.outcome === 'refused')
    return result('refused', [esm.reason, ...fromImage.map(({ rule, message }) => `${rule}: ${message}`)].join('; '))
  if (esm && until === 'esm') return result('secure', esm.reason)
  if (end?.how === 'fault' || end?.how === 'stopped') return result('fault', end.reason)
  if (limit) return result('limit', `the limit of ${machine.clock.instructions} instructions is reached`)
  if (esm) return result('secure', end ? `${esm.reason}; ${end.reason}` : esm.reason)
  return result('refused', `the VM ended without UV_ESM: ${end?.reason ?? 'nothing asked for it'}`)
}
