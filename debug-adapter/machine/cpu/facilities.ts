/** Facilities that FSCR and HFSCR switch, and their interrupts (Power ISA 3.0C III 6.2.11, 6.2.12, 6.5.26, 6.5.28). */
import type { Core } from './core.ts'
import { facilityOf, type Insn } from './isa/insn.ts'
import { MSR } from './msr.ts'
import { SPR } from './spr.ts'
import type { State } from './state.ts'

interface Facility {
  readonly name: string
  /** Number of the cause, and of the bit of FSCR counted from the least significant. */
  readonly cause: bigint
}
export const SCV: Facility = { name: 'SCV', cause: 12n }
export const TAR: Facility = { name: 'TAR', cause: 8n }
const EBB: Facility = { name: 'EBB', cause: 7n }
const DSCR: Facility = { name: 'DSCR', cause: 2n }

/** Performance monitor: of HFSCR only; problem state has MMCR0[PMCC] for it. */
const PM: Facility = { name: 'PM', cause: 3n }

/** Special purpose registers that belong to a facility: by the number of problem state, and by that of privileged state. */
const OF_SPR: ReadonlyMap<number, Facility> = new Map([
  [SPR.DSCR_P, DSCR],
  [SPR.TAR, TAR],
  [SPR.EBBHR, EBB],
  [SPR.EBBRR, EBB],
  [SPR.BESCR, EBB],
])
const PRIVILEGED_OF_SPR: ReadonlyMap<number, Facility> = new Map([
  ...OF_SPR,
  [SPR.DSCR, DSCR],
  ...[SPR.MMCR0, SPR.MMCR1, SPR.MMCR2, SPR.MMCRA, SPR.SIAR, SPR.SDAR].map((number) => [number, PM] as const),
  ...[SPR.PMC1, SPR.PMC2, SPR.PMC3, SPR.PMC4, SPR.PMC5, SPR.PMC6].map((number) => [number, PM] as const),
])

/** Causes in HFSCR of what MSR switches: floating point; vectors and VSX together (Power ISA 3.0C III 6.2.12). */
const FP_CAUSE = 0n
const VECTORS_CAUSE = 1n

function record(core: Core, register: number, cause: bigint): void {
  core.state.setSpr(register, (core.state.spr(register) & ~(0xffn << 56n)) | (cause << 56n))
}

/** @param cause goes into the leftmost byte of FSCR */
export function facilityUnavailable(core: Core, cause: bigint, what: string): true {
  record(core, SPR.FSCR, cause)
  core.lastFault = what
  core.interrupt(0xf60)
  return true
}

/** @param cause goes into the leftmost byte of HFSCR */
export function hypervisorFacilityUnavailable(core: Core, cause: bigint, what: string): true {
  record(core, SPR.HFSCR, cause)
  core.lastFault = what
  core.interrupt(0xf80)
  return true
}

/** Refuses a facility to problem state where FSCR does. @returns true where the interrupt was raised */
export function refuseFacility(core: Core, facility: Facility | undefined, what: string): boolean {
  if (!facility || !core.state.is(MSR.PR)) return false
  if ((core.state.spr(SPR.FSCR) & (1n << facility.cause)) !== 0n) return false
  return facilityUnavailable(core, facility.cause, `${what} while FSCR[${facility.name}]=0`)
}

/** Refuses a facility to everybody below the hypervisor where HFSCR does. @returns true where the interrupt was raised */
function refuseByHypervisor(core: Core, facility: Facility | undefined, what: string): boolean {
  if (!facility || core.state.is(MSR.HV)) return false
  if ((core.state.spr(SPR.HFSCR) & (1n << facility.cause)) !== 0n) return false
  return hypervisorFacilityUnavailable(core, facility.cause, `${what} while HFSCR[${facility.name}]=0`)
}

/** As {@link refuseFacility}, for the facility that a special purpose register belongs to; then by HFSCR. */
export const refuseRegister = (core: Core, number: number, what: string): boolean =>
  refuseFacility(core, OF_SPR.get(number), what) || refuseByHypervisor(core, PRIVILEGED_OF_SPR.get(number), what)

/** What MSR has switched on although HFSCR denies it, by the bits of MSR. */
export type DeniedFacilities = ReadonlyMap<bigint, bigint>

/** @returns the causes by bits of MSR; undefined where nothing is denied, as ever in the hypervisor's own state */
export function deniedFacilities(state: State): DeniedFacilities | undefined {
  const { msr } = state
  if ((msr & MSR.HV) !== 0n || (msr & (MSR.FP | MSR.VEC | MSR.VSX)) === 0n) return undefined
  const allowed = state.spr(SPR.HFSCR)
  const denied = new Map<bigint, bigint>()
  for (const [bit, cause] of [
    [MSR.FP, FP_CAUSE],
    [MSR.VEC, VECTORS_CAUSE],
    [MSR.VSX, VECTORS_CAUSE],
  ] as const)
    if ((msr & bit) !== 0n && (allowed & (1n << cause)) === 0n) denied.set(bit, cause)
  return denied.size > 0 ? denied : undefined
}

/** Refuses an instruction of a denied facility. @returns true where the interrupt was raised */
export function refuseDenied(core: Core, denied: DeniedFacilities, insn: Insn, word: number): boolean {
  const cause = insn.facility && denied.get(facilityOf(insn.facility, word).bit)
  if (cause === undefined) return false
  return hypervisorFacilityUnavailable(core, cause, `${insn.mnemonic} while HFSCR denies its facility`)
}
