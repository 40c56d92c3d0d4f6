/**
 * Runs the machine in slices, so that a request that arrives meanwhile (`pause` above all) is answered at once, and decides
 * where it stops.
 */
import type { Advance, EsmResult, MachineEnd, StepFrame } from '../machine/api.ts'
import { MSR } from '../machine/cpu/msr.ts'
import type { TraceRecord, TraceRecordOf } from '../machine/trace/records.ts'
import type { Timeline } from '../timeline/timeline.ts'
import type { Search } from './backwards.ts'
import type { Breakpoints, Hit } from './breakpoints.ts'
import type { StoppedException } from './exceptions.ts'
import { NOWHERE, type Plan, RUN_BUDGET } from './stepping.ts'
import type { Target } from './target.ts'

/** Why the machine stands. */
export type Stop =
  | { readonly reason: 'entry' | 'step' | 'pause' | 'goto' }
  | {
      readonly reason: 'breakpoint' | 'function breakpoint' | 'instruction breakpoint' | 'data breakpoint'
      readonly ids: readonly number[]
    }
  | { readonly reason: 'exception'; readonly exception: StoppedException }

export interface ExecutionEvents {
  stopped(stop: Stop): void
  ended(end: MachineEnd): void
  record(record: TraceRecord): void
  /** UV_ESM has come to its result. */
  esm(result: EsmResult): void
  say(text: string): void
  /** Now and then while it runs, and before each stop. */
  progress(): void
}

const SLICE_MS = 10
/** How long the host waits at a time where the guest waits: a key that is pressed finds it awake soon enough. */
const IDLE_MS = 20
const MIN_BUDGET = 1000
const PROGRESS_MS = 100
/** Places that a search looks at in its first piece; each further piece is so many times as long. */
const FIRST_PIECE = 512
const PIECE_GROWTH = 16

export class Execution {
  #plan: Plan | undefined
  /** On the way through time; ends with the reason why the machine stands where it does then. */
  #journey: Generator<void, Stop> | undefined
  /** What happens on the way happened before. */
  #muted = false
  #started = false
  #pauseAsked = false
  #scheduled: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined
  #lastProgress = 0
  /** Ticks of the guest's waiting at the last look. */
  #idleSeen = 0
  #budget = MIN_BUDGET
  #refusals: TraceRecordOf<'refusal'>[] = []
  #tpmErrors: TraceRecordOf<'tpm'>[] = []
  #recordHits: Hit[] = []
  #esmSeen: EsmResult | undefined
  #newEsm: EsmResult | undefined
  /** Frames at the last step, to know which procedures have been entered since. */
  #framesBefore: readonly StepFrame[] = []
  /** Was the guest a secure VM when it last got the processor? */
  #secure = false
  #end: MachineEnd | undefined
  readonly #unsubscribe: () => void

  constructor(
    readonly target: Target,
    readonly breakpoints: Breakpoints,
    readonly events: ExecutionEvents,
    /** Stop before the first step of UV_ESM, as if it had a breakpoint. */
    private readonly stopOnEsm: boolean,
    /** Run without any stop, as "Run Without Debugging" asks. */
    private readonly noDebug: boolean,
  ) {
    this.#esmSeen = target.machine.esm
    this.#unsubscribe = target.machine.trace.subscribe((record, again) => this.#observe(record, again))
  }

  /** Has it ever run? */
  get started(): boolean {
    return this.#started
  }

  get running(): boolean {
    return this.#plan !== undefined || this.#journey !== undefined
  }

  get ended(): boolean {
    return this.#end !== undefined
  }

  /** Goes on by a plan. The machine must stand. */
  start(plan: Plan): void {
    this.#plan = plan
    this.#started = true
    this.#pauseAsked = false
    this.#lastProgress = Date.now()
    this.breakpoints.setTemporary(plan.until)
    this.breakpoints.noteData()
    this.#schedule()
  }

  pause(): void {
    this.#pauseAsked = true
  }

  /** Goes to a position of the known run. @throws RequestError where the past is not kept */
  travel(position: number): void {
    this.#depart(this.#goTo(this.target.past, position, { reason: 'goto' }))
  }

