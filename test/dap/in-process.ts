/** A DAP client in the same process as the session. */
import { readFile } from 'node:fs/promises'
import type { DebugProtocol } from '@vscode/debugprotocol'
import type { DebuggeeFactory } from '../../debug-adapter/adapter/debuggee.ts'
import { requestHandlers } from '../../debug-adapter/adapter/requests/index.ts'
import { PefSession } from '../../debug-adapter/adapter/session.ts'
import { DapClient } from './client.ts'

export class InProcessClient extends DapClient {
  closed = false
  readonly #session: PefSession

  constructor(createMachine: DebuggeeFactory, cwd: string) {
    super()
    this.#session = new PefSession(
      {
        createMachine,
        files: (folder) => ({ readFile: (path) => readFile(path), cwd: folder }),
        cwd,
        closed: () => {
          this.closed = true
        },
      },
      requestHandlers,
    )
    // What cannot be JSON must not cross.
    this.#session.onDidSendMessage((message) => this.receive(JSON.parse(JSON.stringify(message))))
  }

  protected override post(request: DebugProtocol.Request): void {
    this.#session.handleMessage(request)
  }
}
