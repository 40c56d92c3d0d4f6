import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

export const variables: RequestHandler<DebugProtocol.VariablesArguments, DebugProtocol.VariablesResponse['body']> = {
  command: 'variables',
  handle: (session, { variablesReference, start = 0, count }) => {
    const all = session.variables.children(variablesReference)
    return { variables: count ? all.slice(start, start + count) : all.slice(start) }
  },
}
