import type { PefRequests, WireRecord } from '../../../debug-adapter/adapter/protocol.ts'

export type RecordType = WireRecord['type']
type TraceBody = PefRequests['pef/trace']['body']

/** Records that are read in one go, and of a long log read at all: what is older stays in the machine. */
const BATCH = 2000
const MOST_BEHIND = 200_000

/** Reads the records of some types from the machine's log, each once, in order. */
export class LogReader {
  readonly records: WireRecord[] = []
  /** Records at the beginning of the log that were passed over because there are too many. */
  skipped = 0
  #next = 0

  /**
   * @param ask   sends `pef/trace`
   * @param types the types that are wanted
   */
  constructor(
    private readonly ask: (args: PefRequests['pef/trace']['arguments']) => Promise<TraceBody>,
    private readonly types: readonly RecordType[],
  ) {}

  /** Position in the log up to which everything is read. */
  get next(): number {
    return this.#next
  }

  /** Reads what is new. @returns the new records */
  async advance(): Promise<WireRecord[]> {
    const fresh: WireRecord[] = []
    for (;;) {
      const { records, next, total } = await this.ask({ from: this.#next, limit: BATCH, types: this.types })
      if (total - next > MOST_BEHIND) {
        this.skipped += total - MOST_BEHIND - this.#next
        this.#next = total - MOST_BEHIND
        continue
      }
      fresh.push(...records)
      const stuck = next <= this.#next
      this.#next = Math.max(next, this.#next)
      if (next >= total || stuck) break
    }
    this.records.push(...fresh)
    return fresh
  }
}
