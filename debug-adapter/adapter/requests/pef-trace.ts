import type { PefRequests, WireRecord } from '../protocol.ts'
import { RequestError, type RequestHandler } from '../request.ts'
import { toWire } from '../wire.ts'

const DEFAULT_LIMIT = 1000

export const pefTrace: RequestHandler<PefRequests['pef/trace']['arguments'], PefRequests['pef/trace']['body']> = {
  command: 'pef/trace',
  handle: (session, { from = 0, limit = DEFAULT_LIMIT, types }) => {
    if (!Number.isSafeInteger(from) || from < 0 || !Number.isSafeInteger(limit) || limit < 1)
      throw new RequestError(`from ${from}, limit ${limit}: expected whole numbers, from 0 and from 1 on.`)
    const { trace } = session.target.machine
    const records: WireRecord[] = []
    let next = Math.max(from, trace.first)
    for (; next < trace.total && records.length < limit; next++) {
      const record = trace.record(next)!
      if (!types || types.includes(record.type)) records.push(toWire(record))
    }
    return { records, next, first: trace.first, total: trace.total }
  },
}
