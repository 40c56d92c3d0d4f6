import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'
import { stepOut as stepOutPlan } from '../stepping.ts'

/** Out of a firmware procedure to its caller or the guest, or out of a function of the guest. */
export const stepOut: RequestHandler<DebugProtocol.StepOutArguments, void> = {
  command: 'stepOut',
  handle: (session) => session.resume(stepOutPlan(session.standing)),
}
