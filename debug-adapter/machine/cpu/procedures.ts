/** Instructions that are written out instead of built from expressions: system calls, MSR, SPRs, multiples. */

import { RefusalError } from '../refusal.ts'
import type { Core } from './core.ts'
import { Interrupted } from './core.ts'
import { refuseFacility, refuseRegister, SCV, TAR } from './facilities.ts'
import { FLOAT_PROCEDURES } from './float/procedures.ts'
import { LPCR, PROGRAM, takeVectoredCall } from './interrupts.ts'
import { extract, fieldNamed } from './isa/fields.ts'
import { facilityOf, type Insn } from './isa/insn.ts'
import { STATE } from './layout.ts'
import { MSR } from './msr.ts'
import {
  mayUse,
  msrAfterMove,
  msrAfterReturn,
  privilegeOf,
  type ReturnKind,
  refuseReserved,
  sprPrivilege,
} from './privilege.ts'
import { RARE_PROCEDURES } from './rare.ts'
import { SPR, sprName } from './spr.ts'
import { TRANSACTIONAL_PROCEDURES } from './transactional.ts'
import { VECTOR_PROCEDURES } from './vector/procedures.ts'
import { VSX_PROCEDURES } from './vsx/procedures.ts'
import { interruptForEarlier } from './vsx/status.ts'

/** A written-out instruction. NIA is its address. @returns true where NIA or the mode is no longer what follows from it */
export type Procedure = (core: Core, word: number, insn: Insn) => boolean

const get = (word: number, name: string): number => extract(word, fieldNamed(name))

/** Raises the interrupt of an instruction that the present state may not execute (Power ISA 3.0C III 6.5.9, 6.5.18). */
export function refusePrivilege(core: Core, word: number, what: string): true {
  core.lastFault = `${what} is not allowed in this privilege state`
  if (core.state.is(MSR.PR)) core.interrupt(0x700, { status: PROGRAM.privileged })
  else emulationAssistance(core, word)
  return true
}

export function emulationAssistance(core: Core, word: number): void {
  core.state.setSpr(SPR.HEIR, BigInt(word >>> 0))
  core.interrupt(0xe40)
}

export function illegal(core: Core, word: number, what = 'an illegal instruction'): true {
  core.lastFault = `${what}: 0x${(word >>> 0).toString(16).padStart(8, '0')} at 0x${core.state.nia.toString(16)}`
  emulationAssistance(core, word)
  return true
}

const PR_SPR = 16

/** Reads a special purpose register as software sees it, without a check of privilege. */
export function readSpr(core: Core, number: number): bigint {
  const { state } = core
  switch (number) {
    case SPR.TB:
    case SPR.VTB:
      return BigInt.asUintN(64, core.timebase)
    case SPR.PURR:
      return core.counter('purr')
    case SPR.SPURR:
      return core.counter('spurr')
    case SPR.IC:
      return core.counter('ic')
    case SPR.TBU:
      return BigInt.asUintN(64, core.timebase) >> 32n
    case SPR.DEC:
      return core.decrementer('decExpiry')
    case SPR.HDEC:
      return core.decrementer('hdecExpiry')
    case SPR.SPRG3_R:
      return state.spr(SPR.SPRG3)
    case SPR.CTRL_R:
      return state.spr(SPR.CTRL)
    case SPR.DSCR_P:
      return state.spr(SPR.DSCR)
    case SPR.AMR_P:
      return state.spr(SPR.AMR)
    case SPR.PSSCR_P:
      return state.spr(SPR.PSSCR)
    case SPR.PPR32:
      return state.spr(SPR.PPR) >> 32n
    case SPR.TEXASRU:
      return state.spr(SPR.TEXASR) >> 32n
  }
  return state.spr(number)
}

