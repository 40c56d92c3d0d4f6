/** One debug session: the protocol on one side, one machine on the other. */

import { Event, Response } from '@vscode/debugadapter/lib/messages.js'
import { ProtocolServer } from '@vscode/debugadapter/lib/protocol.js'
import type { DebugProtocol } from '@vscode/debugprotocol'
import { AttributeError } from '../attribute-error.ts'
import { checkAttributes, type FileAccess, loadMachineConfig, loadSymbolFiles, resolvePath } from '../files.ts'
import { imageFindings } from '../image-findings.ts'
import type { EsmResult, MachineEnd } from '../machine/api.ts'
import { Machine } from '../machine/machine.ts'
import { changesOf, parseRunFile, type RunFile, replayConfig, stateDigest } from '../timeline/run-file.ts'
import { PastError, type Rewindable, Timeline } from '../timeline/timeline.ts'
import { Breakpoints } from './breakpoints.ts'
import { callStack, type Frame } from './call-stack.ts'
import type { Debuggee, DebuggeeFactory } from './debuggee.ts'
import type { StoppedException } from './exceptions.ts'
import { Execution, type Stop } from './execution.ts'
import { GuestSymbols } from './guest-symbols.ts'
import { Output } from './output.ts'
import type { LaunchAttributes, PefEvents } from './protocol.ts'
import { LateRequestError, NotStoppedError, RequestError, type RequestHandler } from './request.ts'
import { type Plan, runOn, toEntry, toPosition } from './stepping.ts'
import { Target } from './target.ts'
import { Variables } from './variables.ts'

/** What the session needs from the place that it runs in. */
export interface SessionHost {
  readonly createMachine: DebuggeeFactory
  /** Files as seen from a folder. */
  files(cwd: string): FileAccess
  /** The folder that relative paths start from where the client names none. */
  readonly cwd: string
  /** The client is gone or done. */
  closed(): void
}

export type LaunchArguments = LaunchAttributes &
  DebugProtocol.LaunchRequestArguments & { readonly __workspaceFolder?: string }

export const THREAD_ID = 1

/** Where the platform loads the kernel's lowest byte (spec/pseries.md §4.1): breakpoints are set before it is there. */
const KERNEL_BASE = 0x40_0000n

export class PefSession extends ProtocolServer {
  readonly breakpoints = new Breakpoints()
  lastException: StoppedException | undefined
  readonly #handlers: ReadonlyMap<string, RequestHandler>
  #launched:
    | { arguments: LaunchArguments; target: Target; execution: Execution; replay: RunFile | undefined }
    | undefined
  #variables: Variables | undefined
  #nextReference = 1
  #frames: readonly Frame[] | undefined
  #output = new Output((body) => this.sendEvent(event('output', body)))
  readonly #sourcePaths = new Map<string, string | undefined>()
  #sent = NOTHING_SENT
  /** The request that a known future stood in the way of: done once that is given up. */
  #atStake: (() => unknown) | undefined
  #over = false

