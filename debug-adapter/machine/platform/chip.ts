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

/** How the SCOM engine ended an access, as HMER[21:23] says (skiboot include/xscom.h). */
export const SCOM_STATUS = {
  done: 0,
  busy: 1,
  chipletOff: 2,
  partialGood: 3,
  addressError: 4,
  clockError: 5,
  parityError: 6,
  timeout: 7,
} as const

/** Chiplets of the cores: this chip has the first of 24. */
const CORE_CHIPLETS = { own: 0x20, last: 0x37 } as const

/** The one processor chip as service software reaches it: SCOM registers and the self-boot engine. */
export class Chip {
  /** Number of the chip in SCOM and SBE calls. */
  readonly id = 0n
  readonly sbe: SelfBootEngine
  private readonly registers = new Map(REGISTERS)

  /** @param broken status with which accesses to an address end, instead of the right one */
  constructor(
    clock: Clock,
    private readonly broken?: (address: number) => number | undefined,
  ) {
    this.sbe = new SelfBootEngine(clock)
  }

  /** @param address 31 bits, direct. @returns what HMER says of an access: one of {@link SCOM_STATUS}, or what no book names */
  scomStatus(address: number): number {
    const broken = this.broken?.(address)
    if (broken !== undefined) return broken
    if (this.registers.has(address)) return SCOM_STATUS.done
    const chiplet = address >>> 24
    const missing = chiplet > CORE_CHIPLETS.own && chiplet <= CORE_CHIPLETS.last
    return missing ? SCOM_STATUS.partialGood : SCOM_STATUS.addressError
  }

  /** Of a register that the chip has; others hold 0. */
  readScom(address: number): bigint {
    return this.registers.get(address) ?? 0n
  }

  writeScom(address: number, value: bigint): void {
    this.registers.set(address, BigInt.asUintN(64, value))
  }
}
