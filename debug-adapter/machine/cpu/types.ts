/**
 * What the rest of the machine may say to the processor and hear from it. The models of the ultravisor and the
 * hypervisor are not guest code, so they change registers through these doors and then let the processor go on.
 */

/** Why the processor came back from `run`. The state is exact: `nia` is the next instruction that would execute. */
export type CpuExit =
  /** The budget of instructions is used up. */
  | { readonly kind: 'budget' }
  /** The instruction at `address` has a breakpoint and was not executed. */
  | { readonly kind: 'breakpoint'; readonly address: bigint }
  /**
   * An interrupt left the guest. The registers already are what the hardware leaves behind: SRR0/1 or HSRR0/1 set,
   * MSR of the new state, `nia` at the vector. `level` is the LEV field for 0xC00.
   */
  | {
      readonly kind: 'interrupt'
      readonly vector: number
      readonly level?: 0 | 1 | 2
      readonly into: 'hypervisor' | 'ultravisor'
    }
  /** The processor waits (`stop`, `wait`) and nothing is pending that would wake it. */
  | { readonly kind: 'idle' }

/** A copy of everything that makes up the state of one hardware thread. */
export interface RegisterFile {
  readonly gpr: bigint[] // 32 registers of 64 bits
  nia: bigint
  msr: bigint
  lr: bigint
  ctr: bigint
  /** SO, OV, CA in bits 32, 33, 34; OV32, CA32 in 44, 45 (IBM numbering), as mfxer reads it. */
  xer: bigint
  /** 32 bits, CR0 in the most significant nibble. */
  cr: number
  readonly spr: Map<number, bigint>
  /** 64 vector-scalar registers of 128 bits; FPR n is the upper half of register n, VR n is register 32+n. */
  readonly vsr: bigint[]
  fpscr: bigint
  /** SAT is bit 0, NJ bit 16, from the right. */
  vscr: number
}

export type Access = 'fetch' | 'load' | 'store'

/** What translation of one effective address gave. `gpa` is absent where the guest's own tables already refused. */
export type Translation =
  | { readonly ok: true; readonly gpa: bigint; readonly ra: bigint }
  | {
      readonly ok: false
      readonly gpa?: bigint
      /** The vector that an access would raise: 0x300, 0x380, 0x400, 0x480, 0x600, 0xE00, 0xE20, 0x200. */
      readonly vector: number
      readonly reason: string
    }
