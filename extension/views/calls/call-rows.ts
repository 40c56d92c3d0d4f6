/** From records of the log to rows: each call with its return, nested as they happened. */
import type { CallRecord } from './messages.ts'

export type CallKind = CallRecord['type']

export interface NamedValue {
  readonly name: string
  readonly value: string
}

/** One register of the guest and of the hypervisor where the ultravisor stands between them; values in hexadecimal. */
export type CrossedRegister = NonNullable<Extract<CallRecord, { type: 'reflection' }>['registers']>[number]

/** The newest reflections that keep their registers: a secure VM makes tens of thousands. */
const REGISTERS_KEPT = 256

/** One crossing of a privilege boundary: a call, a reflection, or something that was said about it. */
export interface CallRow {
  /** Position of its record in the log. */
  readonly seq: number
  readonly kind: CallKind
  /** The row that it happened in; undefined at the outermost level. */
  readonly parent: CallRow | undefined
  readonly depth: number
  readonly name: string
  /** Who called. */
  readonly caller: string
  /** Guest instructions executed before it. */
  readonly at: number
  readonly args: readonly NamedValue[]
  /** What came back. Undefined while it has not returned, and for what does not return. */
  result?: CallResult
  /** Of a reflection: both register files on the way out, and on the way back. */
  crossed?: { readonly out: readonly CrossedRegister[]; back?: readonly CrossedRegister[] }
  hasChildren: boolean
}

export interface CallResult {
  readonly text: string
  readonly failed: boolean
  readonly values: readonly NamedValue[]
  readonly seq: number
  readonly at: number
}

const INTERRUPTS: Readonly<Record<number, string>> = {
  256: 'system reset',
  512: 'machine check',
  768: 'data storage',
  896: 'data segment',
  1024: 'instruction storage',
  1152: 'instruction segment',
  1280: 'external',
  1536: 'alignment',
  1792: 'program',
  2048: 'floating-point unavailable',
  2304: 'decrementer',
  2432: 'hypervisor decrementer',
  2560: 'directed privileged doorbell',
  3072: 'system call',
  3328: 'trace',
  3584: 'hypervisor data storage',
  3616: 'hypervisor instruction storage',
  3648: 'hypervisor emulation assistance',
  3680: 'hypervisor maintenance',
  3712: 'directed hypervisor doorbell',
  3744: 'hypervisor virtualization',
  3840: 'performance monitor',
  3872: 'vector unavailable',
  3904: 'VSX unavailable',
  3936: 'facility unavailable',
  3968: 'hypervisor facility unavailable',
}

/** Names are those of Power ISA 3.0C III 6.5; others are shown by their vector. */
export function interruptName(vector: number): string {
  const name = INTERRUPTS[vector]
  return name === undefined ? `interrupt 0x${vector.toString(16)}` : `${name} 0x${vector.toString(16)}`
}

/** Builds rows from records in the order of the log; a return finds its call. */
export class CallRows {
  readonly rows: CallRow[] = []
  /** Calls that have not returned yet, the innermost last. */
  #open: CallRow[] = []
  /** Reflections that are out, by cookie. */
  readonly #reflections = new Map<string, CallRow>()
  readonly #withRegisters: CallRow[] = []
  readonly #numbers = new Map<CallRow, number>()

