import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

/** Breakpoints on lines: of a step listing of the firmware, or of a source file that the line information names. */
export const setBreakpoints: RequestHandler<
  DebugProtocol.SetBreakpointsArguments,
  DebugProtocol.SetBreakpointsResponse['body']
> = {
  command: 'setBreakpoints',
  capabilities: {
    supportsConditionalBreakpoints: true,
    supportsHitConditionalBreakpoints: true,
    supportsLogPoints: true,
  },
  handle: (session, { source, breakpoints, lines }) => ({
    breakpoints: session.breakpoints.setSource(source, breakpoints ?? lines?.map((line) => ({ line })) ?? []),
  }),
}