  /** Goes back to the last place that fits; where there is none, to the beginning. @throws RequestError as {@link travel} */
  back(search: Search): void {
    this.#depart(this.#searchBack(this.target.past, search, false))
  }

  /** Goes back to where the guest left for the firmware that works now. @throws RequestError as {@link travel} */
  backToGuest(): void {
    const timeline = this.target.past
    this.#depart(this.#goTo(timeline, timeline.leftGuestAt(timeline.position), { reason: 'step' }))
  }

  /** Goes back to where a breakpoint or an exception last stopped, or would have. @throws RequestError as {@link travel} */
  reverse(): void {
    const nowhere: Search = { budget: RUN_BUDGET, until: NOWHERE, fits: () => false }
    this.#depart(this.#searchBack(this.target.past, nowhere, true))
  }

  #depart(journey: Generator<void, Stop>): void {
    this.#journey = journey
    this.#started = true
    this.#pauseAsked = false
    this.#lastProgress = Date.now()
    this.#schedule()
  }

  *#goTo(timeline: Timeline, position: number, stop: Stop): Generator<void, Stop> {
    this.#muted = true
    for (const travelled of this.breakpoints.suspended(timeline.travel(Math.max(position, timeline.first)))) {
      this.target.follow(travelled)
      yield
    }
    this.#arrive()
    return stop
  }

  /** @param stops whether breakpoints and exceptions fit too */
  *#searchBack(timeline: Timeline, search: Search, stops: boolean): Generator<void, Stop> {
    const { first, position: from } = timeline
    let high = search.standsBefore ? from : from - 1
    // A search for breakpoints alone runs at full speed: from one checkpoint to the next.
    let size = stops || search.until.length > 0 ? 0 : FIRST_PIECE
    for (let low = high; high > first; high = low, size *= PIECE_GROWTH) {
      const checkpoint = Math.max(first, timeline.checkpoints.findLast((one) => one < high) ?? first)
      low = size > 0 ? Math.max(first, from - size) : checkpoint
      // Where pieces can be left out they end at checkpoints, between which it is known what was written.
      if (search.mayHold && from - low > FIRST_PIECE) low = checkpoint
      if (search.mayHold?.(low, high) === false) continue
      const found = yield* this.#lastStop(timeline, low, high, search, stops)
      if (!found) continue
      const { position, stop } = found
      return yield* this.#goTo(timeline, search.standsBefore ? timeline.before(position) : position, stop)
    }
    return yield* this.#goTo(timeline, first, { reason: stops ? 'entry' : 'step' })
  }

  /** The last place behind `low`, up to `high`, where the search or a breakpoint stops. */
  *#lastStop(
    timeline: Timeline,
    low: number,
    high: number,
    search: Search,
    stops: boolean,
  ): Generator<void, { readonly position: number; readonly stop: Stop } | undefined> {
    yield* this.#goTo(timeline, low, { reason: 'goto' })
    const { breakpoints, target } = this
    breakpoints.counting = false
    breakpoints.setTemporary(search.until)
    breakpoints.noteData()
    search.begin?.()
    this.#muted = !stops
    let found: { position: number; stop: Stop } | undefined
    try {
      while (timeline.position < high && !target.machine.end) {
        const advance = this.#advance({ ...search, budget: Math.min(search.budget, high - timeline.position) })
        target.follow(advance)
        yield
        if (advance.kind === 'crossing' || timeline.position > high) continue
        this.#noteEsm()
        const stop = stops ? this.#stopHere(advance) : undefined
        if (stop) found = { position: timeline.position, stop }
        else if (search.fits(advance)) found = { position: timeline.position, stop: { reason: 'step' } }
        this.#framesBefore = advance.kind === 'step' ? [...target.machine.frames()] : []
      }
    } finally {
      breakpoints.counting = true
      breakpoints.setTemporary(NOWHERE)
    }
    return found
  }

  /** What was noted of another time is not true of this one. */
  #arrive(): void {
    const { machine } = this.target
    this.#muted = false
    this.#refusals = []
    this.#tpmErrors = []
    this.#recordHits = []
    this.#esmSeen = machine.esm
    this.#newEsm = undefined
    this.#framesBefore = [...machine.frames()]
    this.#secure = (machine.cpu.msr & MSR.S) !== 0n
    this.#end = machine.end
    this.#idleSeen = machine.clock.idle
  }

  /** Ends everything; the machine must not be used any more. */
  dispose(): void {
    if (this.#scheduled) clearImmediate(this.#scheduled)
    clearTimeout(this.#timer)
    this.#plan = undefined
    this.#journey = undefined
    this.#unsubscribe()
  }

  /** A guest that waits lets the host wait too, though not for as long. */
  #schedule(): void {
    const waits = this.#guestWaits
    this.#idleSeen = this.target.machine.clock.idle
    if (waits) this.#timer = setTimeout(() => this.#slice(), IDLE_MS)
    else this.#scheduled = setImmediate(() => this.#slice())
  }

  get #guestWaits(): boolean {
    return this.target.machine.clock.idle > this.#idleSeen
  }

  #slice(): void {
    const until = performance.now() + SLICE_MS
    try {
      do {
        if (this.#go()) return
      } while (performance.now() < until && !this.#guestWaits)
    } catch (error) {
      // A fault of the emulator itself: say so and end, rather than leave the session hanging.
      const reason = `internal error of the emulator: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
      this.#finish({ how: 'fault', reason })
      return
    }
    if (Date.now() - this.#lastProgress >= PROGRESS_MS) {
      this.#lastProgress = Date.now()
      this.events.progress()
    }
    this.#schedule()
  }

  /** One `advance` and what follows from it. @returns whether the machine stands now */
  #go(): boolean {
    if (this.#journey) return this.#goOnJourney(this.#journey)
    const { machine } = this.target
    const plan = this.#plan!
    if (this.#end) return this.#finish(this.#end)
    const advance = this.#advance(plan)
    this.target.follow(advance)
    if (advance.kind === 'crossing') return false
    this.#noteEsm()
    const stop = this.noDebug ? undefined : this.#stopHere(advance)
    if (advance.kind === 'step') this.#framesBefore = [...machine.frames()]
    else this.#framesBefore = []
    if (advance.kind === 'end') {
      this.#end = advance.end
      return stop ? this.#stop(stop) : this.#finish(advance.end)
    }
    if (stop) return this.#stop(stop)
    if (plan.done(advance)) return this.#stop({ reason: plan.reason })
    if (this.#pauseAsked) return this.#stop({ reason: 'pause' })
    // A plan of several parts may wait for other places now.
    this.breakpoints.setTemporary(plan.until)
    return false
  }

  /** One piece of the way. @returns whether the machine stands now: where it was going to, or where `pause` was asked for */
  #goOnJourney(journey: Generator<void, Stop>): boolean {
    const next = journey.next()
    if (next.done) return this.#stop(next.value)
    // Firmware that has made no step yet is no place to stand at.
    if (!this.#pauseAsked || (this.target.inFirmware && this.target.machine.frames().length === 0)) return false
    journey.return({ reason: 'pause' })
    this.#arrive()
    return this.#stop({ reason: 'pause' })
  }

  #stopHere(advance: Advance): Stop | undefined {
    return this.#exception(advance) ?? this.#breakpoint(advance)
  }

  /** The instruction that the guest stands at executes even where it has a breakpoint: it was reported already. */
  #advance({ budget }: Pick<Plan, 'budget'>): Advance {
    const { target } = this
    const { nia } = target.machine.cpu
    if (target.inFirmware) return target.advance(budget)
    if (!this.breakpoints.isAt(nia)) return this.#advanceTimed(budget)
    return this.breakpoints.without(nia, () => target.advance(1))
  }

  /**
   * Lets the guest run for a few milliseconds at most, whatever the speed of the host: the number of instructions that fit is
   * learnt on the way. Where the guest stands between two calls makes no difference to it.
   */
  #advanceTimed(most: number): Advance {
    const budget = this.breakpoints.watchesData ? 1 : Math.min(most, this.#budget)
    const before = performance.now()
    const advance = this.target.advance(budget)
    const taken = performance.now() - before
    if (taken > SLICE_MS) this.#budget = Math.max(MIN_BUDGET, this.#budget >> 1)
    // Only a budget that was used up tells how long it takes.
    else if (advance.kind === 'instructions' && taken < SLICE_MS / 4 && budget === this.#budget) this.#budget *= 2
    return advance
  }

  #observe(record: TraceRecord, again: boolean): void {
    if (!again) this.events.record(record)
    if (this.#muted) return
    if (record.type === 'refusal') this.#refusals.push(record)
    if (record.type === 'tpm' && record.responseCode !== 0) this.#tpmErrors.push(record)
    this.#recordHits.push(...this.breakpoints.hitsOfRecord(record))
  }

  #noteEsm(): void {
    const { esm } = this.target.machine
    this.#newEsm = esm !== this.#esmSeen ? esm : undefined
    this.#esmSeen = esm
    if (this.#newEsm && !this.#journey) this.events.esm(this.#newEsm)
  }

  #exception(advance: Advance): Stop | undefined {
    const guestStands = advance.kind === 'guest' || advance.kind === 'instructions' || advance.kind === 'breakpoint'
    const exception = this.breakpoints.exceptions.find({
      refusals: this.#refusals,
      tpmErrors: this.#tpmErrors,
      esm: this.#newEsm,
      end: advance.kind === 'end' ? advance.end : undefined,
      guestAt: guestStands ? this.target.machine.cpu.nia : undefined,
    })
    this.#refusals = []
    this.#tpmErrors = []
    return exception && { reason: 'exception', exception }
  }

  #breakpoint(advance: Advance): Stop | undefined {
    const hits = [...this.#recordHits, ...this.breakpoints.hitsOfData(), ...this.#hitsHere(advance)]
    this.#recordHits = []
    for (const { message } of hits) if (message !== undefined) this.events.say(message)
    const stopping = hits.filter((hit) => hit.message === undefined).map((hit) => hit.breakpoint)
    if (stopping.length === 0) {
      const esm =
        this.stopOnEsm && advance.kind === 'step' && this.#entered().some((f) => f.procedure.name === 'UV_ESM')
      return esm ? { reason: 'entry' } : undefined
    }
    const reasons = {
      source: 'breakpoint',
      function: 'function breakpoint',
      instruction: 'instruction breakpoint',
      data: 'data breakpoint',
    } as const
    return { reason: reasons[stopping[0]!.group], ids: stopping.map((breakpoint) => breakpoint.id) }
  }

  #hitsHere(advance: Advance): Hit[] {
    if (advance.kind === 'step') return this.breakpoints.hitsAtStep(advance.step, this.#entered())
    if (advance.kind === 'end') return []
    const { nia } = this.target.machine.cpu
    const entry = this.#becameSecure(advance) ? this.breakpoints.hitsAtSecureEntry() : []
    return this.breakpoints.isAt(nia) ? [...entry, ...this.breakpoints.hitsAt(nia)] : entry
  }

  /** Does the guest get the processor for the first time as a secure VM? */
  #becameSecure(advance: Advance): boolean {
    if (advance.kind !== 'guest') return false
    const before = this.#secure
    this.#secure = (this.target.machine.cpu.msr & MSR.S) !== 0n
    return this.#secure && !before
  }

  /** Frames that were not there at the last step. */
  #entered(): readonly StepFrame[] {
    return this.target.machine.frames().filter((frame, i) => this.#framesBefore[i] !== frame)
  }

  #stop(stop: Stop): true {
    this.#plan = undefined
    this.#journey = undefined
    this.breakpoints.setTemporary(NOWHERE)
    this.events.progress()
    this.events.stopped(stop)
    return true
  }

  #finish(end: MachineEnd): true {
    this.#end = end
    this.#plan = undefined
    this.#journey = undefined
    this.events.progress()
    this.events.ended(end)
    return true
  }
}
