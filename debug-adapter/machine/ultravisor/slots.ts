import type { RegisterFile } from '../cpu/types.ts'
import { PAGE_BYTES } from '../memory/real-memory.ts'
import { Procedure, type Steps } from '../steps.ts'
import { U } from './return-codes.ts'
import { MAX_SLOTS, type MemSlot, type Svm, UV_PAGE_BYTES } from './svm.ts'
import type { Ultravisor } from './ultravisor.ts'

const REGISTER = new Procedure('ultravisor', 'UV_REGISTER_MEM_SLOT', 'spec/ultravisor.md §2.4', {
  check: 'check partition, range, flags, slot id and overlap',
  reserve: 'reserve secure memory in pages of 2 MiB, zeroed',
  map: 'map every 64 KiB frame of the slot to its secure page',
})

const UNREGISTER = new Procedure('ultravisor', 'UV_UNREGISTER_MEM_SLOT', 'spec/ultravisor.md §2.4', {
  drop: 'zero and free the secure pages of the slot, forget its frames',
})

const GRANULE = BigInt(PAGE_BYTES)

export function* registerSlot(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const [lpid, start, bytes, flags, id] = frame.gpr.slice(4, 9) as [bigint, bigint, bigint, bigint, bigint]
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
  if (!svm) return uv.refuse('UV-SLOT-001', `lpid ${lpid}`, U.PARAMETER)
  if (start % GRANULE !== 0n) return uv.refuse('UV-SLOT-002', `0x${start.toString(16)}`, U.P2)
  if (bytes === 0n || start + bytes > 1n << 64n) return uv.refuse('UV-SLOT-003', `0x${bytes.toString(16)}`, U.P3)
  if (flags !== 0n) return uv.refuse('UV-SLOT-004', `0x${flags.toString(16)}`, U.P4)
  if (id >= MAX_SLOTS || svm.slots.has(id)) return uv.refuse('UV-SLOT-005', `slot ${id}`, U.P5)
  const size = ((bytes + GRANULE - 1n) / GRANULE) * GRANULE
  for (const other of svm.slots.values())
    if (start < other.start + other.bytes && other.start < start + size)
      return uv.refuse('UV-SLOT-006', `slot ${other.id} at 0x${other.start.toString(16)}`, U.PARAMETER)

  const needed = (start + size - 1n) / UV_PAGE_BYTES - start / UV_PAGE_BYTES + 1n
  yield REGISTER.at('reserve', { uvPages: needed })
  const slot = reserve(uv, svm, id, start, size)
  if (!slot)
    return uv.refuse(
      'UV-SLOT-007',
      `${uv.pages.freeBytes / UV_PAGE_BYTES} free pages of 2 MiB where the slot needs ${needed}; give the machine more secureMemory`,
      U.RETRY,
    )
  yield REGISTER.at('map', { frames: size / GRANULE })
  svm.slots.set(id, slot)
  for (let gpa = start; gpa < start + size; gpa += GRANULE) svm.table.map(gpa, svm.securePage(gpa / GRANULE)!)
  uv.parts.cpu.flushTranslations()
  return U.SUCCESS
}

/** All or nothing: takes the secure pages for a slot, or gives back what it took. */
function reserve(uv: Ultravisor, svm: Svm, id: bigint, start: bigint, bytes: bigint): MemSlot | undefined {
  const backing = new Map<bigint, bigint>()
  for (let index = start / UV_PAGE_BYTES; index * UV_PAGE_BYTES < start + bytes; index++) {
    const ra = uv.takePage()
    if (ra === undefined) {
      for (const taken of backing.values()) uv.pages.free(taken, UV_PAGE_BYTES)
      return undefined
    }
    backing.set(index, ra)
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

export function* unregisterSlot(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const [lpid, id] = frame.gpr.slice(4, 6) as [bigint, bigint]
  return yield* UNREGISTER.frame({ lpid, id }, unregisterSteps(uv, lpid, id))
}

function* unregisterSteps(uv: Ultravisor, lpid: bigint, id: bigint): Steps<bigint> {
  const svm = uv.svms.get(Number(lpid))
  if (!svm) return uv.refuse('UV-SLOT-001', `lpid ${lpid}`, U.PARAMETER)
  const slot = svm.slots.get(id)
  if (!slot) return uv.refuse('UV-SLOT-008', `slot ${id}`, U.P2)
  yield UNREGISTER.at('drop', { bytes: slot.bytes })
  svm.dropSlot(slot, uv.pages, (ra, bytes) => uv.clear(ra, bytes))
  uv.parts.cpu.flushTranslations()
  return U.SUCCESS
}
