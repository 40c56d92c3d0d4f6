/** What of a session counts here: see PefSession. */
interface Stopping {
  readonly state: 'running' | 'stopped' | 'ended'
  readonly stops: number
}

/** Tells which records of the log are new since the last stop: at a stop, those since the stop before. */
export class StopMark {
  #stops = 0
  #atStop: number | undefined
  #newFrom = 0

  /** Records from this position in the log on are new. */
  get newFrom(): number {
    return this.#newFrom
  }

  /** @param end position up to which the log has been read */
  note({ state, stops }: Stopping, end: number): void {
    if (stops !== this.#stops) {
      // At the first stop everything would be new, which says nothing.
      this.#newFrom = this.#atStop ?? end
      this.#atStop = end
      this.#stops = stops
    } else if (state !== 'stopped') this.#newFrom = this.#atStop ?? end
  }
}
