import type { RegisterFile } from '../cpu/types.ts'
import { PAGE_BYTES, PAGE_SHIFT } from '../memory/real-memory.ts'
import { Procedure, type Steps } from '../steps.ts'
import { checkPageCall } from './page-in.ts'
import { U } from './return-codes.ts'
import { isShared, type Svm } from './svm.ts'
import type { Ultravisor } from './ultravisor.ts'

const PAGE_OUT = new Procedure('ultravisor', 'UV_PAGE_OUT', 'spec/ultravisor.md §2.4', {
  check: 'check order, real address, partition and guest address',
  state: 'decide by the state of the frame',
  encrypt: 'encrypt the page (AES-128-GCM, a fresh IV) into the page of the hypervisor',
  giveBack: 'give the page back to the normal VM of an aborted transition',
})

export function* pageOut(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const [lpid, ra, gpa, flags, order] = frame.gpr.slice(4, 9) as [bigint, bigint, bigint, bigint, bigint]
  return yield* PAGE_OUT.frame({ lpid, ra, gpa, flags, order }, pageOutSteps(uv, lpid, ra, gpa, flags, order))
}

function* pageOutSteps(
  uv: Ultravisor,
  lpid: bigint,
  ra: bigint,
  gpa: bigint,
  flags: bigint,
  order: bigint,
): Steps<bigint> {
  yield PAGE_OUT.at('check')
  const checked = checkPageCall(uv, lpid, ra, gpa, flags, order)
  if (typeof checked === 'bigint') return checked
  const { svm, gfn } = checked
  const state = svm.stateOf(gfn)
  yield PAGE_OUT.at('state', { state, svm: svm.state })
  if (state === 'HV_UNSHARED') return uv.refuse('UV-PAGE-006', state, U.RETRY)
  if (isShared(state)) {
    // The hypervisor has the page already: the documentation promises success.
    const code = uv.code(U.SUCCESS, U.PARAMETER)
    return code === U.SUCCESS ? code : uv.refuse('UV-PAGE-006', state, code)
  }
  if (state !== 'SECURE') return uv.refuse('UV-PAGE-006', state, U.PARAMETER)
  if (svm.state === 'ABORT') {
    yield PAGE_OUT.at('giveBack', { to: ra })
    if (uv.quirk('Q33')) return U.SUCCESS
    giveBack(uv, svm, gfn, ra)
    return U.SUCCESS
  }
  // What UV_ESM reads, hashes and writes must not change place under it.
  if (svm.state === 'ACTIVE' && !uv.quirk('Q16') && (svm.pagedIn.has(gfn) || svm.isReserved(gfn)))
    return uv.refuse('UV-PAGE-009', `gfn 0x${gfn.toString(16)} while UV_ESM runs`, U.RETRY)
  yield PAGE_OUT.at('encrypt', { from: svm.securePage(gfn)!, to: ra, pageOut: svm.ivCounter })
  encryptOut(uv, svm, gfn, ra)
  return U.SUCCESS
}

function encryptOut(uv: Ultravisor, svm: Svm, gfn: bigint, ra: bigint): void {
  const { crypto, random, trace } = uv.parts
  svm.pagingKey ??= random(16)
  svm.ivPrefix ??= random(4)
  const iv = new Uint8Array(12)
  iv.set(svm.ivPrefix)
  new DataView(iv.buffer).setBigUint64(4, svm.ivCounter++)
  svm.counts.pageOuts++
  const from = svm.securePage(gfn)!
  const { ciphertext, tag } = crypto.aesGcmEncrypt(svm.pagingKey, iv, uv.memory.read(from, PAGE_BYTES))
  uv.memory.write(ra, ciphertext)
  uv.parts.cpu.codeWritten(ra, PAGE_BYTES)
  const gpa = gfn << PAGE_SHIFT
  svm.table.unmap(gpa)
  uv.parts.cpu.flushTranslations()
  svm.setState(gfn, 'PAGEDOUT', { sealed: { iv, tag } })
  trace.add({ type: 'page-move', how: 'page-out', lpid: svm.lpid, gpa, from, to: ra })
}

/**
 * On the way back from a failed UV_ESM the normal VM gets its own pages as they were; pages that the ultravisor filled
 * (keys, digests, TPM responses) come back as zeros, so that nothing of the operand leaks (spec/ultravisor.md §4.5).
 */
function giveBack(uv: Ultravisor, svm: Svm, gfn: bigint, ra: bigint): void {
  const gpa = gfn << PAGE_SHIFT
  const from = svm.securePage(gfn)!
  if (svm.pagedIn.has(gfn) && !svm.isReserved(gfn)) uv.memory.write(ra, uv.memory.read(from, PAGE_BYTES))
  else uv.memory.fill(ra, 0, PAGE_BYTES)
  uv.parts.cpu.codeWritten(ra, PAGE_BYTES)
  uv.parts.trace.add({ type: 'page-move', how: 'give-back', lpid: svm.lpid, gpa, from, to: ra })
}
