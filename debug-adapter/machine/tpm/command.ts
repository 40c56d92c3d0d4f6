import type { Procedure, Steps } from '../steps.ts'
import type { FieldReader } from './bytes.ts'
import type { HandleType } from './handles.ts'
import type { TpmState } from './state.ts'

/** What a command gives back: a handle where it makes one, and its parameters. */
export interface CommandResult {
  readonly handle?: number
  readonly parameters?: Uint8Array
}

export type Run = (tpm: TpmState, handles: readonly number[], parameters: FieldReader) => Steps<CommandResult>

/** Role that an authorization plays (TPM 2.0 part 1, 19.2); `admin` by policy needs one that names the command. */
export type Role = 'user' | 'admin'

/** One place of the handle area. */
export interface HandleSlot {
  readonly type: HandleType
  /** Absent where the handle needs no authorization. */
  readonly role?: Role
}

export const user = (type: HandleType): HandleSlot => ({ type, role: 'user' })
export const admin = (type: HandleType): HandleSlot => ({ type, role: 'admin' })
export const plain = (type: HandleType): HandleSlot => ({ type })

/** One command of TPM 2.0 part 3. */
export interface Command {
  readonly code: number
  readonly handles: readonly HandleSlot[]
  readonly procedure: Procedure
  readonly run: Run
  /** No session may come with it. */
  readonly noSessions: boolean
  /** The first parameter is a TPM2B: a session may encrypt it. */
  readonly decrypts: boolean
  /** The same of the response. */
  readonly encrypts: boolean
  /** Writes to an NV index: what may authorize that is another attribute than for reading. */
  readonly writesNv: boolean
  /** A TPMA_CC (TPM 2.0 part 2, 8.9): the code, the number of handles, whether it changes NV, makes a handle. */
  readonly attributes: number
}

interface Traits {
  readonly noSessions?: true
  readonly decrypts?: true
  readonly encrypts?: true
  readonly writesNv?: true
  /** May change what the TPM keeps without power. */
  readonly changesNv?: true
  /** May remove a number of loaded objects. */
  readonly extensive?: true
  readonly makesHandle?: true
}

/** An entry of the table of commands. */
export function command<K extends string>(
  code: number,
  handles: readonly HandleSlot[],
  procedure: Procedure<K>,
  run: Run,
  traits: Traits = {},
): Command {
  const { noSessions = false, decrypts = false, encrypts = false, writesNv = false } = traits
  const flags = (traits.changesNv ? 1 << 22 : 0) | (traits.extensive ? 1 << 23 : 0) | (traits.makesHandle ? 1 << 28 : 0)
  const attributes = (code | flags | (handles.length << 25)) >>> 0
  const common = { code, handles, procedure: procedure as unknown as Procedure, run, attributes }
  return { ...common, noSessions, decrypts, encrypts, writesNv }
}
