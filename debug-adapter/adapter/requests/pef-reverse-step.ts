import { anyPlace, lastChange, reverseStepIn, reverseStepOut } from '../backwards.ts'
import type { PefRequests } from '../protocol.ts'
import { RequestError, type RequestHandler } from '../request.ts'

export const pefReverseStepIn: RequestHandler<PefRequests['pef/reverseStepIn']['arguments'], object> = {
  command: 'pef/reverseStepIn',
  handle: (session, { granularity }) => {
    const search = granularity === 'instruction' ? anyPlace() : reverseStepIn(session.standing)
    session.depart((execution) => execution.back(search))
    return {}
  },
}

export const pefReverseStepOut: RequestHandler<PefRequests['pef/reverseStepOut']['arguments'], object> = {
  command: 'pef/reverseStepOut',
  handle: (session) => {
    const search = reverseStepOut(session.standing)
    session.depart((execution) => (search === 'left guest' ? execution.backToGuest() : execution.back(search)))
    return {}
  },
}

export const pefLastChange: RequestHandler<PefRequests['pef/lastChange']['arguments'], object> = {
  command: 'pef/lastChange',
  handle: (session, { dataId }) => {
    if (typeof dataId !== 'string') throw new RequestError('dataId: expected what dataBreakpointInfo gave.')
    const search = lastChange(session.standing, dataId)
    session.depart((execution) => execution.back(search))
    return {}
  },
}