/** Writes a special purpose register with the effect that the write has, without a check of privilege. */
export function writeSpr(core: Core, number: number, value: bigint): void {
  const { state } = core
  switch (number) {
    case SPR.DEC:
      return core.setDecrementer('decExpiry', value)
    case SPR.HDEC:
      return core.setDecrementer('hdecExpiry', value)
    case SPR.TB:
    case SPR.VTB:
      return
    case SPR.PURR:
      return core.setCounter('purr', value)
    case SPR.SPURR:
      return core.setCounter('spurr', value)
    case SPR.IC:
      return core.setCounter('ic', value)
    case SPR.TBL_W:
      return setTimebase(core, (core.timebase & ~0xffff_ffffn) | BigInt.asUintN(32, value))
    case SPR.TBU_W:
      return setTimebase(core, (core.timebase & 0xffff_ffffn) | (BigInt.asUintN(32, value) << 32n))
    case SPR.TBU40:
      return setTimebase(core, (core.timebase & 0xff_ffffn) | (value & ~0xff_ffffn))
    case SPR.CTRL:
      return state.setSpr(SPR.CTRL, value & 1n)
    case SPR.DSCR_P:
      return state.setSpr(SPR.DSCR, value)
    case SPR.AMR_P:
      // A problem-state program may change only the keys that UAMOR gives it.
      return state.setSpr(SPR.AMR, (state.spr(SPR.AMR) & ~state.spr(SPR.UAMOR)) | (value & state.spr(SPR.UAMOR)))
    case SPR.PSSCR_P:
      return state.setSpr(SPR.PSSCR, value)
    case SPR.PPR32:
      return state.setSpr(SPR.PPR, BigInt.asUintN(32, value) << 32n)
    case SPR.TEXASRU:
      return state.setSpr(SPR.TEXASR, (state.spr(SPR.TEXASR) & 0xffff_ffffn) | (value << 32n))
    case SPR.DPDES:
      core.doorbell = (value & 1n) !== 0n
      state.setSpr(SPR.DPDES, value)
      return core.leave()
    case SPR.CIABR:
      core.breaksChanged(state.spr(SPR.CIABR) & ~3n)
      core.breaksChanged(value & ~3n)
      state.setSpr(SPR.CIABR, value)
      return core.leave()
    case SPR.DAWR0:
    case SPR.DAWRX0:
      // A page that is watched has no translation, and one that is watched no longer gets its own back.
      core.translations.flush()
      return state.setSpr(number, value)
    case SPR.VRSAVE:
    case SPR.PIDR:
    case SPR.DSISR:
    case SPR.HDSISR:
      return state.setSpr(number, BigInt.asUintN(32, value))
  }
  state.setSpr(number, value)
}

function setTimebase(core: Core, value: bigint): void {
  const change = value - core.timebase
  core.timebaseOffset += change
  // The decrementers do not jump with it.
  core.decExpiry += change
  core.hdecExpiry += change
}

/** After a write of these the processor looks at everything again. */
const LEAVES = new Set<number>([SPR.DEC, SPR.HDEC, SPR.LPCR, SPR.CIABR, SPR.HFSCR])

function moveSpr(core: Core, word: number, write: boolean): boolean {
  const { state } = core
  const number = get(word, 'spr')
  const needed = sprPrivilege(number, write, state.spr(SPR.SMFCTRL))
  const has = privilegeOf(state.msr)
  if (needed === undefined) {
    if (has === 'problem') {
      if ((number & PR_SPR) !== 0) return refusePrivilege(core, word, sprName(number))
      return illegal(core, word, `${sprName(number)}, which POWER9 has not,`)
    }
    // An unknown register is a no-operation in privileged state, but for 0, 4, 5, 6 (Power ISA 3.0C III 5.4.4).
    return [0, 4, 5, 6].includes(number) ? illegal(core, word, sprName(number)) : false
  }
  if (!mayUse(has, needed)) return refusePrivilege(core, word, `${write ? 'mtspr' : 'mfspr'} ${sprName(number)}`)
  if (refuseRegister(core, number, sprName(number))) return true
  const register = get(word, 'rt')
  if (!write) {
    state.setGpr(register, readSpr(core, number))
    return false
  }
  writeSpr(core, number, state.gpr(register))
  core.translations.select()
  return LEAVES.has(number) ? next(core) : false
}

