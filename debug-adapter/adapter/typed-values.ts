/** Bytes of the program's values: read, taken apart, written. */
import type { Place } from '../symbols/dwarf/location.ts'
import { registerName } from '../symbols/dwarf/location.ts'
import { type CType, type Member, sizeOf, strip } from '../symbols/dwarf/types.ts'
import { hex } from './format.ts'
import type { Typed } from './frame-context.ts'
import { isLittleEndian } from './guest-memory.ts'
import { readMemory, writeMemory } from './references.ts'
import { writeRegister } from './registers.ts'
import { RequestError } from './request.ts'
import type { Target } from './target.ts'

/** The bytes of a value, or in words why there are none. */
export type Bytes = { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly why: string }

/** A value is read whole up to this size; of what is larger, parts are. */
const MAX_WHOLE = 1 << 16
const no = (why: string): Bytes => ({ ok: false, why })
const optimisedOut = (why: string): Bytes => no(`optimised out: ${why}`)

/** @param size in bytes; default: that of the type */
export function bytesOf(value: Typed, size = storageSize(value)): Bytes {
  return size > MAX_WHOLE ? no(`${size} bytes, too many to show at once`) : bytesAt(value, value.place, size)
}

/** A bit field may reach over the end of its type's size. */
function storageSize({ type, bits }: Typed): number {
  const size = sizeOf(type)
  return bits ? Math.max(size, Math.ceil((bits.shift + bits.size) / 8)) : size
}

function bytesAt(value: Typed, place: Place, size: number): Bytes {
  const { target } = value.context
  switch (place.kind) {
    case 'memory': {
      const { bytes, refusal } = readMemory(target, { space: 'ea', address: BigInt.asUintN(64, place.address) }, size)
      if (bytes.length === size) return { ok: true, bytes }
      return no(`nothing can be read at ${hex(place.address)}${refusal ? ` (${refusal.rule})` : ''}`)
    }
    case 'register': {
      const register = value.context.register(place.number)
      if (register !== undefined) return { ok: true, bytes: toBytes(target, register, size) }
      return optimisedOut(`${registerName(place.number)} of this frame was not kept`)
    }
    case 'value':
      return { ok: true, bytes: toBytes(target, place.value, size) }
    case 'bytes':
      return place.bytes.length >= size
        ? { ok: true, bytes: place.bytes.slice(0, size) }
        : optimisedOut('a part of it is missing')
    case 'pieces': {
      const whole = new Uint8Array(size)
      let at = 0
      for (const piece of place.pieces) {
        const part = bytesAt(value, piece.place, Math.min(piece.bytes, size - at))
        if (!part.ok) return part
        whole.set(part.bytes, at)
        at += part.bytes.length
      }
      return at === size ? { ok: true, bytes: whole } : optimisedOut('a part of it is missing')
    }
    case 'absent':
      return optimisedOut(place.why)
  }
}

/** The low bytes of a number in the guest's order; of more than 8 the others are 0. */
export function toBytes(target: Target, value: bigint, size: number): Uint8Array {
  const bytes = Uint8Array.from({ length: size }, (_, i) => (i < 8 ? Number((value >> BigInt(8 * i)) & 0xffn) : 0))
  return isLittleEndian(target) ? bytes : bytes.reverse()
}

