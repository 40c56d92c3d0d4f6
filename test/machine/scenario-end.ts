/** A hostile hypervisor against the sample image, run to its end. */
import type { Scenario } from '../../debug-adapter/machine/hypervisor/scenarios/index.ts'
import type { Machine } from '../../debug-adapter/machine/machine.ts'
import { sampleMachine, until } from './sample.ts'

/** After these the VM goes on as a secure one: what was tried did nothing. */
export const HARMLESS = /^(read-|write-|stale-|flip-|replay-|swap-|wrong-frame|page-table|probe-|other-address)/

export interface ScenarioEnd {
  readonly machine: Machine
  /** Those that refused something, each once. */
  readonly rules: readonly string[]
  /** What the hypervisor said last of what it did. */
  readonly lastAction: string
  /** Whether the guest came to its own end, as a secure VM or as none. */
  readonly done: boolean
}

export function endOf({ name }: Scenario): ScenarioEnd {
  const machine = until(sampleMachine({ scenario: name }), 'nothing that it prints')
  return {
    machine,
    rules: [...new Set(machine.trace.of('refusal').map(({ rule }) => rule))],
    lastAction: machine.trace.of('scenario').at(-1)?.action ?? '',
    done: machine.platform.console.text.includes('hello-svm: done'),
  }
}

/** What a probe of the registers says at its end where nothing of the guest is left in them. */
export const NOTHING_LEFT = ": 0 registers beside the call's own are not zero"

export function endsAsNamed({ name, stoppedBy }: Scenario, { rules, lastAction, done, machine }: ScenarioEnd): boolean {
  const stopped =
    stoppedBy === 'reflection'
      ? rules.length === 0 && lastAction.includes(NOTHING_LEFT)
      : rules.length === 1 && rules[0] === stoppedBy
  return stopped && done === HARMLESS.test(name) && (!done || machine.esm?.outcome === 'secure')
}