  constructor(
    readonly host: SessionHost,
    handlers: readonly RequestHandler[],
  ) {
    super()
    this.#handlers = new Map(handlers.map((handler) => [handler.command, handler]))
    this.on('close', () => this.close())
    this.on('error', (problem: { body?: unknown }) => this.#transportError(String(problem.body)))
  }

  /** The machine and what is known of it. @throws RequestError before launch */
  get target(): Target {
    if (!this.#launched) throw new RequestError('There is no machine yet: launch first.')
    return this.#launched.target
  }

  get execution(): Execution {
    if (!this.#launched) throw new RequestError('There is no machine yet: launch first.')
    return this.#launched.execution
  }

  get launched(): boolean {
    return this.#launched !== undefined
  }

  /** @throws NotStoppedError while the machine runs */
  get standing(): Target {
    const { target } = this
    if (this.execution.running) throw new NotStoppedError()
    return target
  }

  get launchArguments(): LaunchArguments {
    if (!this.#launched) throw new RequestError('There is no machine yet: launch first.')
    return this.#launched.arguments
  }

  /** Variables of the present stop. */
  get variables(): Variables {
    this.#variables ??= new Variables(this.standing, this.#nextReference)
    return this.#variables
  }

  /** The call stack of the present stop. */
  get frames(): readonly Frame[] {
    this.#frames ??= callStack(this.standing)
    return this.#frames
  }

  /** @throws RequestError where there is no such frame at this stop */
  frame(id: number | undefined): Frame | undefined {
    if (id === undefined) return undefined
    const frame = this.frames.find((one) => one.id === id)
    if (!frame) throw new LateRequestError(`There is no frame ${id}: the machine went on since.`)
    return frame
  }

  /** Something was written: what was shown of the stop may be wrong now. */
  invalidate(areas: DebugProtocol.InvalidatedAreas[]): void {
    this.#forgetVariables()
    this.#frames = undefined
    this.sendEvent(event('invalidated', { areas }))
  }

  #forgetVariables(): void {
    this.#nextReference = this.#variables?.next ?? this.#nextReference
    this.#variables = undefined
  }

  /** Builds the machine from launch attributes; the first call or a restart. @throws AttributeError, RequestError */
  async launch(args: LaunchArguments): Promise<void> {
    const cwd = args.__workspaceFolder ?? this.host.cwd
    const files = this.host.files(cwd)
    const attributes = checkAttributes(args)
    const config = await loadMachineConfig(args, files)
    const symbolFiles = await loadSymbolFiles(args, files)
    const symbols = await GuestSymbols.load(symbolFiles, (path) => files.readFile(path))
    symbols.place(KERNEL_BASE)
    this.#launched?.execution.dispose()
    const noDebug = args.noDebug === true
    const replay = attributes.replay === undefined ? undefined : await readRun(attributes.replay, files)
    const machine = this.host.createMachine(replay ? replayConfig(replay, config) : config)
    const keepsPast = (replay || attributes.timeTravel) && !noDebug && isRewindable(machine)
    const target = new Target(machine, symbols, keepsPast ? new Timeline(machine) : undefined)
    this.breakpoints.bind(target)
    this.#sent = NOTHING_SENT
    this.#atStake = undefined
    const execution = new Execution(
      target,
      this.breakpoints,
      {
        stopped: (stop) => this.#stopped(stop),
        ended: (end) => this.#ended(end),
        record: (record) => this.#output.record(record),
        esm: (result) => this.#esm(result),
        say: (text) => this.#output.send({ category: 'console', output: `${text}\n` }),
        progress: () => this.#progress(),
      },
      attributes.stopOn === 'esm',
      noDebug,
    )
    if (replay) target.timeline?.script(changesOf(replay))
    this.#launched = { arguments: args, target, execution, replay }
  }

  /** The first run after launch or restart. */
  startFirst(): void {
    const { stopOn } = checkAttributes(this.launchArguments)
    const { target, replay } = this.#launched!
    if (replay && target.timeline) return this.resume(toPosition(target.timeline, replay.end.position))
    this.resume(stopOn === 'entry' && !this.launchArguments.noDebug ? toEntry() : runOn())
  }

  /** Lets the machine go on by a plan. */
  resume(plan: Plan): void {
    this.depart((execution) => execution.start(plan))
  }

  /** Sends the machine off, forwards or back. What was shown of the stop is over. */
  depart(start: (execution: Execution) => void): void {
    void this.standing
    start(this.execution)
    this.#forgetVariables()
    this.#frames = undefined
    this.lastException = undefined
  }

  /** Gives the known future up, and does what it stood in the way of. */
  fork(): void {
    this.standing.past.fork()
    const redo = this.#atStake
    this.#atStake = undefined
    redo?.()
    this.#progress()
    this.invalidate(['all'])
  }

  /**
   * Looks for source files that the line information names, so that {@link sourcePath} knows them: a place in the code
   * whose source is not here is better shown as disassembly.
   */
  async findSources(files: readonly string[]): Promise<void> {
    for (const file of files) {
      if (this.#sourcePaths.has(file)) continue
      const path = this.#sourceCandidate(file)
      const readable = await this.host
        .files(this.#cwd)
        .readFile(path)
        .then(
          () => true,
          () => false,
        )
      this.#sourcePaths.set(file, readable ? path : undefined)
    }
  }

  /** Path of a source file as the client can open it; undefined where it is not here. */
  sourcePath(file: string): string | undefined {
    return this.#sourcePaths.get(file)
  }

  get #cwd(): string {
    return this.#launched?.arguments.__workspaceFolder ?? this.host.cwd
  }

  /** The compiler's relative paths are taken from the folder of the kernel. */
  #sourceCandidate(file: string): string {
    const kernel = this.launchArguments.kernel
    const folder = resolvePath(this.#cwd, kernel).replace(/[\\/][^\\/]*$/, '')
    return resolvePath(folder, file)
  }

  close(): void {
    if (this.#over) return
    this.#over = true
    this.#launched?.execution.dispose()
    this.host.closed()
  }

  protected override dispatchRequest(request: DebugProtocol.Request): void {
    void this.#answer(request)
  }

  async #answer(request: DebugProtocol.Request): Promise<void> {
    const response = new Response(request) as DebugProtocol.Response
    const handler = this.#handlers.get(request.command)
    try {
      if (!handler)
        throw new RequestError(`The request ${JSON.stringify(request.command)} is not known to this debug adapter.`)
      // Not awaited where it is no promise, so that answers keep the order of their requests.
      const body = handler.handle(this, request.arguments ?? {})
      response.body = body instanceof Promise ? await body : body
    } catch (error) {
      const text = problemText(request.command, error)
      if (error instanceof PastError) {
        this.#atStake = () => handler?.handle(this, request.arguments ?? {})
        const stake: PefEvents['pef/futureAtStake'] = { message: error.message }
        this.sendEvent(event('pef/futureAtStake', stake))
      }
      // A client that asks for the stop which it has just ended is no reason for a message to the user.
      const late = error instanceof LateRequestError || error instanceof PastError
      response.success = false
      response.message = error instanceof NotStoppedError ? 'notStopped' : text
      // Braces would be taken for placeholders.
      response.body = { error: { id: 1, format: '{text}', variables: { text }, showUser: !late } }
    }
    this.sendResponse(response)
    if (response.success) handler?.after?.(this, request.arguments ?? {})
  }

  #stopped(stop: Stop): void {
    this.#output.flush()
    this.#compareWithSaved()
    this.lastException = stop.reason === 'exception' ? stop.exception : undefined
    this.sendEvent(
      event('stopped', {
        reason: stop.reason,
        threadId: THREAD_ID,
        allThreadsStopped: true,
        ...('ids' in stop && { hitBreakpointIds: stop.ids }),
        ...(stop.reason === 'exception' && { description: stop.exception.title, text: stop.exception.title }),
      }),
    )
  }

  /** Says, once, whether a run that was made again is the one that was saved. */
  #compareWithSaved(): void {
    const { replay, target } = this.#launched!
    const { machine, timeline } = target
    if (!replay || timeline?.position !== replay.end.position || !(machine instanceof Machine)) return
    this.#launched!.replay = undefined
    const same = stateDigest(machine) === replay.state
    this.#output.send({
      category: same ? 'console' : 'important',
      output: same
        ? `The saved run was made again, to the last bit: ${replay.end.instructions} instructions.\n`
        : 'The run is not the one that was saved: another version of this program may have made it.\n',
    })
  }

