export const TICKS_PER_MILLISECOND = 512_000

/** The one clock: time is the count of guest instructions (design: "one clock, one source of chance"). */
export class Clock {
  /** Guest instructions executed since power-on. Only the processor writes it. */
  instructions = 0
  /** Ticks that passed while the processor waited: it executes nothing then. */
  idle = 0

  /** Ticks of the 512 MHz timebase: one instruction is one tick, so that a run never depends on the host's speed. */
  get timebase(): bigint {
    return BigInt(this.instructions + this.idle)
  }

  /** Since power-on, in the machine's own time. */
  get milliseconds(): number {
    return Math.floor((this.instructions + this.idle) / TICKS_PER_MILLISECOND)
  }
}
