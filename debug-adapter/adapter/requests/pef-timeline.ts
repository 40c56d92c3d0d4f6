import { Machine } from '../../machine/machine.ts'
import { runFile } from '../../timeline/run-file.ts'
import type { PefRequests } from '../protocol.ts'
import { RequestError, type RequestHandler } from '../request.ts'
import type { PefSession } from '../session.ts'

function timelineOf(session: PefSession) {
  const { timeline } = session.target
  if (timeline) return timeline
  throw new RequestError('The past of this run is not kept: "timeTravel" is false in its launch configuration.')
}

export const pefTimeline: RequestHandler<
  PefRequests['pef/timeline']['arguments'],
  PefRequests['pef/timeline']['body']
> = {
  command: 'pef/timeline',
  handle: (session) => {
    const timeline = timelineOf(session)
    const { clock, trace } = session.target.machine
    return {
      instruction: clock.instructions,
      end: timeline.endInstructions,
      happened: trace.happened,
      total: trace.records.length,
      checkpoints: timeline.checkpoints.map((position) => timeline.instructionsAt(position)),
    }
  },
}

export const pefGoToInstruction: RequestHandler<PefRequests['pef/goToInstruction']['arguments'], object> = {
  command: 'pef/goToInstruction',
  handle: (session, { instruction }) => {
    const timeline = timelineOf(session)
    if (!Number.isSafeInteger(instruction) || instruction < 0 || instruction > timeline.endInstructions)
      throw new RequestError(
        `instruction ${instruction}: expected a whole number up to ${timeline.endInstructions}, where the run has got to.`,
      )
    session.depart((execution) => execution.travel(timeline.positionOf(instruction)))
    return {}
  },
}

export const pefGoToRecord: RequestHandler<PefRequests['pef/goToRecord']['arguments'], object> = {
  command: 'pef/goToRecord',
  handle: (session, { seq }) => {
    const timeline = timelineOf(session)
    const { records } = session.target.machine.trace
    const position = Number.isSafeInteger(seq) && seq < records.length ? timeline.positionOfRecord(seq) : undefined
    if (position === undefined)
      throw new RequestError(`seq ${seq}: expected the number of a record of the log, 0 to ${records.length - 1}.`)
    session.depart((execution) => execution.travel(position))
    return {}
  },
}

export const pefSaveRun: RequestHandler<PefRequests['pef/saveRun']['arguments'], PefRequests['pef/saveRun']['body']> = {
  command: 'pef/saveRun',
  handle: (session) => {
    const timeline = timelineOf(session)
    const { machine } = session.standing
    if (!(machine instanceof Machine)) throw new RequestError('This machine cannot be made again.')
    return { run: runFile({ ...session.launchArguments }, machine, timeline) }
  },
}

export const pefFork: RequestHandler<PefRequests['pef/fork']['arguments'], object> = {
  command: 'pef/fork',
  handle: (session) => {
    session.fork()
    return {}
  },
}
