import type { PefRequests } from '../protocol.ts'
import { RequestError, type RequestHandler } from '../request.ts'

/** Longest text that is taken at once, in UTF-16 units: a paste. */
const MAX_INPUT = 1 << 20

/** Typed at the VM's console; a VM that stands still reads it when it goes on. */
export const pefConsoleInput: RequestHandler<
  PefRequests['pef/consoleInput']['arguments'],
  PefRequests['pef/consoleInput']['body']
> = {
  command: 'pef/consoleInput',
  handle: (session, { text }) => {
    if (typeof text !== 'string' || text.length > MAX_INPUT)
      throw new RequestError(`text: expected a string of at most ${MAX_INPUT} characters.`)
    session.target.change({ kind: 'console', bytes: new TextEncoder().encode(text) })
    return {}
  },
}
