import { ASDR_ADDRESS } from '../cpu/spr.ts'
import { Actor } from '../memory/actor.ts'
import { PAGE_BYTES, PAGE_SHIFT } from '../memory/real-memory.ts'
import { H } from '../platform/hcall-table.ts'
import { Procedure, type Steps } from '../steps.ts'
import type { Hypervisor } from './hypervisor.ts'
import { UCALL } from './ucall.ts'
import type { Vm } from './vm.ts'

/** KVM's side of the life of an SVM's pages: what it does of its own accord (spec/ultravisor.md §8.2). */
const TAKE = new Procedure('hypervisor', 'take a page of an SVM', 'spec/ultravisor.md §8.2', {
  out: 'have the ultravisor encrypt the page: UV_PAGE_OUT',
})

const FAULT = new Procedure('hypervisor', 'page fault of an SVM', 'spec/ultravisor.md §8.2', {
  provide: 'the page was shared and is gone: take another one',
  hand: 'hand it to the ultravisor: UV_PAGE_IN',
})

const PLUG = new Procedure('hypervisor', 'plug memory', 'spec/ultravisor.md §8.2', {
  add: 'give the VM the pages of a memory slot',
  register: 'tell the ultravisor of a secure VM: UV_REGISTER_MEM_SLOT; all frames are secure from the start',
})

const UNPLUG = new Procedure('hypervisor', 'unplug memory', 'spec/ultravisor.md §8.2', {
  unregister: 'tell the ultravisor: UV_UNREGISTER_MEM_SLOT',
  remove: 'take the pages back',
})

const RESET = new Procedure('hypervisor', 'reset of an SVM', 'spec/ultravisor.md §8.2', {
  check: 'no virtual processor may run',
  unregister: 'UV_UNREGISTER_MEM_SLOT for each slot',
  terminate: 'UV_SVM_TERMINATE',
  rewind: 'all frames normal and zero again, the own page table in the partition table: UV_WRITE_PATE',
})

/** EBUSY and EINVAL of the host's kernel, as KVM_PPC_SVM_OFF returns them. */
export const EBUSY = -16n
export const EINVAL = -22n

/**
 * UV_PAGE_OUT of one frame into a page of the host.
 * @returns the code of the ultravisor; H_RESOURCE where the host has no page left
 */
export function* takeBack(hv: Hypervisor, vm: Vm, gpa: bigint, place: 'secure out' | 'normal'): Steps<bigint> {
  return yield* TAKE.frame({ lpid: vm.lpid, gpa }, takeSteps(hv, vm, gpa, place))
}

function* takeSteps(hv: Hypervisor, vm: Vm, gpa: bigint, place: 'secure out' | 'normal'): Steps<bigint> {
  const page = vm.providePage(gpa)
  if (page === undefined) return H.RESOURCE
  yield TAKE.at('out', { page })
  const code = yield* hv.ultracall(UCALL.UV_PAGE_OUT, [BigInt(vm.lpid), page, gpa, 0n, PAGE_SHIFT])
  if (code === 0n) vm.setPlace(gpa, place)
  else vm.dropShared(gpa)
  return code
}

/** Under pressure: as many frames of a secure VM leave, oldest first, as are over its limit. `keep` stays. */
export function* evict(hv: Hypervisor, vm: Vm, keep: bigint): Steps<void> {
  const { secureFrameLimit } = hv
  if (secureFrameLimit === undefined || !vm.secureGuest.done) return
  // Every frame gets one chance: those that the ultravisor does not give away stay.
  for (const gpa of [...vm.framesIn('secure')]) {
    if (vm.secureFrames <= Math.max(1, secureFrameLimit)) return
    if (gpa !== keep) yield* takeBack(hv, vm, gpa, 'secure out')
  }
}

/**
 * Whoever touches guest memory on the host, e.g. a dump: a page in secure memory leaves as ciphertext for that.
 * @returns the page as the host sees it; undefined where the VM has no memory there, or the ultravisor does not give it away
 */
export function* touch(hv: Hypervisor, vm: Vm, gpa: bigint): Steps<Uint8Array | undefined> {
  const place = vm.placeOf(gpa)
  if (place === undefined) return undefined
  if (place === 'secure' && (yield* takeBack(hv, vm, gpa, 'secure out')) !== 0n) return undefined
  const page = vm.pageOf(gpa)
  return page === undefined ? undefined : hv.parts.memory.as(Actor.Hypervisor).read(page, PAGE_BYTES)
}

/** All of a VM's memory as the host sees it, by guest address: of secure frames their ciphertext. */
export function* dump(hv: Hypervisor, vm: Vm): Steps<Map<bigint, Uint8Array>> {
  const pages = new Map<bigint, Uint8Array>()
  for (const { start, bytes } of vm.slots)
    for (let gpa = start; gpa < start + bytes; gpa += BigInt(PAGE_BYTES)) {
      const page = yield* touch(hv, vm, gpa)
      if (page) pages.set(gpa, page)
    }
  return pages
}

