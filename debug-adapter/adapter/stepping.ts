/**
 * What each step command means, as a plan: how far the machine may go at a time, and when it has arrived.
 * Breakpoints, exceptions and `pause` interrupt every plan; that is not decided here.
 */
import type { Advance } from '../machine/api.ts'
import { MSR } from '../machine/cpu/msr.ts'
import { readGuestWord } from './guest-memory.ts'
import type { Target } from './target.ts'
import { callerOf, isLinkingBranch } from './unwind.ts'

export interface Plan {
  /** Why the machine stops when the plan is done. */
  readonly reason: 'step' | 'entry' | 'pause'
  /** Instructions that one `advance` may execute. */
  readonly budget: number
  /** Places where the processor has to come back to be asked about. */
  readonly until: readonly bigint[]
  /** Has it arrived? Asked after each `advance` that leaves the machine at a place where it can be inspected. */
  done(advance: Advance): boolean
}

/** Instructions in one go while nobody waits for a place: no limit of the plan's, the execution watches the time. */
export const RUN_BUDGET = 10_000_000

export const NOWHERE: readonly bigint[] = []

export type Granularity = 'statement' | 'line' | 'instruction'

export const runOn = (): Plan => ({ reason: 'step', budget: RUN_BUDGET, until: NOWHERE, done: () => false })

/** To the first instruction of the guest. */
export const toEntry = (): Plan => ({
  reason: 'entry',
  budget: RUN_BUDGET,
  until: NOWHERE,
  done: (advance) => advance.kind === 'guest',
})

/** To a position that the run has not got to yet. */
export const toPosition = (timeline: { readonly position: number }, position: number): Plan => ({
  reason: 'entry',
  get budget() {
    return Math.max(1, Math.min(RUN_BUDGET, position - timeline.position))
  },
  until: NOWHERE,
  done: () => timeline.position >= position,
})

export function stepIn(target: Target, granularity: Granularity): Plan {
  if (target.machine.frames().length > 0)
    return plan(1, (advance) => advance.kind === 'step' || advance.kind === 'guest')
  const line = granularity === 'instruction' ? undefined : target.symbols.lineAt(target.machine.cpu.nia)
  const call = isSystemCall(instructionAt(target))
  return plan(1, (advance) => {
    if (advance.kind === 'step') return true
    if (advance.kind === 'guest') return call || otherLine(target, line)
    return advance.kind === 'instructions' && otherLine(target, line)
  })
}

export function stepOver(target: Target, granularity: Granularity): Plan {
  const depth = target.machine.frames().length
  if (depth > 0)
    return plan(
      RUN_BUDGET,
      (advance) => advance.kind === 'guest' || (advance.kind === 'step' && target.machine.frames().length <= depth),
    )
  return granularity === 'instruction' ? overInstruction(target) : overLine(target)
}

export function stepOut(target: Target): Plan {
  const depth = target.machine.frames().length
  if (depth > 0)
    return plan(
      RUN_BUDGET,
      (advance) => advance.kind === 'guest' || (advance.kind === 'step' && target.machine.frames().length < depth),
    )
  const secure = inSecureState(target)
  const caller = callerOf(target)
  if (!caller) return runOn()
  return {
    reason: 'step',
    budget: RUN_BUDGET,
    until: [caller.address],
    done: (advance) =>
      changedWorld(target, secure, advance) ||
      (standsAt(target, advance, caller.address) && target.machine.cpu.gpr(1) >= caller.stackPointer),
  }
}

/** One instruction; a call is one with all that it calls, be it a function, an ultracall or a hypercall. */
function overInstruction(target: Target): Plan {
  const word = instructionAt(target)
  const secure = inSecureState(target)
  const { nia } = target.machine.cpu
  const stackPointer = target.machine.cpu.gpr(1)
  if (isLinkingBranch(word) && branchLeaves(word)) {
    const back = nia + 4n
    return {
      reason: 'step',
      budget: RUN_BUDGET,
      until: [back],
      done: (advance) =>
        changedWorld(target, secure, advance) ||
        (standsAt(target, advance, back) && target.machine.cpu.gpr(1) >= stackPointer),
    }
  }
  // After `sc` the guest is back behind the call, or (UV_ESM) somewhere else: both are the next place to look at.
  // Another instruction may leave the guest too, for a page that the ultravisor has to bring; it is executed again.
  const call = isSystemCall(word)
  return plan(
    1,
    (advance) =>
      advance.kind === 'instructions' || (advance.kind === 'guest' && call) || changedWorld(target, secure, advance),
  )
}

/** Instructions of one source line; without line information one instruction. */
function overLine(target: Target): Plan {
  const line = target.symbols.lineAt(target.machine.cpu.nia)
  if (!line) return overInstruction(target)
  const secure = inSecureState(target)
  let inner = overInstruction(target)
  return {
    reason: 'step',
    get budget() {
      return inner.budget
    },
    get until() {
      return inner.until
    },
    done: (advance) => {
      if (!inner.done(advance)) return false
      if (changedWorld(target, secure, advance) || otherLine(target, line)) return true
      inner = overInstruction(target)
      return false
    },
  }
}

const plan = (budget: number, done: (advance: Advance) => boolean): Plan => ({
  reason: 'step',
  budget,
  until: NOWHERE,
  done,
})

/**
 * Has the guest another line before it? Lines count only where they begin, and code without line information is
 * run through: `step` should not end in the middle of a statement nor in a library without source.
 */
function otherLine(target: Target, from: { file: string; line: number } | undefined): boolean {
  if (!from) return true
  const now = target.symbols.lineAt(target.machine.cpu.nia)
  if (!now) return target.symbols.at(target.machine.cpu.nia) === undefined
  return now.isStart && (now.file !== from.file || now.line !== from.line)
}

const inSecureState = (target: Target): boolean => (target.machine.cpu.msr & MSR.S) !== 0n

/** A guest that became secure restarts at its kernel: the place where a step began does not exist any more. */
function changedWorld(target: Target, secureBefore: boolean, advance: Advance): boolean {
  return advance.kind === 'guest' && inSecureState(target) !== secureBefore
}

function standsAt(target: Target, advance: Advance, address: bigint): boolean {
  return advance.kind !== 'step' && advance.kind !== 'crossing' && target.machine.cpu.nia === address
}

function instructionAt(target: Target): number {
  return readGuestWord(target, target.machine.cpu.nia) ?? 0
}

/** `sc LEV`: primary opcode 17 with bit 30 set. */
export const isSystemCall = (word: number): boolean => word >>> 26 === 17 && (word & 2) !== 0

/** `bcl 20,31,$+4` only asks for its own address: it returns to nowhere. */
function branchLeaves(word: number): boolean {
  return word !== 0x429f0005
}