/** Goes on at the next instruction, by way of `Cpu.run` where something asked for it. */
function next(core: Core): true {
  core.state.nia = core.state.address(core.state.nia + 4n)
  return true
}

/** Goes on at `nia` with another MSR; a reserved one is refused, as an instruction that cannot be executed. */
function continueWith(core: Core, msr: bigint, nia: bigint, word: number): true {
  try {
    refuseReserved(msr)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    core.trace.add({ type: 'refusal', by: 'cpu', ...error.refusal })
    return illegal(core, word, error.message)
  }
  const before = core.state.msr
  core.state.msr = msr
  core.state.nia = core.state.address(nia)
  core.contextChanged(before)
  interruptForEarlier(core)
  return true
}

const SOURCE: Record<ReturnKind, number> = { rfid: SPR.SRR0, rfscv: SPR.LR, hrfid: SPR.HSRR0, urfid: SPR.USRR0 }
export function returnFrom(core: Core, kind: ReturnKind, word = 0): true {
  return continueWith(core, msrAfterReturn(core.state, kind), core.state.spr(SOURCE[kind]) & ~3n, word)
}

const moveToMsr =
  (wide: boolean): Procedure =>
  (core, word) => {
    const msr = msrAfterMove(core.state, core.state.gpr(get(word, 'rs')), wide, get(word, 'l15') === 1)
    return continueWith(core, msr, core.state.nia + 4n, word)
  }

const ea = (core: Core, word: number, displacement: bigint): bigint => {
  const ra = get(word, 'ra')
  return BigInt.asUintN(64, (ra === 0 ? 0n : core.state.gpr(ra)) + displacement)
}
const indexed = (core: Core, word: number): bigint => ea(core, word, core.state.gpr(get(word, 'rb')))

function misaligned(core: Core, address: bigint, why: string): true {
  core.state.setSpr(SPR.DAR, address)
  core.lastFault = `${why} at effective address 0x${address.toString(16)}`
  core.interrupt(0x600)
  return true
}

/** lmw and stmw: big-endian only (Power ISA 3.0C I 3.3.6). */
const multiple =
  (write: boolean): Procedure =>
  (core, word) => {
    const address = ea(core, word, BigInt(get(word, 'd')))
    if (core.state.is(MSR.LE)) return misaligned(core, address, 'load or store multiple in little-endian mode')
    const first = get(word, 'rt')
    const values: bigint[] = []
    for (let r = first; r < 32; r++) {
      const at = address + BigInt(4 * (r - first))
      if (write) core.store(at, core.state.gpr(r), 4)
      else values.push(core.load(at, 4))
    }
    for (const [i, value] of values.entries()) core.state.setGpr(first + i, value)
    return false
  }

/** Load and store string: bytes from left to right, registers wrapping around; big-endian only. */
const string =
  (write: boolean, immediate: boolean): Procedure =>
  (core, word) => {
    const address = immediate ? ea(core, word, 0n) : indexed(core, word)
    if (core.state.is(MSR.LE)) return misaligned(core, address, 'load or store string in little-endian mode')
    const length = immediate ? get(word, 'nb') : core.state.small('xerCount')
    const first = get(word, 'rt')
    const bytes: number[] = []
    for (let i = 0; i < length; i++) {
      const register = (first + (i >> 2)) % 32
      const shift = BigInt(24 - 8 * (i % 4))
      if (write) core.store(address + BigInt(i), (core.state.gpr(register) >> shift) & 0xffn, 1)
      else bytes.push(Number(core.load(address + BigInt(i), 1)))
    }
    for (let i = 0; i < bytes.length; i += 4) {
      const value = [0, 1, 2, 3].reduce((sum, k) => sum * 256 + (bytes[i + k] ?? 0), 0)
      core.state.setGpr((first + (i >> 2)) % 32, BigInt(value))
    }
    return false
  }

