import type { PefRequests } from '../protocol.ts'
import type { RequestHandler } from '../request.ts'

export const pefFork: RequestHandler<PefRequests['pef/fork']['arguments'], object> = {
  command: 'pef/fork',
  handle: (session) => {
    session.fork()
    return {}
  },
}
