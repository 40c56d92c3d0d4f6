import type { RegisterFile } from '../cpu/types.ts'
import { PAGE_BYTES } from '../memory/real-memory.ts'
import { Procedure, type Steps } from '../steps.ts'
import { U } from './return-codes.ts'
import { MAX_SLOTS, type MemSlot, type Svm, UV_PAGE_BYTES } from './svm.ts'
import { crash, type Ultravisor } from './ultravisor.ts'

const REGISTER = new Procedure('ultravisor', 'UV_REGISTER_MEM_SLOT', 'spec/ultravisor.md §2.4', {
  check: 'check partition, range, flags, slot id and overlap',
  reserve: 'reserve secure memory in pages of 2 MiB, zeroed',
  map: 'map every 64 KiB frame of the slot to its secure page',
})

const UNREGISTER = new Procedure('ultravisor', 'UV_UNREGISTER_MEM_SLOT', 'spec/ultravisor.md §2.4', {
  drop: 'zero and free the secure pages of the slot, forget its frames',
})

const GRANULE = BigInt(PAGE_BYTES)
/** The page table translates 52 bits (spec/ultravisor.md §0.1). */
const GPA_END = 1n << 52n

export function* registerSlot(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const [lpid, start, bytes, flags, given] = frame.gpr.slice(4, 9) as [bigint, bigint, bigint, bigint, bigint]
  const id = slotId(uv, given)
  return yield* REGISTER.frame({ lpid, start, bytes, flags, id }, registerSteps(uv, lpid, start, bytes, flags, id))
}

function* registerSteps(
  uv: Ultravisor,
  lpid: bigint,
  start: bigint,
  bytes: bigint,
  flags: bigint,
  id: bigint,
): Steps<bigint> {
  yield REGISTER.at('check')
  const svm = uv.svms.get(Number(lpid))
  if (!svm) return noSvm(uv, lpid)
  if (start % GRANULE !== 0n) return uv.refuse('UV-SLOT-002', `0x${start.toString(16)}`, uv.code(U.P2, U.PARAMETER))
  if (bytes === 0n || start + bytes > GPA_END)
    return uv.refuse('UV-SLOT-003', `0x${bytes.toString(16)}`, uv.code(U.P3, U.PARAMETER))
  if (flags !== 0n && !uv.quirk('Q50')) return uv.refuse('UV-SLOT-004', `0x${flags.toString(16)}`, U.P4)
  if (id >= MAX_SLOTS || svm.slots.has(id)) return uv.refuse('UV-SLOT-005', `slot ${id}`, uv.code(U.P5, U.PARAMETER))
  const size = ((bytes + GRANULE - 1n) / GRANULE) * GRANULE
  for (const other of svm.slots.values())
    if (start < other.start + other.bytes && other.start < start + size)
      return uv.refuse('UV-SLOT-006', `slot ${other.id} at 0x${other.start.toString(16)}`, U.PARAMETER)

  const needed = (start + size - 1n) / UV_PAGE_BYTES - start / UV_PAGE_BYTES + 1n
  yield REGISTER.at('reserve', { uvPages: needed })
  const slot = needed * UV_PAGE_BYTES > uv.pages.freeBytes ? undefined : reserve(uv, svm, id, start, size)
  if (!slot || !mapSlot(uv, svm, slot))
    return uv.refuse(
      'UV-SLOT-007',
      `${uv.pages.freeBytes / UV_PAGE_BYTES} free pages of 2 MiB where the slot needs ${needed}; give the machine more secureMemory`,
      uv.code(U.RETRY, U.PARAMETER),
    )
  yield REGISTER.at('map', { frames: size / GRANULE })
  uv.parts.cpu.flushTranslations()
  return U.SUCCESS
}

/** @returns false where the heap has no room for the page table: then nothing is changed */
function mapSlot(uv: Ultravisor, svm: Svm, slot: MemSlot): boolean {
  svm.slots.set(slot.id, slot)
  const { start, bytes } = slot
  try {
    for (let gpa = start; gpa < start + bytes; gpa += GRANULE) svm.table.map(gpa, svm.securePage(gpa / GRANULE)!)
    return true
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    svm.dropSlot(slot, uv.pages, (ra, size) => uv.clear(ra, size))
    return false
  }
}

/** Takes the secure pages for a slot: there are enough. */
function reserve(uv: Ultravisor, svm: Svm, id: bigint, start: bigint, bytes: bigint): MemSlot {
  const backing = new Map<bigint, bigint>()
  for (let index = start / UV_PAGE_BYTES; index * UV_PAGE_BYTES < start + bytes; index++) {
    backing.set(index, uv.takePage()!)
  }
  const { memory } = uv.parts
  for (const [index, ra] of backing) {
    memory.assign(ra, Number(UV_PAGE_BYTES / GRANULE), {
      owner: 'secure guest',
      use: `memory of SVM ${svm.lpid}`,
      lpid: svm.lpid,
      gpa: index * UV_PAGE_BYTES,
    })
  }
  return { id, start, bytes, backing }
}

function noSvm(uv: Ultravisor, lpid: bigint): bigint {
  if (uv.quirk('Q12')) crash('Q12', `a slot call for partition ${lpid}, which has no SVM`)
  return uv.refuse('UV-SLOT-001', `lpid ${lpid}`, U.PARAMETER)
}

/** The released firmware takes the id as a 16-bit number (Q12). */
const slotId = (uv: Ultravisor, id: bigint): bigint => (uv.quirk('Q12') ? BigInt.asUintN(16, id) : id)

export function* unregisterSlot(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const [lpid, given] = frame.gpr.slice(4, 6) as [bigint, bigint]
  const id = slotId(uv, given)
  return yield* UNREGISTER.frame({ lpid, id }, unregisterSteps(uv, lpid, id))
}

function* unregisterSteps(uv: Ultravisor, lpid: bigint, id: bigint): Steps<bigint> {
  const svm = uv.svms.get(Number(lpid))
  if (!svm) return noSvm(uv, lpid)
  const slot = svm.slots.get(id)
  if (!slot) return uv.refuse('UV-SLOT-008', `slot ${id}`, uv.code(U.P2, U.SUCCESS))
  if (svm.state === 'ACTIVE' && isUsed(svm, slot)) return uv.refuse('UV-SLOT-009', `slot ${id}`, U.RETRY)
  yield UNREGISTER.at('drop', { bytes: slot.bytes })
  svm.dropSlot(slot, uv.pages, (ra, bytes) => uv.clear(ra, bytes))
  if (uv.quirk('Q13')) revertOneTooMany(svm, (slot.start + slot.bytes) / GRANULE)
  uv.parts.cpu.flushTranslations()
  return U.SUCCESS
}

/** Whether UV_ESM has read from the slot, or keeps pages in it. */
function isUsed(svm: Svm, { start, bytes }: MemSlot): boolean {
  const gpas = [...[...svm.pagedIn].map((gfn) => gfn * GRANULE), ...[...svm.reserved.values()].map(({ gpa }) => gpa)]
  return gpas.some((gpa) => gpa >= start && gpa < start + bytes)
}

/** The frame behind the slot becomes secure, whatever it was (Q13). */
function revertOneTooMany(svm: Svm, gfn: bigint): void {
  const secure = svm.securePage(gfn)
  if (secure === undefined) return
  svm.setState(gfn, 'SECURE')
  svm.table.map(gfn * GRANULE, secure)
}
