/**
 * What a guest debugs itself with: trace interrupts after an instruction (MSR[SE], MSR[BE], CIABR), and the data address
 * watchpoint (DAWR0, DAWRX0) (Power ISA 3.0C III 6.5.15, 8.1, 8.2, 8.4). None of it costs anything where it is not in use: an
 * instruction that may be traced is executed alone, and a page that is watched never gets into the translations that generated
 * code looks into.
 */
import type { Core } from './core.ts'
import { type DeniedFacilities, deniedFacilities } from './facilities.ts'
import { extract, type Field, fieldNamed } from './isa/fields.ts'
import type { Insn } from './isa/insn.ts'
import { decode } from './isa/table.ts'
import { MSR } from './msr.ts'
import { SMFCTRL_D } from './privilege.ts'
import { SPR } from './spr.ts'
import type { State } from './state.ts'
import type { Access } from './types.ts'

/** CIABR bits 62:63: in which state its address counts; 0 for in none. */
const CIABR_PRIVILEGE = 3n
/** DAWRX0 (Power ISA 3.0C III 8.2): what is watched, and in which states. */
const DAWRX = {
  /** Doublewords behind the first, six bits. */
  range: { shift: 10n, mask: 0x3fn },
  store: 1n << 6n,
  load: 1n << 5n,
  translated: 1n << 4n,
  translatedIgnored: 1n << 3n,
  hypervisor: 1n << 2n,
  privileged: 1n << 1n,
  problem: 1n,
} as const
/** Bits 33, 35, 36 and 43 of SRR1: always; after a load; after a store; because of CIABR. */
const TRACED = { always: 1n << 30n, load: 1n << 28n, store: 1n << 27n, ciabr: 1n << 20n } as const
/** A match of the watchpoint, in DSISR. */
export const DSISR_WATCHPOINT = 1n << 22n

/** These end in another context, which is not the one to be traced (Power ISA 3.0C III 6.5.15). */
const NOT_TRACED = new Set(['sc', 'scv', 'rfid', 'rfscv', 'hrfid', 'urfid', 'rfebb', 'stop'])

type Place = 'problem' | 'privileged' | 'hypervisor'

function placeOf(msr: bigint): Place {
  if ((msr & MSR.PR) !== 0n) return 'problem'
  return (msr & MSR.HV) !== 0n ? 'hypervisor' : 'privileged'
}

/** The debug registers match nothing in secure state where they are not the ultravisor's (spec/ultravisor.md §1.2). */
const debugsNothing = (state: State, msr: bigint): boolean =>
  (msr & MSR.S) !== 0n && (state.spr(SPR.SMFCTRL) & SMFCTRL_D) === 0n

/** What is watched in the present state; see {@link Debugging.watch}. */
export interface Watch {
  /** Effective addresses of the first byte and behind the last one. */
  readonly first: bigint
  readonly end: bigint
  readonly loads: boolean
  readonly stores: boolean
}

/** The debug registers in the form that the processor asks for, up to date with MSR and the special purpose registers. */
export class Debugging {
  #seen = -1
  #singly = false
  #watch: Watch | undefined
  #breakpoint: bigint | undefined
  #denied: DeniedFacilities | undefined

  constructor(readonly state: State) {}

  /** Whether instructions are to be executed one by one and looked at. */
  get singly(): boolean {
    this.#look()
    return this.#singly
  }

  get watch(): Watch | undefined {
    this.#look()
    return this.#watch
  }

  /** The address in CIABR, where the present state heeds it. */
  get breakpoint(): bigint | undefined {
    this.#look()
    return this.#breakpoint
  }

  /** The same where any state heeds it: pages are marked once, whoever executes them. */
  get marked(): bigint | undefined {
    const ciabr = this.state.spr(SPR.CIABR)
    return (ciabr & CIABR_PRIVILEGE) === 0n ? undefined : ciabr & ~CIABR_PRIVILEGE
  }

  /** Facilities that MSR has switched on and the hypervisor denies. */
  get denied(): DeniedFacilities | undefined {
    this.#look()
    return this.#denied
  }

  #look(): void {
    const { state } = this
    if (this.#seen === state.changes) return
    this.#seen = state.changes
    const { msr } = state
    const place = placeOf(msr)
    this.#denied = deniedFacilities(state)
    this.#singly = (msr & (MSR.SE | MSR.BE)) !== 0n || this.#denied !== undefined
    const ciabr = state.spr(SPR.CIABR)
    const heeded = [undefined, 'problem', 'privileged', 'hypervisor'][Number(ciabr & CIABR_PRIVILEGE)] === place
    const off = debugsNothing(state, msr)
    this.#breakpoint = heeded && !off ? ciabr & ~CIABR_PRIVILEGE : undefined
    this.#watch = off ? undefined : watchOf(state, msr, place)
  }
}

