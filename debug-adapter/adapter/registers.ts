/**
 * Registers by name, read and written. While firmware runs, the guest's registers are those that it left with; those of the
 * processor are the firmware's.
 */
import { MSR, msrNames, privilegeState } from '../machine/cpu/msr.ts'
import { SPR, type SprName } from '../machine/cpu/spr.ts'
import type { CoreRegister } from '../timeline/change.ts'
import { hex64 } from './format.ts'
import { RequestError } from './request.ts'
import type { GuestContext, Target } from './target.ts'

export interface RegisterValue {
  readonly name: string
  readonly value: bigint
  readonly text: string
  readonly bits: 64 | 32 | 4
}

const ALIASES: Readonly<Record<string, CoreRegister>> = {
  nia: 'nia',
  pc: 'nia',
  cia: 'nia',
  msr: 'msr',
  lr: 'lr',
  ctr: 'ctr',
  xer: 'xer',
  cr: 'cr',
}
const CORE_SPRS = new Set<number>([SPR.XER, SPR.LR, SPR.CTR])
const sprNumbers = new Map(
  Object.entries(SPR).map(([name, number]) => [name.toLowerCase(), { name: name as SprName, number }]),
)

/** The registers of the guest as `processor` would give them; the processor's own where the guest never ran. */
export function guestOrProcessor(target: Target): GuestContext {
  return target.guest ?? processorContext(target)
}

export function processorContext(target: Target): GuestContext {
  const { cpu } = target.machine
  return {
    gpr: Array.from({ length: 32 }, (_, i) => cpu.gpr(i)),
    nia: cpu.nia,
    msr: cpu.msr,
    lr: cpu.lr,
    ctr: cpu.ctr,
    xer: cpu.xer,
    cr: cpu.cr,
  }
}

/** @returns the guest's register of that name (case does not matter), or undefined where there is none */
export function readRegister(
  target: Target,
  name: string,
  context = guestOrProcessor(target),
): RegisterValue | undefined {
  const lower = name.toLowerCase()
  const gpr = /^(?:r|gpr)(\d{1,2})$/.exec(lower)
  if (gpr && Number(gpr[1]) < 32) return register(`r${Number(gpr[1])}`, context.gpr[Number(gpr[1])]!)
  if (lower === 'sp') return register('r1', context.gpr[1]!)
  const field = /^cr([0-7])$/.exec(lower)
  if (field) {
    const value = (context.cr >>> (28 - 4 * Number(field[1]))) & 15
    return { name: `cr${field[1]}`, value: BigInt(value), text: conditionText(value), bits: 4 }
  }
  const core = ALIASES[lower]
  if (core === 'cr') return { name: 'cr', value: BigInt(context.cr >>> 0), text: hex32(context.cr), bits: 32 }
  if (core === 'msr') return { name: 'msr', value: context.msr, text: msrText(context.msr), bits: 64 }
  if (core) return register(core, context[core])
  const spr = sprByName(lower)
  return spr && register(spr.name, target.machine.cpu.spr(spr.number))
}

/** SPRs that have a name here and no other place, in the order of their numbers. */
export function sprNames(): readonly SprName[] {
  return [...sprNumbers.values()]
    .filter(({ number }) => !CORE_SPRS.has(number))
    .sort((a, b) => a.number - b.number)
    .map(({ name }) => name)
}

function sprByName(lower: string): { name: string; number: number } | undefined {
  const named = sprNumbers.get(lower)
  if (named) return named
  const numbered = /^spr(\d{1,4})$/.exec(lower)
  return numbered && Number(numbered[1]) < 1024 ? { name: lower, number: Number(numbered[1]) } : undefined
}

/**
 * Writes a register of the processor.
 * @throws RequestError for a name that is none, a value that is too large, and MSR[S] and MSR[HV], which no debugger of a
 * real machine could set either
 */
export function writeRegister(target: Target, name: string, value: bigint): RegisterValue {
  const { cpu } = target.machine
  const lower = name.toLowerCase()
  const before = readRegister(target, lower, processorContext(target))
  if (!before) throw new RequestError(`There is no register ${name}.`)
  if (value < 0n || value >= 1n << BigInt(before.bits))
    throw new RequestError(
      `${before.name} has ${before.bits} bits: expected a value from 0 to 0x${((1n << BigInt(before.bits)) - 1n).toString(16)}.`,
    )
  const gpr = /^r(\d+)$/.exec(before.name)
  const field = /^cr([0-7])$/.exec(before.name)
  const core = ALIASES[before.name]
  if (gpr) target.change({ kind: 'gpr', number: Number(gpr[1]), value })
  else if (field) {
    const shift = 28 - 4 * Number(field[1])
    const cr = ((cpu.cr & ~(15 << shift)) | (Number(value) << shift)) >>> 0
    target.change({ kind: 'core', name: 'cr', value: BigInt(cr) })
  } else if (core) {
    const fixed = MSR.S | MSR.HV
    if (core === 'msr' && (value & fixed) !== (cpu.msr & fixed))
      throw new RequestError(
        `MSR[S] and MSR[HV] name the privilege state (${privilegeState(cpu.msr)}) and change only by interrupts, rfid, hrfid and urfid; the other bits can be set.`,
      )
    if (core === 'nia' && (value & 3n) !== 0n) throw new RequestError('Instructions begin at multiples of 4.')
    target.change({ kind: 'core', name: core, value })
  } else target.change({ kind: 'spr', number: sprByName(lower)!.number, value })
  return readRegister(target, before.name, processorContext(target))!
}

/** `0x8000000000401003 secure privileged: SF S ME RI LE` */
export function msrText(msr: bigint): string {
  return `${hex64(msr)} ${privilegeState(msr)}: ${msrNames(msr)}`
}

/** The bits of a condition register field by name, e.g. `LT SO`; `-` where none is set. */
export function conditionText(field: number): string {
  const names = ['LT', 'GT', 'EQ', 'SO'].filter((_, i) => (field & (8 >> i)) !== 0)
  return `${field.toString(2).padStart(4, '0')} ${names.join(' ') || '-'}`
}

const hex32 = (value: number): string => `0x${(value >>> 0).toString(16).padStart(8, '0')}`

const register = (name: string, value: bigint): RegisterValue => ({ name, value, text: hex64(value), bits: 64 })
