/** The known run as a map: where firmware worked, and which records of the log were made where. */
import { lastAt } from '../sorted.ts'

/** A stay in firmware: the guest left at `from` (or power-on), having executed `instructions`. */
interface Stay {
  readonly from: number
  readonly instructions: number
  /** The last position that belongs to it: the guest has the processor again, or the run ends there. */
  to: number
}

interface Logged {
  readonly first: number
  readonly position: number
}

export class Places {
  readonly #stays: Stay[] = [{ from: 0, instructions: 0, to: 0 }]
  /** Records that an advance logged, by the first of them; ascending. */
  readonly #logged: Logged[] = []

  /** The run has got to a new position. */
  note(
    kind: 'instructions' | 'step' | 'crossing' | 'guest' | 'breakpoint' | 'end',
    position: number,
    instructions: number,
  ): void {
    if (kind === 'crossing') this.#stays.push({ from: position, instructions, to: position })
    else if (kind === 'step' || kind === 'guest') this.#stays.at(-1)!.to = position
    else if (kind === 'end') this.#noteEnd(position, instructions)
  }

  /** A run may end in firmware or, where nothing wakes it, in the guest. */
  #noteEnd(position: number, instructions: number): void {
    const last = this.#stays.at(-1)!
    if (last.instructions === instructions) last.to = position
    else this.#stays.push({ from: position - 1, instructions, to: position })
  }

  /** The advance from `position` on logged the records from `first` to before `end`. */
  noteRecords(first: number, end: number, position: number): void {
    if (end > first) this.#logged.push({ first, position })
  }

  positionOfRecord(seq: number): number | undefined {
    const at = lastAt(this.#logged, ({ first }) => first <= seq)
    return at < 0 ? undefined : this.#logged[at]!.position
  }

  instructionsAt(position: number): number {
    const at = lastAt(this.#stays, ({ from }) => from <= position)
    const stay = this.#stays[Math.max(0, at)]!
    return position <= stay.to ? stay.instructions : stay.instructions + position - stay.to
  }

  positionOf(instructions: number): number {
    const at = lastAt(this.#stays, (stay) => stay.instructions < instructions)
    if (at < 0) return this.#stays[0]!.to
    const stay = this.#stays[at]!
    return stay.to + instructions - stay.instructions
  }

  /** The position itself, or where nobody can stand there the one before: firmware that makes no step yet. */
  standable(position: number): number {
    const at = lastAt(this.#stays, ({ from }) => from <= position)
    return at > 0 && this.#stays[at]!.from === position ? this.standable(position - 1) : position
  }

  leftGuestAt(position: number): number {
    const at = lastAt(this.#stays, ({ from }) => from <= position)
    return this.standable(this.#stays[Math.max(0, at)]!.from)
  }

  /** How much the map holds: stays and advances that logged. */
  get size(): number {
    return this.#stays.length + this.#logged.length
  }

  /** The position in the middle of what the map holds. */
  get middle(): number {
    const longer = this.#stays.length > this.#logged.length
    return longer ? this.#stays[this.#stays.length >> 1]!.from : (this.#logged[this.#logged.length >> 1]?.position ?? 0)
  }

  /** What is asked about an earlier position is answered for this one from now on. */
  forgetBefore(position: number): void {
    this.#stays.splice(
      0,
      Math.max(
        0,
        lastAt(this.#stays, ({ from }) => from <= position),
      ),
    )
    this.#logged.splice(0, lastAt(this.#logged, (logged) => logged.position < position) + 1)
  }

  forgetAfter(position: number): void {
    while (this.#stays.length > 1 && this.#stays.at(-1)!.from > position) this.#stays.pop()
    const last = this.#stays.at(-1)!
    last.to = Math.min(last.to, position)
    while ((this.#logged.at(-1)?.position ?? -1) >= position) this.#logged.pop()
  }
}
