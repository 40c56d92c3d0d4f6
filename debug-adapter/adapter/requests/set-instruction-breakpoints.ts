import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

export const setInstructionBreakpoints: RequestHandler<
  DebugProtocol.SetInstructionBreakpointsArguments,
  DebugProtocol.SetInstructionBreakpointsResponse['body']
> = {
  command: 'setInstructionBreakpoints',
  capabilities: { supportsInstructionBreakpoints: true },
  handle: (session, { breakpoints }) => ({ breakpoints: session.breakpoints.setInstructions(breakpoints) }),
}
