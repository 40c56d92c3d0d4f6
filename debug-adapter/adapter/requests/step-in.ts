import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'
import { stepIn as stepInPlan } from '../stepping.ts'

/** The next instruction or line; on `sc` the first step of who answers it; in firmware the next step, nested ones too. */
export const stepIn: RequestHandler<DebugProtocol.StepInArguments, void> = {
  command: 'stepIn',
  handle: (session, { granularity = 'statement' }) => session.resume(stepInPlan(session.standing, granularity)),
}
