/** The language server, started in the two ways that there are. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  type DataCallback,
  type Disposable,
  type Message,
} from 'vscode-languageserver'
import {
  createProtocolConnection,
  type ProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node'
import type { PefClientRequests as Requests } from '../../server/lsp/protocol.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))

export interface RunningServer {
  readonly connection: ProtocolConnection
  /** All that it has said so far, as it was sent. */
  said(): string
  /** Resolves when it has ended, to its exit code. */
  ended(): Promise<number | null>
}

/** As a process that speaks over its standard input and output. */
export async function startProcess(env: NodeJS.ProcessEnv): Promise<RunningServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pef-server-'))
  await build({
    entryPoints: [join(repository, 'server/server.ts')],
    outfile: join(folder, 'server.js'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  })
  const server = spawn(process.execPath, [join(folder, 'server.js'), '--stdio'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env,
  })
  const said: Buffer[] = []
  for (const stream of [server.stdout!, server.stderr!]) stream.on('data', (bytes: Buffer) => said.push(bytes))
  const exit = new Promise<number | null>((resolve) => server.once('exit', resolve))
  return {
    connection: createProtocolConnection(
      new StreamMessageReader(server.stdout!),
      new StreamMessageWriter(server.stdin!),
    ),
    said: () => Buffer.concat(said).toString('utf8'),
    ended: async () => {
      const code = await exit
      rmSync(folder, { recursive: true })
      return code
    },
  }
}

/** What a worker of a browser has and Node names differently; and nothing of what a browser has not. */
const BROWSER_SCOPE = `
  const { parentPort } = require('node:worker_threads')
  const { Script } = require('node:vm')
  globalThis.self = globalThis
  globalThis.addEventListener = () => {}
  globalThis.postMessage = (message) => parentPort.postMessage(message)
  parentPort.on('message', ({ code, message }) => {
    if (code === undefined) return globalThis.onmessage({ data: message })
    for (const name of ['process', 'Buffer', 'global', 'setImmediate', 'clearImmediate']) delete globalThis[name]
    // A script has no require.
    new Script(code, { filename: 'server.web.js' }).runInThisContext()
  })
`

/** The bundle for browsers; fails where it would need Node. */
export async function browserBundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(repository, 'server/server.web.ts')],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    logLevel: 'silent',
    write: false,
  })
  return outputFiles[0]!.text
}

/** As a worker without any API of Node, whose client reads the files, as the web extension does. */
export async function startWorker(): Promise<RunningServer> {
  const code = await browserBundle()
  const worker = new Worker(BROWSER_SCOPE, { eval: true })
  worker.postMessage({ code })
  const connection = createProtocolConnection(new WorkerReader(worker), new WorkerWriter(worker))
  connection.onRequest('pef/stat', async ({ uri }: Requests['pef/stat']['arguments']) => {
    const found = await orNull(stat(fileURLToPath(uri)))
    return found && { isFolder: found.isDirectory(), size: found.size, stamp: `${found.size} ${found.mtimeMs}` }
  })
  connection.onRequest('pef/read', async ({ uri, limit }: Requests['pef/read']['arguments']) => {
    const bytes = await orNull(readFile(fileURLToPath(uri)))
    return bytes && new Uint8Array(bytes.subarray(0, limit))
  })
  connection.onRequest('pef/list', async ({ uri }: Requests['pef/list']['arguments']) => {
    const entries = (await orNull(readdir(fileURLToPath(uri), { withFileTypes: true }))) ?? []
    return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
  })
  const said: string[] = []
  worker.on('message', (message) => said.push(JSON.stringify(message)))
  // A worker has no way to end itself by a code: whoever made it ends it.
  return { connection, said: () => said.join('\n'), ended: async () => ((await worker.terminate()) === 1 ? 0 : null) }
}

const orNull = <T>(asked: Promise<T>): Promise<T | null> => asked.catch(() => null)

class WorkerReader extends AbstractMessageReader {
  constructor(readonly worker: Worker) {
    super()
  }

  listen(callback: DataCallback): Disposable {
    this.worker.on('message', callback)
    return { dispose: () => this.worker.off('message', callback) }
  }
}

class WorkerWriter extends AbstractMessageWriter {
  constructor(readonly worker: Worker) {
    super()
  }

  async write(message: Message): Promise<void> {
    this.worker.postMessage({ message })
  }

  end(): void {}
}
