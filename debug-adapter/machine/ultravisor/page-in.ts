import type { RegisterFile } from '../cpu/types.ts'
import { PAGE_BYTES, PAGE_SHIFT, SECURE_RA_BIT } from '../memory/real-memory.ts'
import { Procedure, type Steps } from '../steps.ts'
import { U } from './return-codes.ts'
import type { Svm } from './svm.ts'
import type { Ultravisor } from './ultravisor.ts'

const PAGE_IN = new Procedure('ultravisor', 'UV_PAGE_IN', 'spec/ultravisor.md §2.4', {
  check: 'check order, real address, partition and guest address',
  state: 'decide by the state of the frame',
  copy: 'copy the page of the hypervisor into its secure page',
  decrypt: 'decrypt and authenticate the page (AES-128-GCM)',
  note: 'note the page of the hypervisor for the share in progress',
  map: 'map the page of the hypervisor for the guest',
})

/** The checks that UV_PAGE_IN and UV_PAGE_OUT have in common, in order (spec/ultravisor.md §2.4). */
export function checkPageCall(
  uv: Ultravisor,
  lpid: bigint,
  ra: bigint,
  gpa: bigint,
  flags: bigint,
  order: bigint,
): { readonly svm: Svm; readonly gfn: bigint } | bigint {
  if (order !== PAGE_SHIFT) return uv.refuse('UV-PAGE-001', `order ${order}`, U.P5)
  if (flags !== 0n && !uv.quirk('Q14')) return uv.refuse('UV-PAGE-008', `flags 0x${flags.toString(16)}`, U.P4)
  const inNormalMemory = (ra & SECURE_RA_BIT) === 0n && uv.parts.memory.offsetOf(ra, PAGE_BYTES) >= 0
  if (ra === 0n || !inNormalMemory || ra % BigInt(PAGE_BYTES) !== 0n)
    return uv.refuse('UV-PAGE-002', `0x${ra.toString(16)}`, U.P2)
  const svm = uv.svms.get(Number(lpid))
  if (!svm) return uv.refuse('UV-PAGE-003', `lpid ${lpid}`, U.PARAMETER)
  const gfn = gpa >> PAGE_SHIFT
  if (!svm.slotOf(gfn)) return uv.refuse('UV-PAGE-005', `0x${gpa.toString(16)}`, U.P3)
  return { svm, gfn }
}

export function* pageIn(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const [lpid, ra, gpa, flags, order] = frame.gpr.slice(4, 9) as [bigint, bigint, bigint, bigint, bigint]
  return yield* PAGE_IN.frame({ lpid, ra, gpa, flags, order }, pageInSteps(uv, lpid, ra, gpa, flags, order))
}

function* pageInSteps(
  uv: Ultravisor,
  lpid: bigint,
  ra: bigint,
  gpa: bigint,
  flags: bigint,
  order: bigint,
): Steps<bigint> {
  yield PAGE_IN.at('check')
  const checked = checkPageCall(uv, lpid, ra, gpa, flags, order)
  if (typeof checked === 'bigint') return checked
  const { svm, gfn } = checked
  if (svm.state === 'ABORT') return uv.refuse('UV-PAGE-004', `lpid ${lpid}`, U.STATE)
  const state = svm.stateOf(gfn)
  yield PAGE_IN.at('state', { state, svm: svm.state })
  switch (state) {
    case 'SECURE':
    case 'HV_UNSHARED':
      if (svm.state === 'SECURE') return uv.refuse('UV-PAGE-006', `${state} in a VM that is secure already`, U.P2)
      // A second copy over a page that may be verified already would change what was hashed.
      if (svm.isReserved(gfn)) return uv.refuse('UV-PAGE-006', 'a frame that UV_ESM keeps for itself', U.P2)
      if (svm.pagedIn.has(gfn)) return uv.refuse('UV-PAGE-006', 'a frame that was paged in before', U.P2)
      yield PAGE_IN.at('copy', { from: ra, to: svm.securePage(gfn)! })
      copyIn(uv, svm, gfn, ra)
      svm.setState(gfn, 'SECURE')
      return U.SUCCESS
    case 'PAGEDOUT':
      if (svm.state === 'ACTIVE' && uv.quirk('Q16')) {
        copyIn(uv, svm, gfn, ra)
        svm.setState(gfn, 'SECURE')
        svm.table.map(gfn << PAGE_SHIFT, svm.securePage(gfn)!)
        return U.SUCCESS
      }
      yield PAGE_IN.at('decrypt', { from: ra, to: svm.securePage(gfn)! })
      return decryptIn(uv, svm, gfn, ra)
    case 'HV_SHARING':
    case 'HV_SHARED':
    case 'HV_SHARED_INV':
      yield PAGE_IN.at('note', { hvPage: ra })
      svm.setState(gfn, 'HV_SHARED', { hvPage: ra })
      return U.SUCCESS
    case 'HV_UNSHARING':
      return U.SUCCESS
    case 'HV_UNSHARING_INV':
      svm.setState(gfn, 'HV_UNSHARING')
      return U.SUCCESS
    case 'SHARED':
    case 'SHARED_INV':
      yield PAGE_IN.at('map', { hvPage: ra })
      svm.setState(gfn, 'SHARED', { hvPage: ra })
      svm.table.map(gfn << PAGE_SHIFT, ra)
      uv.parts.cpu.flushTranslations()
      return U.SUCCESS
    case 'SHARED_IMPLICIT':
    case 'SHARED_IMPLICIT_INV':
      svm.setState(gfn, 'SHARED_IMPLICIT', { hvPage: ra })
      return U.SUCCESS
    case 'PSEUDO_SHARED':
    case 'PSEUDO_SHARED_INV':
      svm.setState(gfn, 'PSEUDO_SHARED', { hvPage: ra })
      return U.SUCCESS
  }
}

function copyIn(uv: Ultravisor, svm: Svm, gfn: bigint, ra: bigint): void {
  const { memory } = uv
  const to = svm.securePage(gfn)!
  memory.write(to, memory.read(ra, PAGE_BYTES))
  uv.parts.cpu.codeWritten(to, PAGE_BYTES)
  svm.pagedIn.add(gfn)
  svm.counts.pageIns++
  uv.parts.trace.add({ type: 'page-move', how: 'page-in', lpid: svm.lpid, gpa: gfn << PAGE_SHIFT, from: ra, to })
}

/** The newest record alone opens the page: old ciphertext, another frame's, or a flipped bit fail its tag. */
function decryptIn(uv: Ultravisor, svm: Svm, gfn: bigint, ra: bigint): bigint {
  const { memory } = uv
  const { sealed } = svm.frames.get(gfn)!
  const to = svm.securePage(gfn)!
  const plain = uv.parts.crypto.aesGcmDecrypt(svm.pagingKey!, sealed!.iv, memory.read(ra, PAGE_BYTES), sealed!.tag)
  if (!plain)
    return uv.refuse('UV-PAGE-007', `a tag that does not match for gpa 0x${(gfn << PAGE_SHIFT).toString(16)}`, U.P3)
  memory.write(to, plain)
  svm.counts.pageIns++
  uv.parts.cpu.codeWritten(to, PAGE_BYTES)
  svm.setState(gfn, 'SECURE')
  svm.table.map(gfn << PAGE_SHIFT, to)
  uv.parts.cpu.flushTranslations()
  uv.parts.trace.add({ type: 'page-move', how: 'page-in', lpid: svm.lpid, gpa: gfn << PAGE_SHIFT, from: ra, to })
  return U.SUCCESS
}
