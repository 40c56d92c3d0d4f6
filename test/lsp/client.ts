/** A client of the language server as a process or as a worker. */

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Diagnostic, InitializeResult, PublishDiagnosticsParams } from 'vscode-languageserver'
import type { ProtocolConnection } from 'vscode-languageserver/node'
import type { InitializationOptions } from '../../server/lsp/protocol.ts'
import { type RunningServer, startProcess, startWorker } from './servers.ts'
import { makeWorkspace } from './workspace.ts'

/** What an editor such as VS Code can do. */
const CAPABILITIES = {
  textDocument: { completion: { completionItem: { snippetSupport: true } } },
}

/** A server on a workspace of the fixtures for all tests of a file, ended and removed behind them. */
export function serverInWorkspace(): { readonly client: LspClient; readonly folder: string } {
  const workspace = makeWorkspace()
  let client: LspClient
  beforeAll(async () => {
    client = await LspClient.start(workspace.folder)
  })
  afterAll(async () => {
    expect(await client.stop()).toBe(0)
    workspace.remove()
  })
  return {
    folder: workspace.folder,
    get client() {
      return client
    },
  }
}

export class LspClient {
  readonly folder: string
  readonly #server: RunningServer
  readonly connection: ProtocolConnection
  readonly #published: PublishDiagnosticsParams[] = []
  #wake: () => void = () => {}
  initialized!: InitializeResult

  /**
   * Starts a server that is made of the sources as they are, so that no build is needed before.
   * @param folder the folder of the workspace
   * @param tpmKey answers what the server asks about the machine
   * @param env    in place of that of this process
   */
  static async start(
    folder: string,
    rulePages?: string,
    tpmKey?: (seed: number) => string,
    env: NodeJS.ProcessEnv = { ...process.env, CROSS_COMPILE: 'powerpc64le-linux-gnu-' },
  ): Promise<LspClient> {
    const client = new LspClient(folder, await startProcess(env))
    await client.#initialize({ rulePages, tpmKeys: tpmKey !== undefined }, tpmKey)
    return client
  }

  /** The same server as a browser has it: without any API of Node, its files read by the client. */
  static async startInWorker(
    folder: string,
    rulePages?: string,
    tpmKey?: (seed: number) => string,
    withoutCommands = false,
  ): Promise<LspClient> {
    const client = new LspClient(folder, await startWorker())
    await client.#initialize({ rulePages, tpmKeys: tpmKey !== undefined, withoutCommands }, tpmKey)
    return client
  }

  private constructor(folder: string, server: RunningServer) {
    this.folder = folder
    this.#server = server
    this.connection = server.connection
    this.connection.onNotification('textDocument/publishDiagnostics', (params: PublishDiagnosticsParams) => {
      this.#published.push(params)
      this.#wake()
    })
    this.connection.listen()
  }

  async #initialize(initializationOptions: InitializationOptions, tpmKey?: (seed: number) => string): Promise<void> {
    if (tpmKey) this.connection.onRequest('pef/tpmPublicKey', ({ seed }: { seed: number }) => tpmKey(seed))
    this.initialized = await this.connection.sendRequest<InitializeResult>('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: CAPABILITIES,
      initializationOptions,
      workspaceFolders: [{ uri: pathToFileURL(this.folder).href, name: 'workspace' }],
    })
    await this.connection.sendNotification('initialized', {})
  }

  /** All that the server has said so far, as it was sent. */
  said(): string {
    return this.#server.said()
  }

  uri(name: string): string {
    return pathToFileURL(join(this.folder, name)).href
  }

  /** Opens a document that need not be on the disk. @returns its uri */
  async open(name: string, text: string, languageId = 'svm-blob'): Promise<string> {
    const uri = this.uri(name)
    await this.connection.sendNotification('textDocument/didOpen', {
      textDocument: { uri, languageId, version: 1, text },
    })
    return uri
  }

  async change(uri: string, version: number, contentChanges: object[]): Promise<void> {
    await this.connection.sendNotification('textDocument/didChange', { textDocument: { uri, version }, contentChanges })
  }

  async close(uri: string): Promise<void> {
    await this.connection.sendNotification('textDocument/didClose', { textDocument: { uri } })
  }

  /** The first diagnostics of a document at a version that fulfil a condition. */
  async diagnostics(
    uri: string,
    version: number | 'none' = 1,
    test: (diagnostics: Diagnostic[]) => boolean = () => true,
  ): Promise<Diagnostic[]> {
    for (;;) {
      const found = this.#published.find(
        (params) => params.uri === uri && (params.version ?? 'none') === version && test(params.diagnostics),
      )
      if (found) return found.diagnostics
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** All diagnostics of a document that have come so far, one list a time. */
  published(uri: string): Diagnostic[][] {
    return this.#published.filter((params) => params.uri === uri).map(({ diagnostics }) => diagnostics)
  }

  /** A request about a document. */
  async ask<T>(method: string, uri: string, more: object = {}): Promise<T> {
    return this.connection.sendRequest<T>(`textDocument/${method}`, { textDocument: { uri }, ...more })
  }

  /** @returns the exit code of the server */
  async stop(): Promise<number | null> {
    await this.connection.sendRequest('shutdown')
    const ended = this.#server.ended()
    await this.connection.sendNotification('exit')
    const code = await ended
    this.connection.dispose()
    return code
  }
}
