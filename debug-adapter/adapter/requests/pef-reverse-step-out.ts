import { reverseStepOut } from '../backwards.ts'
import type { PefRequests } from '../protocol.ts'
import type { RequestHandler } from '../request.ts'

export const pefReverseStepOut: RequestHandler<PefRequests['pef/reverseStepOut']['arguments'], object> = {
  command: 'pef/reverseStepOut',
  handle: (session) => {
    const search = reverseStepOut(session.standing)
    session.depart((execution) => (search === 'left guest' ? execution.backToGuest() : execution.back(search)))
    return {}
  },
}
