import type { PefRequests, WireRecord } from '../../../debug-adapter/adapter/protocol.ts'

export type RecordType = WireRecord['type']
type TraceBody = PefRequests['pef/trace']['body']

/** Records that are read in one go. */
const BATCH = 2000

/** Reads the records of some types from the machine's log, each once, in order. */
export class LogReader {
  readonly records: WireRecord[] = []
  /** Records that the machine had given up before they were read: of a long log it keeps the newest. */
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
      const { records, next, first, total } = await this.ask({ from: this.#next, limit: BATCH, types: this.types })
      this.skipped += Math.max(0, first - this.#next)
      fresh.push(...records)
      const stuck = next <= this.#next
      this.#next = Math.max(next, this.#next)
      if (next >= total || stuck) break
    }
    this.records.push(...fresh)
    return fresh
  }
}
