import type { DebugProtocol } from '@vscode/debugprotocol'
import { evaluate as evaluateExpression } from '../expressions.ts'
import { hex } from '../format.ts'
import { runCommand } from '../repl.ts'
import type { RequestHandler } from '../request.ts'

export const evaluate: RequestHandler<DebugProtocol.EvaluateArguments, DebugProtocol.EvaluateResponse['body']> = {
  command: 'evaluate',
  capabilities: { supportsEvaluateForHovers: true },
  handle: (session, { expression, frameId, context }) => {
    const said = context === 'repl' ? runCommand(expression, session) : undefined
    if (said !== undefined) return { result: said, variablesReference: 0 }
    const frame = session.frame(frameId)
    const values = frame?.kind === 'firmware' ? frame.frame.values : {}
    const { value, text, type, isAddress } = evaluateExpression(expression, session.standing, values)
    return { result: text, type, variablesReference: 0, ...(isAddress && { memoryReference: hex(value) }) }
  },
}
