import type { Advance } from '../machine/api.ts'
import { MSR } from '../machine/cpu/msr.ts'
import { SPR } from '../machine/cpu/spr.ts'
import type { CpuExit, Translation } from '../machine/cpu/types.ts'
import { PAGE_BYTES } from '../machine/memory/real-memory.ts'
import { applyChange, type Change } from '../timeline/change.ts'
import type { Timeline, Travelled } from '../timeline/timeline.ts'
import type { Debuggee } from './debuggee.ts'
import type { GuestSymbols } from './guest-symbols.ts'
import { RequestError } from './request.ts'

/**
 * The registers of the guest. While the guest has the processor they are the processor's; while firmware runs they are
 * what the guest had when it left, since firmware uses the same registers.
 */
export interface GuestContext {
  readonly gpr: readonly bigint[]
  /** The instruction that executes next; for a guest that left by `sc`, that `sc`. */
  readonly nia: bigint
  readonly msr: bigint
  readonly lr: bigint
  readonly ctr: bigint
  readonly xer: bigint
  readonly cr: number
}

/** Vectors that leave address and MSR in HSRR0 and HSRR1 (spec/ultravisor.md §1.4); 0x500 does by LPCR[LPES]. */
const HSRR_VECTORS = new Set([0xe00, 0xe20, 0xe40, 0xe60, 0xe80, 0xea0, 0x980, 0xf80, 0x1500])
const PAGE_MASK = BigInt(PAGE_BYTES) - 1n

/** Bits of SRR1 and HSRR1 that tell of the interrupt, not of the MSR before it: 33:36 and 42:47. */
const STATUS_BITS = 0x783f_0000n

/** The machine that is debugged, with what the debugger itself knows of it. */
export class Target {
  /** What the guest had when it left for firmware; undefined while it has the processor. */
  #left: GuestContext | undefined
  /** The guest has executed or is about to execute its first instruction. */
  #entered = false
  /** Secure pages of the guest by guest physical address, as of a length of the log. */
  #owned: { records: number; pages: ReadonlyMap<bigint, bigint> } = { records: -1, pages: new Map() }

  constructor(
    readonly machine: Debuggee,
    readonly symbols: GuestSymbols,
    /** The machine's past; absent where it is not kept. */
    readonly timeline?: Timeline,
  ) {}

  /** @throws RequestError where the machine's past is not kept */
  get past(): Timeline {
    if (this.timeline) return this.timeline
    throw new RequestError('The past of this run is not kept: "timeTravel" is false in its launch configuration.')
  }

  /** Lets the machine go on; see {@link Debuggee.advance}. To be followed by {@link follow}. */
  advance(maxInstructions: number): Advance {
    return (this.timeline ?? this.machine).advance(maxInstructions)
  }

  /** Keeps up with what the machine did: to be told of everything, in order. */
  follow(travelled: Travelled): void {
    if (travelled.kind === 'crossing') this.#guestLeft(travelled.exit)
    else if (travelled.kind === 'restored') {
      this.#entered = travelled.poweredOn
      this.#left = undefined
    } else if (travelled.kind !== 'step' && travelled.kind !== 'end') {
      this.#entered = true
      this.#left = undefined
    }
  }

  /**
   * Changes the machine as the person at the debugger wants it.
   * @throws PastError where that would make a known future void
   * @throws RefusalError where there is no memory
   */
  change(change: Change): void {
    if (this.timeline) this.timeline.change(change)
    else applyChange(this.machine, change)
  }

  get guestEntered(): boolean {
    return this.#entered
  }

  get inFirmware(): boolean {
    return !this.#entered || this.#left !== undefined
  }

  /** The guest's registers, or undefined before its first instruction. */
  get guest(): GuestContext | undefined {
    if (!this.#entered) return undefined
    if (this.#left) return this.#left
    const { cpu } = this.machine
    return {
      gpr: Array.from({ length: 32 }, (_, i) => cpu.gpr(i)),
      nia: cpu.nia,
      msr: cpu.msr,
      lr: cpu.lr,
      ctr: cpu.ctr,
      xer: cpu.xer,
      cr: cpu.cr,
    }
  }

  /** The guest's MSR, or undefined before its first instruction. */
  get guestMsr(): bigint | undefined {
    return this.#entered ? (this.#left?.msr ?? this.machine.cpu.msr) : undefined
  }

  /** The guest left by an interrupt; no firmware ran yet. */
  #guestLeft(exit: Extract<CpuExit, { kind: 'interrupt' }>): void {
    const { cpu } = this.machine
    const guest = this.guest
    if (!guest || this.#left) return
    const byHypervisorRegisters = HSRR_VECTORS.has(exit.vector)
    const next = cpu.spr(byHypervisorRegisters ? SPR.HSRR0 : SPR.SRR0)
    const msr = cpu.spr(byHypervisorRegisters ? SPR.HSRR1 : SPR.SRR1)
    this.#left = {
      ...guest,
      nia: exit.vector === 0xc00 ? next - 4n : next,
      msr: msr & ~STATUS_BITS,
    }
  }

  /** Real address behind a guest physical address, wherever the page is; undefined where it is nowhere. */
  pageBehind(gpa: bigint): bigint | undefined {
    // While UV_ESM runs, a page that has moved is in no table that the processor uses; its owner is known all the same.
    return this.machine.guestRealAddress(gpa) ?? this.#ownedPage(gpa)
  }

  #ownedPage(gpa: bigint): bigint | undefined {
    const { memory, trace } = this.machine
    if (this.#owned.records !== trace.happened) {
      const pages = new Map<bigint, bigint>()
      for (const page of memory.owned())
        if (page.gpa !== undefined && page.owner === 'secure guest') pages.set(page.gpa, page.ra)
      this.#owned = { records: trace.happened, pages }
    }
    const page = this.#owned.pages.get(gpa & ~PAGE_MASK)
    return page === undefined ? undefined : page + (gpa & PAGE_MASK)
  }

  /**
   * Translates a guest effective address as the guest would, also while firmware has the processor. In the middle of
   * UV_ESM the guest's pages are in secure memory already and its MSR is not: that must not hide them from a debugger.
   */
  translate(ea: bigint): Translation {
    const { cpu } = this.machine
    const guest = this.#left
    if (!guest) return cpu.translate(ea, 'load')
    const { msr } = cpu
    cpu.msr = guest.msr | MSR.S
    try {
      return cpu.translate(ea, 'load')
    } finally {
      cpu.msr = msr
    }
  }
}
