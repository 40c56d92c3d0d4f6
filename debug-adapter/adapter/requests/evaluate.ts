import type { DebugProtocol } from '@vscode/debugprotocol'
import { evaluate as evaluateExpression, type Surroundings } from '../expressions.ts'
import { hex } from '../format.ts'
import { runCommand } from '../repl/repl.ts'
import type { RequestHandler } from '../request.ts'
import type { PefSession } from '../session.ts'

export const evaluate: RequestHandler<DebugProtocol.EvaluateArguments, DebugProtocol.EvaluateResponse['body']> = {
  command: 'evaluate',
  capabilities: { supportsEvaluateForHovers: true },
  handle: (session, { expression, frameId, context, format }) => {
    const said = context === 'repl' ? runCommand(expression, session) : undefined
    if (said !== undefined) return { result: said, variablesReference: 0 }
    const asHex = format?.hex === true
    const found = evaluateExpression(expression, session.standing, surroundings(session, frameId, asHex))
    if (found.typed) {
      const { value, name: _, evaluateName: __, ...rest } = session.variables.evaluated(expression, found.typed, asHex)
      return { result: value, ...rest }
    }
    const { value, text, type, isAddress } = found
    return { result: text, type, variablesReference: 0, ...(isAddress && { memoryReference: hex(value) }) }
  },
}

/** The frame that an expression is about. */
export function surroundings(session: PefSession, frameId: number | undefined, asHex = false): Surroundings {
  const frame = session.frame(frameId)
  if (frame?.kind === 'firmware') return { values: frame.frame.values, asHex }
  return frame ? { frame: frame.context, asHex } : { asHex }
}
