/** Guest memory by effective address, as the guest would see it: used for call stacks, step decisions and expressions. */
import { MSR } from '../machine/cpu/msr.ts'
import { readMemory } from './references.ts'
import type { Target } from './target.ts'

export function isLittleEndian(target: Target): boolean {
  return ((target.guestMsr ?? MSR.LE) & MSR.LE) !== 0n
}

/** An unsigned integer of 1, 2, 4 or 8 bytes in the guest's byte order; undefined where nothing can be read. */
export function readGuestInteger(target: Target, ea: bigint, size: 1 | 2 | 4 | 8): bigint | undefined {
  const { bytes } = readMemory(target, { space: 'ea', address: BigInt.asUintN(64, ea) }, size)
  if (bytes.length < size) return undefined
  const ordered = isLittleEndian(target) ? bytes.reverse() : bytes
  return ordered.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

/** The instruction word at an effective address. */
export function readGuestWord(target: Target, ea: bigint): number | undefined {
  const value = readGuestInteger(target, ea, 4)
  return value === undefined ? undefined : Number(value)
}

/** A NUL-terminated text of at most `limit` bytes. */
export function readGuestText(target: Target, ea: bigint, limit = 256): string | undefined {
  const { bytes } = readMemory(target, { space: 'ea', address: ea }, limit)
  if (bytes.length === 0) return undefined
  const end = bytes.indexOf(0)
  return new TextDecoder('utf-8').decode(end < 0 ? bytes : bytes.subarray(0, end))
}
