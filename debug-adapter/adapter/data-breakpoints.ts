/**
 * Breakpoints on data: bytes of memory or a register, when their value changes. The machine is run instruction by instruction
 * while there is one, so whoever writes is seen: the guest, the ultravisor, the hypervisor or a device.
 */
import { hexBytes } from '../../server/esm/reader.ts'
import { formatReference, type MemoryReference, parseReference, readMemory } from './references.ts'
import { readRegister } from './registers.ts'
import { RequestError } from './request.ts'
import type { Target } from './target.ts'

/** Longest range of one breakpoint, in bytes. */
export const MAX_WATCHED = 4096

/** Something whose value can be compared with what it was. */
export interface Watched {
  /** As text; undefined while it cannot be read, e.g. because the page is on its way. */
  value(target: Target): string | undefined
  /** Where its bytes are; undefined for a register. */
  readonly bytes?: { readonly start: MemoryReference; readonly count: number }
  /** What the last comparison found. */
  last: string | undefined
}

/** `REFERENCE/BYTES`, e.g. `ra:0x4000000/8`. */
export const memoryDataId = (reference: string, bytes: number): string =>
  `${formatReference(parseReference(reference))}/${bytes}`

/** `reg:NAME` */
export const registerDataId = (name: string): string => `reg:${name}`

/** @throws RequestError where the id is none that this adapter gave out */
export function watchedOf(dataId: string, target: Target): Watched {
  const register = /^reg:(\w+)$/.exec(dataId)?.[1]
  if (register !== undefined && readRegister(target, register))
    return { value: (of) => readRegister(of, register)?.text, last: undefined }
  const memory = /^(.+)\/(\d{1,5})$/.exec(dataId)
  const bytes = Number(memory?.[2])
  if (!memory || bytes < 1 || bytes > MAX_WATCHED)
    throw new RequestError(
      `dataId ${JSON.stringify(dataId)}: expected reg:r3 or an address and 1 to ${MAX_WATCHED} bytes such as 0x400000/8.`,
    )
  const reference = parseReference(memory[1]!)
  return {
    value: (of) => {
      const read = readMemory(of, reference, bytes)
      return read.unreadable > 0 ? undefined : hexBytes(read.bytes)
    },
    bytes: { start: reference, count: bytes },
    last: undefined,
  }
}

/** Has the value changed since the last call that could read it? */
export function hasChanged(watched: Watched, target: Target): boolean {
  const now = watched.value(target)
  if (now === undefined) return false
  const { last } = watched
  watched.last = now
  return last !== undefined && last !== now
}
