import type { DebugProtocol } from '@vscode/debugprotocol'
import { sourceFiles, stackFrame } from '../call-stack.ts'
import type { RequestHandler } from '../request.ts'

export const stackTrace: RequestHandler<DebugProtocol.StackTraceArguments, DebugProtocol.StackTraceResponse['body']> = {
  command: 'stackTrace',
  capabilities: { supportsDelayedStackTraceLoading: true },
  handle: async (session, { startFrame = 0, levels }) => {
    await session.findSources(sourceFiles(session.target, session.frames))
    const { frames } = session
    const shown = frames.slice(startFrame, levels ? startFrame + levels : undefined)
    return {
      stackFrames: shown.map((frame) => stackFrame(session.standing, frame, (file) => session.sourcePath(file))),
      totalFrames: frames.length,
    }
  },
}
