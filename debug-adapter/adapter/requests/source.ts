import type { DebugProtocol } from '@vscode/debugprotocol'
import { procedureOfSource } from '../listings.ts'
import { RequestError, type RequestHandler } from '../request.ts'

/** The listing of a firmware procedure: one step a line. */
export const source: RequestHandler<DebugProtocol.SourceArguments, DebugProtocol.SourceResponse['body']> = {
  command: 'source',
  handle: (_session, args) => {
    const procedure = procedureOfSource(args.source, args.sourceReference)
    if (!procedure) throw new RequestError(`There is no listing with reference ${args.sourceReference}.`)
    return { content: procedure.listing, mimeType: 'text/x-pef-steps' }
  },
}
