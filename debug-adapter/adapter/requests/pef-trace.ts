import type { PefRequests, WireRecord } from '../protocol.ts'
import { RequestError, type RequestHandler } from '../request.ts'
import { toWire } from '../wire.ts'

const DEFAULT_LIMIT = 1000

export const pefTrace: RequestHandler<PefRequests['pef/trace']['arguments'], PefRequests['pef/trace']['body']> = {
  command: 'pef/trace',
  handle: (session, { from = 0, limit = DEFAULT_LIMIT, types }) => {
    if (!Number.isSafeInteger(from) || from < 0 || !Number.isSafeInteger(limit) || limit < 1)
      throw new RequestError(`from ${from}, limit ${limit}: expected whole numbers, from 0 and from 1 on.`)
    const all = session.target.machine.trace.records
    const records: WireRecord[] = []
    let next = from
    for (; next < all.length && records.length < limit; next++) {
      const record = all[next]!
      if (!types || types.includes(record.type)) records.push(toWire(record))
    }
    return { records, next, total: all.length }
  },
}
