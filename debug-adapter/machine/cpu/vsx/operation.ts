/** Procedures made from an exact operation on elements, with what they leave in FPSCR (Power ISA 3.0C I 7.4). */
import { controlOf, type Outcome, type Rounding } from '../float/exact.ts'
import { classOf, type Format } from '../float/format.ts'
import type { Procedure } from '../procedures.ts'
import { type Element, join, read } from './elements.ts'
import { register, registerNumber } from './operands.ts'
import { enabled, recordResult, recordVector, suppressing } from './status.ts'

export type Operation = (control: ReturnType<typeof controlOf>, ...operands: bigint[]) => Outcome

interface Scalar {
  /** Fields of the source registers, in the order of the operation's operands, and which element of them. */
  readonly sources: readonly string[]
  readonly from: Element
  readonly target: string
  /** Elements that all get the result. */
  readonly to: readonly Element[]
  /** What the result is, for FPRF; absent where that is undefined, which leaves it as it was. */
  readonly result?: Format
  /** How a result is put into the register, where that is not as it is. */
  readonly encode?: (value: bigint) => bigint
  /** Instead of the mode in FPSCR. */
  readonly rounding?: Rounding
  readonly operation: Operation
}

/** An enabled invalid operation or division by zero leaves the target as it was; FR and FI become 0. */
export const scalar =
  (s: Scalar): Procedure =>
  (core, word) => {
    const { fpscr } = core.state
    const operands = s.sources.map((name) => read(register(core, word, name), s.from))
    const { value, raised, fr, fi } = s.operation(controlOf(fpscr, s.rounding), ...operands)
    if (suppressing(fpscr, raised) !== 0n) return recordResult(core, { raised, fr: false, fi: false })
    const stored = s.encode ? s.encode(value) : value
    core.state.setVsr(
      registerNumber(word, s.target),
      join(
        s.to,
        s.to.map(() => stored),
      ),
    )
    return recordResult(core, { raised, fr, fi, ...(s.result && { fprf: classOf(s.result, value) }) })
  }

interface Vector {
  readonly sources: readonly string[]
  readonly from: readonly Element[]
  /** For each element of the sources, those that get its result. */
  readonly to: readonly (readonly Element[])[]
  readonly operation: Operation
}

/** Any enabled exception of any element leaves the whole target as it was. */
export const vector =
  (v: Vector): Procedure =>
  (core, word) => {
    const { fpscr } = core.state
    const control = controlOf(fpscr)
    const registers = v.sources.map((name) => register(core, word, name))
    const outcomes = v.from.map((element) => v.operation(control, ...registers.map((value) => read(value, element))))
    const raised = outcomes.reduce((all, outcome) => all | outcome.raised, 0n)
    if (enabled(fpscr, raised) === 0n)
      core.state.setVsr(
        registerNumber(word, 'xt'),
        join(
          v.to.flat(),
          v.to.flatMap((places, i) => places.map(() => outcomes[i]!.value)),
        ),
      )
    return recordVector(core, raised)
  }
