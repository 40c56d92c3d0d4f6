/** A DAP client that starts the built debug adapter and talks to its standard input and output. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DebugProtocol } from '@vscode/debugprotocol'
import { DapClient } from './client.ts'

const ADAPTER = fileURLToPath(new URL('../../dist/debug-adapter.js', import.meta.url))
const SEPARATOR = '\r\n\r\n'

export class StdioClient extends DapClient {
  readonly #process: ChildProcess
  #received = Buffer.alloc(0)
  stderr = ''
  /** The exit code, once the adapter's process is gone. */
  readonly exit: Promise<number | null>

  /** @param cwd the folder that relative paths of a launch start from */
  constructor(cwd: string) {
    super()
    if (!existsSync(ADAPTER)) throw new Error(`${ADAPTER} is missing: npm run build`)
    this.#process = spawn(process.execPath, [ADAPTER], { cwd, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#process.stdout!.on('data', (bytes: Buffer) => this.#collect(bytes))
    this.#process.stderr!.on('data', (bytes: Buffer) => {
      this.stderr += bytes.toString()
    })
    this.exit = new Promise((resolve) => this.#process.on('exit', resolve))
  }

  /** Closes the adapter's standard input, as a client that is gone does. */
  hangUp(): void {
    this.#process.stdin!.end()
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  protected override post(request: DebugProtocol.Request): void {
    const json = Buffer.from(JSON.stringify(request))
    this.#process.stdin!.write(Buffer.concat([Buffer.from(`Content-Length: ${json.length}${SEPARATOR}`), json]))
  }

  #collect(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes])
    for (;;) {
      const end = this.#received.indexOf(SEPARATOR)
      if (end < 0) return
      const length = /^Content-Length: (\d+)$/m.exec(this.#received.subarray(0, end).toString())
      if (!length) throw new Error(`no header: ${this.#received.subarray(0, end)}`)
      const from = end + SEPARATOR.length
      const to = from + Number(length[1])
      if (this.#received.length < to) return
      this.receive(JSON.parse(this.#received.subarray(from, to).toString()))
      this.#received = this.#received.subarray(to)
    }
  }
}
