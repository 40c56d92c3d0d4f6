import type { Steps } from '../steps.ts'
import type { Hypervisor } from './hypervisor.ts'
import type { Vm } from './vm.ts'

/** A hypercall as the hypervisor sees it. */
export interface SeenHypercall {
  readonly number: number
  readonly name: string
  /** R4 to R12. */
  readonly args: readonly bigint[]
  /** SRR1[S]: a secure VM or the ultravisor itself is behind it. */
  readonly secure: boolean
}

/** How the virtual processor is about to get the processor back, by UV_RETURN: a hypervisor can set all of it. */
export interface Returning {
  /** R0: result of a hypercall. */
  r0: bigint
  /** R2: what SRR1 shows after an injected interrupt. */
  r2: bigint
  /** R4 to R12. */
  results: bigint[]
  /** R31. */
  cookie: bigint
  hsrr0: bigint
  hsrr1: bigint
  lpid: bigint
  pidr: bigint
}

/**
 * Places where a hypervisor may do otherwise than KVM. It has the same powers: the registers that were reflected, the memory that the
 * hardware lets it touch, and ultracalls.
 */
export interface Behaviour {
  /** Before a hypercall is answered. */
  before?(hv: Hypervisor, vm: Vm, call: SeenHypercall): Steps<void>
  /** Answers a hypercall instead of KVM. @returns R3.., or undefined: KVM answers */
  answer?(hv: Hypervisor, vm: Vm, call: SeenHypercall): Steps<readonly bigint[] | undefined>
  /** After the answer and before it is returned. */
  after?(hv: Hypervisor, vm: Vm, call: SeenHypercall, results: readonly bigint[]): Steps<void>
  /** Handles an interrupt that is no hypercall instead of KVM. @returns whether it did: then it has given the processor back */
  interrupt?(hv: Hypervisor, vm: Vm, vector: number): Steps<boolean>
  /** Which page is handed to the ultravisor for a frame; `page` is the right one. */
  pageFor?(hv: Hypervisor, vm: Vm, gpa: bigint, page: bigint): bigint
  /** A TPM response on its way back. @returns what is delivered, or undefined: nothing is */
  tpmResponse?(request: Uint8Array, response: Uint8Array): Uint8Array | undefined
  /** Right before UV_RETURN; may change everything in `registers`. */
  returning?(hv: Hypervisor, vm: Vm, registers: Returning): void
}
