import {
  commands,
  type Disposable,
  type ExtensionContext,
  Uri,
  type WebviewView,
  type WebviewViewProvider,
} from 'vscode'
import { type PefSession, type PefSessions, whenStopped } from '../../sessions.ts'
import { makeNonce, pageHtml } from './html.ts'
import type { PageMessage, StatusMessage } from './messages.ts'

/** Only these may be asked for by a page. */
const COMMANDS = { start: 'workbench.action.debug.start', openSample: 'pef.openSample' } as const

/**
 * The host half of a view: makes the page, follows the sessions, and asks for content when something happened. Content
 * is asked for one at a time: what happens meanwhile is answered by one more round.
 */
export abstract class ViewHost<Message extends { readonly kind: string }> implements WebviewViewProvider, Disposable {
  #view: WebviewView | undefined
  #ready = false
  #shown: { session: PefSession; generation: number } | undefined
  #busy = false
  #again = false
  #problem: string | undefined
  readonly #subscription: Disposable

  constructor(
    private readonly context: ExtensionContext,
    protected readonly sessions: PefSessions,
    /** Name of the view's folder, bundle and style sheet. */
    private readonly name: string,
    private readonly title: string,
  ) {
    this.#subscription = sessions.onDidChange(() => void this.#update())
  }

  dispose(): void {
    this.#subscription.dispose()
  }

  resolveWebviewView(view: WebviewView): void {
    const { webview } = view
    const at = (...path: string[]) => Uri.joinPath(this.context.extensionUri, ...path)
    const uri = (...path: string[]) => webview.asWebviewUri(at(...path)).toString()
    this.#view = view
    this.#ready = false
    webview.options = { enableScripts: true, localResourceRoots: [at('dist', 'views'), at('media')] }
    webview.onDidReceiveMessage((message: PageMessage) => this.#receive(message))
    view.onDidDispose(() => {
      this.#view = undefined
      this.#ready = false
    })
    webview.html = pageHtml({
      title: this.title,
      script: uri('dist', 'views', `${this.name}.js`),
      styles: [uri('media', 'view.css'), uri('media', `${this.name}.css`)],
      source: webview.cspSource,
      nonce: makeNonce(),
    })
  }

  /** Forgets everything: another session, or a machine built anew, follows. */
  protected abstract reset(): void

  /** Asks for what is new and posts it. Rejects where the adapter is gone. */
  protected abstract refresh(session: PefSession): Promise<void>

  /** Everything that a page which was just made has to know. */
  protected abstract replay(): void

  protected post(message: Message | StatusMessage): void {
    if (this.#ready) void this.#view?.webview.postMessage(message)
  }

  #receive(message: PageMessage): void {
    if (message.kind === 'command') {
      if (Object.hasOwn(COMMANDS, message.command)) void commands.executeCommand(COMMANDS[message.command])
    } else if (message.kind === 'goTo') {
      void whenStopped(this.#shown?.session, (session) => session.ask('pef/goToRecord', { seq: message.seq }))
    } else if (message.kind === 'ready') {
      this.#ready = true
      this.#postStatus()
      this.replay()
      void this.#update()
    }
  }

  #postStatus(): void {
    const state = this.#shown?.session.state ?? 'none'
    this.post({ kind: 'status', state, ...(this.#problem !== undefined && { problem: this.#problem }) })
  }

  async #update(): Promise<void> {
    if (this.#busy) {
      this.#again = true
      return
    }
    this.#busy = true
    try {
      do {
        this.#again = false
        await this.#round()
      } while (this.#again)
    } finally {
      this.#busy = false
    }
  }

  async #round(): Promise<void> {
    const session = this.sessions.current
    if (!session) return
    const { generation } = session
    if (this.#shown?.session !== session || this.#shown.generation !== generation) {
      this.#shown = { session, generation }
      this.#problem = undefined
      this.reset()
    }
    try {
      // Before the first record there is no machine to ask.
      if (session.total > 0 || session.stops > 0) await this.refresh(session)
      this.#problem = undefined
    } catch (error) {
      // After the end the adapter is gone: what was read last stays.
      this.#problem =
        session.state === 'ended'
          ? undefined
          : error instanceof Error
            ? error.message
            : 'The debug adapter does not answer.'
    }
    this.#postStatus()
  }
}
