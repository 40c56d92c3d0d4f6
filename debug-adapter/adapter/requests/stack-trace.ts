import type { DebugProtocol } from '@vscode/debugprotocol'
import { stackFrame } from '../call-stack.ts'
import type { RequestHandler } from '../request.ts'

export const stackTrace: RequestHandler<DebugProtocol.StackTraceArguments, DebugProtocol.StackTraceResponse['body']> = {
  command: 'stackTrace',
  capabilities: { supportsDelayedStackTraceLoading: true },
  handle: (session, { startFrame = 0, levels }) => {
    const { frames } = session
    const shown = frames.slice(startFrame, levels ? startFrame + levels : undefined)
    return {
      stackFrames: shown.map((frame) => stackFrame(session.standing, frame, (file) => session.sourcePath(file))),
      totalFrames: frames.length,
    }
  },
}
