import type { Clock } from '../clock/clock.ts'
import type { TraceEvent, TraceRecord, TraceRecordOf } from './records.ts'

/** @param again whether the record was there before the machine went back in time */
export type TraceListener = (record: TraceRecord, again: boolean) => void

/** Records that are kept at least: a guest that calls for ever must not fill the host's memory. Twice as many are, at most. */
export const RECORDS_KEPT = 50_000

/**
 * The one log. Views, the command line, breakpoints on events and tests read it; nothing else is instrumented. The newest records are
 * kept; whoever wants all of them listens.
 *
 * A machine that goes back in time keeps what it logged afterwards: it will log the same again, record by record.
 */
export class Trace {
  /** From `#first` on. */
  readonly #records: TraceRecord[] = []
  #first = 0
  readonly #listeners = new Set<TraceListener>()
  #happened = 0

  constructor(readonly clock: Clock) {}

  /** What is kept, the oldest first, also of a future that the machine has been to. */
  get records(): readonly TraceRecord[] {
    return this.#records
  }

  /** `seq` of the oldest record that is kept. */
  get first(): number {
    return this.#first
  }

  /** How many records are known, kept or not, also of a future that the machine has been to. */
  get total(): number {
    return this.#first + this.#records.length
  }

  /** @returns undefined where it is not kept any more, or not known yet */
  record(seq: number): TraceRecord | undefined {
    return this.#records[seq - this.#first]
  }

  /** How many of the records have happened by now: those before them are the past. */
  get happened(): number {
    return this.#happened
  }

  /**
   * @returns the record's `seq`
   * @throws Error where a machine that went back does not log again what it did the first time
   */
  add(event: TraceEvent): number {
    const seq = this.#happened++
    const again = seq < this.total
    const known = this.record(seq)
    const record = { ...event, seq, at: this.clock.instructions } as TraceRecord
    if (known && (known.type !== record.type || known.at !== record.at))
      throw new Error(
        `the run is not what it was: record ${seq} was ${known.type} at instruction ${known.at}, now it is ${record.type} at ${record.at}`,
      )
    // A machine that went back far logs what was given up: that is for its listeners.
    if (seq >= this.#first) this.#records[seq - this.#first] = record
    if (this.#records.length === 2 * RECORDS_KEPT) {
      this.#records.splice(0, RECORDS_KEPT)
      this.#first += RECORDS_KEPT
    }
    for (const listener of this.#listeners) listener(record, again)
    return seq
  }

  /** Goes back to where the first `happened` records have happened; the others stay known. */
  rewind(happened: number): void {
    this.#happened = happened
  }

  /** Forgets what has not happened: the machine is going another way. */
  forgetFuture(): void {
    this.#records.length = Math.max(0, this.#happened - this.#first)
    this.#first = Math.min(this.#first, this.#happened)
  }

  /** Drops the register files of an old crossing. */
  dropRegisters(seq: number): void {
    const record = this.record(seq)
    if (record?.type === 'reflection') delete record.registers
  }

  /** Calls `listener` for every record from now on. @returns a function that ends it */
  subscribe(listener: TraceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What has happened of one type, in order, as far as it is kept. */
  of<T extends TraceEvent['type']>(type: T): TraceRecordOf<T>[] {
    return this.#records.filter(
      (record): record is TraceRecordOf<T> => record.type === type && record.seq < this.#happened,
    )
  }
}

/** JSON of one record: a 64-bit value becomes a string `"0x..."`, since JSON numbers cannot hold it. */
export function recordJson(record: TraceRecord): string {
  return JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value))
}