  #esm({ outcome, reason, returnCode, rules }: EsmResult): void {
    this.#output.flush()
    if (outcome === 'secure') this.#output.send({ category: 'console', output: `UV_ESM: ${reason}\n` })
    else {
      const more = imageFindings(this.target.machine)
      const ids = [...rules, ...more.map(({ rule }) => rule)]
      const named = ids.length > 0 ? ` [${ids.join(', ')}]` : ''
      const reasons = [reason, ...more.map(({ rule, message }) => `${rule}: ${message}`)].join('; ')
      const output = `UV_ESM refused the image, return code ${BigInt.asIntN(64, returnCode)}${named}: ${reasons}\n`
      this.#output.send({ category: 'important', output })
    }
  }

  #ended(end: MachineEnd): void {
    this.#output.flush()
    const { machine } = this.target
    const exitCode = exitCodeOf(machine.esm, end)
    this.#output.send({ category: 'console', output: `The VM ${ENDS[end.how]}: ${end.reason}\n` })
    this.sendEvent(event('exited', { exitCode }))
    this.sendEvent(event('terminated', {}))
  }

  /** A message that is no JSON is left out; a broken stream ends the session. */
  #transportError(text: string): void {
    if (/^(in|out)Stream/.test(text)) this.close()
    else console.error(text)
  }

  #progress(): void {
    const { target } = this
    const { kernelBase } = target.machine
    if (kernelBase !== undefined) target.symbols.place(kernelBase)
    const { trace } = target.machine
    const body: PefEvents['pef/traceAdvanced'] = { total: trace.total, happened: trace.happened }
    if (body.total === this.#sent.total && body.happened === this.#sent.happened) return
    this.#sent = body
    this.sendEvent(event('pef/traceAdvanced', body))
  }
}

async function readRun(path: string, files: FileAccess): Promise<RunFile> {
  const absolute = resolvePath(files.cwd, path)
  const bytes = await files.readFile(absolute).catch((error) => {
    throw new AttributeError('replay', path, 'a saved run', error instanceof Error ? error.message : String(error))
  })
  return parseRunFile(new TextDecoder().decode(bytes), path)
}

const isRewindable = (machine: Debuggee): machine is Rewindable => 'checkpoint' in machine

const NOTHING_SENT = { total: 0, happened: 0 }

function problemText(command: string, error: unknown): string {
  // Only the protocol's own arguments are used unchecked: where they have another shape, say that.
  if (error instanceof TypeError)
    return `The arguments of ${JSON.stringify(command)} are not what the protocol asks for: ${error.message}.`
  if (error instanceof PastError)
    return `${error.message} Give the known future up by "fork" in the Debug Console, then change what you like.`
  return error instanceof Error ? error.message : String(error)
}

/** The exit codes of the command line: 0 for a VM that became secure and ended by itself, 3 refused, 4 fault. */
function exitCodeOf(esm: EsmResult | undefined, end: MachineEnd): number {
  if (esm?.outcome === 'refused') return 3
  if (end.how !== 'halted') return 4
  return esm ? 0 : 3
}

const ENDS = { halted: 'ended by itself', stopped: 'was stopped', fault: 'cannot go on' } as const

export function event(name: string, body: unknown): DebugProtocol.Event {
  return new Event(name, body) as DebugProtocol.Event
}
