/** Interrupts: which vector saves what where and who takes it (Power ISA 3.0C III 6; spec/ultravisor.md §1.4). */
import type { Trace } from '../trace/trace.ts'
import { MSR, SRR1_SC_LEVEL } from './msr.ts'
import { SPR } from './spr.ts'
import type { State } from './state.ts'
import type { CpuExit } from './types.ts'

type Taker = 'guest' | 'hypervisor'

interface Vector {
  readonly name: string
  /** Saved in HSRR0/1 instead of SRR0/1. */
  readonly hsrr?: true
  /** Sets MSR[HV]: leaves the guest. */
  readonly taker: Taker
  /** Ordinary guest life, too frequent for the log. */
  readonly quiet?: true
}

// biome-ignore format: a table
const VECTORS: ReadonlyMap<number, Vector> = new Map<number, Vector>([
  [0x100, { name: 'system reset', taker: 'hypervisor' }],
  [0x200, { name: 'machine check', taker: 'hypervisor' }],
  [0x300, { name: 'data storage', taker: 'guest', quiet: true }],
  [0x380, { name: 'data segment', taker: 'guest', quiet: true }],
  [0x400, { name: 'instruction storage', taker: 'guest', quiet: true }],
  [0x480, { name: 'instruction segment', taker: 'guest', quiet: true }],
  [0x500, { name: 'external', taker: 'guest', quiet: true }],
  [0x600, { name: 'alignment', taker: 'guest' }],
  [0x700, { name: 'program', taker: 'guest' }],
  [0x800, { name: 'floating-point unavailable', taker: 'guest', quiet: true }],
  [0x900, { name: 'decrementer', taker: 'guest', quiet: true }],
  [0x980, { name: 'hypervisor decrementer', taker: 'hypervisor', hsrr: true }],
  [0xa00, { name: 'directed privileged doorbell', taker: 'guest', quiet: true }],
  [0xc00, { name: 'system call', taker: 'guest', quiet: true }],
  [0xd00, { name: 'trace', taker: 'guest', quiet: true }],
  [0xe00, { name: 'hypervisor data storage', taker: 'hypervisor', hsrr: true }],
  [0xe20, { name: 'hypervisor instruction storage', taker: 'hypervisor', hsrr: true }],
  [0xe40, { name: 'hypervisor emulation assistance', taker: 'hypervisor', hsrr: true }],
  [0xe60, { name: 'hypervisor maintenance', taker: 'hypervisor', hsrr: true }],
  [0xe80, { name: 'directed hypervisor doorbell', taker: 'hypervisor', hsrr: true }],
  [0xea0, { name: 'hypervisor virtualization', taker: 'hypervisor', hsrr: true }],
  [0xf00, { name: 'performance monitor', taker: 'guest', quiet: true }],
  [0xf20, { name: 'vector unavailable', taker: 'guest', quiet: true }],
  [0xf40, { name: 'VSX unavailable', taker: 'guest', quiet: true }],
  [0xf60, { name: 'facility unavailable', taker: 'guest' }],
  [0xf80, { name: 'hypervisor facility unavailable', taker: 'hypervisor', hsrr: true }],
  [0x1500, { name: 'hypervisor soft patch', taker: 'hypervisor', hsrr: true }],
])

/** LPCR bits (Power ISA 3.0C III 2.2). */
export const LPCR = {
  AIL: 0x0180_0000n,
  /** Interrupts of the guest are little-endian. */
  ILE: 1n << 25n,
  UPRT: 1n << 22n,
  HR: 1n << 20n,
  /** The decrementer has 56 bits. */
  LD: 1n << 17n,
  /** The guest may invalidate translations by itself: its tlbie is its own. */
  GTSE: 1n << 10n,
  /** An external interrupt goes to the guest itself. */
  LPES: 1n << 3n,
  /** The hypervisor decrementer interrupts a guest. */
  HDICE: 1n,
} as const
/** HID0 bit 4: interrupts of the hypervisor are little-endian (POWER9 processor user's manual). */
const HID0_HILE = 1n << 59n
/** SMFCTRL bit 0: the facility is on (spec/ultravisor.md §1.2). */
export const SMFCTRL_E = 1n << 63n

/** Bits of SRR1 that an interrupt itself defines: 33:36 and 42:47. */
const STATUS_BITS = 0x783f_0000n
/** Why a program interrupt was raised, in SRR1 (Power ISA 3.0C III 6.5.9). */
export const PROGRAM = {
  illegal: 0x0008_0000n,
  privileged: 0x0004_0000n,
  trap: 0x0002_0000n,
  badThing: 0x0020_0000n,
} as const

