/** Who may do what: returns from interrupts, changes of MSR, special purpose registers (spec/ultravisor.md §1.1, §1.2). */
import { RefusalError } from '../refusal.ts'
import { SMFCTRL_E } from './interrupts.ts'
import type { Privilege } from './isa/insn.ts'
import { MSR, privilegeState } from './msr.ts'
import { SPR } from './spr.ts'
import type { State } from './state.ts'

/** SMFCTRL bit 62: the debug registers belong to the ultravisor (spec/ultravisor.md §1.2). */
export const SMFCTRL_D = 2n

/** @returns the highest privilege that an MSR value gives */
export function privilegeOf(msr: bigint): Privilege {
  const state = privilegeState(msr)
  if (state === 'ultravisor') return 'ultravisor'
  if (state === 'hypervisor') return 'hypervisor'
  return state === 'privileged' || state === 'secure privileged' ? 'supervisor' : 'problem'
}

const RANK: Record<Privilege, number> = { problem: 0, supervisor: 1, hypervisor: 2, ultravisor: 3 }
export const mayUse = (has: Privilege, needed: Privilege): boolean => RANK[has] >= RANK[needed]

const ULTRAVISOR_SPRS = new Set<number>([
  SPR.USPRG0,
  SPR.USPRG1,
  SPR.UDAR,
  SPR.SEIDR,
  SPR.URMOR,
  SPR.USRR0,
  SPR.USRR1,
  SPR.UEIR,
  SPR.ACMCR,
  SPR.SMFCTRL,
])
/** Owned by the ultravisor where the facility is on, by the hypervisor else. */
const SHARED_OWNERSHIP = new Set<number>([SPR.PTCR, SPR.LDBAR, SPR.IMC])
const DEBUG_SPRS = new Set<number>([SPR.CIABR, SPR.DAWR0, SPR.DAWRX0])
const HYPERVISOR_SPRS = new Set<number>([
  SPR.DAWR0,
  SPR.CIABR,
  SPR.DAWRX0,
  SPR.HFSCR,
  SPR.TBL_W,
  SPR.TBU_W,
  SPR.TBU40,
  SPR.HSPRG0,
  SPR.HSPRG1,
  SPR.HDSISR,
  SPR.HDAR,
  SPR.HDEC,
  SPR.HRMOR,
  SPR.HSRR0,
  SPR.HSRR1,
  SPR.LPCR,
  SPR.LPIDR,
  SPR.HMER,
  SPR.HMEER,
  SPR.PCR,
  SPR.HEIR,
  SPR.AMOR,
  SPR.PTCR,
  SPR.LMRR,
  SPR.LMSER,
  SPR.ASDR,
  SPR.IMC,
  SPR.LDBAR,
  SPR.MMCRC,
  SPR.HID0,
  SPR.PSSCR,
  SPR.TRACE,
])
/** Read by everybody with supervisor rights, written by the hypervisor. */
const HYPERVISOR_WRITES = new Set<number>([SPR.SPURR, SPR.PURR, SPR.VTB, SPR.IC, SPR.DPDES, SPR.PIR])
const READ_ONLY = new Set<number>([SPR.TB, SPR.TBU, SPR.PVR, SPR.PIR, SPR.SPRG3_R, SPR.CTRL_R])
const KNOWN = new Set<number>(Object.values(SPR))

/** What an access to a special purpose register needs; undefined where the processor has no such register. */
export function sprPrivilege(number: number, write: boolean, smfctrl: bigint): Privilege | undefined {
  if (!KNOWN.has(number) || (write && READ_ONLY.has(number))) return undefined
  if (ULTRAVISOR_SPRS.has(number)) return 'ultravisor'
  const enabled = (smfctrl & SMFCTRL_E) !== 0n
  if (enabled && SHARED_OWNERSHIP.has(number) && (write || number === SPR.PTCR)) return 'ultravisor'
  if (enabled && (smfctrl & SMFCTRL_D) !== 0n && DEBUG_SPRS.has(number)) return 'ultravisor'
  if (HYPERVISOR_SPRS.has(number) || (write && HYPERVISOR_WRITES.has(number))) return 'hypervisor'
  // Bit 0 of the field (value 16 of the number) marks the privileged ones (Power ISA 3.0C III 5.4.1).
  return (number & 16) !== 0 ? 'supervisor' : 'problem'
}

export type ReturnKind = 'rfid' | 'rfscv' | 'hrfid' | 'urfid'

/** PR=1 brings EE, IR and DR with it (Power ISA 3.0C III 4.2.1). */
export const withProblemState = (msr: bigint): bigint => ((msr & MSR.PR) !== 0n ? msr | MSR.EE | MSR.IR | MSR.DR : msr)

/** @throws RefusalError CPU-001 for the reserved state S=1, HV=1, PR=1 */
export function refuseReserved(msr: bigint): void {
  if (privilegeState(msr) !== 'reserved') return
  throw new RefusalError({
    rule: 'CPU-001',
    expected: 'an MSR that names a privilege state',
    found: `S=1, HV=1 and PR=1, which is reserved (MSR 0x${msr.toString(16)})`,
    source: 'spec/ultravisor.md §1.1',
  })
}

/**
 * The MSR after a return. Only `urfid` takes S from its source; `rfid` and `rfscv` leave it, and `hrfid` can only take it away.
 */
export function msrAfterReturn(state: State, kind: ReturnKind): bigint {
  const { msr } = state
  const source = state.spr({ rfid: SPR.SRR1, rfscv: SPR.CTR, hrfid: SPR.HSRR1, urfid: SPR.USRR1 }[kind])
  if (kind === 'urfid') return withProblemState(source)
  const hypervisor = (msr & MSR.HV) !== 0n
  let next = source & ~(MSR.S | MSR.HV | MSR.ME)
  if (kind === 'rfid' || kind === 'rfscv')
    next |= (msr & source & MSR.HV) | (hypervisor ? source & MSR.ME : msr & MSR.ME) | (msr & MSR.S)
  else next |= (source & (MSR.HV | MSR.ME)) | (msr & source & MSR.S)
  return withProblemState(next)
}

/** Bits that mtmsr and mtmsrd never change: HV, S, ME and LE change with an interrupt or a return. */
const MTMSR_KEEPS = MSR.HV | MSR.S | MSR.LE | MSR.TS_T | MSR.TS_S

/** The MSR after mtmsrd (`wide`) or mtmsr; with `l`, EE and RI alone change. */
export function msrAfterMove(state: State, value: bigint, wide: boolean, l: boolean): bigint {
  const { msr } = state
  if (l) return (msr & ~(MSR.EE | MSR.RI)) | (value & (MSR.EE | MSR.RI))
  const keeps = MTMSR_KEEPS | ((msr & MSR.HV) !== 0n ? 0n : MSR.ME) | (wide ? 0n : 0xffff_ffff_0000_0000n)
  return withProblemState((msr & keeps) | (value & ~keeps))
}
