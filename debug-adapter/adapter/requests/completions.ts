import type { DebugProtocol } from '@vscode/debugprotocol'
import { sprNames } from '../registers.ts'
import type { RequestHandler } from '../request.ts'

const MAX_TARGETS = 200
const REGISTERS = [
  ...Array.from({ length: 32 }, (_, i) => `r${i}`),
  ...['nia', 'msr', 'lr', 'ctr', 'xer', 'cr'],
  ...Array.from({ length: 8 }, (_, i) => `cr${i}`),
]

/** Names of registers, of values of the firmware step and of symbols, for the word before the cursor. */
export const completions: RequestHandler<
  DebugProtocol.CompletionsArguments,
  DebugProtocol.CompletionsResponse['body']
> = {
  command: 'completions',
  capabilities: { supportsCompletionsRequest: true },
  handle: (session, { text, column, frameId }) => {
    const word = /[\w$.]*$/.exec(text.slice(0, column - 1))![0]
    const prefix = word.replace(/^\$/, '').toLowerCase()
    const frame = session.frame(frameId)
    const values = frame?.kind === 'firmware' ? Object.keys(frame.frame.values) : []
    const named = (type: DebugProtocol.CompletionItemType, names: readonly string[]) =>
      names.filter((name) => name.toLowerCase().startsWith(prefix)).map((label) => ({ label, type }))
    const targets = [
      ...named('value', values),
      ...named('variable', [...REGISTERS, ...sprNames().map((name) => name.toLowerCase())]),
      ...named('function', session.target.symbols.names),
    ]
    const start = column - 1 - prefix.length
    return { targets: targets.slice(0, MAX_TARGETS).map((one) => ({ ...one, start, length: prefix.length })) }
  },
}