export interface InterruptOptions {
  /** Address to return to; the instruction at NIA where absent. */
  readonly returnTo?: bigint
  /** SRR1 or HSRR1 bits that the cause defines. */
  readonly status?: bigint
  /** LEV of a system call. */
  readonly level?: 0 | 1 | 2
}

/** Whether a vector saves its state in HSRR0/1; 0x500 does where LPCR[LPES]=0. */
export function savesInHsrr(vector: number, lpcr: bigint): boolean {
  return vector === 0x500 ? (lpcr & LPCR.LPES) === 0n : VECTORS.get(vector)?.hsrr === true
}

/**
 * Takes an interrupt: saves NIA and MSR, sets both anew.
 * @returns the exit where the interrupt leaves the guest, undefined where the guest itself goes on at the vector
 * @throws RangeError for a vector that the architecture does not have
 */
export function takeInterrupt(
  state: State,
  trace: Trace,
  vector: number,
  options: InterruptOptions = {},
): CpuExit | undefined {
  const known = VECTORS.get(vector)
  if (!known) throw new RangeError(`interrupt vector 0x${vector.toString(16)}: expected one of Power ISA 3.0C III 6.5`)
  const { msr } = state
  const lpcr = state.spr(SPR.LPCR)
  const level = vector === 0xc00 ? (options.level ?? 0) : undefined
  const hsrr = savesInHsrr(vector, lpcr)
  const leaves = known.taker === 'hypervisor' || (level ?? 0) > 0 || (vector === 0x500 && hsrr) || (msr & MSR.HV) !== 0n
  const toUltravisor = leaves && ((msr & MSR.S) !== 0n || (level === 2 && (state.spr(SPR.SMFCTRL) & SMFCTRL_E) !== 0n))
  const into = toUltravisor ? 'ultravisor' : leaves ? 'hypervisor' : 'guest'
  const at = options.returnTo ?? state.nia

  const status = (options.status ?? 0n) | (BigInt(level ?? 0) << SRR1_SC_LEVEL.shift)
  state.setSpr(hsrr ? SPR.HSRR0 : SPR.SRR0, at)
  state.setSpr(hsrr ? SPR.HSRR1 : SPR.SRR1, (msr & ~STATUS_BITS) | status)

  let next = MSR.SF | (vector === 0x200 ? 0n : msr & MSR.ME) | (hsrr ? msr & MSR.RI : 0n)
  let nia = BigInt(vector)
  if (leaves) {
    next |= MSR.HV
    if (toUltravisor) next |= MSR.S
    if ((state.spr(SPR.HID0) & HID0_HILE) !== 0n) next |= MSR.LE
  } else {
    next |= msr & MSR.S
    if ((lpcr & LPCR.ILE) !== 0n) next |= MSR.LE
    // Alternate interrupt location: only where both translations were on (Power ISA 3.0C III 2.2, AIL).
    const ail = (lpcr & LPCR.AIL) >> 23n
    if (ail >= 2n && (msr & MSR.IR) !== 0n && (msr & MSR.DR) !== 0n) {
      next |= MSR.IR | MSR.DR
      nia += ail === 2n ? 0x1_8000n : 0xc000_0000_0000_4000n
    }
  }
  state.msr = next
  state.nia = nia
  if (!known.quiet) trace.add({ type: 'interrupt', vector, name: known.name, nia: at, into })
  return into === 'guest' ? undefined : { kind: 'interrupt', vector, ...(level !== undefined && { level }), into }
}

/** Where `scv` leads, and where with AIL=3, 32 bytes for each level (Power ISA 3.0C III 6.5.27). */
const VECTORED = { plain: 0x1_7000n, relocated: 0xc000_0000_0000_3000n } as const

/**
 * The system call vectored interrupt: LR and CTR take the return address and MSR, and EE and RI stay as they are.
 * @param level 0 to 127
 */
export function takeVectoredCall(state: State, level: number): void {
  const { msr } = state
  state.lr = state.address(state.nia + 4n)
  state.ctr = msr & ~STATUS_BITS
  const lpcr = state.spr(SPR.LPCR)
  const relocated = (lpcr & LPCR.AIL) === LPCR.AIL && (msr & MSR.IR) !== 0n && (msr & MSR.DR) !== 0n
  let next = MSR.SF | (msr & (MSR.ME | MSR.EE | MSR.RI | MSR.S | MSR.HV))
  const little = (msr & MSR.HV) !== 0n ? state.spr(SPR.HID0) & HID0_HILE : lpcr & LPCR.ILE
  if (little !== 0n) next |= MSR.LE
  if (relocated) next |= MSR.IR | MSR.DR
  state.msr = next
  state.nia = (relocated ? VECTORED.relocated : VECTORED.plain) + 32n * BigInt(level)
}
