import type { DebugProtocol } from '@vscode/debugprotocol'
import { procedureOfSource, stepLines } from '../listings.ts'
import { RequestError, type RequestHandler } from '../request.ts'

/** Lines that one answer looks at. */
const MAX_LINES = 10_000

/** Lines of a range where a breakpoint can be: steps of a listing, or lines of a source file that have code. */
export const breakpointLocations: RequestHandler<
  DebugProtocol.BreakpointLocationsArguments,
  DebugProtocol.BreakpointLocationsResponse['body']
> = {
  command: 'breakpointLocations',
  capabilities: { supportsBreakpointLocationsRequest: true },
  handle: (session, { source, line, endLine = line }) => {
    if (!Number.isInteger(line) || !Number.isInteger(endLine) || line < 0)
      throw new RequestError(`Lines ${line} to ${endLine}: expected whole numbers from 0 on.`)
    const last = Math.min(endLine, line + MAX_LINES)
    const procedure = procedureOfSource(source)
    const range = procedure && stepLines(procedure)
    const lines: number[] = []
    for (let at = Math.max(line, range?.first ?? 0); at <= Math.min(last, range?.last ?? last); at++) {
      const found = range ? at : session.target.symbols.addressesOfLine(source.path ?? source.name ?? '', at)?.line
      if (found === undefined || found > last) break
      lines.push(found)
      at = found
    }
    return { breakpoints: lines.map((one) => ({ line: one })) }
  },
}
