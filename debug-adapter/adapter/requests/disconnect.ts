import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

export const disconnect: RequestHandler<DebugProtocol.DisconnectArguments, void> = {
  command: 'disconnect',
  handle: (session) => {
    if (session.launched) session.execution.dispose()
  },
  after: (session) => session.close(),
}
