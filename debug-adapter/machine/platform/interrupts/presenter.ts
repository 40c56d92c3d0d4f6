import { H } from '../hcall-table.ts'
import { type InterruptSource, interruptSources, LEAST_FAVOURED, SOURCE } from './sources.ts'

const ALL_MASKED = 0
const SOURCE_MASK = 0xff_ffffn
const PRIORITY_SHIFT = 24n

/**
 * The interrupt presentation controller of the one virtual processor and the sources behind it: XICS by hypercall and RTAS
 * (spec/pseries.md §4.6). Its output is the external interrupt of the processor, a level.
 */
export class InterruptPresenter {
  /** Current processor priority: only requests of a smaller number come through. */
  private priority = ALL_MASKED
  /** Most favoured request of H_IPI. */
  private request = LEAST_FAVOURED
  private readonly sources = interruptSources()
  /** Those that want the processor, in the order of their numbers; brought up to date by {@link InterruptPresenter.#changed}. */
  private readonly wanting: InterruptSource[] = []
  /** Whether the processor's external interrupt is raised now. */
  pending = false

  /** @returns undefined for a number that no source has */
  source(number: number): InterruptSource | undefined {
    return this.sources.get(number)
  }

  /** The line of a level source goes up or down. @throws RangeError for a number that no source has */
  setLevel(number: number, up: boolean): void {
    this.#change(this.#known(number), up)
  }

  /** A message, or an edge: is remembered where the source is masked. @throws RangeError for a number that no source has */
  pulse(number: number): void {
    this.#change(this.#known(number), true)
  }

  /** RTAS ibm,set-xive, ibm,int-on and ibm,int-off. */
  configure(source: InterruptSource, set: { readonly server?: number; readonly priority: number }): void {
    source.server = set.server ?? source.server
    source.priority = set.priority
    this.#changed(source)
  }

  /** H_CPPR. */
  setPriority(priority: bigint): bigint {
    this.priority = Number(priority & 0xffn)
    this.#update()
    return H.SUCCESS
  }

  /** H_IPI. @param server which processor */
  setRequest(server: bigint, request: bigint): bigint {
    if (server !== 0n) return H.PARAMETER
    this.request = Number(request & 0xffn)
    this.#update()
    return H.SUCCESS
  }

  /** H_XIRR: takes the interrupt that waits, and masks its priority. @returns priority before it (8 bits) and source (24 bits) */
  accept(): bigint {
    const before = BigInt(this.priority) << PRIORITY_SHIFT
    const first = this.#first()
    if (!first) return before
    this.priority = first.priority
    if (first.source) {
      first.source.inService = true
      if (!first.source.level) first.source.raised = false
      this.#changed(first.source)
    } else this.#update()
    return before | BigInt(first.number)
  }

  /** H_IPOLL. @returns as {@link accept}, without taking it, and the request */
  poll(): { readonly xirr: bigint; readonly request: bigint } {
    return {
      xirr: (BigInt(this.priority) << PRIORITY_SHIFT) | BigInt(this.#first()?.number ?? 0),
      request: BigInt(this.request),
    }
  }

  /** H_EOI: back to the priority that {@link accept} gave; a level source whose line is still up asks again. */
  end(xirr: bigint): bigint {
    const source = this.sources.get(Number(xirr & SOURCE_MASK))
    if (source) {
      source.inService = false
      this.#changed(source)
    }
    return this.setPriority(xirr >> PRIORITY_SHIFT)
  }

  #known(number: number): InterruptSource {
    const source = this.sources.get(number)
    if (source) return source
    throw new RangeError(`there is no interrupt source 0x${number.toString(16)}: expected one of interruptSources()`)
  }

  #change(source: InterruptSource, raised: boolean): void {
    if (source.raised === raised) return
    source.raised = raised
    this.#changed(source)
  }

  #changed(source: InterruptSource): void {
    const at = this.wanting.indexOf(source)
    if (source.wants && at < 0) {
      this.wanting.push(source)
      this.wanting.sort((a, b) => a.number - b.number)
    } else if (!source.wants && at >= 0) this.wanting.splice(at, 1)
    this.#update()
  }

  #update(): void {
    this.pending = this.#first() !== undefined
  }

  /** The most favoured of those that come through: the processors' own first, then by number. */
  #first(): { readonly number: number; readonly priority: number; readonly source?: InterruptSource } | undefined {
    let least = this.priority
    let first: InterruptSource | undefined
    for (const source of this.wanting)
      if (source.priority < least) {
        first = source
        least = source.priority
      }
    if (this.request < this.priority && this.request <= least) return { number: SOURCE.ipi, priority: this.request }
    return first && { number: first.number, priority: first.priority, source: first }
  }
}