/** The host moves a shared page away, as compaction does: the ultravisor has to forget it. @returns the code of the ultravisor */
export function* invalidate(hv: Hypervisor, vm: Vm, gpa: bigint): Steps<bigint> {
  const code = yield* hv.ultracall(UCALL.UV_PAGE_INVAL, [BigInt(vm.lpid), gpa, PAGE_SHIFT])
  if (code === 0n) vm.dropShared(gpa)
  return code
}

/** @returns whether `asdr` names a shared frame of the VM, which has a page again now */
export function* sharedPageLost(hv: Hypervisor, vm: Vm, asdr: bigint): Steps<boolean> {
  const gpa = asdr & ASDR_ADDRESS & -BigInt(PAGE_BYTES)
  const place = vm.placeOf(gpa)
  if (place === undefined) return false
  // Another virtual processor was faster: the guest tries again.
  if (place === 'secure') return true
  return yield* FAULT.frame({ gpa }, faultSteps(hv, vm, gpa))
}

function* faultSteps(hv: Hypervisor, vm: Vm, gpa: bigint): Steps<boolean> {
  yield FAULT.at('provide')
  const page = vm.providePage(gpa)
  if (page === undefined) return false
  yield FAULT.at('hand', { page })
  const code = yield* hv.ultracall(UCALL.UV_PAGE_IN, [BigInt(vm.lpid), page, gpa, 0n, PAGE_SHIFT])
  if (code !== 0n) return false
  if (vm.placeOf(gpa) === 'shared') vm.setPlace(gpa, 'shared')
  else vm.becameSecure(gpa)
  return true
}

/** Adds a memory slot to a VM that runs. @returns the code of the ultravisor, 0 for a normal VM; H_RESOURCE where the host has no room */
export function* plugMemory(hv: Hypervisor, vm: Vm, id: number, start: bigint, bytes: bigint): Steps<bigint> {
  return yield* PLUG.frame({ id, start, bytes }, plugSteps(hv, vm, id, start, bytes))
}

function* plugSteps(hv: Hypervisor, vm: Vm, id: number, start: bigint, bytes: bigint): Steps<bigint> {
  yield PLUG.at('add')
  if (!vm.addSlot({ id, start, bytes })) return H.RESOURCE
  if (!vm.secureGuest.started) return H.SUCCESS
  yield PLUG.at('register')
  const code = yield* hv.ultracall(UCALL.UV_REGISTER_MEM_SLOT, [BigInt(vm.lpid), start, bytes, 0n, BigInt(id)])
  if (code !== 0n) vm.removeSlot(id)
  else if (vm.secureGuest.done)
    for (let gpa = start; gpa < start + bytes; gpa += BigInt(PAGE_BYTES)) vm.becameSecure(gpa)
  return code
}

/** Takes a memory slot away from a VM that runs. @returns the code of the ultravisor, 0 for a normal VM */
export function* unplugMemory(hv: Hypervisor, vm: Vm, id: number): Steps<bigint> {
  return yield* UNPLUG.frame({ id }, unplugSteps(hv, vm, id))
}

function* unplugSteps(hv: Hypervisor, vm: Vm, id: number): Steps<bigint> {
  let code: bigint = H.SUCCESS
  if (vm.secureGuest.started) {
    yield UNPLUG.at('unregister')
    code = yield* hv.ultracall(UCALL.UV_UNREGISTER_MEM_SLOT, [BigInt(vm.lpid), BigInt(id)])
  }
  yield UNPLUG.at('remove')
  vm.removeSlot(id)
  hv.parts.cpu.flushTranslations()
  return code
}

/**
 * KVM_PPC_SVM_OFF: a secure VM becomes a normal one with empty memory, for a reset. Its loader has to load it anew.
 * @returns 0, EBUSY while its virtual processor runs, EINVAL where the ultravisor does not let it go
 */
export function* resetSvm(hv: Hypervisor, vm: Vm): Steps<bigint> {
  return yield* RESET.frame({ lpid: vm.lpid }, resetSteps(hv, vm))
}

function* resetSteps(hv: Hypervisor, vm: Vm): Steps<bigint> {
  yield RESET.at('check')
  if (hv.vm === vm && vm.resume === undefined) return EBUSY
  const { state, slots } = vm
  if (state === 'normal') return 0n
  yield RESET.at('unregister', { slots: slots.length })
  for (const { id } of slots) yield* hv.ultracall(UCALL.UV_UNREGISTER_MEM_SLOT, [BigInt(vm.lpid), BigInt(id)])
  yield RESET.at('terminate')
  if ((yield* hv.ultracall(UCALL.UV_SVM_TERMINATE, [BigInt(vm.lpid)])) !== 0n) return EINVAL
  yield RESET.at('rewind')
  for (const slot of slots) {
    vm.removeSlot(slot.id)
    vm.addSlot(slot)
  }
  vm.secureGuest = { started: false, done: false }
  yield* hv.ultracall(UCALL.UV_WRITE_PATE, [BigInt(vm.lpid), vm.table.pateDoubleword0, 0n])
  if (state !== 'secure') hv.logState(vm, state, 'normal')
  return 0n
}