/** lq, stq, lqarx, stqcx.: an even-odd pair of registers, the even one most significant. */
function quadword(core: Core, word: number, address: bigint, write: boolean): boolean {
  const register = get(word, 'rt')
  if (register % 2 === 1) return illegal(core, word, 'a quadword access with an odd register')
  if ((address & 15n) !== 0n) return misaligned(core, address, 'quadword access')
  const [low, high] = core.state.is(MSR.LE) ? [register + 1, register] : [register, register + 1]
  if (write) {
    core.store(address, core.state.gpr(low), 8)
    core.store(address + 8n, core.state.gpr(high), 8)
  } else {
    const values = [core.load(address, 8), core.load(address + 8n, 8)] as const
    core.state.setGpr(low, values[0])
    core.state.setGpr(high, values[1])
  }
  return false
}

const lqarx: Procedure = (core, word) => {
  const address = indexed(core, word)
  if (quadword(core, word, address, false)) return true
  core.state.data.setBigUint64(STATE.reserveEa, address, true)
  core.state.setSmall('reserveSize', 16)
  return false
}

const stqcx: Procedure = (core, word) => {
  const { state } = core
  const address = indexed(core, word)
  const held = state.small('reserveSize') === 16 && state.data.getBigUint64(STATE.reserveEa, true) === address
  if ((held || (address & 15n) !== 0n) && quadword(core, word, address, true)) return true
  state.setSmall('reserveSize', 0)
  state.cr = ((state.cr & 0x0fff_ffff) | (((held ? 2 : 0) | state.small('so')) << 28)) >>> 0
  return false
}

const bctar: Procedure = (core, word) => {
  const { state } = core
  if (refuseFacility(core, TAR, 'bctar')) return true
  const bo = get(word, 'bo')
  const bit = (state.cr >>> (31 - get(word, 'bi'))) & 1
  const taken = (bo & 16) !== 0 || bit === ((bo >> 3) & 1)
  const next = state.address(state.nia + 4n)
  const target = state.spr(SPR.TAR) & ~3n
  if (get(word, 'lk') === 1) state.lr = next
  state.nia = taken ? state.address(target) : next
  return true
}

const idle: Procedure = (core) => {
  next(core)
  core.leave({ kind: 'idle' })
  return true
}

