/**
 * What the adapter needs of a machine. `Machine` is one; a test may bring a scripted one.
 * Everything here is valid while the machine stands between two calls of `advance`.
 */
import type { Advance, EsmResult, MachineEnd, SecureMemoryStatistics, StepFrame } from '../machine/api.ts'
import type { MachineConfig } from '../machine/config.ts'
import type { Access, Translation } from '../machine/cpu/types.ts'
import type { RealMemory } from '../machine/memory/real-memory.ts'
import type { Trace } from '../machine/trace/trace.ts'

/** The one vCPU: registers as they are, without a check of privilege. */
export interface DebuggeeCpu {
  gpr(index: number): bigint
  setGpr(index: number, value: bigint): void
  nia: bigint
  msr: bigint
  lr: bigint
  ctr: bigint
  xer: bigint
  /** 32 bits, CR0 in the most significant nibble. */
  cr: number
  spr(number: number): bigint
  setSpr(number: number, value: bigint): void
  /** Translates as an access now would, with no side effect. */
  translate(ea: bigint, access: Access): Translation
  readonly breakpoints: { add(ea: bigint): void; delete(ea: bigint): void }
  /** Real memory was written behind the processor's back: decoded instructions there are void. */
  codeWritten(ra: bigint, length: number): void
}

export interface Debuggee {
  readonly cpu: DebuggeeCpu
  readonly memory: RealMemory
  readonly trace: Trace
  readonly esm: EsmResult | undefined
  readonly end: MachineEnd | undefined
  readonly vmState: 'normal' | 'transient' | 'secure' | 'absent'
  /** What the machine's time is made of: instructions, and ticks of waiting. */
  readonly clock: { readonly instructions: number; readonly idle: number }
  /** Goes on by at most `maxInstructions` guest instructions, or by one firmware step. */
  advance(maxInstructions: number): Advance
  /** Firmware procedures in progress, outermost first; all of them lie above the guest. */
  frames(): readonly StepFrame[]
  /** Typed at the VM's console. */
  type(bytes: Uint8Array): void
  /** Another hypervisor from now on, by the name of a scenario; see `Machine.switchScenario`. @throws RangeError */
  switchScenario(name: string | undefined): void
  /** What SVMs have in secure memory. */
  readonly secureMemory: SecureMemoryStatistics
  /** State of a guest page in the ultravisor, where it tracks it. */
  pageState(gpa: bigint): string | undefined
  /** Real address behind a guest physical address as the VM would reach it now; undefined where there is none. */
  guestRealAddress(gpa: bigint): bigint | undefined
  /** Guest physical address where the kernel lies; undefined before the VM is loaded. */
  readonly kernelBase: bigint | undefined
  /** Length of the kernel's image, in bytes. */
  readonly kernelBytes: number
  /** What an inspector may see of the TPM without a key. */
  readonly tpm: {
    pcr(bank: 'sha1' | 'sha256', index: number): Uint8Array
    handles(): readonly { readonly handle: number; readonly what: string }[]
  }
}

export type DebuggeeFactory = (config: MachineConfig) => Debuggee
