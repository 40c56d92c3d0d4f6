import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'
import { requestHandlers } from './index.ts'

/** The capabilities are the union of what each handler adds. */
export const initialize: RequestHandler<DebugProtocol.InitializeRequestArguments, DebugProtocol.Capabilities> = {
  command: 'initialize',
  handle: () => Object.assign({}, ...requestHandlers.map((handler) => handler.capabilities ?? {})),
}
