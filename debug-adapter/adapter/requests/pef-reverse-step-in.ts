import { anyPlace, reverseStepIn } from '../backwards.ts'
import type { PefRequests } from '../protocol.ts'
import type { RequestHandler } from '../request.ts'

export const pefReverseStepIn: RequestHandler<PefRequests['pef/reverseStepIn']['arguments'], object> = {
  command: 'pef/reverseStepIn',
  handle: (session, { granularity }) => {
    const search = granularity === 'instruction' ? anyPlace() : reverseStepIn(session.standing)
    session.depart((execution) => execution.back(search))
    return {}
  },
}