function watchOf(state: State, msr: bigint, place: Place): Watch | undefined {
  const control = state.spr(SPR.DAWRX0)
  const [loads, stores] = [(control & DAWRX.load) !== 0n, (control & DAWRX.store) !== 0n]
  if (!(loads || stores) || (control & DAWRX[place]) === 0n) return undefined
  const translated = (msr & MSR.DR) !== 0n
  if ((control & DAWRX.translatedIgnored) === 0n && translated !== ((control & DAWRX.translated) !== 0n))
    return undefined
  const first = state.spr(SPR.DAWR0) & ~7n
  const doublewords = ((control >> DAWRX.range.shift) & DAWRX.range.mask) + 1n
  return { first, end: first + 8n * doublewords, loads, stores }
}

/** The first byte of an access that is watched, or undefined. */
export function watchedByte(watch: Watch, ea: bigint, size: number, access: Access): bigint | undefined {
  if (!(access === 'store' ? watch.stores : watch.loads)) return undefined
  if (ea >= watch.end || ea + BigInt(size) <= watch.first) return undefined
  return ea > watch.first ? ea : watch.first
}

/** An instruction after which a trace interrupt may be due. */
export interface Traced {
  readonly nia: bigint
  /** Bits of SRR1 of the interrupt. */
  readonly status: bigint
  /** Effective address of its operand in memory, where it has one. */
  readonly operand: bigint | undefined
  /** `Core.interrupts` and the count of instructions before it. */
  readonly interrupts: number
  readonly instructions: number
}

/** The instruction at NIA, where it is one to be traced in the present state. */
export function tracedInstruction(core: Core): Traced | undefined {
  const { state, debugging } = core
  const ciabr = debugging.breakpoint === state.nia
  const each = state.is(MSR.SE)
  if (!(ciabr || each || state.is(MSR.BE))) return undefined
  const { insn, word } = instructionAt(core) ?? {}
  if (!insn || NOT_TRACED.has(insn.mnemonic) || !(ciabr || each || isBranch(insn))) return undefined
  const { load, store } = accessesOf(insn)
  const status = TRACED.always | (load ? TRACED.load : 0n) | (store ? TRACED.store : 0n) | (ciabr ? TRACED.ciabr : 0n)
  const operand = load || store ? operandAddress(state, insn, word!) : undefined
  return { nia: state.nia, status, operand, interrupts: core.interrupts, instructions: core.clock.instructions }
}

/** To be called after it: raises the trace interrupt where the instruction was completed and no other interrupt came of it. */
export function traceCompleted(core: Core, { nia, status, operand, interrupts, instructions }: Traced): void {
  if (core.clock.instructions === instructions || core.interrupts !== interrupts || core.exit) return
  core.state.setSpr(SPR.SIAR, nia)
  if (operand !== undefined) core.state.setSpr(SPR.SDAR, operand)
  core.interrupt(0xd00, { status })
}

/** Of a load or store, before it changes a register: a base and a displacement, or RA, and RB where it has one. */
function operandAddress(state: State, { operands, fields }: Insn, word: number): bigint {
  const value = (field: Field): number => extract(word, field)
  const based = operands.find(({ base }) => base !== undefined)
  const base = value(fieldNamed('ra'))
  const from = base === 0 ? 0n : state.gpr(base)
  const index = fields.some(({ name }) => name === 'rb') ? state.gpr(value(fieldNamed('rb'))) : 0n
  return state.address(BigInt.asUintN(64, from + (based ? BigInt(value(based.field)) : index)))
}

/** The instruction at NIA, where it can be fetched and is one; no interrupt is raised. */
export function instructionAt(core: Core): { readonly insn: Insn; readonly word: number } | undefined {
  const word = core.wordAtNia()
  const insn = word === undefined ? undefined : decode(word)
  return insn && { insn, word: word! }
}

const isBranch = ({ mnemonic, effects }: Insn): boolean =>
  mnemonic.startsWith('bctar') || effects.some(({ op }) => op === 'branch')

const contains = (node: unknown, op: string): boolean =>
  typeof node === 'object' &&
  node !== null &&
  ((node as { op?: unknown }).op === op || Object.values(node).some((part) => contains(part, op)))

/** By the table; of those that are written out, by their names: `l...` and `st...` do nothing else. */
function accessesOf({ mnemonic, effects }: Insn): { readonly load: boolean; readonly store: boolean } {
  const written = effects.some(({ op }) => op === 'call')
  return {
    load: contains(effects, 'load') || (written && mnemonic.startsWith('l')),
    store: contains(effects, 'store') || (written && mnemonic.startsWith('st')),
  }
}
