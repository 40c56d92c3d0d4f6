import type { PefRequests } from '../protocol.ts'
import { RequestError, type RequestHandler } from '../request.ts'

export const pefGoToRecord: RequestHandler<PefRequests['pef/goToRecord']['arguments'], object> = {
  command: 'pef/goToRecord',
  handle: (session, { seq }) => {
    const timeline = session.target.past
    const { total } = session.target.machine.trace
    const position = Number.isSafeInteger(seq) && seq < total ? timeline.positionOfRecord(seq) : undefined
    if (position === undefined)
      throw new RequestError(`seq ${seq}: expected the number of a record of the log, 0 to ${total - 1}.`)
    session.depart((execution) => execution.travel(position))
    return {}
  },
}
