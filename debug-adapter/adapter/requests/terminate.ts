import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'
import { event } from '../session.ts'

/** Switches the machine off. */
export const terminate: RequestHandler<DebugProtocol.TerminateArguments, void> = {
  command: 'terminate',
  capabilities: { supportsTerminateRequest: true },
  handle: (session) => {
    if (session.launched) session.execution.dispose()
  },
  after: (session) => session.sendEvent(event('terminated', {})),
}
