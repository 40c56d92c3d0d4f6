import type { DebugProtocol } from '@vscode/debugprotocol'
import { privilegeState } from '../../machine/cpu/msr.ts'
import type { RequestHandler } from '../request.ts'
import { THREAD_ID } from '../session.ts'

/** The one vCPU, named after the privilege state that the processor is in. */
export const threads: RequestHandler<unknown, DebugProtocol.ThreadsResponse['body']> = {
  command: 'threads',
  handle: (session) => {
    const state =
      session.launched && !session.execution.running ? ` (${privilegeState(session.target.machine.cpu.msr)})` : ''
    return { threads: [{ id: THREAD_ID, name: `vCPU 0${state}` }] }
  },
}