  add(record: CallRecord): void {
    switch (record.type) {
      case 'ultracall':
      case 'hypercall':
        if (record.phase === 'call') this.#call(record)
        else this.#return(record)
        break
      case 'reflection':
        if (record.direction === 'out') this.#reflect(record)
        else this.#reflectBack(record)
        break
      case 'refusal':
        this.#push({
          record,
          name: record.rule,
          caller: record.by,
          args: [
            { name: 'expected', value: record.expected },
            { name: 'found', value: record.found },
            { name: 'source', value: record.source },
          ],
          result: { text: 'refused', failed: true, values: [], seq: record.seq, at: record.at },
        })
        break
      case 'vm-state':
        this.#push({
          record,
          name: `VM ${record.lpid} is ${record.to}`,
          caller: 'ultravisor',
          args: [{ name: 'was', value: record.from }],
          result: { text: record.to, failed: false, values: [], seq: record.seq, at: record.at },
        })
    }
  }

  #push(made: {
    record: CallRecord
    name: string
    caller: string
    args: readonly NamedValue[]
    result?: CallResult
  }): CallRow {
    const parent = this.#open.at(-1)
    const row: CallRow = {
      seq: made.record.seq,
      kind: made.record.type,
      parent,
      depth: parent ? parent.depth + 1 : 0,
      name: made.name,
      caller: made.caller,
      at: made.record.at,
      args: made.args,
      hasChildren: false,
      ...(made.result && { result: made.result }),
    }
    if (parent) parent.hasChildren = true
    this.rows.push(row)
    return row
  }

  #call(record: Extract<CallRecord, { type: 'ultracall' | 'hypercall' }>): void {
    const { name, caller, args } = record
    const row = this.#push({ record, name, caller, args: namedValues(args) })
    this.#numbers.set(row, record.number)
    this.#open.push(row)
  }

  /** The innermost open call of that kind and number. What was opened inside it and is still open never returned. */
  #return(record: Extract<CallRecord, { type: 'ultracall' | 'hypercall' }>): void {
    const at = this.#open.findLastIndex((row) => row.kind === record.type && this.#numbers.get(row) === record.number)
    const row = this.#open[at]
    if (!row) return
    const { returnCode, returnName } = record
    const code = returnCode === undefined ? undefined : BigInt.asIntN(64, BigInt(returnCode))
    row.result = {
      text: returnName ?? (code === undefined ? 'done' : String(code)),
      failed: code !== undefined && code < 0n,
      values: namedValues(record.args),
      seq: record.seq,
      at: record.at,
    }
    for (const closed of this.#open.splice(at)) this.#numbers.delete(closed)
  }

  #reflect(record: Extract<CallRecord, { type: 'reflection' }>): void {
    const { vector, shown, scrubbed, cookie, registers } = record
    const seen = shown.length === 0 ? 'nothing' : shown.join(' ')
    const row = this.#push({
      record,
      name: `reflect ${interruptName(vector)}`,
      caller: 'ultravisor',
      args: [
        { name: 'shown', value: seen },
        { name: 'scrubbed', value: `${scrubbed} registers` },
        { name: 'cookie', value: cookie },
      ],
    })
    if (registers) this.#keepRegisters(row, registers)
    this.#reflections.set(cookie, row)
    this.#open.push(row)
  }

  #keepRegisters(row: CallRow, out: readonly CrossedRegister[]): void {
    row.crossed = { out }
    this.#withRegisters.push(row)
    if (this.#withRegisters.length > REGISTERS_KEPT) delete this.#withRegisters.shift()!.crossed
  }

  /** It comes back inside the UV_RETURN that ends it, which has yet to return itself: only the reflection is closed. */
  #reflectBack({ cookie, seq, at, registers }: Extract<CallRecord, { type: 'reflection' }>): void {
    const row = this.#reflections.get(cookie)
    if (!row) return
    this.#reflections.delete(cookie)
    if (registers && row.crossed) row.crossed.back = registers
    row.result = { text: 'returned', failed: false, values: [], seq, at }
    this.#open = this.#open.filter((one) => one !== row)
  }
}

/** What became of the registers of a crossing, in words. */
export function crossedText(registers: readonly CrossedRegister[]): string {
  const kinds = ['kept', 'synthesised', 'restored', 'scrubbed'] as const
  return kinds
    .map((kind) => ({ kind, count: registers.filter(({ how }) => how === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${count} ${kind}`)
    .join(', ')
}

function namedValues(args: Readonly<Record<string, string>>): NamedValue[] {
  return Object.entries(args).map(([name, value]) => ({ name, value }))
}

/**
 * The rows that a filter leaves: those with every word of it in name, caller, arguments or result (letter case does not
 * matter), and the rows that they happened in.
 */
export function filterRows(rows: readonly CallRow[], filter: string): readonly CallRow[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return rows
  const kept = new Set<CallRow>()
  for (const row of rows) {
    const text = searchText(row)
    if (!words.every((word) => text.includes(word))) continue
    for (let one: CallRow | undefined = row; one && !kept.has(one); one = one.parent) kept.add(one)
  }
  return rows.filter((row) => kept.has(row))
}

function searchText({ kind, name, caller, args, result }: CallRow): string {
  const values = [...args, ...(result?.values ?? [])].map((one) => `${one.name}=${one.value}`)
  return [kind, name, caller, ...values, result?.text ?? ''].join(' ').toLowerCase()
}

/** The rows that are in sight where some are folded: none inside a folded one. */
export function unfoldedRows(rows: readonly CallRow[], folded: ReadonlySet<number>): CallRow[] {
  if (folded.size === 0) return [...rows]
  const hidden = new Set<CallRow>()
  return rows.filter((row) => {
    const { parent } = row
    if (!parent || !(hidden.has(parent) || folded.has(parent.seq))) return true
    hidden.add(row)
    return false
  })
}
