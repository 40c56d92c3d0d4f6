import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { StepEvent, Steps } from '../../debug-adapter/machine/steps.ts'
import type { TpmTransport } from '../../debug-adapter/machine/tss/transport.ts'

/** Whether swtpm, a TPM 2.0 of another make, is installed. */
export const swtpmIsThere = (() => {
  try {
    execFileSync('swtpm', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

/** For the title of a test that is left out. */
export const SWTPM_HINT = '(needs swtpm: apt-get install swtpm)'

/** Something that answers TPM commands; only in a test is it asynchronous. */
export type Exchange = (command: Uint8Array) => Promise<Uint8Array>

/** A connection that gives back what is asked for by size. */
class Channel {
  #data = Buffer.alloc(0)
  #settle: (() => void) | undefined
  #closed = false

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.#data = Buffer.concat([this.#data, chunk])
      this.#settle?.()
    })
    socket.on('close', () => {
      this.#closed = true
      this.#settle?.()
    })
  }

  async read(bytes: number): Promise<Uint8Array> {
    while (this.#data.length < bytes) {
      if (this.#closed) throw new Error('swtpm closed the connection')
      await new Promise<void>((resolve) => {
        this.#settle = resolve
      })
    }
    const out = Uint8Array.from(this.#data.subarray(0, bytes))
    this.#data = this.#data.subarray(bytes)
    return out
  }
}

async function open(path: string): Promise<Channel> {
  for (let tries = 0; tries < 100 && !existsSync(path); tries++) await delay(50)
  const socket = connect(path)
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return new Channel(socket)
}

/** A fresh swtpm in a folder of its own, over Unix sockets (spec/tpm.md §7). */
export class Swtpm {
  static async start(): Promise<Swtpm> {
    const folder = mkdtempSync(join(tmpdir(), 'pef-swtpm-'))
    const socket = (name: string) => join(folder, `${name}.sock`)
    const child = spawn(
      'swtpm',
      [
        ...['socket', '--tpm2', '--tpmstate', `dir=${folder}`, '--flags', 'not-need-init'],
        ...['--server', `type=unixio,path=${socket('data')}`, '--ctrl', `type=unixio,path=${socket('ctrl')}`],
        ...['--seccomp', 'action=none'],
      ],
      { stdio: 'ignore' },
    )
    return new Swtpm(folder, child, await open(socket('data')), await open(socket('ctrl')))
  }

  private constructor(
    readonly folder: string,
    readonly child: ChildProcess,
    readonly data: Channel,
    readonly control: Channel,
  ) {}

  /** Raw packets, without framing (spec/tpm.md §7.2). */
  readonly exchange: Exchange = async (command) => {
    this.data.socket.write(command)
    const header = await this.data.read(10)
    const size = new DataView(header.buffer).getUint32(2)
    return Uint8Array.of(...header, ...(await this.data.read(size - 10)))
  }

  /** CMD_STOP, then CMD_INIT: power off and on. TPM2_Startup is due afterwards. */
  readonly powerCycle = async (): Promise<void> => {
    for (const request of [
      [0, 0, 0, 0x0e],
      [0, 0, 0, 0x02, 0, 0, 0, 0],
    ]) {
      this.control.socket.write(Uint8Array.from(request))
      const result = await this.control.read(4)
      if (result.some((byte) => byte !== 0)) throw new Error(`swtpm control: ${Buffer.from(result).toString('hex')}`)
    }
  }

  async stop(): Promise<void> {
    this.data.socket.destroy()
    this.control.socket.destroy()
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill()
    await ended
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Runs steps whose transport answers later: the transport yields, and finds the answer when it is resumed. */
export async function drive<T>(exchange: Exchange, body: (transport: TpmTransport) => Steps<T>): Promise<T> {
  let pending: Uint8Array | undefined
  let answer: Uint8Array | undefined
  const transport: TpmTransport = function* (command) {
    pending = command
    yield { kind: 'leave' } as StepEvent
    if (!answer) throw new Error('resumed without an answer')
    return answer
  }
  const steps = body(transport)
  for (;;) {
    const next = steps.next()
    if (next.done) return next.value
    if (!pending) continue
    answer = await exchange(pending)
    pending = undefined
  }
}
