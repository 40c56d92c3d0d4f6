import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'
import { event, THREAD_ID } from '../session.ts'

/** The client has told all its breakpoints: the machine is switched on. */
export const configurationDone: RequestHandler<DebugProtocol.ConfigurationDoneArguments, void> = {
  command: 'configurationDone',
  capabilities: { supportsConfigurationDoneRequest: true },
  handle: (session) => void session.execution,
  after: (session) => {
    session.sendEvent(event('thread', { reason: 'started', threadId: THREAD_ID }))
    session.startFirst()
  },
}
