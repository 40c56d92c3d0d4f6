import type { DebugProtocol } from '@vscode/debugprotocol'
import { ExceptionBreakpoints, exceptionBreakpointFilters } from '../exceptions.ts'
import type { RequestHandler } from '../request.ts'

/** The filters that stop the machine, each with a condition where it takes one. */
export const setExceptionBreakpoints: RequestHandler<
  DebugProtocol.SetExceptionBreakpointsArguments,
  DebugProtocol.SetExceptionBreakpointsResponse['body']
> = {
  command: 'setExceptionBreakpoints',
  capabilities: { exceptionBreakpointFilters, supportsExceptionFilterOptions: true },
  handle: (session, { filters, filterOptions = [] }) => {
    const options = [...filters.map((filterId) => ({ filterId })), ...filterOptions]
    session.breakpoints.setExceptions(new ExceptionBreakpoints(options))
    return { breakpoints: options.map(() => ({ verified: true })) }
  },
}
