import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'
import { runOn } from '../stepping.ts'

export const continueRequest: RequestHandler<DebugProtocol.ContinueArguments, DebugProtocol.ContinueResponse['body']> =
  {
    command: 'continue',
    handle: (session) => {
      void session.standing
      session.resume(runOn())
      return { allThreadsContinued: true }
    },
  }
