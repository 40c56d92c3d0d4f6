import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

/** Back to the last place where a breakpoint or an exception stops, or to the beginning. */
export const reverseContinue: RequestHandler<DebugProtocol.ReverseContinueArguments, void> = {
  command: 'reverseContinue',
  capabilities: { supportsStepBack: true },
  handle: (session) => session.depart((execution) => execution.reverse()),
}
