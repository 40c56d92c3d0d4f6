/**
 * A run that can be gone through in both directions: checkpoints on the way, and re-execution from the last one before a place.
 * The machine is deterministic, so what is executed again is what was executed the first time.
 *
 * A *position* counts what the machine has done since power-on: instructions of the guest and steps of the firmware together. It
 * names one state of the machine, which the count of instructions alone does not: while firmware works, that stands still.
 */
import type { Debuggee } from '../adapter/debuggee.ts'
import type { Advance } from '../machine/api.ts'
import type { Checkpoint } from '../machine/machine.ts'
import { applyChange, type Change } from './change.ts'
import { Places } from './places.ts'

/** A machine that can be brought back to a checkpoint. */
export interface Rewindable extends Debuggee {
  readonly inGuest: boolean
  readonly canCheckpoint: boolean
  checkpoint(): Checkpoint
  restore(checkpoint: Checkpoint): void
  release(checkpoint: Checkpoint): void
}

/** A change that was made at a position, before the machine went on. */
export interface MadeChange {
  readonly position: number
  readonly change: Change
}

/** What {@link Timeline.travel} reports on its way: an advance, or that the machine stands at an earlier checkpoint now. */
export type Travelled = Advance | { readonly kind: 'restored'; readonly poweredOn: boolean }

/** The machine stands in its own past: a change would make what came after it void. */
export class PastError extends Error {}

interface Kept {
  readonly position: number
  readonly checkpoint: Checkpoint
  readonly steps: number
  readonly applied: number
}

export interface TimelineOptions {
  /** Whether checkpoints are taken; without them every way back begins at power-on. */
  readonly checkpoints?: boolean
  /** How many places of the run are kept in mind; beyond it the older half of the past is given up, as far as checkpoints allow. */
  readonly places?: number
  /** The host's time in milliseconds: how long the way from a checkpoint will take is what it took the first time. */
  readonly now?: () => number
}

/** Host time between two checkpoints in milliseconds: what going back by one instruction costs at most. */
const INTERVAL_MS = { least: 60, most: 100 }
/** Host time between two checkpoints in terms of what taking one costs. */
const COST_FACTOR = 20
const MOST_CHECKPOINTS = 160
/** Pages of 4 KiB that all checkpoints together may keep. */
const MOST_PAGES = 65_536
/** Crossings and advances that logged which are kept in mind, about 60 bytes each: a guest that calls for ever must not fill memory. */
const MOST_PLACES = 1_000_000
/** The first position where a person stands: at power-on nothing is to be seen yet. */
const FIRST = 1
/** Instructions that one piece of a journey executes. */
const PIECE = 500_000

export class Timeline {
  #kept: Kept[] = []
  #steps = 0
  #end = 0
  /** Host time since the last checkpoint. */
  #elapsed = 0
  #cost = 0
  readonly #changes: MadeChange[] = []
  /** How many of them have been made by now. */
  #applied = 0
  readonly #places = new Places()
  readonly #now: () => number
  readonly #takes: boolean
  readonly #mostPlaces: number

  /** @param machine one that has not been switched on yet */
  constructor(
    readonly machine: Rewindable,
    { checkpoints = true, places = MOST_PLACES, now = () => performance.now() }: TimelineOptions = {},
  ) {
    this.#now = now
    this.#mostPlaces = places
    this.#takes = checkpoints
    this.#keep()
  }

  /** Where the machine stands. */
  get position(): number {
    return this.machine.clock.instructions + this.#steps
  }

  /** The farthest position that it has been to. */
  get end(): number {
    return this.#end
  }

