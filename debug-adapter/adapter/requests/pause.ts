import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

export const pause: RequestHandler<DebugProtocol.PauseArguments, void> = {
  command: 'pause',
  handle: (session) => session.execution.pause(),
}
