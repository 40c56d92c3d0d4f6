import { PAGE_SHIFT } from '../memory/real-memory.ts'
import { H } from '../platform/hcall-table.ts'
import { Procedure, type Steps } from '../steps.ts'
import type { Hypervisor } from './hypervisor.ts'
import { evict, takeBack } from './paging.ts'
import { UCALL } from './ucall.ts'
import type { Vm } from './vm.ts'

/**
 * The six hypercalls that PEF adds, as KVM and QEMU answer them (spec/ultravisor.md §3.3), each check in its order.
 * @param args R4 and on
 * @returns R3, and R4.. where the call has more results
 */
export type SvmHcall = (hv: Hypervisor, vm: Vm, args: readonly bigint[]) => Steps<readonly bigint[]>

const INIT_START = new Procedure('hypervisor', 'H_SVM_INIT_START', 'spec/ultravisor.md §3.3', {
  check: 'secure memory on this host, secure guests enabled for this VM',
  register: 'register each memory slot with the ultravisor: UV_REGISTER_MEM_SLOT',
})

const PAGE_IN = new Procedure('hypervisor', 'H_SVM_PAGE_IN', 'spec/ultravisor.md §3.3', {
  check: 'check that the transition has begun, order and flags',
  provide: 'take a normal page for the frame',
  hand: 'hand the page to the ultravisor: UV_PAGE_IN',
  note: 'note where the frame is now',
})

const PAGE_OUT = new Procedure('hypervisor', 'H_SVM_PAGE_OUT', 'spec/ultravisor.md §3.3', {
  check: 'check that the transition has begun, order and flags',
  take: 'take a normal page and have the ultravisor fill it: UV_PAGE_OUT',
})

const INIT_DONE = new Procedure('hypervisor', 'H_SVM_INIT_DONE', 'spec/ultravisor.md §3.3', {
  check: 'check that the transition has begun',
  mark: 'mark all remaining frames secure, without their content',
})

const INIT_ABORT = new Procedure('hypervisor', 'H_SVM_INIT_ABORT', 'spec/ultravisor.md §3.3', {
  check: 'check that the transition has begun and has not ended',
  pageOut: 'take every secure frame back: UV_PAGE_OUT',
  terminate: 'make the ultravisor forget the VM: UV_SVM_TERMINATE',
})

const TPM_COMM = new Procedure('hypervisor', 'H_SVM_TPM_COMM', 'spec/tpm.md §5', {
  check: 'check operation and buffer sizes',
  carry: 'read the request from the shared page, as the hypervisor sees it: it cannot read what is encrypted',
  reply: 'write the response of the TPM into the shared page',
})

/** KVM answers most trouble with this one code (spec/ultravisor.md §3.3). */
const trouble = [H.PARAMETER]

function* initStart(hv: Hypervisor, vm: Vm): Steps<readonly bigint[]> {
  if (vm.secureGuest.started) return trouble
  // KVM sets the flag before any check.
  vm.secureGuest.started = true
  hv.logState(vm, 'normal', 'transient')
  yield INIT_START.at('check', { secureMemory: hv.secureMemoryBytes, enabled: hv.secureGuestsEnabled })
  if (hv.secureMemoryBytes === 0n) return [H.UNSUPPORTED]
  if (!hv.secureGuestsEnabled) return [H.AUTHORITY]
  for (const slot of vm.slots) {
    yield INIT_START.at('register', { id: slot.id, start: slot.start, bytes: slot.bytes })
    const code = yield* hv.ultracall(UCALL.UV_REGISTER_MEM_SLOT, [
      BigInt(vm.lpid),
      slot.start,
      slot.bytes,
      0n,
      BigInt(slot.id),
    ])
    if (code < 0n) return trouble
  }
  return [H.SUCCESS]
}

function* pageIn(hv: Hypervisor, vm: Vm, args: readonly bigint[]): Steps<readonly bigint[]> {
  const [gpa, flags, order] = args as [bigint, bigint, bigint]
  yield PAGE_IN.at('check', { gpa, flags, order })
  if (!vm.secureGuest.started) return [H.UNSUPPORTED]
  if (order !== PAGE_SHIFT) return [H.P3]
  if ((flags & ~1n) !== 0n) return [H.P2]
  const place = vm.placeOf(gpa)
  const shared = (flags & 1n) !== 0n
  if (place === undefined || (!shared && place === 'secure')) return trouble
  yield PAGE_IN.at('provide', { place })
  const page = vm.providePage(gpa)
  if (page === undefined) return trouble
  const handed = hv.behaviour.pageFor?.(hv, vm, gpa, page) ?? page
  yield PAGE_IN.at('hand', { page: handed })
  const code = yield* hv.ultracall(UCALL.UV_PAGE_IN, [BigInt(vm.lpid), handed, gpa, 0n, PAGE_SHIFT])
  if (code !== 0n) return trouble
  yield PAGE_IN.at('note', { place: shared ? 'shared' : 'secure' })
  if (shared) vm.setPlace(gpa, 'shared')
  else {
    vm.becameSecure(gpa)
    hv.parts.cpu.flushTranslations()
    yield* evict(hv, vm, gpa & -0x1_0000n)
  }
  return [H.SUCCESS]
}

