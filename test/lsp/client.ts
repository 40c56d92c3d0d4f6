/** A client that starts the language server as a process and talks to its standard input and output. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type { Diagnostic, InitializeResult, PublishDiagnosticsParams } from 'vscode-languageserver'
import {
  createProtocolConnection,
  type ProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node'

const repository = fileURLToPath(new URL('../../', import.meta.url))

/** What an editor such as VS Code can do. */
const CAPABILITIES = {
  textDocument: { completion: { completionItem: { snippetSupport: true } } },
}

export class LspClient {
  readonly folder: string
  readonly #server: ChildProcess
  readonly connection: ProtocolConnection
  readonly #bundle: string
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
    const bundle = mkdtempSync(join(tmpdir(), 'pef-server-'))
    await build({
      entryPoints: [join(repository, 'server/server.ts')],
      outfile: join(bundle, 'server.js'),
      bundle: true,
      platform: 'node',
      format: 'cjs',
      logLevel: 'error',
    })
    const client = new LspClient(folder, bundle, env)
    if (tpmKey) client.connection.onRequest('pef/tpmPublicKey', ({ seed }: { seed: number }) => tpmKey(seed))
    client.initialized = await client.connection.sendRequest<InitializeResult>('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: CAPABILITIES,
      initializationOptions: { rulePages, tpmKeys: tpmKey !== undefined },
      workspaceFolders: [{ uri: pathToFileURL(folder).href, name: 'workspace' }],
    })
    await client.connection.sendNotification('initialized', {})
    return client
  }

  private constructor(folder: string, bundle: string, env: NodeJS.ProcessEnv) {
    this.folder = folder
    this.#bundle = bundle
    this.#server = spawn(process.execPath, [join(bundle, 'server.js'), '--stdio'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env,
    })
    this.connection = createProtocolConnection(
      new StreamMessageReader(this.#server.stdout!),
      new StreamMessageWriter(this.#server.stdin!),
    )
    this.connection.onNotification('textDocument/publishDiagnostics', (params: PublishDiagnosticsParams) => {
      this.#published.push(params)
      this.#wake()
    })
    this.connection.listen()
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
    const ended = new Promise<number | null>((resolve) => this.#server.once('exit', resolve))
    await this.connection.sendNotification('exit')
    const code = await ended
    this.connection.dispose()
    rmSync(this.#bundle, { recursive: true })
    return code
  }
}
