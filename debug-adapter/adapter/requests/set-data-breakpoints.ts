import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

/** Breakpoints on registers and bytes of memory, by the ids that dataBreakpointInfo gave out. */
export const setDataBreakpoints: RequestHandler<
  DebugProtocol.SetDataBreakpointsArguments,
  DebugProtocol.SetDataBreakpointsResponse['body']
> = {
  command: 'setDataBreakpoints',
  handle: (session, { breakpoints }) => ({ breakpoints: session.breakpoints.setData(breakpoints) }),
}
