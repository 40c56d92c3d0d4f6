import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

export const variables: RequestHandler<DebugProtocol.VariablesArguments, DebugProtocol.VariablesResponse['body']> = {
  command: 'variables',
  capabilities: { supportsValueFormattingOptions: true },
  handle: (session, { variablesReference, start = 0, count = 0, format }) => ({
    variables: session.variables.children(variablesReference, { start, count, asHex: format?.hex === true }),
  }),
}
