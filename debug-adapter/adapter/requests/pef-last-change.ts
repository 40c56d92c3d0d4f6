import { lastChange } from '../backwards.ts'
import type { PefRequests } from '../protocol.ts'
import { RequestError, type RequestHandler } from '../request.ts'

export const pefLastChange: RequestHandler<PefRequests['pef/lastChange']['arguments'], object> = {
  command: 'pef/lastChange',
  handle: (session, { dataId }) => {
    if (typeof dataId !== 'string') throw new RequestError('dataId: expected what dataBreakpointInfo gave.')
    const search = lastChange(session.standing, dataId)
    session.depart((execution) => execution.back(search))
    return {}
  },
}
