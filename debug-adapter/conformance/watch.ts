import type { RegisterFile } from '../machine/cpu/types.ts'
import type { Bench } from './bench.ts'

/** The registers that the hypervisor had when it last saw one hypercall, and how often it saw it. */
export type Watched = RegisterFile & { times: number }

/** Notes the registers of the hypervisor each time that it sees a hypercall. */
export function watch(bench: Bench, name: string): Watched {
  const { hypervisor, cpu } = bench.machine
  const seen: Watched = { ...cpu.save(), times: 0 }
  hypervisor.behaviour = {
    ...hypervisor.behaviour,
    // biome-ignore lint/correctness/useYield: it only looks
    *before(_hv, _vm, call) {
      if (call.name === name) Object.assign(seen, cpu.save(), { times: seen.times + 1 })
    },
  }
  return seen
}
