import type { Steps } from '../steps.ts'
import { hostboot } from './hostboot.ts'
import { opal } from './opal.ts'
import type { BootParts } from './parts.ts'

/**
 * Power-on to the host kernel: hostboot, OPAL, ultravisor, OPAL (spec/ultravisor.md §7.1).
 * @throws RefusalError BOOT-001 to BOOT-005, see {@link hostboot} and {@link opal}
 */
export function* bootPlatform(parts: BootParts): Steps<void> {
  const secure = yield* hostboot(parts)
  yield* opal(parts, secure)
}
