import type { ExtensionContext } from 'vscode'
import type { PefSession, PefSessions } from '../../sessions.ts'
import { LogReader } from '../common/log-reader.ts'
import { StopMark } from '../common/stop-mark.ts'
import { ViewHost } from '../common/view-host.ts'
import { CALL_TYPES, type CallRecord, type CallsMessage } from './messages.ts'

/** Reads the calls of the log as it grows; the page makes rows of them. */
export class CallsView extends ViewHost<CallsMessage> {
  #reader: LogReader | undefined
  #mark = new StopMark()

  constructor(context: ExtensionContext, sessions: PefSessions) {
    super(context, sessions, 'calls', 'Calls')
  }

  protected override reset(): void {
    this.#reader = undefined
    this.#mark = new StopMark()
    this.post({ kind: 'reset' })
  }

  protected override async refresh(session: PefSession): Promise<void> {
    this.#reader ??= new LogReader((args) => session.ask('pef/trace', args), CALL_TYPES)
    const { state, stops } = session
    const fresh = await this.#reader.advance()
    this.#mark.note({ state, stops }, this.#reader.next)
    this.#post(fresh as CallRecord[])
  }

  protected override replay(): void {
    this.post({ kind: 'reset' })
    if (this.#reader) this.#post(this.#reader.records as CallRecord[])
  }

  #post(records: readonly CallRecord[]): void {
    this.post({ kind: 'records', records, skipped: this.#reader?.skipped ?? 0, newFrom: this.#mark.newFrom })
  }
}
