import { savesInHsrr } from '../cpu/interrupts.ts'
import { MSR, privilegeState, SRR1_SC_LEVEL } from '../cpu/msr.ts'
import { SPR } from '../cpu/spr.ts'
import type { RegisterFile } from '../cpu/types.ts'
import { H, hcallByNumber } from '../platform/hcall-table.ts'
import { Procedure, type Steps } from '../steps.ts'
import { MachineStop } from '../stop.ts'
import { SvmAborted } from './abort.ts'
import { type UltracallEntry, ultracallByNumber } from './call-table.ts'
import { ultracallHandlers } from './calls.ts'
import { PROGRAM } from './crossing.ts'
import { secureFault } from './faults.ts'
import { U, ultracallCodeName } from './return-codes.ts'
import { rtasCall } from './rtas.ts'
import { crash, type Ultravisor } from './ultravisor.ts'

const ENTRY = new Procedure('ultravisor', 'ultravisor entry', 'spec/ultravisor.md §1.4', {
  save: 'save the frame of the interrupted context',
  dispatch: 'decide by vector, and for 0xC00 by the level of the sc',
})

/** Cause of a hypervisor facility unavailable interrupt: transactional memory (HFSCR bits 0:7). */
const CAUSE_TRANSACTION = 5n

/** The frame of what was interrupted: its PC and MSR out of the save registers that this vector uses. */
function interruptedFrame(uv: Ultravisor, vector: number): { frame: RegisterFile; level: number } {
  const { cpu } = uv.parts
  const frame = cpu.save()
  const [pc, status] = savesInHsrr(vector, cpu.spr(SPR.LPCR)) ? [SPR.HSRR0, SPR.HSRR1] : [SPR.SRR0, SPR.SRR1]
  const saved = cpu.spr(status)
  frame.nia = cpu.spr(pc)
  frame.msr = vector === 0xc00 ? saved & ~SRR1_SC_LEVEL.mask : saved & ~0x783f_0000n
  return { frame, level: Number((saved & SRR1_SC_LEVEL.mask) >> SRR1_SC_LEVEL.shift) }
}

/**
 * Everything that enters the ultravisor begins here: `sc 2` from anyone, and from an SVM `sc 1` and every interrupt that
 * leaves it. When this ends, the registers of whoever runs next are loaded.
 */
export function* enterUltravisor(uv: Ultravisor, vector: number): Steps<void> {
  const { frame, level } = interruptedFrame(uv, vector)
  if ((frame.msr & (MSR.S | MSR.HV | MSR.PR)) === (MSR.S | MSR.HV))
    throw new MachineStop({
      how: 'fault',
      reason: `interrupt 0x${vector.toString(16)} out of the ultravisor itself (spec/ultravisor.md §1.4)`,
    })
  if (vector === 0xc00 && level === 2) return yield* ultracall(uv, frame)
  if (vector === 0xc00 && level === 1) return yield* hypercallFilter(uv, frame)
  if (vector === 0xc00) {
    frame.gpr[3] = 0n
    return uv.parts.cpu.load(frame)
  }
  yield* ENTRY.frame({ vector: BigInt(vector), nia: frame.nia, msr: frame.msr }, otherInterrupt(uv, frame, vector))
}

/** The dispatcher of ultracalls, with the checks that come before any call's own (spec/ultravisor.md §2.3). */
function* ultracall(uv: Ultravisor, frame: RegisterFile): Steps<void> {
  const { cpu, trace } = uv.parts
  const number = Number(BigInt.asUintN(32, frame.gpr[3]!))
  const entry = ultracallByNumber.get(number)
  const name = entry?.name ?? `ultracall 0x${number.toString(16)}`
  const caller = privilegeState(frame.msr)
  const args: Record<string, bigint> = {}
  for (const [i, arg] of (entry?.args ?? []).entries()) args[arg] = frame.gpr[4 + i]!
  trace.add({ type: 'ultracall', phase: 'call', number, name, caller, args })

  const refused = permission(uv, entry, frame, number)
  // Loading R3 is for a caller that is resumed; a call that replaced the context (UV_ESM, UV_RETURN) says undefined.
  const code = refused ?? (yield* ultracallHandlers[entry!.name]!(uv, frame))
  // These switch to a context of their own and forget to write R3 when they come back (Q09).
  const forgotten = refused === undefined && uv.quirk('Q09') && SWITCHING.has(name) && code !== U.FUNCTION
  trace.add({
    type: 'ultracall',
    phase: 'return',
    number,
    name,
    caller,
    args: code === undefined ? { R3: cpu.gpr(3) } : { R4: frame.gpr[4]! },
    ...(code === undefined ? {} : { returnCode: code, returnName: ultracallCodeName(code) }),
  })
  if (code === undefined) return
  frame.gpr[3] = forgotten ? BigInt(number) : BigInt.asUintN(64, code)
  cpu.load(frame)
}

const SWITCHING: ReadonlySet<string> = new Set(['UV_SHARE_PAGE', 'UV_UNSHARE_PAGE', 'UV_UNSHARE_ALL_PAGES'])

