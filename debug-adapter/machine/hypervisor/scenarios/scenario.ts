/** A hostile hypervisor by name: what it tries, what stops it, and how it goes about it. */
import type { Interventions } from '../../config.ts'
import { RefusalError } from '../../refusal.ts'
import type { Steps } from '../../steps.ts'
import type { Behaviour, SeenHypercall } from '../behaviour.ts'
import type { Hypervisor } from '../hypervisor.ts'
import type { Vm } from '../vm.ts'

export interface Scenario {
  readonly name: string
  /** What it tries, as a sentence. */
  readonly tries: string
  /** The rule that stops it, or `reflection` where it is the scrubbing of registers. */
  readonly stoppedBy: string
  /** Changes to what is loaded, before the VM runs. */
  readonly interventions?: Interventions
  /** Its own one for each machine: it may remember something. */
  readonly behaviour?: () => Behaviour
}

/** Writes into the log what the hypervisor does, in its own words. */
export function say(hv: Hypervisor, name: string, action: string): void {
  hv.parts.trace.add({ type: 'scenario', name, action })
}

/** Does what the hardware may refuse, and logs that it did. @returns undefined where it was refused */
export function attempt<T>(hv: Hypervisor, action: () => T): T | undefined {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    // The memory logs by itself what it refuses.
    const last = hv.parts.trace.of('refusal').at(-1)
    if (last?.found !== error.refusal.found) hv.parts.trace.add({ type: 'refusal', by: 'hypervisor', ...error.refusal })
    return undefined
  }
}

/** An answer to a hypercall that takes no steps. */
// biome-ignore lint/correctness/useYield: a hypervisor that does nothing makes no step
export function* immediately<T>(answer: T): Steps<T> {
  return answer
}

/** A behaviour that remembers something. It does so in an object: whoever goes back in time has to find it. */
export type Remembering<M> = Behaviour & { readonly memory: M }

/** Strikes once: at the first hypercall of the VM after it has become secure. */
export function onceSecure(
  attack: (hv: Hypervisor, vm: Vm, call: SeenHypercall) => Steps<void> | undefined | void,
): () => Remembering<{ struck: boolean }> {
  return () => ({
    memory: { struck: false },
    *before(hv, vm, call) {
      const { memory } = this
      if (memory.struck || !call.secure || !vm.secureGuest.done) return
      memory.struck = true
      const steps = attack(hv, vm, call)
      if (steps) yield* steps
    },
  })
}
