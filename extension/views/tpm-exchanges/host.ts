import type { ExtensionContext } from 'vscode'
import type { PefSession, PefSessions } from '../../sessions.ts'
import { LogReader } from '../common/log-reader.ts'
import { StopMark } from '../common/stop-mark.ts'
import { ViewHost } from '../common/view-host.ts'
import { TPM_TYPES, type TpmMessage, type TpmRecord, type TpmState } from './messages.ts'

/** Reads the exchanges of the log as it grows, and the TPM's registers whenever an exchange or a measurement came. */
export class TpmExchangesView extends ViewHost<TpmMessage> {
  #reader: LogReader | undefined
  #tpm: TpmState | undefined
  #mark = new StopMark()

  constructor(context: ExtensionContext, sessions: PefSessions) {
    super(context, sessions, 'tpm-exchanges', 'TPM Exchanges')
  }

  protected override reset(): void {
    this.#reader = undefined
    this.#tpm = undefined
    this.#mark = new StopMark()
    this.post({ kind: 'reset' })
  }

  protected override async refresh(session: PefSession): Promise<void> {
    this.#reader ??= new LogReader((args) => session.ask('pef/trace', args), TPM_TYPES)
    const { state, stops } = session
    const fresh = await this.#reader.advance()
    this.#mark.note({ state, stops }, this.#reader.next)
    this.#post(fresh as TpmRecord[])
    if (this.#tpm && fresh.length === 0) return
    this.#tpm = await session.ask('pef/tpmState', {})
    this.post({ kind: 'tpm', tpm: this.#tpm })
  }

  protected override replay(): void {
    this.post({ kind: 'reset' })
    if (this.#reader) this.#post(this.#reader.records as TpmRecord[])
    if (this.#tpm) this.post({ kind: 'tpm', tpm: this.#tpm })
  }

  #post(records: readonly TpmRecord[]): void {
    this.post({ kind: 'records', records, skipped: this.#reader?.skipped ?? 0, newFrom: this.#mark.newFrom })
  }
}