export const PROCEDURES: Readonly<Record<string, Procedure>> = {
  ...FLOAT_PROCEDURES,
  ...VECTOR_PROCEDURES,
  ...VSX_PROCEDURES,
  ...TRANSACTIONAL_PROCEDURES,
  ...RARE_PROCEDURES,
  sc: (core, word) => {
    const level = Math.min(get(word, 'lev'), 3)
    if (level === 3) return illegal(core, word, 'sc with a reserved level')
    core.interrupt(0xc00, { returnTo: core.state.address(core.state.nia + 4n), level: level as 0 | 1 | 2 })
    return true
  },
  scv: (core, word) => {
    const { state } = core
    if (refuseFacility(core, SCV, 'scv')) return true
    const before = state.msr
    takeVectoredCall(state, get(word, 'lev'))
    core.contextChanged(before)
    return true
  },
  rfscv: (core, word) => returnFrom(core, 'rfscv', word),
  rfid: (core, word) => returnFrom(core, 'rfid', word),
  hrfid: (core, word) => returnFrom(core, 'hrfid', word),
  urfid: (core, word) => returnFrom(core, 'urfid', word),
  mfmsr: (core, word) => {
    core.state.setGpr(get(word, 'rt'), core.state.msr)
    return false
  },
  mtmsr: moveToMsr(false),
  mtmsrd: moveToMsr(true),
  mfspr: (core, word) => moveSpr(core, word, false),
  mtspr: (core, word) => moveSpr(core, word, true),
  mftb: (core, word) => moveSpr(core, word, false),
  stop: idle,
  wait: idle,
  tlbie: (core, word) => {
    // It can only forget what it may ask for again.
    if (!mayInvalidate(core)) return refusePrivilege(core, word, 'tlbie')
    const rb = core.state.gpr(get(word, 'rb'))
    const pid = core.state.gpr(get(word, 'rs')) >> 32n
    const cause = get(word, 'ric')
    if (core.state.is(MSR.HV)) core.mmu.forgetPartition()
    // RIC 1 is about the cache of table walks, which there is none of; IS 0 names one page.
    else if (cause === 1) return false
    if (!core.state.is(MSR.HV) && cause === 0 && (rb & TLBIE_IS) === 0n)
      core.translations.flushRange(rb & ~0xfffn, PAGE_SIZES.get(rb & TLBIE_AP) ?? 1 << 30)
    else if (!core.state.is(MSR.HV) && (rb & TLBIE_IS) === TLBIE_IS_PROCESS && pid !== 0n) {
      // Of processes only the present one has translations here.
      if (pid === core.state.spr(SPR.PIDR)) core.translations.flushUser()
    } else core.translations.flush()
    return false
  },
  tlbsync: (core, word) => !mayInvalidate(core) && refusePrivilege(core, word, 'tlbsync'),
  msgsnd: () => false,
  lmw: multiple(false),
  stmw: multiple(true),
  lswi: string(false, true),
  lswx: string(false, false),
  stswi: string(true, true),
  stswx: string(true, false),
  lq: (core, word) => quadword(core, word, ea(core, word, BigInt(get(word, 'dq'))), false),
  stq: (core, word) => quadword(core, word, ea(core, word, BigInt(get(word, 'ds'))), true),
  lqarx,
  stqcx,
  bctar,
  absent: (core, word, insn) => {
    core.lastFault = `legal instruction ${insn.mnemonic} is not implemented (at 0x${core.state.nia.toString(16)})`
    core.syncClock()
    core.trace.add({
      type: 'refusal',
      by: 'cpu',
      rule: 'CPU-002',
      expected: 'an instruction that this version implements',
      found: `${insn.mnemonic}, 0x${(word >>> 0).toString(16).padStart(8, '0')} at 0x${core.state.nia.toString(16)}`,
      source: 'Power ISA 3.0C I 1.3.3',
    })
    core.interrupt(0x700, { status: PROGRAM.illegal })
    return true
  },
}

/** RB of tlbie: whose translations (IS), and the size of the page (AP) (Power ISA 3.0C III 5.9.3.3). */
const TLBIE_IS = 0xc00n
const TLBIE_IS_PROCESS = 0x400n
const TLBIE_AP = 0xe0n
const PAGE_SIZES: ReadonlyMap<bigint, number> = new Map([
  [0x00n, 0x1000],
  [0xa0n, 0x1_0000],
  [0x20n, 0x20_0000],
])

const mayInvalidate = ({ state }: Core): boolean => state.is(MSR.HV) || (state.spr(SPR.LPCR) & LPCR.GTSE) !== 0n

export { LPCR }

/** Runs a procedure with the check of privilege before it. */
export function perform(core: Core, insn: Insn, word: number): boolean {
  if (!mayUse(privilegeOf(core.state.msr), insn.privilege)) return refusePrivilege(core, word, insn.mnemonic)
  if (insn.facility) {
    const { bit, vector } = facilityOf(insn.facility, word)
    if (!core.state.is(bit)) {
      core.lastFault = `${insn.mnemonic} while its facility (${insn.facility}) is switched off in MSR`
      core.interrupt(vector)
      return true
    }
  }
  const effect = insn.effects.find(({ op }) => op === 'call' || op === 'attempt')
  // Instructions without a procedure of their own come here only for the check.
  if (effect?.op !== 'call' && effect?.op !== 'attempt') return false
  try {
    return PROCEDURES[effect.name]!(core, word, insn)
  } catch (error) {
    if (error instanceof Interrupted) return true
    throw error
  }
}
