import type { Clock } from '../clock/clock.ts'
import type { TraceEvent, TraceRecord, TraceRecordOf } from './records.ts'

/** The one log. Views, the command line, breakpoints on events and tests read it; nothing else is instrumented. */
export class Trace {
  readonly #records: TraceRecord[] = []
  readonly #listeners = new Set<(record: TraceRecord) => void>()

  constructor(readonly clock: Clock) {}

  get records(): readonly TraceRecord[] {
    return this.#records
  }

  add(event: TraceEvent): void {
    const record = { ...event, seq: this.#records.length, at: this.clock.instructions } as TraceRecord
    this.#records.push(record)
    for (const listener of this.#listeners) listener(record)
  }

  /** Calls `listener` for every record from now on. @returns a function that ends it */
  subscribe(listener: (record: TraceRecord) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** All records of one type, in order. */
  of<T extends TraceEvent['type']>(type: T): TraceRecordOf<T>[] {
    return this.#records.filter((record): record is TraceRecordOf<T> => record.type === type)
  }
}

/** JSON of one record: a 64-bit value becomes a string `"0x..."`, since JSON numbers cannot hold it. */
export function recordJson(record: TraceRecord): string {
  return JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value))
}
