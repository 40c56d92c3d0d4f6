import type { Trace } from '../trace/trace.ts'

/** Characters of output that are kept at least; a guest that prints for ever must not fill memory. The log has them as they come. */
const KEPT = 4 << 20

/** The VM's one terminal: what it prints goes to the log, what is typed waits here. */
export class Console {
  /** The beginning of a character whose rest has not come yet: a character that comes in two calls is one. */
  private begun = new Uint8Array(0)
  private readonly input: number[] = []
  private printed = ''
  /** Characters that were printed before those in {@link text}, and are forgotten. */
  forgotten = 0

  constructor(readonly trace: Trace) {}

  /** Everything printed so far; of very much the newest. */
  get text(): string {
    return this.printed
  }

  write(bytes: Uint8Array): void {
    const all = Uint8Array.from([...this.begun, ...bytes])
    const whole = all.length - unfinished(all)
    this.begun = all.slice(whole)
    if (whole === 0) return
    // A byte order mark is output like any other.
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(all.subarray(0, whole))
    this.printed += text
    if (this.printed.length > 2 * KEPT) {
      this.forgotten += this.printed.length - KEPT
      this.printed = this.printed.slice(-KEPT)
    }
    this.trace.add({ type: 'console', text })
  }

  /** Queues what a person types. */
  type(bytes: Uint8Array): void {
    for (const byte of bytes) this.input.push(byte)
  }

  /** Whether something was typed that the guest has not read. */
  get waiting(): boolean {
    return this.input.length > 0
  }

  /** @returns up to `most` bytes that were typed */
  read(most: number): Uint8Array {
    return Uint8Array.from(this.input.splice(0, most))
  }
}

/** @returns how many bytes at the end of `bytes` are the beginning of a UTF-8 character that is not whole, 0 to 3 */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!
    if ((byte & 0xc0) === 0x80) continue
    const length = byte >= 0xf0 && byte < 0xf8 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return byte < 0xf8 && length > back ? back : 0
  }
  return 0
}
