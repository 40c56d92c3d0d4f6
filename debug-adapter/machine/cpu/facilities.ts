/** Facilities that FSCR and HFSCR switch, and their interrupts (Power ISA 3.0C III 6.2.11, 6.2.12, 6.5.26, 6.5.28). */
import type { Core } from './core.ts'
import { MSR } from './msr.ts'
import { SPR } from './spr.ts'

interface Facility {
  readonly name: string
  /** Number of the cause, and of the bit of FSCR counted from the least significant. */
  readonly cause: bigint
}
export const SCV: Facility = { name: 'SCV', cause: 12n }
export const TAR: Facility = { name: 'TAR', cause: 8n }
const EBB: Facility = { name: 'EBB', cause: 7n }
const DSCR: Facility = { name: 'DSCR', cause: 2n }

/** Special purpose registers of problem state that belong to a facility. */
const OF_SPR: ReadonlyMap<number, Facility> = new Map([
  [SPR.DSCR_P, DSCR],
  [SPR.TAR, TAR],
  [SPR.EBBHR, EBB],
  [SPR.EBBRR, EBB],
  [SPR.BESCR, EBB],
])

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

/** As {@link refuseFacility}, for the facility that a special purpose register belongs to. */
export const refuseRegister = (core: Core, number: number, what: string): boolean =>
  refuseFacility(core, OF_SPR.get(number), what)
