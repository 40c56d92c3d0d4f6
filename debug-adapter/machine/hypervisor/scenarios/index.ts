import { callScenarios } from './calls.ts'
import { imageScenarios } from './image.ts'
import { memoryScenarios } from './memory.ts'
import type { Scenario } from './scenario.ts'

export type { Scenario } from './scenario.ts'

/** The library of hostile hypervisors, by name. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  [...memoryScenarios, ...imageScenarios, ...callScenarios].map((scenario) => [scenario.name, scenario]),
)
