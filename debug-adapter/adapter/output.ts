import type { DebugProtocol } from '@vscode/debugprotocol'
import { refusalText } from '../machine/refusal.ts'
import type { TraceRecord } from '../machine/trace/records.ts'

export type Category = 'stdout' | 'stderr' | 'console' | 'important'
export type Send = (event: DebugProtocol.OutputEvent['body']) => void

/** Turns records of the log into output events: the VM's console by lines, progress and refusals as they come. */
export class Output {
  #line = ''

  constructor(readonly send: Send) {}

  record(record: TraceRecord): void {
    if (record.type === 'console') this.#console(record.text)
    else if (record.type === 'refusal') this.#say('stderr', `refused by the ${record.by}: ${refusalText(record)}`)
    else {
      const progress = progressText(record)
      if (progress !== undefined) this.#say('console', progress)
    }
  }

  /** Sends what the console has of an unfinished line. */
  flush(): void {
    if (this.#line === '') return
    this.send({ category: 'stdout', output: this.#line })
    this.#line = ''
  }

  #console(text: string): void {
    this.#line += text
    const end = this.#line.lastIndexOf('\n') + 1
    if (end === 0) return
    this.send({ category: 'stdout', output: this.#line.slice(0, end) })
    this.#line = this.#line.slice(end)
  }

  #say(category: Category, text: string): void {
    this.flush()
    this.send({ category, output: `${text}\n` })
  }
}

/** One line for what a developer follows while the machine runs; undefined for what only the views show. */
function progressText(record: TraceRecord): string | undefined {
  switch (record.type) {
    case 'boot':
      return `boot: ${record.title} (trusted: ${record.tcb.join(', ') || 'nothing'})`
    case 'esm-step':
      return `ESM ${record.number}.${record.part ?? ''} ${record.title}`
    case 'digest':
      return `digest of ${record.what} (${record.bytes} bytes): ${record.expected === record.found ? 'as expected' : 'different from what the operand holds'}`
    case 'vm-state':
      return `VM ${record.lpid}: ${record.from} -> ${record.to}`
    case 'scenario':
      return `scenario ${record.name}: ${record.action}`
    case 'finding':
      return `${record.rule} (${record.severity}): ${record.message}`
    default:
      return undefined
  }
}
