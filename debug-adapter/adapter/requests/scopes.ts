import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

export const scopes: RequestHandler<DebugProtocol.ScopesArguments, DebugProtocol.ScopesResponse['body']> = {
  command: 'scopes',
  handle: (session, { frameId }) => ({ scopes: session.variables.scopes(session.frame(frameId)!) }),
}
