import type { DebugProtocol } from '@vscode/debugprotocol'
import { RequestError, type RequestHandler } from '../request.ts'
import { event, THREAD_ID } from '../session.ts'

/** The client has told all its breakpoints: the machine is switched on. */
export const configurationDone: RequestHandler<DebugProtocol.ConfigurationDoneArguments, void> = {
  command: 'configurationDone',
  capabilities: { supportsConfigurationDoneRequest: true },
  handle: (session) => {
    if (session.execution.started) throw new RequestError('The machine was switched on already.')
  },
  after: (session) => {
    session.sendEvent(event('thread', { reason: 'started', threadId: THREAD_ID }))
    session.startFirst()
  },
}
