/**
 * Firmware written as steps (design: "firmware is written as steps").
 *
 * The ultravisor, the model hypervisor, OPAL and the TPM are not guest code, yet a developer steps through them.
 * Each of their procedures is a generator that yields a {@link StepEvent}; the machine advances it one event at a
 * time, so that every yielded step is a place where a debugger can stop.
 */

/** The actor whose procedure runs; a call stack shows one frame for each. */
export type Layer = 'firmware' | 'ultravisor' | 'hypervisor' | 'tpm'

/** What a step shows as a variable. Bytes are shown as hex, bigint as a 64-bit register. */
export type StepValue = bigint | number | string | boolean | Uint8Array

export type StepValues = Readonly<Record<string, StepValue>>

/** A place to stop, *before* the work it names is done. */
export interface Step {
  readonly kind: 'step'
  readonly procedure: Procedure
  /** 1-based line of the procedure's listing. */
  readonly line: number
  readonly title: string
  readonly values: StepValues
}

/** The number of a step in its listing, from 1 on. */
export const stepNumber = (step: Step): number => step.line - Procedure.headerLines

export type StepEvent =
  | Step
  | { readonly kind: 'enter'; readonly procedure: Procedure; readonly values: StepValues }
  | { readonly kind: 'leave'; readonly procedure: Procedure }

/** A firmware procedure in progress: yields the places where it can be stopped, returns its result. */
export type Steps<T> = Generator<StepEvent, T, void>

/**
 * The declaration of one firmware procedure: its name, its layer, where it comes from, and the titles of its steps in
 * order. The listing that the debugger shows as source is derived from it, so a step always has a line.
 */
export class Procedure<K extends string = string> {
  /** Every procedure of the program in the order of its declaration: a debugger lists them and breaks on them by name. */
  static readonly declared: Procedure[] = []
  readonly #keys: readonly K[]

  /**
   * @param layer  who runs it
   * @param name   the field's name for it, e.g. `UV_ESM`, `H_SVM_PAGE_IN`, `TPM2_RSA_Decrypt`
   * @param source book and section, e.g. `spec/ultravisor.md §4.2`
   * @param steps  step key -> title, in the order of the listing
   */
  constructor(
    readonly layer: Layer,
    readonly name: string,
    readonly source: string,
    readonly steps: Readonly<Record<K, string>>,
  ) {
    this.#keys = Object.keys(steps) as K[]
    Procedure.declared.push(this as unknown as Procedure)
  }

  /** Yield this to make a place where a debugger can stop; `values` become variables of the frame. */
  at(key: K, values: StepValues = {}): Step {
    return {
      kind: 'step',
      procedure: this as unknown as Procedure,
      line: this.#keys.indexOf(key) + Procedure.headerLines + 1,
      title: this.steps[key],
      values,
    }
  }

  /** Runs `body` as a frame of the call stack. The arguments are its first variables. */
  *frame<T>(values: StepValues, body: Steps<T>): Steps<T> {
    const procedure = this as unknown as Procedure
    yield { kind: 'enter', procedure, values }
    try {
      return yield* body
    } finally {
      yield { kind: 'leave', procedure }
    }
  }

  static readonly headerLines = 3

  /** The read-only text that a debugger shows as this procedure's source: a header, then one step a line. */
  get listing(): string {
    const lines = this.#keys.map((key, i) => `${String(i + 1).padStart(3)}  ${this.steps[key]}`)
    return [`${this.name} (${this.layer})`, `source: ${this.source}`, '', ...lines, ''].join('\n')
  }
}

/** Runs a procedure to its end without stopping: for callers that nobody debugs, such as unit tests. */
export function runToEnd<T>(steps: Steps<T>): T {
  for (;;) {
    const next = steps.next()
    if (next.done) return next.value
  }
}
