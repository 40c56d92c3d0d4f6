import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

/** Registers and the program's single numbers can be set, to the value of any expression. */
export const setVariable: RequestHandler<
  DebugProtocol.SetVariableArguments,
  DebugProtocol.SetVariableResponse['body']
> = {
  command: 'setVariable',
  capabilities: { supportsSetVariable: true },
  handle: (session, { variablesReference, name, value, format }) => {
    const changed = session.variables.set(variablesReference, name, value, format?.hex === true)
    return { value: changed.value, variablesReference: changed.variablesReference }
  },
  // The program counter and the stack pointer move the call stack.
  after: (session, { name }) => {
    if (/^(nia|r1|lr)$/.test(name)) session.invalidate(['stacks'])
  },
}