function* pageOut(hv: Hypervisor, vm: Vm, args: readonly bigint[]): Steps<readonly bigint[]> {
  const [gpa, flags, order] = args as [bigint, bigint, bigint]
  yield PAGE_OUT.at('check', { gpa, flags, order })
  if (!vm.secureGuest.started) return [H.UNSUPPORTED]
  if (order !== PAGE_SHIFT) return [H.P3]
  if (flags !== 0n) return [H.P2]
  if (vm.placeOf(gpa) === undefined) return trouble
  if (vm.placeOf(gpa) !== 'secure') return [H.SUCCESS]
  yield PAGE_OUT.at('take', { gpa })
  return (yield* takeBack(hv, vm, gpa, 'secure out')) === 0n ? [H.SUCCESS] : trouble
}

function* initDone(hv: Hypervisor, vm: Vm): Steps<readonly bigint[]> {
  yield INIT_DONE.at('check')
  if (!vm.secureGuest.started) return [H.UNSUPPORTED]
  const frames = [...vm.framesIn('normal')]
  yield INIT_DONE.at('mark', { frames: frames.length })
  for (const gpa of frames) vm.becameSecure(gpa)
  hv.parts.cpu.flushTranslations()
  vm.secureGuest.done = true
  yield* evict(hv, vm, 0n)
  return [H.SUCCESS]
}

function* initAbort(hv: Hypervisor, vm: Vm): Steps<readonly bigint[]> {
  yield INIT_ABORT.at('check')
  if (!vm.secureGuest.started) return [H.UNSUPPORTED]
  if (vm.secureGuest.done) return [H.STATE]
  const frames = [...vm.framesIn('secure')]
  yield INIT_ABORT.at('pageOut', { frames: frames.length })
  for (const gpa of frames) yield* takeBack(hv, vm, gpa, 'normal')
  for (const gpa of [...vm.framesIn('shared')]) {
    // One that was withdrawn meanwhile has no page.
    vm.providePage(gpa)
    vm.setPlace(gpa, 'normal')
  }
  vm.secureGuest = { started: false, done: false }
  yield INIT_ABORT.at('terminate')
  yield* hv.ultracall(UCALL.UV_SVM_TERMINATE, [BigInt(vm.lpid)])
  hv.logState(vm, 'transient', 'normal')
  // This becomes R3 of the guest's UV_ESM.
  return trouble
}

/** Largest request and smallest response buffer of QEMU's TPM proxy (spec/tpm.md §5). */
const TPM_BUFFER = 4096n
const EXECUTE = 1n
const CLOSE = 2n

function* tpmComm(hv: Hypervisor, vm: Vm, args: readonly bigint[]): Steps<readonly bigint[]> {
  const [op, requestGpa, requestBytes, responseGpa, responseBytes] = args as [bigint, bigint, bigint, bigint, bigint]
  yield TPM_COMM.at('check', { op, requestBytes, responseBytes })
  if (hv.tpmCommReturns !== undefined) return [hv.tpmCommReturns]
  if (op === CLOSE) return [H.SUCCESS]
  if (op !== EXECUTE) return [H.PARAMETER]
  if (requestBytes > TPM_BUFFER) return [H.P3]
  if (responseBytes < TPM_BUFFER) return [H.P5]
  const request = vm.read(requestGpa, Number(requestBytes))
  yield TPM_COMM.at('carry', { request })
  const response = yield* hv.tpm(request)
  if (!response) return [H.RESOURCE]
  yield TPM_COMM.at('reply', { response })
  vm.write(responseGpa, response)
  return [H.SUCCESS, BigInt(response.length)]
}

const inFrame =
  (procedure: Procedure, names: readonly string[], body: SvmHcall): SvmHcall =>
  (hv, vm, args) =>
    procedure.frame(Object.fromEntries(names.map((name, i) => [name, args[i] ?? 0n])), body(hv, vm, args))

export const svmHcalls: Readonly<Record<string, SvmHcall>> = {
  H_SVM_INIT_START: inFrame(INIT_START, [], initStart),
  H_SVM_PAGE_IN: inFrame(PAGE_IN, ['gpa', 'flags', 'order'], pageIn),
  H_SVM_PAGE_OUT: inFrame(PAGE_OUT, ['gpa', 'flags', 'order'], pageOut),
  H_SVM_INIT_DONE: inFrame(INIT_DONE, [], initDone),
  H_SVM_INIT_ABORT: inFrame(INIT_ABORT, [], initAbort),
  H_SVM_TPM_COMM: inFrame(TPM_COMM, ['op', 'request', 'requestBytes', 'response', 'responseBytes'], tpmComm),
}
