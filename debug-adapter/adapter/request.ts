import type { DebugProtocol } from '@vscode/debugprotocol'
import type { PefSession } from './session.ts'

/**
 * One DAP request: its name, what it adds to the adapter's capabilities, and the code that answers it.
 * `handle` returns the body of the response; an exception becomes the error response, shown to the user.
 */
export interface RequestHandler<Arguments = unknown, Body = unknown> {
  readonly command: string
  readonly capabilities?: DebugProtocol.Capabilities
  handle(session: PefSession, args: Arguments): Body | Promise<Body>
  /** Runs after the response was sent: for events that must not overtake it. */
  after?(session: PefSession, args: Arguments): void
}

/** A request that cannot be answered; the message says what was wrong and what would be right. */
export class RequestError extends Error {}

/** A request that comes too late: the machine went on since. The client asks again by itself, so the user is not told. */
export class LateRequestError extends RequestError {}

/** A request that only a stopped machine can answer, while it runs; DAP's `notStopped`. */
export class NotStoppedError extends LateRequestError {
  constructor() {
    super('The machine is running: pause it first.')
  }
}
