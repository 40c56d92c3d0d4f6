import type { DebugProtocol } from '@vscode/debugprotocol'
import { reverseStepOver } from '../backwards.ts'
import type { RequestHandler } from '../request.ts'

/** Back by an instruction, a line or a firmware step, over what was called there. */
export const stepBack: RequestHandler<DebugProtocol.StepBackArguments, void> = {
  command: 'stepBack',
  capabilities: { supportsStepBack: true },
  handle: (session, { granularity = 'statement' }) =>
    session.depart((execution) => execution.back(reverseStepOver(session.target, granularity !== 'instruction'))),
}
