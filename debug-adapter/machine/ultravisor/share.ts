import type { RegisterFile } from '../cpu/types.ts'
import { PAGE_BYTES, PAGE_SHIFT } from '../memory/real-memory.ts'
import { HCALL } from '../platform/hcall-table.ts'
import { Procedure, type Steps } from '../steps.ts'
import { abortSvm } from './abort.ts'
import { U } from './return-codes.ts'
import { isShared, isTransient, isUnsharable, type ShareKind, type Svm } from './svm.ts'
import type { Ultravisor } from './ultravisor.ts'

const SHARE = new Procedure('ultravisor', 'UV_SHARE_PAGE', 'spec/ultravisor.md §2.5', {
  check: 'check that every frame lies in a memory slot and is in a stable state',
  ask: 'ask the hypervisor for a normal page: H_SVM_PAGE_IN (shared)',
  revert: 'the hypervisor refused: make every frame of this request secure again',
  commit: 'zero the page of the hypervisor and map it for the guest',
})

const UNSHARE = new Procedure('ultravisor', 'UV_UNSHARE_PAGE', 'spec/ultravisor.md §2.5', {
  check: 'check that every frame lies in a memory slot and is not one that the ultravisor shares',
  ask: 'take the page back from the hypervisor: H_SVM_PAGE_IN (not shared)',
  commit: 'zero the secure page and map it for the guest',
})

/** Flags of H_SVM_PAGE_IN (spec/ultravisor.md §3.1). */
const NONSHARED = 0n
const SHARED = 1n

const gpaOf = (gfn: bigint): bigint => gfn << PAGE_SHIFT

function framesOf(svm: Svm, first: bigint, count: bigint): bigint[] | undefined {
  if (count <= 0n) return undefined
  const frames: bigint[] = []
  for (let gfn = first; gfn < first + count; gfn++) {
    if (!svm.slotOf(gfn)) return undefined
    frames.push(gfn)
  }
  return frames
}

export function* shareByGuest(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const svm = uv.currentSvm
  if (!svm) return uv.refuse('UV-PAGE-003', `lpid ${uv.currentLpid}`, U.FUNCTION)
  return yield* shareWithHypervisor(uv, svm, frame.gpr[4]!, frame.gpr[5]!, 'explicit', frame.msr)
}

/**
 * Makes frames of an SVM readable by the hypervisor. Their secure content does not leave: the guest sees zeros after.
 * @param kind `explicit` for the guest's own wish; `implicit` for pages that only the ultravisor uses; `pseudo` where the
 *             guest keeps its secure page and the hypervisor gets another
 * @returns U_SUCCESS, or the code of the refusal; then nothing is shared
 */
export function* shareWithHypervisor(
  uv: Ultravisor,
  svm: Svm,
  first: bigint,
  count: bigint,
  kind: ShareKind,
  guestMsr: bigint,
): Steps<bigint> {
  return yield* SHARE.frame({ gfn: first, count, kind }, shareSteps(uv, svm, first, count, kind, guestMsr))
}

function* shareSteps(
  uv: Ultravisor,
  svm: Svm,
  first: bigint,
  count: bigint,
  kind: ShareKind,
  guestMsr: bigint,
): Steps<bigint> {
  yield SHARE.at('check')
  const frames = framesOf(svm, first, count)
  if (!frames) return uv.refuse('UV-SHARE-001', `${count} frames from gfn 0x${first.toString(16)}`, U.P2)
  const transient = frames.find((gfn) => isTransient(svm.stateOf(gfn)))
  if (transient !== undefined)
    return uv.refuse('UV-SHARE-002', `gfn 0x${transient.toString(16)}: ${svm.stateOf(transient)}`, U.P2)
  const wanted = frames.filter((gfn) => !isShared(svm.stateOf(gfn)))

  for (const gfn of wanted) {
    yield SHARE.at('ask', { gfn })
    let code: bigint | undefined = yield* bringBack(uv, svm, gfn, guestMsr)
    if (code === 0n) {
      svm.setState(gfn, 'HV_SHARING')
      ;[code] = yield* uv.crossing.hypercall(HCALL.H_SVM_PAGE_IN, [gpaOf(gfn), SHARED, PAGE_SHIFT], guestMsr)
      if (BigInt.asIntN(64, code!) === 0n) continue
    }
    yield SHARE.at('revert', { code: BigInt.asIntN(64, code!) })
    for (const g of wanted) if (isTransient(svm.stateOf(g))) yield* revert(uv, svm, g, guestMsr)
    return uv.refuse(
      'UV-SHARE-004',
      `H_SVM_PAGE_IN(0x${gpaOf(gfn).toString(16)}, shared) = ${BigInt.asIntN(64, code!)}`,
      U.P2,
    )
  }
  yield SHARE.at('commit', { frames: wanted.length })
  for (const gfn of wanted) commitShare(uv, svm, gfn, kind)
  uv.parts.cpu.flushTranslations()
  return U.SUCCESS
}

