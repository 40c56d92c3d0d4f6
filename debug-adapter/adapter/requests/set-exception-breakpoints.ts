import type { DebugProtocol } from '@vscode/debugprotocol'
import { EXCEPTION_FILTERS, type ExceptionFilter } from '../execution.ts'
import { RequestError, type RequestHandler } from '../request.ts'

const descriptions: Readonly<Record<ExceptionFilter, DebugProtocol.ExceptionBreakpointsFilter>> = {
  refusal: {
    filter: 'refusal',
    label: 'Any refusal',
    description: 'Stops wherever a check of the hardware, the ultravisor, the hypervisor or the TPM says no.',
    default: false,
  },
  esm: {
    filter: 'esm',
    label: 'ESM refused',
    description: 'Stops where UV_ESM ends without a secure VM.',
    default: true,
  },
  fault: {
    filter: 'fault',
    label: 'Guest fault',
    description: 'Stops where the guest cannot go on, before the session ends.',
    default: true,
  },
}

export const setExceptionBreakpoints: RequestHandler<
  DebugProtocol.SetExceptionBreakpointsArguments,
  DebugProtocol.SetExceptionBreakpointsResponse['body']
> = {
  command: 'setExceptionBreakpoints',
  capabilities: { exceptionBreakpointFilters: EXCEPTION_FILTERS.map((name) => descriptions[name]) },
  handle: (session, { filters }) => {
    for (const name of filters)
      if (!EXCEPTION_FILTERS.includes(name as ExceptionFilter))
        throw new RequestError(
          `There is no exception filter ${JSON.stringify(name)}; there are ${EXCEPTION_FILTERS.join(', ')}.`,
        )
    session.exceptionFilters = new Set(filters as ExceptionFilter[])
    if (session.launched) session.execution.exceptionFilters = session.exceptionFilters
    return { breakpoints: filters.map(() => ({ verified: true })) }
  },
}
