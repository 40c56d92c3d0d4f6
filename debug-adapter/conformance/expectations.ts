import { ultracallCodeName } from '../machine/ultravisor/return-codes.ts'

/** What a case observed, in words, and whether it was as expected. */
export class Expectations {
  readonly observed: string[] = []
  readonly failures: string[] = []

  /** @param what names the value, e.g. the call whose result it is */
  expect<T>(what: string, actual: T, expected: T): void {
    const equal = same(actual, expected)
    const line = equal ? `${what}: ${show(actual)}` : `${what}: ${show(actual)}, expected ${show(expected)}`
    ;(equal ? this.observed : this.failures).push(line)
  }

  /** A code in R3, which is shown by its name. */
  expectCode(what: string, actual: bigint, expected: bigint): void {
    if (actual === expected) this.observed.push(`${what} = ${ultracallCodeName(actual)}`)
    else this.failures.push(`${what} = ${ultracallCodeName(actual)}, expected ${ultracallCodeName(expected)}`)
  }

  expectTrue(what: string, actual: boolean): void {
    ;(actual ? this.observed : this.failures).push(actual ? what : `not so: ${what}`)
  }
}

function same(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array)
    return a.length === b.length && a.every((byte, i) => byte === b[i])
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => same(item, b[i]))
  return a === b
}

const SHOWN_BYTES = 16

function show(value: unknown): string {
  if (typeof value === 'bigint') return value < 0n || value < 10n ? value.toString() : `0x${value.toString(16)}`
  if (value instanceof Uint8Array) {
    const hex = Array.from(value.subarray(0, SHOWN_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('')
    return value.length > SHOWN_BYTES ? `${hex}... (${value.length} bytes)` : hex
  }
  return Array.isArray(value) ? `[${value.map(show).join(', ')}]` : String(value)
}
