import { SPR } from '../machine/cpu/spr.ts'
import type { CpuExit, Translation } from '../machine/cpu/types.ts'
import type { Debuggee } from './debuggee.ts'
import type { GuestSymbols } from './guest-symbols.ts'

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
/** SRR1 bits that an interrupt adds: for 0xC00 the level of the `sc`. */
const SC_LEVEL = 0x30_0000n

/** The machine that is debugged, with what the debugger itself knows of it. */
export class Target {
  /** What the guest had when it left for firmware; undefined while it has the processor. */
  #left: GuestContext | undefined
  /** The guest has executed or is about to execute its first instruction. */
  #entered = false

  constructor(
    readonly machine: Debuggee,
    readonly symbols: GuestSymbols,
  ) {}

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

  /** The guest has the processor (again). */
  guestHasProcessor(): void {
    this.#entered = true
    this.#left = undefined
  }

  /** The guest left by an interrupt; to be called before any firmware ran. */
  guestLeft(exit: Extract<CpuExit, { kind: 'interrupt' }>): void {
    const { cpu } = this.machine
    const guest = this.guest
    if (!guest || this.#left) return
    const byHypervisorRegisters = HSRR_VECTORS.has(exit.vector)
    const next = cpu.spr(byHypervisorRegisters ? SPR.HSRR0 : SPR.SRR0)
    const msr = cpu.spr(byHypervisorRegisters ? SPR.HSRR1 : SPR.SRR1)
    this.#left = {
      ...guest,
      nia: exit.vector === 0xc00 ? next - 4n : next,
      msr: exit.vector === 0xc00 ? msr & ~SC_LEVEL : msr,
    }
  }

  /** Translates a guest effective address as the guest would, also while firmware has the processor. */
  translate(ea: bigint): Translation {
    const { cpu } = this.machine
    const guest = this.#left
    if (!guest) return cpu.translate(ea, 'load')
    const { msr } = cpu
    cpu.msr = guest.msr
    try {
      return cpu.translate(ea, 'load')
    } finally {
      cpu.msr = msr
    }
  }
}
