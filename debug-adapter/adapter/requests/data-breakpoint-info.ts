import type { DebugProtocol } from '@vscode/debugprotocol'
import { MAX_WATCHED, memoryDataId, registerDataId } from '../data-breakpoints.ts'
import { evaluate } from '../expressions.ts'
import { hex } from '../format.ts'
import { readRegister } from '../registers.ts'
import { RequestError, type RequestHandler } from '../request.ts'

/** Can this be watched? A register by name, an address (`bytes` long), or an expression whose value is an address. */
export const dataBreakpointInfo: RequestHandler<
  DebugProtocol.DataBreakpointInfoArguments,
  DebugProtocol.DataBreakpointInfoResponse['body']
> = {
  command: 'dataBreakpointInfo',
  capabilities: { supportsDataBreakpoints: true, supportsDataBreakpointBytes: true },
  handle: (session, { name, bytes = 8, asAddress }) => {
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > MAX_WATCHED)
      throw new RequestError(`bytes ${bytes}: expected a whole number from 1 to ${MAX_WATCHED}.`)
    const found = (dataId: string, what: string) => ({
      dataId,
      description: `${what}, when its value changes`,
      accessTypes: ['write' as const],
      canPersist: true,
    })
    const register = name.replace(/^\$/, '')
    if (!asAddress && readRegister(session.standing, register)) return found(registerDataId(register), register)
    try {
      const address = asAddress ? name : hex(evaluate(name, session.standing).value)
      return found(memoryDataId(address, bytes), `${bytes} bytes at ${name}`)
    } catch (error) {
      return { dataId: null, description: error instanceof Error ? error.message : String(error) }
    }
  },
}
