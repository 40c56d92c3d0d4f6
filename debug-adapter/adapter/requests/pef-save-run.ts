import { Machine } from '../../machine/machine.ts'
import { runFile } from '../../timeline/run-file.ts'
import type { PefRequests } from '../protocol.ts'
import { RequestError, type RequestHandler } from '../request.ts'

export const pefSaveRun: RequestHandler<PefRequests['pef/saveRun']['arguments'], PefRequests['pef/saveRun']['body']> = {
  command: 'pef/saveRun',
  handle: (session) => {
    const timeline = session.target.past
    const { machine } = session.standing
    if (!(machine instanceof Machine)) throw new RequestError('This machine cannot be made again.')
    return { run: runFile({ ...session.launchArguments }, machine, timeline) }
  },
}
