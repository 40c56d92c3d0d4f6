/**
 * What each command that goes back means: which place before the present one it looks for. A place is found by executing a piece of the
 * past again, from a checkpoint on, and remembering the last one that fits; the pieces grow until one holds such a place.
 */
import type { Advance } from '../machine/api.ts'
import { MSR } from '../machine/cpu/msr.ts'
import { hasChanged, type Watched, watchedOf } from './data-breakpoints.ts'
import { offsetReference, resolve } from './references.ts'
import { RequestError } from './request.ts'
import { NOWHERE, RUN_BUDGET } from './stepping.ts'
import type { Target } from './target.ts'
import { callerOf } from './unwind.ts'

export interface Search {
  /** Instructions that one `advance` may execute: 1 where every place is to be looked at. */
  readonly budget: number
  /** Places where the processor has to come back to be asked about. */
  readonly until: readonly bigint[]
  /** Is this the place? Asked wherever the machine can stand. */
  fits(advance: Advance): boolean
  /** The machine stands where a piece of the past begins. */
  begin?(): void
  /** Whether a piece of the past can hold the place at all; it is not executed where it cannot. */
  mayHold?(low: number, high: number): boolean
  /** What happened on the way to the place is looked for: the machine is to stand before it. */
  readonly standsBefore?: true
}

/** Every place fits: to the one right before. */
export const anyPlace = (): Search => ({ budget: 1, until: NOWHERE, fits: () => true })

/** To the last place where a new line began, whoever executed it, or the last firmware step. */
export function reverseStepIn(target: Target): Search {
  if (!target.symbols.lineAt(target.guest?.nia ?? 0n) && target.machine.frames().length === 0) return anyPlace()
  return { budget: 1, until: NOWHERE, fits: (advance) => advance.kind === 'step' || beginsLine(target) }
}

/** The same, without what was called from here. By instruction where `lines` is false. */
export function reverseStepOver(target: Target, lines: boolean): Search {
  const depth = target.machine.frames().length
  if (depth > 0)
    return {
      budget: 1,
      until: NOWHERE,
      fits: (advance) => (advance.kind === 'step' ? target.machine.frames().length <= depth : guestStands(advance)),
    }
  const { nia, msr } = target.machine.cpu
  const stackPointer = target.machine.cpu.gpr(1)
  const here = target.symbols.at(nia)
  const byLine = lines && target.symbols.lineAt(nia) !== undefined
  // At a function's first instruction the one before is its caller's.
  const atEntry = here !== undefined && here.offset === 0n
  return {
    budget: 1,
    until: NOWHERE,
    fits: (advance) => {
      if (!guestStands(advance)) return false
      const { cpu } = target.machine
      if (((cpu.msr ^ msr) & MSR.S) !== 0n) return true
      const now = cpu.gpr(1)
      const sameFrame = now === stackPointer && target.symbols.at(cpu.nia)?.name === here?.name
      if (now <= stackPointer && !sameFrame && !atEntry) return false
      return !byLine || beginsLine(target)
    },
  }
}

/**
 * To the call that the present function or procedure was entered by; from the outermost procedure to the instruction of the guest that
 * led there, which the timeline knows.
 * @throws RequestError where no caller is known
 */
export function reverseStepOut(target: Target): Search | 'left guest' {
  const depth = target.machine.frames().length
  if (depth === 1) return 'left guest'
  if (depth > 1)
    return {
      budget: RUN_BUDGET,
      until: NOWHERE,
      fits: (advance) => advance.kind === 'step' && target.machine.frames().length < depth,
    }
  const caller = callerOf(target)
  if (!caller)
    throw new RequestError('No caller of this function is known: the outermost one cannot be stepped out of.')
  const call = caller.address - 4n
  return {
    budget: RUN_BUDGET,
    until: [call],
    fits: (advance) =>
      guestStands(advance) && target.machine.cpu.nia === call && target.machine.cpu.gpr(1) === caller.stackPointer,
  }
}

/** To the instruction or firmware step that gave something the value that it has. */
export function lastChange(target: Target, dataId: string): Search {
  const { past } = target
  const watched = watchedOf(dataId, target)
  const ends = endsOf(watched, target)
  return {
    budget: 1,
    until: NOWHERE,
    begin: () => {
      watched.last = watched.value(target)
    },
    fits: () => hasChanged(watched, target),
    mayHold: (low, high) => ends.length === 0 || ends.some((at) => past.mayHaveWritten(at, low, high)),
    standsBefore: true,
  }
}

/** Offsets in the machine's memory of the first and last byte, as they are mapped now; none for a register. */
function endsOf({ bytes }: Watched, target: Target): number[] {
  if (!bytes) return []
  const { start, count } = bytes
  return [start, offsetReference(start, BigInt(count - 1))].flatMap((reference) => {
    const place = resolve(target, reference)
    return place.ok ? [target.machine.memory.offsetOf(place.ra, 1)] : []
  })
}

const guestStands = ({ kind }: Advance): boolean => kind === 'instructions' || kind === 'guest' || kind === 'breakpoint'

const beginsLine = (target: Target): boolean => target.symbols.lineAt(target.machine.cpu.nia)?.isStart === true
