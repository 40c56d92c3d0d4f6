import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'
import type { LaunchArguments } from '../session.ts'

/** Switches the machine off and on: reads the files anew, keeps the breakpoints. */
export const restart: RequestHandler<DebugProtocol.RestartArguments, void> = {
  command: 'restart',
  capabilities: { supportsRestartRequest: true },
  handle: (session, args) => session.launch((args.arguments as LaunchArguments | undefined) ?? session.launchArguments),
  after: (session) => session.startFirst(),
}
