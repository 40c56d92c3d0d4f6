import type { TraceRecord } from '../machine/trace/records.ts'
import type { WireRecord } from './protocol.ts'

/** A record as JSON carries it: every bigint becomes `"0x..."`. */
export function toWire(record: TraceRecord): WireRecord {
  return convert(record) as WireRecord
}

function convert(value: unknown): unknown {
  if (typeof value === 'bigint') return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
  if (Array.isArray(value)) return value.map(convert)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, convert(inner)]))
  return value
}
