import { pastBegins } from '../past.ts'
import type { PefRequests } from '../protocol.ts'
import { RequestError, type RequestHandler } from '../request.ts'

export const pefGoToRecord: RequestHandler<PefRequests['pef/goToRecord']['arguments'], object> = {
  command: 'pef/goToRecord',
  handle: (session, { seq }) => {
    const timeline = session.target.past
    const { total } = session.target.machine.trace
    if (!Number.isSafeInteger(seq) || seq < 0 || seq >= total)
      throw new RequestError(`seq ${seq}: expected the number of a record of the log, 0 to ${total - 1}.`)
    const position = timeline.positionOfRecord(seq)
    if (position === undefined)
      throw new RequestError(`Record ${seq} was logged before the past that is kept: ${pastBegins(timeline)}`)
    session.depart((execution) => execution.travel(position))
    return {}
  },
}