function permission(
  uv: Ultravisor,
  entry: UltracallEntry | undefined,
  frame: RegisterFile,
  number: number,
): bigint | undefined {
  if (!entry) return uv.refuse('UV-CALL-002', `0x${number.toString(16)}`, U.FUNCTION)
  const hypervisor = (frame.msr & MSR.HV) !== 0n
  const problem = (frame.msr & MSR.PR) !== 0n
  const secure = (frame.msr & MSR.S) !== 0n
  if (hypervisor && (frame.msr & (MSR.TS_T | MSR.TS_S)) !== 0n && entry.name !== 'UV_RETURN')
    return uv.refuse('UV-CALL-003', 'MSR[TS] not 0', U.BAD_MODE)
  const allowed = {
    hypervisor: hypervisor && !problem,
    'normal VM': !hypervisor && !problem,
    'secure VM': secure && !hypervisor && !problem,
    'anyone secure': secure || uv.quirk('Q08'),
  }[entry.caller]
  if (allowed) return undefined
  const state = privilegeState(frame.msr)
  if (entry.caller === 'anyone secure') return uv.refuse('UV-FILE-001', `the ${state} state`, U.PERMISSION)
  return uv.refuse('UV-CALL-001', `${entry.name} from the ${state} state`, U.PERMISSION)
}

/** A hypercall of an SVM: what the ultravisor answers itself, bounces, or reflects (spec/ultravisor.md §1.7). */
function* hypercallFilter(uv: Ultravisor, frame: RegisterFile): Steps<void> {
  const { cpu, trace } = uv.parts
  const number = Number(BigInt.asUintN(32, frame.gpr[3]!))
  const entry = hcallByNumber.get(number)
  const name = entry?.name ?? `hypercall 0x${number.toString(16)}`
  // What is reflected is logged by the hypervisor, as it sees it; what is answered here nobody else sees.
  const answer = (code: bigint): void => {
    const args = { R4: frame.gpr[4]! }
    const record = { type: 'hypercall', number, name, caller: 'secure VM, answered by the ultravisor', args } as const
    trace.add({ ...record, phase: 'call' })
    frame.gpr[3] = BigInt.asUintN(64, code)
    cpu.load(frame)
    trace.add({ ...record, phase: 'return', returnCode: code })
  }

  if ((frame.msr & MSR.S) === 0n) return answer(H.HARDWARE)
  if ((frame.msr & MSR.PR) !== 0n) return answer(uv.refuse('UV-HCALL-002', 'the secure problem state', H.PRIVILEGE))
  if (name === 'H_RANDOM') {
    if (uv.quirk('Q04')) return answer(H.FUNCTION)
    const bytes = uv.parts.random(8)
    frame.gpr[4] = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)
    return answer(H.SUCCESS)
  }
  if (name === 'H_RTAS') {
    const code = yield* rtasCall(uv, frame)
    return answer(uv.quirk('Q05') ? BigInt(number) : code)
  }
  if (!entry || name === 'H_SVM_TPM_COMM' || name === 'H_SVM_INIT_ABORT') {
    if (uv.quirk('Q06')) crash('Q06', `${name} by an SVM`)
    return answer(uv.refuse('UV-HCALL-001', name, H.FUNCTION))
  }
  // H_CEDE enables external interrupts before it waits (spec/ultravisor.md §1.7).
  if (name === 'H_CEDE') frame.msr |= MSR.EE
  yield* uv.crossing.reflect(frame, 0xc00)
}

/** Interrupts of an SVM that are no system calls (spec/ultravisor.md §1.4). */
function* otherInterrupt(uv: Ultravisor, frame: RegisterFile, vector: number): Steps<void> {
  const { cpu } = uv.parts
  yield ENTRY.at('save')
  yield ENTRY.at('dispatch', { vector: BigInt(vector) })
  switch (vector) {
    case 0x500: {
      // U-turn: the SVM's own external interrupt does not pass the hypervisor.
      frame.spr.set(SPR.SRR0, frame.nia)
      frame.spr.set(SPR.SRR1, frame.msr & ~0x783f_0000n)
      frame.nia = 0x500n
      frame.msr = MSR.SF | MSR.S | MSR.ME | (frame.msr & MSR.LE)
      return cpu.load(frame)
    }
    case 0xe00:
    case 0xe20:
      return yield* secureFault(uv, frame, vector)
    case 0xe40: {
      const found = `an instruction that raised 0xE40 at 0x${frame.nia.toString(16)}: ${cpu.lastFault ?? ''}`
      uv.refuse('UV-FAULT-003', found, 0n)
      throw new SvmAborted(uv.currentLpid, {
        how: 'fault',
        reason: `the ultravisor stopped the SVM: illegal instruction at 0x${frame.nia.toString(16)} (UV-FAULT-003)`,
      })
    }
    case 0xf80: {
      // A transaction in an SVM: as if the processor had none (spec/ultravisor.md §1.4).
      const cause = (frame.spr.get(SPR.HFSCR) ?? 0n) >> 56n
      if (cause !== CAUSE_TRANSACTION) return yield* uv.crossing.reflect(frame, vector)
      uv.crossing.synthesiseProgram(frame, PROGRAM.illegal)
      return cpu.load(frame)
    }
    default:
      yield* uv.crossing.reflect(frame, vector)
  }
}
