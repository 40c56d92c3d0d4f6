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
  handle: (session) => {
    const files = session.launched ? session.target.symbols.sourceFiles : []
    const guest = files.map((file) => ({ name: file.replace(/^.*[\\/]/, ''), path: session.sourcePath(file) ?? file }))
    return { sources: [...allProcedures().map(listingSource), ...guest] }
  },
}
