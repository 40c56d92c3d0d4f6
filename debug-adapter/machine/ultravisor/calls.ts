import { SPR } from '../cpu/spr.ts'
import type { RegisterFile } from '../cpu/types.ts'
import { Procedure, type Steps } from '../steps.ts'
import { enterSecureMode } from './esm.ts'
import { getFile } from './get-file.ts'
import { pageIn } from './page-in.ts'
import { pageInvalidate } from './page-inval.ts'
import { pageOut } from './page-out.ts'
import { U } from './return-codes.ts'
import { readScom, sendSbeCommand, writeScom } from './scom.ts'
import { readMemory, writeMemory } from './service-memory.ts'
import { shareByGuest, unshareAllByGuest, unshareByGuest } from './share.ts'
import { registerSlot, unregisterSlot } from './slots.ts'
import { terminate } from './terminate.ts'
import { MAX_LPID, type Ultravisor } from './ultravisor.ts'

/**
 * One handler an ultracall: gets the caller's frame, returns the code for R3 (it may set R4.. in the frame), or undefined
 * where it has loaded another context than the caller's.
 */
export type UltracallHandler = (uv: Ultravisor, frame: RegisterFile) => Steps<bigint | undefined>

const WRITE_PATE = new Procedure('ultravisor', 'UV_WRITE_PATE', 'spec/ultravisor.md §2.4', {
  check: 'check the partition id, and whether an SVM owns doubleword 0',
  write: 'write the partition table entry in secure memory, flush the translations of the partition',
})

function* writePate(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const [lpid, dw0, dw1] = frame.gpr.slice(4, 7) as [bigint, bigint, bigint]
  return yield* WRITE_PATE.frame({ lpid, dw0, dw1 }, writePateSteps(uv, lpid, dw0, dw1))
}

function* writePateSteps(uv: Ultravisor, lpid: bigint, dw0: bigint, dw1: bigint): Steps<bigint> {
  yield WRITE_PATE.at('check')
  if (lpid >= MAX_LPID) return uv.refuse('UV-PATE-001', lpid.toString(), U.PARAMETER)
  const entry = uv.pateAddress(Number(lpid))
  const svm = uv.svms.get(Number(lpid))
  const present = uv.memory.u64(entry)
  // KVM goes on to write its own table, which means nothing any more, when the guest sets a process table.
  if (svm && dw0 !== present && dw0 !== svm.hypervisorTable && !uv.quirk('Q10'))
    return uv.refuse('UV-PATE-002', `0x${dw0.toString(16)} for the SVM with lpid ${lpid}`, U.PERMISSION)
  yield WRITE_PATE.at('write', { entry })
  uv.memory.setU64(entry, svm ? present : dw0)
  uv.memory.setU64(entry + 8n, dw1)
  uv.parts.cpu.flushTranslations()
  return U.SUCCESS
}

const RESTRICTED_WRITE: readonly number[] = [SPR.DAWR0, SPR.DAWRX0, SPR.CIABR, SPR.LDBAR, SPR.IMC]
const RESTRICTED_READ: readonly number[] = [SPR.DAWR0, SPR.DAWRX0, SPR.CIABR]

// biome-ignore lint/correctness/useYield: an ultracall of one step has no place to stop inside
function* sprWrite(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const number = Number(frame.gpr[4])
  if (!RESTRICTED_WRITE.includes(number)) return uv.refuse('UV-SPR-001', `SPR ${number}`, U.PARAMETER)
  frame.spr.set(number, frame.gpr[5]!)
  return U.SUCCESS
}

// biome-ignore lint/correctness/useYield: an ultracall of one step has no place to stop inside
function* sprRead(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const number = Number(frame.gpr[4])
  if (!RESTRICTED_READ.includes(number)) return uv.refuse('UV-SPR-001', `SPR ${number}`, U.PARAMETER)
  frame.gpr[5] = frame.spr.get(number) ?? 0n
  return U.SUCCESS
}

export const ultracallHandlers: Readonly<Record<string, UltracallHandler>> = {
  UV_WRITE_PATE: writePate,
  UV_RESTRICTED_SPR_WRITE: sprWrite,
  UV_RESTRICTED_SPR_READ: sprRead,
  UV_ESM: enterSecureMode,
  UV_READ_SCOM: readScom,
  UV_WRITE_SCOM: writeScom,
  UV_RETURN: (uv, frame) => uv.crossing.uvReturn(frame),
  UV_REGISTER_MEM_SLOT: registerSlot,
  UV_UNREGISTER_MEM_SLOT: unregisterSlot,
  UV_PAGE_IN: pageIn,
  UV_PAGE_OUT: pageOut,
  UV_SHARE_PAGE: shareByGuest,
  UV_UNSHARE_PAGE: unshareByGuest,
  UV_PAGE_INVAL: pageInvalidate,
  UV_SVM_TERMINATE: terminate,
  UV_UNSHARE_ALL_PAGES: unshareAllByGuest,
  UV_READ_MEM: readMemory,
  UV_WRITE_MEM: writeMemory,
  UV_ESMB_GET_FILE: getFile,
  UV_SEND_SBE_COMMAND: sendSbeCommand,
}
