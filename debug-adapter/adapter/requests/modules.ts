import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

/** The guest's kernel; firmware has no addresses of its own. */
export const modules: RequestHandler<DebugProtocol.ModulesArguments, DebugProtocol.ModulesResponse['body']> = {
  command: 'modules',
  capabilities: { supportsModulesRequest: true },
  handle: (session) => {
    const path = session.launchArguments.kernel
    return {
      modules: [
        {
          id: 'guest',
          name: path.replace(/^.*[\\/]/, ''),
          path,
          symbolStatus: session.target.symbols.names.length > 0 ? 'symbols loaded' : 'no symbols',
        },
      ],
      totalModules: 1,
    }
  },
}
