import { callScenarios } from './calls.ts'
import { imageScenarios } from './image.ts'
import { memoryScenarios } from './memory.ts'
import type { Scenario } from './scenario.ts'

export type { Scenario } from './scenario.ts'

/** Whether a hypervisor can begin with it at any time: it does nothing before the VM runs. */
export const switchable = ({ behaviour, interventions }: Scenario): boolean => behaviour !== undefined && !interventions

/** The library of hostile hypervisors, by name. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  [...memoryScenarios, ...imageScenarios, ...callScenarios].map((scenario) => [scenario.name, scenario]),
)
