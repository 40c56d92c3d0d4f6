import type { PefSession } from '../session.ts'
import type { Target } from '../target.ts'

/** A command of the Debug Console. */
export interface Command {
  readonly usage: string
  readonly about: string
  readonly form: RegExp
  /** @throws RequestError */
  run(target: Target, match: RegExpExecArray, session: PefSession): string
}
