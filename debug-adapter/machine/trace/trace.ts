import type { Clock } from '../clock/clock.ts'
import type { TraceEvent, TraceRecord, TraceRecordOf } from './records.ts'

/** @param again whether the record was there before the machine went back in time */
export type TraceListener = (record: TraceRecord, again: boolean) => void

/**
 * The one log. Views, the command line, breakpoints on events and tests read it; nothing else is instrumented.
 *
 * A machine that goes back in time keeps what it logged afterwards: it will log the same again, record by record.
 */
export class Trace {
  readonly #records: TraceRecord[] = []
  readonly #listeners = new Set<TraceListener>()
  #happened = 0

  constructor(readonly clock: Clock) {}

  /** All that is known, also of a future that the machine has been to. */
  get records(): readonly TraceRecord[] {
    return this.#records
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
    const known = this.#records[seq]
    const record = { ...event, seq, at: this.clock.instructions } as TraceRecord
    if (known && (known.type !== record.type || known.at !== record.at))
      throw new Error(
        `the run is not what it was: record ${seq} was ${known.type} at instruction ${known.at}, now it is ${record.type} at ${record.at}`,
      )
    this.#records[seq] = record
    for (const listener of this.#listeners) listener(record, known !== undefined)
    return seq
  }

  /** Goes back to where the first `happened` records have happened; the others stay known. */
  rewind(happened: number): void {
    this.#happened = happened
  }

  /** Forgets what has not happened: the machine is going another way. */
  forgetFuture(): void {
    this.#records.length = this.#happened
  }

  /** Drops the register files of an old crossing. */
  dropRegisters(seq: number): void {
    const record = this.#records[seq]
    if (record?.type === 'reflection') delete record.registers
  }

  /** Calls `listener` for every record from now on. @returns a function that ends it */
  subscribe(listener: TraceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What has happened of one type, in order. */
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
