import { commands, type Disposable, EventEmitter, type Pseudoterminal, type Terminal, window } from 'vscode'
import type { PefSession, PefSessions } from '../sessions.ts'
import { LogReader } from '../views/common/log-reader.ts'
import { ConsoleText } from './console-text.ts'

/** The VM's console as a terminal: what it prints comes out of the log, what is typed goes to the machine. */
class VmTerminal implements Pseudoterminal {
  readonly #write = new EventEmitter<string>()
  readonly onDidWrite = this.#write.event
  readonly #text = new ConsoleText()
  #log: LogReader
  #generation: number
  #open = false
  #busy = false
  #ended = false

  constructor(readonly session: PefSession) {
    this.#generation = session.generation
    this.#log = this.#newLog()
  }

  open(): void {
    this.#open = true
    void this.update()
  }

  close(): void {
    this.#open = false
  }

  handleInput(text: string): void {
    // Nobody reads it after the end; and a window that is reloaded may have lost its adapter.
    this.session.ask('pef/consoleInput', { text }).then(undefined, () => undefined)
  }

  /** Brings in what the log has more by now. */
  async update(): Promise<void> {
    if (!this.#open || this.#busy) return
    this.#busy = true
    try {
      await this.#advance()
    } catch {
      // The adapter is gone; what was shown stays.
    } finally {
      this.#busy = false
    }
    if (this.session.state !== 'ended' || this.#ended) return
    this.#ended = true
    this.#write.fire('\r\n\x1b[2m[the debug session has ended]\x1b[0m\r\n')
  }

  async #advance(): Promise<void> {
    const { session } = this
    while (this.#open && this.#log.next < session.total) {
      const generation = session.generation
      if (generation !== this.#generation) {
        this.#generation = generation
        this.#log = this.#newLog()
        // The machine was built anew: the screen begins anew too.
        this.#write.fire('\x1bc')
      }
      const records = await this.#log.advance()
      if (session.generation !== generation) continue
      const text = records.map((record) => (record.type === 'console' ? record.text : '')).join('')
      if (text !== '') this.#write.fire(this.#text.forTerminal(text))
    }
  }

  #newLog(): LogReader {
    return new LogReader((args) => this.session.ask('pef/trace', args), ['console'])
  }
}

/** A terminal for each session that asks for one, by its attribute `console` or by the command. */
export function registerConsole(sessions: PefSessions): Disposable[] {
  const terminals = new Map<PefSession, { readonly pty: VmTerminal; readonly terminal: Terminal }>()
  const show = (session: PefSession, preserveFocus: boolean) => {
    let found = terminals.get(session)
    if (!found) {
      const pty = new VmTerminal(session)
      const terminal = window.createTerminal({ name: `VM: ${session.session.name}`, pty })
      found = { pty, terminal }
      terminals.set(session, found)
    }
    found.terminal.show(preserveFocus)
  }
  return [
    commands.registerCommand('pef.showConsole', () => {
      const { current } = sessions
      if (current) show(current, false)
      else void window.showInformationMessage('PEF: there is no VM yet: start one with F5 first.')
    }),
    sessions.onDidChange((session) => {
      if (
        session.session.configuration['console'] === 'terminal' &&
        session.state !== 'ended' &&
        !terminals.has(session)
      )
        show(session, true)
      void terminals.get(session)?.pty.update()
    }),
    window.onDidCloseTerminal((closed) => {
      for (const [session, { terminal }] of terminals) if (terminal === closed) terminals.delete(session)
    }),
  ]
}