  /** Where the known past begins: with the boot, or in a very long run at the oldest checkpoint that is left. */
  get first(): number {
    return Math.max(FIRST, this.#kept[0]!.position)
  }

  get inPast(): boolean {
    return this.position < this.#end
  }

  /** Instructions that the guest has executed at the end. */
  get endInstructions(): number {
    return this.instructionsAt(this.#end)
  }

  get changes(): readonly MadeChange[] {
    return this.#changes
  }

  /** Positions with a checkpoint, ascending; the first is power-on, or where the known past begins. */
  get checkpoints(): readonly number[] {
    return this.#kept.map(({ position }) => position)
  }

  /** Instructions executed at a position of the known run. */
  instructionsAt(position: number): number {
    return this.#places.instructionsAt(position)
  }

  /** The position at which the guest has executed `instructions`; where the run has not got so far, its end. */
  positionOf(instructions: number): number {
    return Math.min(this.#places.positionOf(instructions), this.#end)
  }

  /**
   * The position before the advance that logged a record of the known run: standing there, the record is about to happen. A record of
   * firmware belongs to one of the steps of its crossing; the first of them is taken.
   * @returns undefined for a record of before the known past
   */
  positionOfRecord(seq: number): number | undefined {
    return this.#places.positionOfRecord(seq)
  }

  /** The last place before `position` where the machine can stand; that of the beginning before it. */
  before(position: number): number {
    return Math.max(this.first, this.#places.standable(position - 1))
  }

  /** Where the guest last stood before the firmware that works at `position`; at the boot, the beginning. */
  leftGuestAt(position: number): number {
    return this.#places.leftGuestAt(position)
  }

  /**
   * Whether a page of memory may have been written between two positions; `false` is certain.
   * @param at offset in the machine's memory
   */
  mayHaveWritten(at: number, low: number, high: number): boolean {
    const page = at >>> 12
    const first = Math.max(
      0,
      this.#kept.findLastIndex(({ position }) => position <= low),
    )
    return this.#kept
      .slice(first)
      .some(({ position, checkpoint }) => position < high && checkpoint.cpu.memory.kept.has(page))
  }

  /** Lets the machine go on, as {@link Debuggee.advance} does; in its past it does again what it did. */
  advance(maxInstructions: number): Advance {
    const { machine } = this
    if (this.#takes && this.#elapsed > this.#interval && machine.canCheckpoint) this.#keep()
    const next = this.#changes[this.#applied]
    const most = next && machine.inGuest ? Math.min(maxInstructions, next.position - this.position) : maxInstructions
    const ended = machine.end !== undefined
    const records = machine.trace.happened
    const from = this.position
    const before = this.#now()
    const advance = machine.advance(most)
    this.#elapsed += this.#now() - before
    if (!ended && (advance.kind === 'step' || advance.kind === 'guest' || advance.kind === 'end')) this.#steps++
    const { position } = this
    if (position > this.#end || (advance.kind === 'crossing' && position === this.#end)) {
      this.#end = position
      this.#places.note(advance.kind, position, machine.clock.instructions)
      const inFirmware = advance.kind === 'step' || advance.kind === 'guest' || advance.kind === 'end'
      this.#places.noteRecords(records, machine.trace.happened, inFirmware ? from : position)
      if (this.#places.size > this.#mostPlaces) this.#forgetOldest()
    }
    this.#applyDue()
    return advance
  }

  /**
   * Goes to a position of the known run, or the last place before it where the machine can stand. To be driven to its end; between two
   * values the machine stands somewhere on the way. The processor must have no breakpoints meanwhile.
   */
  *travel(to: number): Generator<Travelled, void> {
    const [begin] = this.checkpoints
    const target = Math.max(begin!, this.#places.standable(Math.min(to, this.#end)))
    const from = this.#kept.findLast(({ position }) => position <= target)!
    if (target < this.position || from.position > this.position) {
      this.#restore(from)
      yield { kind: 'restored', poweredOn: from.checkpoint.poweredOn }
    }
    while (this.position < target) yield this.advance(Math.min(PIECE, target - this.position))
  }

  /**
   * Changes the machine from outside; a replay does the same at the same position.
   * @throws PastError in the past: {@link fork} first
   */
  change(change: Change): void {
    if (this.inPast)
      throw new PastError(
        `The machine stands at instruction ${this.machine.clock.instructions} of ${this.endInstructions} in its past: a change here makes what came after it void.`,
      )
    applyChange(this.machine, change)
    this.#changes.push({ position: this.position, change })
    this.#applied = this.#changes.length
  }

  /**
   * Changes that a replay is to make; to be called before the machine is switched on.
   * @throws RangeError for memory that the machine does not have
   */
  script(changes: readonly MadeChange[]): void {
    if (this.#end > 0) throw new Error('a script is for a machine that has not been switched on')
    for (const { change } of changes)
      if (change.kind === 'memory' && this.machine.memory.offsetOf(change.ra, change.bytes.length) < 0)
        throw new RangeError(
          `a change of ${change.bytes.length} bytes at real address 0x${change.ra.toString(16)}, where the machine has no memory`,
        )
    this.#changes.push(...changes)
    this.#applyDue()
  }

  /** Forgets the known future: from here on the run is made anew. */
  fork(): void {
    const { position } = this
    for (const { checkpoint } of this.#kept.filter((kept) => kept.position > position)) this.machine.release(checkpoint)
    this.#kept = this.#kept.filter((kept) => kept.position <= position)
    this.#changes.length = this.#applied
    this.#places.forgetAfter(position)
    this.#end = position
    this.machine.trace.forgetFuture()
  }

  get #interval(): number {
    return Math.max(INTERVAL_MS.least, Math.min(INTERVAL_MS.most, this.#cost * COST_FACTOR))
  }

  #applyDue(): void {
    for (;;) {
      const next = this.#changes[this.#applied]
      if (!next || next.position > this.position) return
      applyChange(this.machine, next.change)
      this.#applied++
    }
  }

  #restore({ checkpoint, steps, applied }: Kept): void {
    this.machine.restore(checkpoint)
    this.#steps = steps
    this.#applied = applied
    this.#elapsed = 0
    this.#applyDue()
  }

  /** Gives the older half of the past up; the known past begins with a checkpoint. */
  #forgetOldest(): void {
    const { middle } = this.#places
    // Nobody goes back in a run without checkpoints.
    if (!this.#takes) return this.#places.forgetBefore(middle)
    const begin = this.#kept.findIndex(({ position }) => position >= middle)
    if (begin <= 0) return
    for (const { checkpoint } of this.#kept.splice(0, begin)) this.machine.release(checkpoint)
    this.#places.forgetBefore(this.#kept[0]!.position)
  }

  #keep(): void {
    const { position } = this
    this.#elapsed = 0
    const at = this.#kept.findIndex((kept) => kept.position >= position)
    if (this.#kept[at]?.position === position) return
    const before = this.#now()
    const kept = { position, checkpoint: this.machine.checkpoint(), steps: this.#steps, applied: this.#applied }
    this.#cost = this.#now() - before
    this.#kept.splice(at < 0 ? this.#kept.length : at, 0, kept)
    this.#thin()
  }

  /** Gives up those that save least: the nearer to where the machine is, the denser they may lie. */
  #thin(): void {
    const pages = () => this.#kept.reduce((sum, { checkpoint }) => sum + checkpoint.cpu.memory.copies, 0)
    while (this.#kept.length > MOST_CHECKPOINTS || (this.#kept.length > 3 && pages() > MOST_PAGES)) {
      const { position } = this
      let worst = 1
      let least = Number.POSITIVE_INFINITY
      for (let i = 1; i < this.#kept.length - 1; i++) {
        const gap = this.#kept[i + 1]!.position - this.#kept[i - 1]!.position
        const worth = gap / (Math.abs(position - this.#kept[i]!.position) + 1)
        if (worth < least) [least, worst] = [worth, i]
      }
      this.machine.release(this.#kept[worst]!.checkpoint)
      this.#kept.splice(worst, 1)
    }
  }
}
