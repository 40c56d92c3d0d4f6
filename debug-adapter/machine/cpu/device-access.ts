import type { Actor } from '../memory/actor.ts'
import type { RealMemory } from '../memory/real-memory.ts'
import type { Cpu } from './cpu.ts'
import { decode } from './isa/table.ts'
import { MSR } from './msr.ts'

/** A load or store of a device's registers, as whoever emulates it has to know it. */
export interface DeviceAccess {
  readonly store: boolean
  /** Bytes: 1, 2, 4 or 8; 16 is more than a hypercall carries. */
  readonly size: number
  readonly algebraic: boolean
  readonly reversed: boolean
  readonly update: boolean
  readonly register: number
  readonly base: number
}

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, d: 8, q: 16 }

/** Loads and stores of the fixed-point facility: their names say everything. @returns undefined for other instructions */
export function deviceAccess(word: number): DeviceAccess | undefined {
  const mnemonic = decode(word)?.mnemonic ?? ''
  const match = /^(l|st)([bhwdq])(z|a)?(br)?(u)?(x)?(cix)?$/.exec(mnemonic)
  if (!match) return undefined
  return {
    store: match[1] === 'st',
    size: SIZES[match[2]!]!,
    algebraic: match[3] === 'a',
    reversed: match[4] !== undefined,
    update: match[5] !== undefined,
    register: (word >>> 21) & 31,
    base: (word >>> 16) & 31,
  }
}

/** Where a guest with this MSR has an instruction: its real address, by its own tables; undefined where it cannot fetch it. */
export function fetchAddress(cpu: Cpu, nia: bigint, msr: bigint): bigint | undefined {
  const own = cpu.msr
  cpu.msr = msr
  const to = cpu.translate(nia, 'fetch')
  cpu.msr = own
  return to.ok ? to.ra : undefined
}

/** The instruction word at a real address, in the byte order of a guest's MSR. @throws RefusalError where `actor` may not read it */
export function wordOf(memory: RealMemory, actor: Actor, ra: bigint, msr: bigint): number {
  const word = memory.as(actor).u32(ra)
  return (msr & MSR.LE) === 0n ? word : Number(reverseBytes(BigInt(word), 4))
}

/** @param value of `bytes` bytes @returns it in the other byte order */
export function reverseBytes(value: bigint, bytes: number): bigint {
  let out = 0n
  for (let i = 0n; i < BigInt(bytes); i++) out = (out << 8n) | ((value >> (i * 8n)) & 0xffn)
  return out
}

/**
 * What a register gets from a load, and what a store sends: devices are big-endian here, as hypercalls carry their values.
 * @param value    as loaded, or as it stands in the register
 * @param little   MSR[LE] of the guest
 */
export function orderedValue(
  { store, size, algebraic, reversed }: DeviceAccess,
  value: bigint,
  little: boolean,
): bigint {
  const bits = size * 8
  const cut = BigInt.asUintN(bits, value)
  const ordered = little !== reversed ? reverseBytes(cut, size) : cut
  return !store && algebraic ? BigInt.asUintN(64, BigInt.asIntN(bits, ordered)) : ordered
}
