/**
 * The machine's front door: everything that a debugger, a command line or a test says to it.
 * `machine.ts` implements it; nothing above the machine needs more.
 */
import type { CpuExit } from './cpu/types.ts'
import type { Procedure, Step, StepValues } from './steps.ts'
import type { PageState } from './trace/records.ts'

/** What one call of `advance` did. After each, the machine stands at an exact place and can be inspected. */
export type Advance =
  /** The guest executed instructions until the budget was used up. */
  | { readonly kind: 'instructions' }
  /** Firmware stands before this step. */
  | { readonly kind: 'step'; readonly step: Step }
  /** The guest left by an interrupt; the firmware that handles it is about to run (next `advance`). */
  | { readonly kind: 'crossing'; readonly exit: Extract<CpuExit, { kind: 'interrupt' }> }
  /** The firmware is done and the guest is about to execute the instruction at `nia`. */
  | { readonly kind: 'guest' }
  /** A breakpoint of the processor: the instruction was not executed. */
  | { readonly kind: 'breakpoint'; readonly address: bigint }
  /** The machine has ended; `advance` does nothing any more. */
  | { readonly kind: 'end'; readonly end: MachineEnd }

/** A firmware procedure in progress: a frame of the call stack above the guest. */
export interface StepFrame {
  readonly procedure: Procedure
  /** The step it stands at; absent while it has only been entered. */
  readonly step?: Step
  /** The arguments and all values of its steps so far, the newest last. */
  readonly values: StepValues
}

export interface MachineEnd {
  /** `halted`: the VM ended itself. `stopped`: the hypervisor or ultravisor stopped it. `fault`: the guest cannot go on. */
  readonly how: 'halted' | 'stopped' | 'fault'
  readonly reason: string
}

/** What became of UV_ESM. */
export interface EsmResult {
  readonly outcome: 'secure' | 'refused'
  /** As the guest sees it in R3; 0 where it became secure. */
  readonly returnCode: bigint
  /** Rule ids of every refusal and finding about the operand, most severe first. */
  readonly rules: readonly string[]
  /** One sentence for a person. */
  readonly reason: string
}

/** What one SVM has in secure memory, and what its pages have been through (spec/ultravisor.md §9.1, 12). */
export interface SvmStatistics {
  readonly lpid: number
  /** Frames of 64 KiB in its memory slots. */
  readonly frames: number
  /** How many of them are in each state; states of none are left out. */
  readonly states: Readonly<Partial<Record<PageState, number>>>
  readonly pageIns: number
  readonly pageOuts: number
  readonly shares: number
  readonly unshares: number
  /** Faults that the ultravisor took: pages that were out, shared pages that were withdrawn, devices. */
  readonly faults: number
}

export interface SecureMemoryStatistics {
  /** Bytes for SVMs, without what firmware keeps. */
  readonly bytes: number
  readonly freeBytes: number
  readonly svms: readonly SvmStatistics[]
}
