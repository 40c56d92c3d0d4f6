/** A DAP client: sends requests, collects events, waits for them. How messages travel is up to who extends it. */
import type { DebugProtocol } from '@vscode/debugprotocol'

export abstract class DapClient {
  readonly events: DebugProtocol.Event[] = []
  #seq = 0
  readonly #waiting = new Map<number, (response: DebugProtocol.Response) => void>()
  #seen = 0
  #wake: (() => void) | undefined

  protected abstract post(request: DebugProtocol.Request): void

  protected receive(message: DebugProtocol.ProtocolMessage): void {
    if (message.type === 'response') {
      const response = message as DebugProtocol.Response
      this.#waiting.get(response.request_seq)?.(response)
    } else this.events.push(message as DebugProtocol.Event)
    this.#wake?.()
  }

  /** Sends one request. @returns its response, whether it succeeded or not */
  send(command: string, args: unknown = {}): Promise<DebugProtocol.Response> {
    const seq = ++this.#seq
    return new Promise((resolve) => {
      this.#waiting.set(seq, resolve)
      this.post({ seq, type: 'request', command, arguments: args })
    })
  }

  /** Sends one request that has to succeed. @returns the body */
  // biome-ignore lint/suspicious/noExplicitAny: bodies differ with each request, the tests look into them
  async ask(command: string, args: unknown = {}): Promise<any> {
    const response = await this.send(command, args)
    if (!response.success) throw new Error(`${command}: ${response.message}`)
    return response.body
  }

  /** The next event of that name that nobody has waited for yet. */
  async event(name: string): Promise<DebugProtocol.Event> {
    const deadline = Date.now() + 60_000
    for (;;) {
      for (let i = this.#seen; i < this.events.length; i++)
        if (this.events[i]!.event === name) {
          this.#seen = i + 1
          return this.events[i]!
        }
      if (Date.now() > deadline) throw new Error(`no event ${name}; there were ${this.events.map((e) => e.event)}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        setTimeout(resolve, 100)
      })
    }
  }

  /** The first event of one of these names at or behind a position in `events`. */
  async anyEvent(names: readonly string[], from: number): Promise<DebugProtocol.Event> {
    const deadline = Date.now() + 60_000
    for (;;) {
      const found = this.events.slice(from).find((event) => names.includes(event.event))
      if (found) return found
      if (Date.now() > deadline) throw new Error(`no event of ${names}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        setTimeout(resolve, 100)
      })
    }
  }

  /** Sends a request that makes the machine run and waits until it stands again. @returns the body of `stopped` */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  async run(command: string, args: unknown = { threadId: 1 }): Promise<any> {
    this.#seen = this.events.length
    await this.ask(command, args)
    return (await this.event('stopped')).body
  }

  async launch(args: unknown): Promise<void> {
    await this.ask('initialize', { adapterID: 'pef' })
    await this.ask('launch', args)
    await this.event('initialized')
  }

  /** Names of the frames, innermost first. */
  async stack(): Promise<string[]> {
    const { stackFrames } = await this.ask('stackTrace', { threadId: 1 })
    return stackFrames.map((frame: DebugProtocol.StackFrame) => frame.name)
  }

  output(category: string): string {
    return this.events
      .filter((event) => event.event === 'output' && event.body.category === category)
      .map((event) => event.body.output)
      .join('')
  }

  /** The variables of a scope of a frame, by name. */
  async scope(scopeName: string, frameId = 1): Promise<Map<string, DebugProtocol.Variable>> {
    const { scopes } = await this.ask('scopes', { frameId })
    const scope = scopes.find((one: DebugProtocol.Scope) => one.name === scopeName)
    if (!scope) throw new Error(`no scope ${scopeName} in ${scopes.map((one: DebugProtocol.Scope) => one.name)}`)
    const { variables } = await this.ask('variables', { variablesReference: scope.variablesReference })
    return new Map(variables.map((variable: DebugProtocol.Variable) => [variable.name, variable]))
  }
}
