import type { DebugProtocol } from '@vscode/debugprotocol'
import { RULES } from '../../../server/esm/rules.ts'
import type { Refusal } from '../../machine/refusal.ts'
import { RequestError, type RequestHandler } from '../request.ts'

/** Why the machine stopped by an exception: rule, what was expected, what was found, and where the rule comes from. */
export const exceptionInfo: RequestHandler<
  DebugProtocol.ExceptionInfoArguments,
  DebugProtocol.ExceptionInfoResponse['body'] & { details: Refusal & { advice?: string } }
> = {
  command: 'exceptionInfo',
  capabilities: { supportsExceptionInfoRequest: true },
  handle: (session) => {
    const exception = session.lastException
    if (!exception) throw new RequestError('The machine did not stop by an exception.')
    const { rule, expected, found, source } = exception.refusal
    // What the editor would say about the same rule.
    const advice = RULES.get(rule)?.fix
    return {
      exceptionId: rule,
      description: `${exception.title}\nexpected: ${expected}\nfound: ${found}\nsource: ${source}${advice ? `\nadvice: ${advice}` : ''}`,
      breakMode: 'always',
      details: {
        message: `expected ${expected}; found ${found}`,
        typeName: rule,
        fullTypeName: `${rule} (${source})`,
        rule,
        expected,
        found,
        source,
        ...(advice && { advice }),
      },
    }
  },
}
