/**
 * Memory references: `0x...` a guest effective address as the vCPU translates it now, `gpa:0x...` a guest physical
 * address, `ra:0x...` a real address, `hv:0x...` a real address with the hypervisor's rights.
 */
import { Actor } from '../machine/memory/actor.ts'
import { SECURE_RA_BIT } from '../machine/memory/real-memory.ts'
import type { Refusal } from '../machine/refusal.ts'
import { hex } from './format.ts'
import { RequestError } from './request.ts'
import type { Target } from './target.ts'

export type Space = 'ea' | 'gpa' | 'ra' | 'hv'

export interface MemoryReference {
  readonly space: Space
  readonly address: bigint
}

const ADDRESS_MASK = (1n << 64n) - 1n
/** Translations are asked for each 4 KiB: the smallest page that a guest can use. */
const PIECE = 4096n

export function parseReference(text: string): MemoryReference {
  const match = /^(?:(gpa|ra|hv):)?(0x[0-9a-f]{1,16}|\d{1,20})$/i.exec(text.trim())
  if (!match)
    throw new RequestError(
      `Memory reference ${JSON.stringify(text)}: expected an address such as 0x400000, gpa:0x400000, ra:0x4000000 or hv:0x4000000.`,
    )
  return { space: (match[1]?.toLowerCase() ?? 'ea') as Space, address: BigInt(match[2]!) & ADDRESS_MASK }
}

export function formatReference({ space, address }: MemoryReference): string {
  return space === 'ea' ? hex(address) : `${space}:${hex(address)}`
}

/** The address `bytes` further on; addresses wrap as the processor's do. */
export function offsetReference(reference: MemoryReference, bytes: bigint): MemoryReference {
  return { space: reference.space, address: (reference.address + bytes) & ADDRESS_MASK }
}

/** Where one reference points to in real memory, or which rule said no. */
type Resolved = { readonly ok: true; readonly ra: bigint } | { readonly ok: false; readonly refusal: Refusal }

const no = (rule: string, expected: string, found: string, source: string): Resolved => ({
  ok: false,
  refusal: { rule, expected, found, source },
})

/** Where a reference leads now: a real address, or what says no. */
export function resolve(target: Target, { space, address }: MemoryReference): Resolved {
  const { machine } = target
  let ra = address
  if (space === 'ea') {
    const translation = target.translate(address)
    // A page that the guest cannot reach this very moment (it moves, or is paged out) may still be there for a debugger.
    const behind = translation.ok
      ? translation.ra
      : translation.gpa !== undefined
        ? target.pageBehind(translation.gpa)
        : undefined
    if (behind === undefined)
      return no(
        'MEM-005',
        'an effective address that the vCPU can translate now',
        `${hex(address)}: ${translation.ok ? '' : `${translation.reason} (vector ${hex(translation.vector)})`}`,
        'Power ISA 3.0C III 5.7',
      )
    ra = behind
  } else if (space === 'gpa') {
    const behind = target.pageBehind(address)
    if (behind === undefined)
      return no(
        'MEM-006',
        'a guest physical address with a page behind it',
        `${hex(address)}${machine.pageState(address) ? `, a page in state ${machine.pageState(address)}` : ''}`,
        'spec/ultravisor.md §5.1',
      )
    ra = behind
  } else if (space === 'hv' && (ra & SECURE_RA_BIT) !== 0n)
    return no(
      'MEM-001',
      'an actor in the secure state to read or write secure memory',
      `the hypervisor at real address ${hex(ra)}`,
      'spec/ultravisor.md §5.1',
    )
  if (machine.memory.offsetOf(ra, 1) < 0)
    return no(
      'MEM-002',
      'real memory behind the address',
      `nothing at real address ${hex(ra)}`,
      'Power ISA 3.0C III 5.7',
    )
  return { ok: true, ra }
}

/** Outcome of a read: the readable bytes from the start on; then what said no, and for how many of the bytes asked for. */
export interface MemoryRead {
  readonly bytes: Uint8Array
  readonly unreadable: number
  readonly refusal?: Refusal
}

/** Bytes that one answer carries at most; whoever wants more asks again behind them. */
export const MAX_READ = 1 << 20

/** Reads as a debugger may: nothing is refused to it but what is not there. Never throws, has no side effect. */
export function readMemory(target: Target, from: MemoryReference, count: number): MemoryRead {
  const wanted = Math.min(count, MAX_READ)
  const bytes = new Uint8Array(wanted)
  const view = target.machine.memory.as(Actor.Debugger)
  let done = 0
  while (done < wanted) {
    const here = offsetReference(from, BigInt(done))
    const size = Math.min(wanted - done, Number(PIECE - (here.address % PIECE)))
    const place = resolve(target, here)
    if (!place.ok)
      return {
        bytes: bytes.subarray(0, done),
        unreadable: unreadableBytes(target, from, done, count),
        refusal: place.refusal,
      }
    bytes.set(view.read(place.ra, size), done)
    done += size
  }
  return { bytes: bytes.subarray(0, done), unreadable: 0 }
}

/** How many bytes from `start` on have nothing behind them, up to `count`; looks at most 1 MiB ahead. */
function unreadableBytes(target: Target, from: MemoryReference, start: number, count: number): number {
  const limit = Math.min(count, start + MAX_READ)
  for (let at = start; at < limit; ) {
    const here = offsetReference(from, BigInt(at))
    if (at > start && resolve(target, here).ok) return at - start
    at += Number(PIECE - (here.address % PIECE))
  }
  return limit - start
}

/** @returns how many bytes were written, from the start on; fewer than given where `refusal` says no */
export function writeMemory(
  target: Target,
  to: MemoryReference,
  bytes: Uint8Array,
  allowPartial: boolean,
): { readonly written: number; readonly refusal?: Refusal } {
  const pieces: { ra: bigint; bytes: Uint8Array }[] = []
  let refusal: Refusal | undefined
  for (let at = 0; at < bytes.length && !refusal; ) {
    const here = offsetReference(to, BigInt(at))
    const size = Math.min(bytes.length - at, Number(PIECE - (here.address % PIECE)))
    const place = resolve(target, here)
    if (place.ok) pieces.push({ ra: place.ra, bytes: bytes.subarray(at, at + size) })
    else refusal = place.refusal
    at += size
  }
  if (refusal && !allowPartial) return { written: 0, refusal }
  let written = 0
  for (const piece of pieces) {
    target.change({ kind: 'memory', ra: piece.ra, bytes: piece.bytes })
    written += piece.bytes.length
  }
  return refusal ? { written, refusal } : { written }
}