/** How often a page that is paged out is asked for (Q21 counts wrongly). */
const PAGE_IN_TRIES = 4

/** A frame that is paged out has to be secure before it can be shared. @returns 0, or the code of the hypervisor */
function* bringBack(uv: Ultravisor, svm: Svm, gfn: bigint, guestMsr: bigint): Steps<bigint> {
  if (svm.stateOf(gfn) !== 'PAGEDOUT') return 0n
  let code = 0n
  for (let tries = 1; tries <= PAGE_IN_TRIES; tries++) {
    const [r3] = yield* uv.crossing.hypercall(HCALL.H_SVM_PAGE_IN, [gpaOf(gfn), NONSHARED, PAGE_SHIFT], guestMsr)
    code = BigInt.asIntN(64, r3!)
    const last = tries === PAGE_IN_TRIES
    if (svm.stateOf(gfn) !== 'PAGEDOUT') return last && uv.quirk('Q21') ? U.P2 : 0n
  }
  // The hypervisor may have said success and done nothing: without the page there is nothing to go on with.
  return uv.quirk('Q21') ? 0n : code === 0n ? U.P2 : code
}

/** The hypervisor refused another frame of the request: this one is secure as it was, and the hypervisor gets to know it. */
function* revert(uv: Ultravisor, svm: Svm, gfn: bigint, guestMsr: bigint): Steps<void> {
  const told = svm.stateOf(gfn) !== 'HV_SHARING'
  if (told) {
    svm.setState(gfn, 'HV_UNSHARING')
    yield* uv.crossing.hypercall(HCALL.H_SVM_PAGE_IN, [gpaOf(gfn), NONSHARED, PAGE_SHIFT], guestMsr)
  }
  if (uv.quirk('Q22')) uv.clear(svm.securePage(gfn)!, PAGE_BYTES)
  svm.setState(gfn, 'SECURE')
}

function commitShare(uv: Ultravisor, svm: Svm, gfn: bigint, kind: ShareKind): void {
  const hvPage = svm.frames.get(gfn)?.hvPage
  const state = svm.stateOf(gfn)
  if (state === 'HV_SHARED_INV' && hvPage === undefined) return commitWithdrawn(svm, gfn, kind)
  if (hvPage === undefined) throw abortSvm(uv, 'UV-SHARE-005', `gfn 0x${gfn.toString(16)} in state ${state}`)
  svm.counts.shares++
  uv.memory.fill(hvPage, 0, PAGE_BYTES)
  uv.parts.cpu.codeWritten(hvPage, PAGE_BYTES)
  const gpa = gpaOf(gfn)
  uv.parts.trace.add({ type: 'page-move', how: 'share', lpid: svm.lpid, gpa, from: svm.securePage(gfn)!, to: hvPage })
  if (kind === 'explicit') {
    svm.setState(gfn, 'SHARED', { hvPage })
    svm.table.map(gpa, hvPage)
  } else if (kind === 'implicit') {
    svm.setState(gfn, 'SHARED_IMPLICIT', { hvPage })
    svm.table.unmap(gpa)
  } else svm.setState(gfn, 'PSEUDO_SHARED', { hvPage })
}

