import { pastBegins } from '../past.ts'
import type { PefRequests } from '../protocol.ts'
import { RequestError, type RequestHandler } from '../request.ts'

export const pefGoToInstruction: RequestHandler<PefRequests['pef/goToInstruction']['arguments'], object> = {
  command: 'pef/goToInstruction',
  handle: (session, { instruction }) => {
    const timeline = session.target.past
    if (!Number.isSafeInteger(instruction) || instruction < 0 || instruction > timeline.endInstructions)
      throw new RequestError(
        `instruction ${instruction}: expected a whole number up to ${timeline.endInstructions}, where the run has got to.`,
      )
    if (instruction < timeline.instructionsAt(timeline.first))
      throw new RequestError(`Instruction ${instruction} lies before the past that is kept: ${pastBegins(timeline)}`)
    session.depart((execution) => execution.travel(timeline.positionOf(instruction)))
    return {}
  },
}
