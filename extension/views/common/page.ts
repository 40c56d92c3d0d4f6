/** What every page has: the way to its host half, a state that outlives hiding, and the text without a session. */
import { element } from './dom.ts'
import type { PageMessage, StatusMessage } from './messages.ts'

interface VsCodeApi {
  postMessage(message: PageMessage): void
  getState(): unknown
  setState(state: unknown): void
}

declare function acquireVsCodeApi(): VsCodeApi

const vscode = acquireVsCodeApi()

/** What a page remembers while it is hidden, and VS Code over a reload of its window. */
export class PageState<T extends object> {
  #value: T

  constructor(initial: T) {
    const kept = vscode.getState()
    this.#value = { ...initial, ...(typeof kept === 'object' ? kept : {}) }
  }

  get value(): T {
    return this.#value
  }

  set(part: Partial<T>): void {
    this.#value = { ...this.#value, ...part }
    vscode.setState(this.#value)
  }
}

/** The frame around a view's content: a line with the state of the session, and the text that stands there before one. */
export class Page {
  readonly content = element('main', { hidden: true })
  readonly #status = element('span', { class: 'status', role: 'status' })
  readonly toolbar = element('div', { class: 'toolbar' })
  readonly #welcome: HTMLElement

  /** @param welcome what this view will show, in a sentence or two */
  constructor(welcome: string) {
    const start = element('button', { type: 'button' }, 'Start Debugging (F5)')
    start.addEventListener('click', () => vscode.postMessage({ kind: 'command', command: 'start' }))
    const sample = element('button', { type: 'button', class: 'secondary' }, 'Open the Sample Image')
    sample.addEventListener('click', () => vscode.postMessage({ kind: 'command', command: 'openSample' }))
    const buttons = element('div', { class: 'buttons' }, start, sample)
    this.#welcome = element('section', { class: 'welcome' }, element('p', {}, welcome), buttons)
    this.toolbar.append(this.#status)
    document.body.append(this.#welcome, this.toolbar, this.content)
    this.toolbar.hidden = true
  }

  /** Shows the state of the session; @returns whether there is or was one */
  status({ state, problem }: StatusMessage): boolean {
    const there = state !== 'none'
    this.#welcome.hidden = there
    this.content.hidden = !there
    this.toolbar.hidden = !there
    this.#status.textContent = problem ?? STATES[state]
    this.#status.className = `status ${problem ? 'problem' : state}`
    return there
  }
}

const STATES: Readonly<Record<StatusMessage['state'], string>> = {
  none: '',
  running: 'running',
  stopped: 'stopped',
  ended: 'session ended',
}

/** Says something to the host half. */
export function send(message: PageMessage): void {
  vscode.postMessage(message)
}

/** A button that takes the machine to the place right before a record of the log. */
export function goThere(seq: number): HTMLButtonElement {
  const button = element('button', { type: 'button', class: 'secondary go-there' }, 'Go There')
  button.title = 'Go to the place in the run right before this'
  button.addEventListener('click', () => send({ kind: 'goTo', seq }))
  return button
}

/** Listens to the host half and says that the page is there. */
export function connect<M>(receive: (message: M) => void): void {
  window.addEventListener('message', (event: MessageEvent<M>) => receive(event.data))
  vscode.postMessage({ kind: 'ready' })
}
