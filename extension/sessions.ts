import { type DebugAdapterTracker, type DebugSession, type Disposable, debug, EventEmitter, window } from 'vscode'
import type { PefEvents, PefRequests } from '../debug-adapter/adapter/protocol.ts'

export type SessionState = 'running' | 'stopped' | 'ended'

/** One debug session of type `pef`, as far as its messages tell. */
export class PefSession {
  state: SessionState = 'running'
  /** Records that the log was last said to hold. */
  total = 0
  /** How many of them lie in the past: a machine that went back knows its future. */
  happened = 0
  /** Rises when the machine is built anew: what was read of the log before is gone. */
  generation = 0
  /** Counts the stops of this machine. */
  stops = 0

  constructor(readonly session: DebugSession) {}

  /** Sends a custom request of protocol.ts. Rejects once the adapter is gone. */
  async ask<C extends keyof PefRequests>(
    command: C,
    args: PefRequests[C]['arguments'],
  ): Promise<PefRequests[C]['body']> {
    return await this.session.customRequest(command, args)
  }
}

/** Does something with a session that is stopped; says why where it cannot. */
export async function whenStopped(
  session: PefSession | undefined,
  work: (session: PefSession) => Promise<unknown>,
): Promise<void> {
  if (session?.state !== 'stopped') {
    window.showInformationMessage('PEF: there is no stopped debug session of an SVM image; start one, or pause it.')
    return
  }
  await work(session).catch((error) =>
    window.showErrorMessage(`PEF: ${error instanceof Error ? error.message : error}`),
  )
}

interface Message {
  readonly type: 'request' | 'response' | 'event'
  readonly command?: string
  readonly event?: string
  readonly body?: unknown
}

/** Follows every session of type `pef` through its messages. Views listen here and look at {@link current}. */
export class PefSessions implements Disposable {
  readonly #changed = new EventEmitter<PefSession>()
  /** A session began, went on, stopped, ended, or its log grew. */
  readonly onDidChange = this.#changed.event
  readonly #sessions = new Map<string, PefSession>()
  #current: PefSession | undefined
  readonly #disposables: Disposable[]

  constructor() {
    this.#disposables = [
      this.#changed,
      debug.registerDebugAdapterTrackerFactory('pef', { createDebugAdapterTracker: (session) => this.#track(session) }),
      debug.onDidChangeActiveDebugSession((session) => {
        const active = session && this.#sessions.get(session.id)
        if (active && active !== this.#current) this.#announce(active)
      }),
    ]
  }

  /** The session that views show: the active one; after its end still the last one. */
  get current(): PefSession | undefined {
    return this.#current
  }

  dispose(): void {
    for (const one of this.#disposables) one.dispose()
  }

  #announce(session: PefSession): void {
    this.#current = session
    this.#changed.fire(session)
  }

  #track(debugSession: DebugSession): DebugAdapterTracker {
    const session = new PefSession(debugSession)
    this.#sessions.set(debugSession.id, session)
    this.#announce(session)
    const end = () => {
      this.#sessions.delete(debugSession.id)
      if (session.state === 'ended') return
      session.state = 'ended'
      this.#changed.fire(session)
    }
    return {
      onWillReceiveMessage: ({ type, command }: Message) => {
        if (type !== 'request') return
        // A restart builds the machine anew, and its log begins again.
        if (command !== 'restart') return
        session.generation++
        session.total = 0
        session.stops = 0
      },
      onDidSendMessage: (message: Message) => {
        if (this.#observe(session, message)) this.#changed.fire(session)
      },
      onWillStopSession: end,
      onExit: end,
      onError: end,
    }
  }

  /** A log that is shorter than it was has another future: it is read anew. */
  #advanced(session: PefSession, { total, happened }: PefEvents['pef/traceAdvanced']): true {
    if (total < session.total) session.generation++
    session.total = total
    session.happened = happened
    return true
  }

  /** @returns whether a view has something to do */
  #observe(session: PefSession, { type, event, body }: Message): boolean {
    if (type !== 'event') return false
    switch (event) {
      case 'stopped':
        session.state = 'stopped'
        session.stops++
        return true
      case 'continued':
        session.state = 'running'
        return true
      case 'pef/traceAdvanced':
        return this.#advanced(session, body as PefEvents['pef/traceAdvanced'])
      case 'terminated':
        session.state = 'ended'
        return true
      default:
        return false
    }
  }
}
