/** FPSCR, and what a vector-scalar operation leaves in it (Power ISA 3.0C I 4.2.2, 7.4). */
import type { Core } from '../core.ts'
import { EXCEPTION } from '../float/exact.ts'
import { MSR } from '../msr.ts'

const FX = 1n << 31n
const FEX = 1n << 30n
const VX = 1n << 29n
const VXSOFT = 1n << 10n
const INVALID =
  EXCEPTION.VXSNAN |
  EXCEPTION.VXISI |
  EXCEPTION.VXIDI |
  EXCEPTION.VXZDZ |
  EXCEPTION.VXIMZ |
  EXCEPTION.VXVC |
  EXCEPTION.VXSQRT |
  EXCEPTION.VXCVI
const ANY_INVALID = INVALID | VXSOFT
const FR = 1n << 18n
const FI = 1n << 17n
const FPRF_SHIFT = 12n
const FPRF = 0x1fn << FPRF_SHIFT
const FPCC = 0xfn << FPRF_SHIFT

/** VE, OE, UE, ZE, XE. */
const ENABLES = { VE: 1n << 7n, OE: 1n << 6n, UE: 1n << 5n, ZE: 1n << 4n, XE: 1n << 3n } as const

/** Of some exceptions, those that FPSCR enables. */
export function enabled(fpscr: bigint, raised: bigint): bigint {
  let bits = 0n
  if ((fpscr & ENABLES.VE) !== 0n) bits |= INVALID
  // OX, UX, ZX, XX lie as far to the left of their enables as each other.
  bits |= (fpscr & (ENABLES.OE | ENABLES.UE | ENABLES.ZE | ENABLES.XE)) << 22n
  return raised & bits
}

/** Of some exceptions, those that FPSCR enables and that leave the target of a scalar instruction as it was. */
export const suppressing = (fpscr: bigint, raised: bigint): bigint => enabled(fpscr, raised & (INVALID | EXCEPTION.ZX))

/** FPSCR with exceptions recorded in it, and the summaries brought up to date. */
function withRaised(fpscr: bigint, raised: bigint): bigint {
  let to = fpscr | raised
  if ((raised & ~fpscr) !== 0n) to |= FX
  to &= ~(VX | FEX)
  if ((to & ANY_INVALID) !== 0n) to |= VX
  const enables = to & (ENABLES.OE | ENABLES.UE | ENABLES.ZE | ENABLES.XE)
  if ((to & (enables << 22n)) !== 0n || ((to & VX) !== 0n && (to & ENABLES.VE) !== 0n)) to |= FEX
  return to
}

/** FPSCR with FEX and VX as the other bits have it. */
export const summarised = (fpscr: bigint): bigint => withRaised(fpscr, 0n)

/** SRR1 bit 43: the interrupt is of type floating-point enabled exception (Power ISA 3.0C III 6.5.9). */
const PROGRAM_FLOAT = 0x10_0000n

/**
 * Writes FPSCR, and takes the program interrupt where an enabled exception asks for one. What an instruction writes must have
 * been written before: the interrupt follows it.
 * @returns true where the interrupt was taken
 */
export function writeFpscr(core: Core, value: bigint): boolean {
  core.state.fpscr = value
  return interruptIfEnabled(core, PROGRAM_FLOAT)
}

/** To be called when MSR[FE0,FE1] may have come on: an exception of an earlier instruction interrupts then. */
export const interruptForEarlier = (core: Core): boolean => interruptIfEnabled(core, PROGRAM_FLOAT | EARLIER)
/** SRR1 bit 47: SRR0 is not the address of the instruction that caused the exception. */
const EARLIER = 0x1_0000n

function interruptIfEnabled(core: Core, status: bigint): boolean {
  const { state } = core
  if ((state.fpscr & FEX) === 0n || (state.msr & (MSR.FE0 | MSR.FE1)) === 0n) return false
  core.lastFault = 'an enabled floating-point exception'
  core.interrupt(0x700, { status })
  return true
}

/** A vector instruction, or a scalar one that leaves FR, FI and FPRF alone: exceptions are recorded, all else in FPSCR stays. */
export const recordVector = (core: Core, raised: bigint): boolean =>
  writeFpscr(core, withRaised(core.state.fpscr, raised))

/** FR and FI of a scalar instruction, and FPRF where there is a class to tell. */
export interface ScalarStatus {
  readonly raised: bigint
  readonly fr: boolean
  readonly fi: boolean
  readonly fprf?: number
}
export function recordResult(core: Core, { raised, fr, fi, fprf }: ScalarStatus): boolean {
  let fpscr = withRaised(core.state.fpscr, raised) & ~(FR | FI)
  if (fr) fpscr |= FR
  if (fi) fpscr |= FI
  if (fprf !== undefined) fpscr = (fpscr & ~FPRF) | (BigInt(fprf) << FPRF_SHIFT)
  return writeFpscr(core, fpscr)
}

export function setCondition({ state }: Core, field: number, condition: number): void {
  const shift = 28 - 4 * field
  state.cr = ((state.cr & ~(15 << shift)) | (condition << shift)) >>> 0
}

/** A comparison or test: its four bits in a condition register field and in FPCC. */
export function recordCondition(core: Core, field: number, condition: number, raised: bigint): boolean {
  setCondition(core, field, condition)
  const fpscr = withRaised(core.state.fpscr, raised) & ~FPCC
  return writeFpscr(core, fpscr | (BigInt(condition) << FPRF_SHIFT))
}
