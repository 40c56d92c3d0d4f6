/** Machine state register bits (Power ISA 3.0C III 4.2.1 and spec/ultravisor.md §1.1). */
export const MSR = {
  SF: 1n << 63n,
  HV: 1n << 60n,
  TS_T: 1n << 34n,
  TS_S: 1n << 33n,
  TM: 1n << 32n,
  VEC: 1n << 25n,
  VSX: 1n << 23n,
  /** Secure state: set only by `urfid` and by interrupts that the secure state takes. */
  S: 1n << 22n,
  EE: 1n << 15n,
  PR: 1n << 14n,
  FP: 1n << 13n,
  ME: 1n << 12n,
  FE0: 1n << 11n,
  SE: 1n << 10n,
  BE: 1n << 9n,
  FE1: 1n << 8n,
  IR: 1n << 5n,
  DR: 1n << 4n,
  PMM: 1n << 2n,
  RI: 1n << 1n,
  LE: 1n << 0n,
} as const

/** SRR1 bits 42:43 after a system call interrupt: the LEV of the `sc` (spec/ultravisor.md §1.1). */
export const SRR1_SC_LEVEL = { mask: 0x30_0000n, shift: 20n } as const

export type PrivilegeState =
  | 'secure problem'
  | 'secure privileged'
  | 'ultravisor'
  | 'reserved'
  | 'problem'
  | 'privileged'
  | 'hypervisor'
  | 'host problem'

/** The privilege state that S, HV and PR together name (spec/ultravisor.md §1.1). */
export function privilegeState(msr: bigint): PrivilegeState {
  const pr = (msr & MSR.PR) !== 0n
  const hv = (msr & MSR.HV) !== 0n
  if ((msr & MSR.S) !== 0n) {
    if (hv) return pr ? 'reserved' : 'ultravisor'
    return pr ? 'secure problem' : 'secure privileged'
  }
  if (hv) return pr ? 'host problem' : 'hypervisor'
  return pr ? 'problem' : 'privileged'
}

/** The names of the bits that are set, most significant first, e.g. `SF S ME RI LE`. */
export function msrNames(msr: bigint): string {
  return Object.entries(MSR)
    .filter(([, bit]) => (msr & bit) !== 0n)
    .map(([name]) => name)
    .join(' ')
}
