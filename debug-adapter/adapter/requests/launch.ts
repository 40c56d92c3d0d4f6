import type { RequestHandler } from '../request.ts'
import { event, type LaunchArguments } from '../session.ts'

/** Checks every attribute, reads the files and builds the machine. It runs once the client has set its breakpoints. */
export const launch: RequestHandler<LaunchArguments, void> = {
  command: 'launch',
  handle: (session, args) => session.launch(args),
  after: (session) => session.sendEvent(event('initialized', undefined)),
}
