import type { Procedure, Steps } from '../steps.ts'
import type { FieldReader } from './bytes.ts'
import type { TpmState } from './state.ts'

/** What a command gives back: a handle where it makes one, and its parameters. */
export interface CommandResult {
  readonly handle?: number
  readonly parameters?: Uint8Array
}

/** One command of TPM 2.0 part 3. */
export interface Command {
  readonly code: number
  /** How many handles stand before the authorization area, and how many of them need authorization. */
  readonly handles: number
  readonly authorized: number
  /** Role that the first authorization plays; `admin` needs a policy that names the command. */
  readonly role?: 'user' | 'admin'
  readonly procedure: Procedure
  run(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult>
}