/** The hypervisor gave a page and took it back before the share was complete: the next access asks for another. */
function commitWithdrawn(svm: Svm, gfn: bigint, kind: ShareKind): void {
  const states = { explicit: 'SHARED_INV', implicit: 'SHARED_IMPLICIT_INV', pseudo: 'PSEUDO_SHARED_INV' } as const
  svm.setState(gfn, states[kind])
  if (kind !== 'pseudo') svm.table.unmap(gpaOf(gfn))
}

export function* unshareByGuest(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const svm = uv.currentSvm
  if (!svm) return uv.refuse('UV-PAGE-003', `lpid ${uv.currentLpid}`, U.FUNCTION)
  const [first, count] = frame.gpr.slice(4, 6) as [bigint, bigint]
  return yield* UNSHARE.frame({ gfn: first, count }, unshareSteps(uv, svm, framesOf(svm, first, count), frame))
}

export function* unshareAllByGuest(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const svm = uv.currentSvm
  if (!svm) return uv.refuse('UV-PAGE-003', `lpid ${uv.currentLpid}`, U.FUNCTION)
  const frames = [...svm.frames.keys()].filter((gfn) => ['SHARED', 'SHARED_INV'].includes(svm.stateOf(gfn)))
  return yield* UNSHARE.frame({ frames: frames.length }, unshareSteps(uv, svm, frames, frame))
}

function* unshareSteps(uv: Ultravisor, svm: Svm, frames: bigint[] | undefined, frame: RegisterFile): Steps<bigint> {
  yield UNSHARE.at('check')
  if (!frames) return uv.refuse('UV-SHARE-001', `${frame.gpr[5]} frames from gfn 0x${frame.gpr[4]!.toString(16)}`, U.P2)
  for (const gfn of frames) {
    const state = svm.stateOf(gfn)
    if (isTransient(state)) return uv.refuse('UV-SHARE-002', `gfn 0x${gfn.toString(16)}: ${state}`, U.P2)
    if (isUnsharable(state)) return uv.refuse('UV-SHARE-003', `gfn 0x${gfn.toString(16)}: ${state}`, U.P2)
  }
  const shared = frames.filter((gfn) => isShared(svm.stateOf(gfn)))
  for (const gfn of frames) if (svm.stateOf(gfn) === 'PAGEDOUT' && uv.quirk('Q23')) loseContent(uv, svm, gfn)
  for (const gfn of shared) {
    yield UNSHARE.at('ask', { gfn })
    svm.setState(gfn, 'HV_UNSHARING')
    const [code] = yield* uv.crossing.hypercall(HCALL.H_SVM_PAGE_IN, [gpaOf(gfn), NONSHARED, PAGE_SHIFT], frame.msr)
    if (BigInt.asIntN(64, code!) !== 0n)
      abortSvm(
        uv,
        'UV-SHARE-004',
        `H_SVM_PAGE_IN(0x${gpaOf(gfn).toString(16)}, not shared) = ${BigInt.asIntN(64, code!)}`,
      )
    svm.setState(gfn, 'HV_UNSHARED')
  }
  yield UNSHARE.at('commit', { frames: shared.length })
  for (const gfn of shared) {
    const secure = svm.securePage(gfn)
    if (secure === undefined)
      abortSvm(uv, 'UV-SHARE-006', `the memory slot of gfn 0x${gfn.toString(16)} was removed meanwhile`)
    svm.counts.unshares++
    uv.clear(secure, PAGE_BYTES)
    svm.setState(gfn, 'SECURE')
    svm.table.map(gpaOf(gfn), secure)
    uv.parts.trace.add({ type: 'page-move', how: 'unshare', lpid: svm.lpid, gpa: gpaOf(gfn), to: secure })
  }
  uv.parts.cpu.flushTranslations()
  return U.SUCCESS
}

/** The record of a page that is paged out is dropped, and with it its content (Q23). */
function loseContent(uv: Ultravisor, svm: Svm, gfn: bigint): void {
  const secure = svm.securePage(gfn)!
  uv.clear(secure, PAGE_BYTES)
  svm.setState(gfn, 'SECURE')
  svm.table.map(gpaOf(gfn), secure)
}
