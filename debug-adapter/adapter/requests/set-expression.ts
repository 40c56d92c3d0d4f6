import type { DebugProtocol } from '@vscode/debugprotocol'
import { evaluate } from '../expressions.ts'
import { writeRegister } from '../registers.ts'
import { RequestError, type RequestHandler } from '../request.ts'
import { setTyped } from '../typed-variables.ts'
import { surroundings } from './evaluate.ts'

/** Sets a register, or a single number of the program's, to the value of any expression. */
export const setExpression: RequestHandler<
  DebugProtocol.SetExpressionArguments,
  DebugProtocol.SetExpressionResponse['body']
> = {
  command: 'setExpression',
  capabilities: { supportsSetExpression: true },
  handle: (session, { expression, value, frameId, format }) => {
    const asHex = format?.hex === true
    const { standing: target } = session
    const where = surroundings(session, frameId, asHex)
    const place = evaluate(expression, target, where)
    const number = evaluate(value, target, where).value
    if (place.typed)
      return { value: setTyped({ name: expression, value: place.typed, expression }, number, asHex).value }
    if (!place.register)
      throw new RequestError(`${expression} is neither a variable nor a register: only these can be set.`)
    if (target.inFirmware)
      throw new RequestError(
        'These are the registers that the guest left with: they can be set when it has the processor.',
      )
    return { value: writeRegister(target, place.register, number).text }
  },
  after: (session) => session.invalidate(['stacks', 'variables']),
}
