import type { DebugProtocol } from '@vscode/debugprotocol'
import { hex } from '../format.ts'
import type { RequestHandler } from '../request.ts'

/** The guest's kernel; firmware has no addresses of its own. */
export const modules: RequestHandler<DebugProtocol.ModulesArguments, DebugProtocol.ModulesResponse['body']> = {
  command: 'modules',
  capabilities: { supportsModulesRequest: true },
  handle: (session) => {
    const path = session.launchArguments.kernel
    const { kernelBase } = session.target.machine
    return {
      modules: [
        {
          id: 'guest',
          name: path.replace(/^.*[\\/]/, ''),
          path,
          ...(kernelBase !== undefined && { addressRange: hex(kernelBase) }),
          symbolStatus: session.target.symbols.names.length > 0 ? 'symbols loaded' : 'no symbols',
        },
      ],
      totalModules: 1,
    }
  },
}
