import type { Clock } from '../clock/clock.ts'

/** Registers of the chip that this model has, by SCOM address, with what they hold at power-on. */
const REGISTERS: readonly (readonly [address: number, value: bigint])[] = [
  // Chip id: POWER9 Nimbus DD2.3 (skiboot core/xscom.c, xscom_init_chip_info).
  [0x000f_000f, 0x223d_1049_0000_8000n],
  // What the ultravisor lets its host write (spec/ultravisor.md §2.4): two of the interrupt logic, four I2C engines, one of the PHB.
  [0x0006_c081, 0n],
  [0x0006_c082, 0n],
  ...[0x0000, 0x1000, 0x2000, 0x3000].flatMap((engine) =>
    [4, 5, 7, 9, 0xa].map((register) => [0x000a_0000 + engine + register, 0n] as const),
  ),
  [0x0501_2c4b, 0n],
  // Core 0: RAS status and direct controls (skiboot core/direct-controls.c), which stop and single-step threads.
  [0x2001_0a02, 0n],
  [0x2001_0a9c, 0n],
]

/** Bits of the doorbell from the self-boot engine to the host (skiboot include/sbe-p9.h). */
export const SBE_DOORBELL = { messageRead: 1n << 62n, timerExpired: 1n << 49n } as const
/** Ticks of the timebase in a microsecond. */
const TICKS_PER_MICROSECOND = 512n

/** The self-boot engine as its host interface shows it: a mailbox for one message, a timer, a doorbell. */
export class SelfBootEngine {
  readonly #clock: Clock
  private doorbell = 0n
  private timer: bigint | undefined
  private messageWaits = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A message lies in the mailbox whose receipt the host has not seen yet. */
  get busy(): boolean {
    return this.messageWaits
  }

  /** Starts the timer anew. @param microseconds until it expires */
  startTimer(microseconds: bigint): void {
    this.messageWaits = true
    this.doorbell |= SBE_DOORBELL.messageRead
    this.timer = this.#clock.timebase + BigInt.asUintN(40, microseconds) * TICKS_PER_MICROSECOND
  }

  /** @returns the bits of the doorbell, which are cleared by that: what the host has to know */
  takeInterrupt(): bigint {
    if (this.timer !== undefined && this.timer <= this.#clock.timebase) {
      this.doorbell |= SBE_DOORBELL.timerExpired
      this.timer = undefined
    }
    const bits = this.doorbell
    this.doorbell = 0n
    this.messageWaits = false
    return bits
  }
}

/** The one processor chip as service software reaches it: SCOM registers and the self-boot engine. */
export class Chip {
  /** Number of the chip in SCOM and SBE calls. */
  readonly id = 0n
  readonly sbe: SelfBootEngine
  private readonly registers = new Map(REGISTERS)

  constructor(clock: Clock) {
    this.sbe = new SelfBootEngine(clock)
  }

  /** @param address 31 bits, direct. @returns undefined where the chip has no such register */
  readScom(address: number): bigint | undefined {
    return this.registers.get(address)
  }

  /** @returns false where the chip has no such register */
  writeScom(address: number, value: bigint): boolean {
    if (!this.registers.has(address)) return false
    this.registers.set(address, BigInt.asUintN(64, value))
    return true
  }
}
