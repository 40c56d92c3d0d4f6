import { hcallByNumber } from './platform/hcall-table.ts'
import { ultracalls } from './ultravisor/call-table.ts'

/** The names of every ultracall and hypercall that the machine knows, for breakpoints by name. */
export const callNames: ReadonlySet<string> = new Set([
  ...ultracalls.map((call) => call.name),
  ...[...hcallByNumber.values()].map((call) => call.name),
])