export function integerIn(target: Target, bytes: Uint8Array): bigint {
  const ordered = isLittleEndian(target) ? [...bytes].reverse() : [...bytes]
  return ordered.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

/** Is it one number: an integer, pointer, enumeration, boolean or character? */
export function isScalar(type: CType): boolean {
  const bare = strip(type)
  return bare.kind === 'pointer' || bare.kind === 'enum' || (bare.kind === 'base' && bare.encoding !== 'other')
}

export function isSigned(type: CType): boolean {
  const bare = strip(type)
  if (bare.kind === 'enum') return bare.isSigned
  return bare.kind === 'base' && (bare.encoding === 'signed' || bare.encoding === 'signed char')
}

/**
 * The number that a scalar is; of a floating-point number its bits.
 * @throws RequestError where there is none, in words
 */
export function scalarOf(value: Typed): bigint {
  const read = bytesOf(value)
  if (!read.ok) throw new RequestError(`It has no value: ${read.why}.`)
  return scalarIn(value, read.bytes)
}

/** @param bytes those of the value */
export function scalarIn({ type, bits, context }: Typed, bytes: Uint8Array): bigint {
  const whole = integerIn(context.target, bytes)
  const size = bits ? bits.size : bytes.length * 8
  const raw = bits ? whole >> BigInt(Math.max(bits.shift, 0)) : whole
  return isSigned(type) ? BigInt.asIntN(size, raw) : BigInt.asUintN(size, raw)
}

/** A member of a struct: in memory by its address, else of the bytes that are there. */
export function memberOf(value: Typed, member: Member): Typed {
  const part = { type: member.type, ...(member.bits && { bits: member.bits }), context: value.context }
  const size = member.bits ? storageSize({ ...part, place: value.place }) : sizeOf(member.type)
  return { ...part, place: partOf(value, member.offset, size) }
}

/** @param index may be beyond the end: C allows that in memory */
export function elementOf(value: Typed, of: CType, index: bigint): Typed {
  const size = sizeOf(of)
  if (value.place.kind === 'memory')
    return { type: of, place: memory(value.place.address + index * BigInt(size)), context: value.context }
  return { type: of, place: partOf(value, Number(index) * size, size), context: value.context }
}

function partOf(value: Typed, offset: number, size: number): Place {
  if (value.place.kind === 'memory') return memory(value.place.address + BigInt(offset))
  if (value.place.kind === 'absent') return value.place
  const whole = bytesOf(value, Math.max(sizeOf(value.type), 1))
  if (!whole.ok) return { kind: 'absent', why: whole.why.replace(/^optimised out: /, '') }
  if (offset < 0 || offset + size > whole.bytes.length)
    return { kind: 'absent', why: 'it lies outside of what it is a part of' }
  return { kind: 'bytes', bytes: whole.bytes.subarray(offset, offset + size) }
}

export const memory = (address: bigint): Place => ({ kind: 'memory', address: BigInt.asUintN(64, address) })

/** Where it lies in memory: directly, or in the register that a callee keeps there. */
export function addressOf({ place, context, bits, type }: Typed): bigint | undefined {
  if (bits) return undefined
  if (place.kind === 'memory') return place.address
  const kept = place.kind === 'register' ? context.kept(place.number)?.address : undefined
  if (kept === undefined) return undefined
  return isLittleEndian(context.target) ? kept : kept + BigInt(8 - Math.min(8, sizeOf(type)))
}

/**
 * Changes a scalar where it lies: in memory, in a register of the processor, or where a callee keeps a register.
 * @throws RequestError where it cannot be changed or the number does not fit
 */
export function writeScalar(value: Typed, number: bigint): void {
  const { type, bits, place, context } = value
  const { target } = context
  if (!isScalar(type)) throw new RequestError('Only single numbers can be changed: change a member of it, or memory.')
  const size = sizeOf(type)
  const width = bits ? bits.size : size * 8
  const lowest = isSigned(type) ? -(1n << BigInt(width - 1)) : 0n
  const highest = 1n << BigInt(width)
  const given = isSigned(type) || number >= 0n ? number : BigInt.asUintN(64, number)
  const fits =
    (given >= lowest && given < highest) ||
    (isSigned(type) && BigInt.asIntN(64, given) >= lowest && BigInt.asIntN(64, given) < 0n)
  if (!fits) throw new RequestError(`${number} does not fit ${width} bits: expected ${lowest} to ${highest - 1n}.`)
  const to = place.kind === 'memory' ? place.address : addressOf(value)
  if (to !== undefined) {
    const changed = bits ? withBits(value, bits, number) : toBytes(target, number, size)
    const { refusal } = writeMemory(target, { space: 'ea', address: to }, changed, false)
    if (refusal) throw new RequestError(`${refusal.rule}: expected ${refusal.expected}; found ${refusal.found}.`)
    return
  }
  if (place.kind !== 'register')
    throw new RequestError('It has no place that could be changed: the compiler keeps a constant, or parts of it.')
  if (!context.isInnermost || target.inFirmware)
    throw new RequestError(
      `It was in ${registerName(place.number)}, which the frames above use by now: it cannot be changed here.`,
    )
  const extended = isSigned(type) ? BigInt.asIntN(width, number) : BigInt.asUintN(width, number)
  writeRegister(target, registerName(place.number), BigInt.asUintN(64, extended))
}

function withBits(value: Typed, { shift, size }: NonNullable<Typed['bits']>, number: bigint): Uint8Array {
  const read = bytesOf(value)
  if (!read.ok) throw new RequestError(`It cannot be changed: ${read.why}.`)
  const mask = ((1n << BigInt(size)) - 1n) << BigInt(shift)
  const old = integerIn(value.context.target, read.bytes)
  const changed = (old & ~mask) | ((BigInt.asUintN(size, number) << BigInt(shift)) & mask)
  return toBytes(value.context.target, changed, read.bytes.length)
}
