import type { Steps } from '../steps.ts'
import { hostboot } from './hostboot.ts'
import { opal } from './opal.ts'
import type { BootParts } from './parts.ts'

/** Power-on to the host kernel: hostboot, OPAL, ultravisor, OPAL (spec/ultravisor.md §7.1). */
export function* bootPlatform(parts: BootParts): Steps<void> {
  yield* hostboot(parts)
  yield* opal(parts)
}
