import type { PefRequests } from '../protocol.ts'
import type { RequestHandler } from '../request.ts'

export const pefTimeline: RequestHandler<
  PefRequests['pef/timeline']['arguments'],
  PefRequests['pef/timeline']['body']
> = {
  command: 'pef/timeline',
  handle: (session) => {
    const timeline = session.target.past
    const { clock, trace } = session.target.machine
    return {
      instruction: clock.instructions,
      first: timeline.instructionsAt(timeline.first),
      end: timeline.endInstructions,
      happened: trace.happened,
      total: trace.total,
      checkpoints: timeline.checkpoints.map((position) => timeline.instructionsAt(position)),
    }
  },
}
