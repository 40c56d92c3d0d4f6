import type { TraceRecord, TraceRecordOf } from '../machine/trace/records.ts'

/** How text is marked up: colours on a terminal, nothing in a file. */
export interface Style {
  readonly strong: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly dim: (text: string) => string
}

export const plainStyle: Style = { strong: (t) => t, good: (t) => t, bad: (t) => t, dim: (t) => t }

const sgr = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`
export const colourStyle: Style = { strong: sgr(1), good: sgr(32), bad: sgr(31), dim: sgr(2) }

const short = (hex: string): string => (hex.length > 24 ? `${hex.slice(0, 16)}…${hex.slice(-6)}` : hex)
const address = (value: bigint): string => `0x${value.toString(16)}`

const MOVES: Readonly<Record<TraceRecordOf<'page-move'>['how'], string>> = {
  'page-in': 'paged in to secure memory',
  'page-out': 'paged out, encrypted',
  share: 'shared with the hypervisor',
  unshare: 'taken back from the hypervisor',
  zero: 'zeroed',
  'give-back': 'given back to the normal VM',
}

/**
 * The readable walk of a run: turns records of the log into lines, in order. Page moves of one kind that follow each
 * other become one line. It reads the log and nothing else.
 */
export class Walk {
  #moves: TraceRecordOf<'page-move'>[] = []
  #console = ''

  constructor(readonly style: Style = plainStyle) {}

  /** @returns the lines that this record completes */
  add(record: TraceRecord): string[] {
    const held = record.type === 'page-move' && this.#continues(record) ? [] : this.#flushMoves(record)
    return [...held, ...this.#lines(record)]
  }

  /** The lines that were waiting for more. */
  end(): string[] {
    return [...this.#flushMoves(), ...this.#flushConsole()]
  }

  #continues(record: TraceRecordOf<'page-move'>): boolean {
    const last = this.#moves.at(-1)
    return last === undefined || last.how === record.how
  }

  /** Records that come between the moves of one batch do not end it. */
  #flushMoves(next?: TraceRecord): string[] {
    const between: readonly string[] = ['hypercall', 'ultracall', 'reflection', 'page-state', 'page-owner']
    const first = this.#moves[0]
    if (!first || (next && between.includes(next.type))) return []
    const last = this.#moves.at(-1)!
    const bytes = this.#moves.length * 64
    const range =
      this.#moves.length === 1 ? `gpa ${address(first.gpa)}` : `gpa ${address(first.gpa)} to ${address(last.gpa)}`
    this.#moves = []
    return [this.style.dim(`      ${plural(bytes / 64, 'page')} (${bytes} KiB) ${MOVES[first.how]}: ${range}`)]
  }

  #flushConsole(): string[] {
    if (this.#console === '') return []
    const line = `  | ${this.#console}`
    this.#console = ''
    return [line]
  }

  #lines(record: TraceRecord): string[] {
    const { style } = this
    switch (record.type) {
      case 'boot':
        return ['', style.strong(record.title), style.dim(`  trusted from here: ${record.tcb.join(', ')}`)]
      case 'measurement':
        if (record.bank !== 'sha256') return []
        return [
          `  PCR ${String(record.pcr).padStart(2)} extended by ${record.what}: ${short(record.digest)} -> ${short(record.value)}`,
        ]
      case 'tpm':
        return [this.#tpm(record)]
      case 'esm-step':
        return [`  ${`${record.number}${record.part ? `.${record.part}` : ''}`.padEnd(5)}  ${record.title}`]
      case 'digest':
        return this.#digest(record)
      case 'page-move':
        this.#moves.push(record)
        return []
      case 'vm-state':
        return [style.strong(`  VM ${record.lpid}: ${record.from} -> ${record.to}`)]
      case 'refusal':
        return [
          style.bad(`  refused by the ${record.by}: ${record.rule}`),
          `      expected ${record.expected}`,
          `      found    ${record.found}`,
          style.dim(`      source   ${record.source}`),
        ]
      case 'scenario':
        return [style.bad(`  scenario ${record.name}: ${record.action}`)]
      case 'finding':
        return [style.dim(`      ${record.rule} (${record.severity}): ${record.message}`)]
      case 'ultracall':
        return this.#ultracall(record)
      case 'console':
        return this.#print(record.text)
      case 'end':
        return [...this.#flushConsole(), '', style.strong(`End: ${record.reason}`)]
      default:
        return []
    }
  }

  #tpm(record: TraceRecordOf<'tpm'>): string {
    const response = record.responseCode === 0 ? this.style.good('ok') : this.style.bad(record.responseName)
    const sizes = `${record.requestSize} bytes out, ${record.responseSize} back`
    return `      TPM <- ${record.carrier}: ${record.command.padEnd(24)} ${sizes}: ${response}`
  }

  #digest(record: TraceRecordOf<'digest'>): string[] {
    const same = record.expected === record.found
    const verdict = same ? this.style.good('equal') : this.style.bad('DIFFERENT')
    return [
      `      SHA-512 of ${record.what} (${record.bytes} bytes): ${verdict}`,
      this.style.dim(`        expected ${short(record.expected)}`),
      this.style.dim(`        found    ${short(record.found)}`),
    ]
  }

  /** The ultracalls of the guest itself; those that the hypervisor makes on the way are in the trace. */
  #ultracall(record: TraceRecordOf<'ultracall'>): string[] {
    if (record.caller === 'hypervisor') return []
    if (record.phase === 'call') {
      const args = Object.entries(record.args).filter(([name]) => !name.startsWith('name'))
      const list = args.map(([name, value]) => `${name}=${address(value)}`).join(', ')
      return [...this.#flushConsole(), '', this.style.strong(`${record.name}(${list}) by the VM, ${record.caller}`)]
    }
    return record.returnName === undefined ? [] : [`  ${record.name} = ${record.returnName}`]
  }

  #print(text: string): string[] {
    const parts = (this.#console + text).split('\n')
    this.#console = parts.pop()!
    return parts.map((line) => `  | ${line}`)
  }
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
