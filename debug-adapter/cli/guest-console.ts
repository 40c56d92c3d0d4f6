import type { Machine } from '../machine/machine.ts'
import { Monitor } from './monitor.ts'
import type { Terminal } from './terminal.ts'

const CTRL_A = 0x01
const ENTER = [0x0a, 0x0d]
const ERASE = [0x08, 0x7f]
/** Milliseconds between two looks around. */
const LONGEST_WAIT = 1000
const HELP = `
Ctrl-A H    this text
Ctrl-A X    end pef
Ctrl-A C    to the monitor and back to the VM
Ctrl-A Ctrl-A  send Ctrl-A to the VM
`

/**
 * Joins the VM's console to the terminal as QEMU's `-nographic` does: every key goes to the VM, Ctrl-A begins a command to pef.
 * Input that comes from a file or a pipe goes to the VM as it is.
 */
export class GuestConsole {
  readonly #terminal: Terminal
  readonly #monitor: Monitor
  #afterEscape = false
  /** What is typed at the monitor; undefined while the VM has the keyboard. */
  #line: string | undefined
  #close: (() => void) | undefined
  #wake: (() => void) | undefined

  /** @param type hands what is typed to the VM */
  constructor(
    private readonly machine: Machine,
    terminal: Terminal,
    private readonly type: (bytes: Uint8Array) => void = (bytes) => machine.type(bytes),
  ) {
    this.#terminal = terminal
    this.#monitor = new Monitor(machine)
  }

  /** Somebody asked for the end. */
  get ended(): boolean {
    return this.#monitor.ended
  }

  /** The VM stands still at the monitor's command. */
  get stopped(): boolean {
    return this.#monitor.stopped
  }

  open(): void {
    this.#close = this.#terminal.listen((bytes) => this.#typed(bytes))
  }

  /** As long as the guest waits, so does the host: until a key is pressed, or the guest's time has come. @param milliseconds of the guest */
  async idle(milliseconds: number): Promise<void> {
    if (this.machine.platform.console.waiting || this.ended) return
    await new Promise<void>((done) => {
      const timer = setTimeout(done, Math.min(milliseconds, LONGEST_WAIT))
      this.#wake = () => {
        clearTimeout(timer)
        done()
      }
    })
    this.#wake = undefined
  }

  /** Gives the terminal back as it was. */
  close(): void {
    this.#close?.()
    this.#close = undefined
  }

  #typed(bytes: Uint8Array): void {
    this.#wake?.()
    if (!this.#terminal.inputIsTerminal) {
      this.type(bytes)
      return
    }
    for (const byte of bytes) this.#key(byte)
  }

  #key(byte: number): void {
    if (this.#afterEscape) {
      this.#afterEscape = false
      this.#command(byte)
    } else if (byte === CTRL_A) this.#afterEscape = true
    else if (this.#line === undefined) this.type(Uint8Array.of(byte))
    else this.#edit(byte, this.#line)
  }

  #command(byte: number): void {
    const key = String.fromCharCode(byte).toLowerCase()
    if (byte === CTRL_A) this.type(Uint8Array.of(byte))
    else if (key === 'x') this.#monitor.run('quit')
    else if (key === 'h' || key === '?') this.#show(HELP)
    else if (key === 'c') {
      this.#line = this.#line === undefined ? '' : undefined
      this.#show(this.#line === undefined ? '\n' : `\npef monitor: help lists the commands\n${Monitor.prompt}`)
    }
  }

  #edit(byte: number, line: string): void {
    if (ENTER.includes(byte)) {
      const answer = this.#monitor.run(line)
      this.#line = ''
      this.#show(`\n${answer}${this.#monitor.ended ? '' : Monitor.prompt}`)
    } else if (ERASE.includes(byte)) {
      if (line.length === 0) return
      this.#line = line.slice(0, -1)
      this.#show('\b \b')
    } else if (byte >= 0x20 && byte < 0x7f) {
      this.#line = line + String.fromCharCode(byte)
      this.#show(String.fromCharCode(byte))
    }
  }

  /** The terminal is raw: a new line does not go back to its beginning by itself. */
  #show(text: string): void {
    this.#terminal.out(text.replaceAll('\n', '\r\n'))
  }
}
