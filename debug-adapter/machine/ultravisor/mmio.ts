import { deviceAccess, fetchAddress, orderedValue, wordOf } from '../cpu/device-access.ts'
import { MSR } from '../cpu/msr.ts'
import { ASDR_ADDRESS, SPR } from '../cpu/spr.ts'
import type { RegisterFile } from '../cpu/types.ts'
import { Actor } from '../memory/actor.ts'
import { hcallByName } from '../platform/hcall-table.ts'
import { Procedure, type Steps } from '../steps.ts'
import { abortSvm } from './abort.ts'
import type { Ultravisor } from './ultravisor.ts'

/** An access of an SVM to an address that no memory slot covers: a device of the hypervisor (spec/ultravisor.md §5.6). */
const MMIO = new Procedure('ultravisor', 'emulate a device access', 'spec/ultravisor.md §5.6', {
  fetch: 'fetch and decode the instruction of the guest',
  load: 'H_LOGICAL_CI_LOAD: the hypervisor reads the device',
  store: 'H_LOGICAL_CI_STORE: the hypervisor writes the device',
  finish: 'load the result, write the base register of an update form, go on behind the instruction',
})

/** @returns when the guest's registers are loaded again, behind its instruction */
export function* emulateAccess(uv: Ultravisor, frame: RegisterFile): Steps<void> {
  const gpa = (uv.parts.cpu.spr(SPR.ASDR) & ASDR_ADDRESS) | (uv.parts.cpu.spr(SPR.HDAR) & 0xffffn)
  yield* MMIO.frame({ gpa, nia: frame.nia }, steps(uv, frame, gpa))
}

function* steps(uv: Ultravisor, frame: RegisterFile, gpa: bigint): Steps<void> {
  const { cpu } = uv.parts
  yield MMIO.at('fetch')
  const word = fetch(uv, frame)
  const access = word === undefined ? undefined : deviceAccess(word)
  const at = `gpa 0x${gpa.toString(16)} from 0x${frame.nia.toString(16)}`
  if (!access)
    return abortSvm(uv, 'UV-FAULT-004', `${word === undefined ? 'no instruction' : `0x${word.toString(16)}`}, ${at}`)
  if (access.size > 8) return abortSvm(uv, 'UV-FAULT-005', `${access.size} bytes, ${at}`)
  const little = (frame.msr & MSR.LE) !== 0n
  const size = BigInt(access.size)
  if (access.store) {
    yield MMIO.at('store', { bytes: access.size })
    const value = orderedValue(access, frame.gpr[access.register]!, little)
    const [code] = yield* uv.crossing.hypercall(CI_STORE, [size, gpa, value], frame.msr)
    if (code !== 0n) return abortSvm(uv, 'UV-FAULT-006', `${BigInt.asIntN(64, code!)}, ${at}`)
  } else {
    yield MMIO.at('load', { bytes: access.size })
    const [code, loaded] = yield* uv.crossing.hypercall(CI_LOAD, [size, gpa], frame.msr)
    if (code !== 0n) return abortSvm(uv, 'UV-FAULT-006', `${BigInt.asIntN(64, code!)}, ${at}`)
    frame.gpr[access.register] = orderedValue(access, loaded ?? 0n, little)
  }
  yield MMIO.at('finish')
  if (access.update) frame.gpr[access.base] = cpu.spr(SPR.HDAR)
  frame.nia = BigInt.asUintN(64, frame.nia + 4n)
  cpu.load(frame)
}

const CI_LOAD = hcallByName.get('H_LOGICAL_CI_LOAD')!.number
const CI_STORE = hcallByName.get('H_LOGICAL_CI_STORE')!.number

/** The instruction at the guest's NIA, through its own page tables; the released code takes NIA as a guest address (Q37). */
function fetch(uv: Ultravisor, frame: RegisterFile): number | undefined {
  const { cpu, memory } = uv.parts
  let ra: bigint | undefined
  if (uv.quirk('Q37')) {
    const page = uv.currentSvm?.table.lookup(frame.nia & 0x000f_ffff_ffff_0000n)
    ra = page === undefined ? undefined : page + (frame.nia & 0xffffn)
  } else {
    ra = fetchAddress(cpu, frame.nia, frame.msr)
  }
  if (ra === undefined || memory.offsetOf(ra, 4) < 0) return undefined
  return wordOf(memory, Actor.Ultravisor, ra, frame.msr)
}
