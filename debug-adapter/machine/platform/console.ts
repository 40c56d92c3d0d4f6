import type { Trace } from '../trace/trace.ts'

/** The VM's one terminal: what it prints goes to the log, what is typed waits here. */
export class Console {
  // A byte order mark is output like any other; a character that comes in two calls is one character.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  readonly #input: number[] = []
  #text = ''

  constructor(readonly trace: Trace) {}

  /** Everything printed so far. */
  get text(): string {
    return this.#text
  }

  write(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true })
    if (text === '') return
    this.#text += text
    this.trace.add({ type: 'console', text })
  }

  /** Queues what a person types. */
  type(bytes: Uint8Array): void {
    this.#input.push(...bytes)
  }

  /** Whether something was typed that the guest has not read. */
  get waiting(): boolean {
    return this.#input.length > 0
  }

  /** @returns up to `most` bytes that were typed */
  read(most: number): Uint8Array {
    return Uint8Array.from(this.#input.splice(0, most))
  }
}
