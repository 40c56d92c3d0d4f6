import { H } from './hcall-table.ts'

/** Source number of the interrupt that processors send each other (PAPR, XICS). */
const IPI = 2
/** Least favoured priority: nothing waits. */
const NO_REQUEST = 0xff
const ALL_MASKED = 0

/**
 * The interrupt presentation controller of the one virtual processor, by hypercall (spec/pseries.md §4.6). Its only source so
 * far is the processor's own IPI.
 */
export class InterruptPresenter {
  /** Current processor priority: only requests of a smaller number come through. */
  private priority = ALL_MASKED
  /** Most favoured request of H_IPI. */
  private request = NO_REQUEST

  /** Whether the processor's external interrupt would be raised now. */
  get pending(): boolean {
    return this.request < this.priority
  }

  /** H_CPPR. */
  setPriority(priority: bigint): bigint {
    this.priority = Number(priority & 0xffn)
    return H.SUCCESS
  }

  /** H_IPI. @param server which processor */
  setRequest(server: bigint, request: bigint): bigint {
    if (server !== 0n) return H.PARAMETER
    this.request = Number(request & 0xffn)
    return H.SUCCESS
  }

  /** H_XIRR: takes the interrupt that waits, and masks its priority. @returns priority before it (8 bits) and source (24 bits) */
  accept(): bigint {
    const before = this.priority
    if (!this.pending) return BigInt(before) << 24n
    this.priority = this.request
    return (BigInt(before) << 24n) | BigInt(IPI)
  }

  /** H_IPOLL. @returns as {@link accept}, without taking it, and the request */
  poll(): { readonly xirr: bigint; readonly request: bigint } {
    return {
      xirr: (BigInt(this.priority) << 24n) | (this.pending ? BigInt(IPI) : 0n),
      request: BigInt(this.request),
    }
  }

  /** H_EOI: back to the priority that {@link accept} gave. */
  end(xirr: bigint): bigint {
    return this.setPriority((xirr >> 24n) & 0xffn)
  }
}
