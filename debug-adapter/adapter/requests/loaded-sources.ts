import type { DebugProtocol } from '@vscode/debugprotocol'
import { allProcedures, listingSource } from '../listings.ts'
import type { RequestHandler } from '../request.ts'

/** Every listing of the firmware, and the guest's source files that the line information names. */
export const loadedSources: RequestHandler<
  DebugProtocol.LoadedSourcesArguments,
  DebugProtocol.LoadedSourcesResponse['body']
> = {
  command: 'loadedSources',
  capabilities: { supportsLoadedSourcesRequest: true },
  handle: async (session) => {
    const files = session.launched ? session.target.symbols.sourceFiles : []
    if (session.launched) await session.findSources(files)
    const guest = files.flatMap((file) => {
      const path = session.sourcePath(file)
      return path ? [{ name: file.replace(/^.*[\\/]/, ''), path }] : []
    })
    return { sources: [...allProcedures().map(listingSource), ...guest] }
  },
}
