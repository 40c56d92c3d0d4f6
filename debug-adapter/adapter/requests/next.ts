import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'
import { stepOver } from '../stepping.ts'

/** Over an instruction or a line of the guest with all that it calls, or over a firmware step with the frames it makes. */
export const next: RequestHandler<DebugProtocol.NextArguments, void> = {
  command: 'next',
  capabilities: { supportsSteppingGranularity: true },
  handle: (session, { granularity = 'statement' }) => session.resume(stepOver(session.standing, granularity)),
}
