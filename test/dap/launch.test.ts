import { describe, expect, it } from 'vitest'
import { InProcessClient } from './in-process.ts'
import { ScriptedMachine } from './scripted-machine.ts'
import { atEntry, folder, kernel, launched } from './scripted-session.ts'

describe('capabilities', () => {
  it('are the union of the handlers', async () => {
    const { client } = await launched()
    expect(await client.ask('initialize')).toMatchObject({
      supportsConfigurationDoneRequest: true,
      supportsFunctionBreakpoints: true,
      supportsInstructionBreakpoints: true,
      supportsSteppingGranularity: true,
      supportsDisassembleRequest: true,
      supportsReadMemoryRequest: true,
      supportsWriteMemoryRequest: true,
      supportsSetVariable: true,
      supportsRestartRequest: true,
      supportsTerminateRequest: true,
      supportsLoadedSourcesRequest: true,
      supportsExceptionInfoRequest: true,
      exceptionBreakpointFilters: ['refusal', 'esm', 'fault', 'secure-memory', 'tpm', 'interrupt', 'end'].map(
        (filter) => ({
          filter,
        }),
      ),
    })
  })

  it('an unknown request is named', async () => {
    const { client } = await launched()
    expect(await client.send('gotoTargets')).toMatchObject({
      success: false,
      message: expect.stringContaining('"gotoTargets"'),
    })
  })
})

describe('launch', () => {
  it.each([
    [{}, '"kernel": is missing'],
    [{ kernel: 'nowhere.elf' }, `there is no file ${folder}nowhere.elf`],
    [{ kernel: '.' }, 'is a directory'],
    [{ kernel: 'demo.c' }, 'the file begins with 73 74 61 74'],
    [{ kernel, memory: '100X' }, '"memory": "100X" is not accepted'],
    [{ kernel, memory: '33M' }, 'no multiple of 2 MiB'],
    [{ kernel, memory: 8 }, 'from 32M to'],
    [{ kernel, secureMemory: 48 }, '"secureMemory": 48 is not accepted. Accepted: a multiple of 2M from 64M'],
    [{ kernel, memory: '2G', secureMemory: '2G' }, 'at most 1920M together'],
    [{ kernel, stopOn: 'start' }, '"entry", "esm", "none"'],
    [{ kernel, seed: -1 }, '"seed": -1'],
    [{ kernel, bootArgs: 'x' }, 'did you mean "bootargs"?'],
    [{ kernel, tpm: 'x' }, '"tpm": "x"'],
    [{ kernel, tpm: { keys: 'x' } }, '"tpm.keys"'],
    [{ kernel, tpm: { key: 'demo.c' } }, '"tpm.key": "demo.c"'],
    [{ kernel, symbols: [1] }, '"symbols": 1'],
    [{ kernel, symbols: 'demo.c' }, 'line 1: expected an address'],
    [{ kernel, initrd: '' }, '"initrd": ""'],
    [{ kernel, esm: 'host' }, '"guest", "stub"'],
  ])('%j is refused by name', async (attributes, message) => {
    const client = new InProcessClient((config) => new ScriptedMachine(config), folder)
    await client.ask('initialize')
    const response = await client.send('launch', attributes)
    expect(response.success).toBe(false)
    expect(response.message).toContain(message)
    expect(response.body.error.variables.text).toBe(response.message)
  })

  it('accepts what VS Code adds', async () => {
    await launched({ name: 'x', type: 'pef', request: 'launch', __sessionId: '1', presentation: {} })
  })

  it('stops at the first instruction, or nowhere', async () => {
    const { client } = await atEntry()
    expect(await client.stack()).toEqual(['_start'])
    const free = await launched({ stopOn: 'none' })
    await free.client.ask('configurationDone')
    const exited = await free.client.event('exited')
    expect(exited.body).toEqual({ exitCode: 0 })
    await free.client.event('terminated')
    expect(free.client.output('stdout')).toBe('goodbye\nunfinished')
    expect(free.client.output('console')).toContain('boot: begins (trusted: test)')
    expect(free.client.output('console')).toContain('The VM ended by itself: the script is over')
  })
})

describe('pause', () => {
  it('stops a machine that runs, and requests that need it to stand say so', async () => {
    const { client } = await atEntry()
    await client.ask('writeMemory', {
      memoryReference: '0x4000a0',
      data: Buffer.from('00000048', 'hex').toString('base64'),
    })
    await client.ask('continue')
    await new Promise((resolve) => setTimeout(resolve, 50))
    const early = await client.send('stackTrace', { threadId: 1 })
    expect(early.message).toBe('notStopped')
    expect(JSON.stringify(early.body)).toContain('pause it first')
    const asked = performance.now()
    expect(await client.run('pause')).toMatchObject({ reason: 'pause' })
    expect(performance.now() - asked).toBeLessThan(2000)
    expect(await client.stack()).toEqual(['_start'])
  })
})

describe('the end', () => {
  it('disconnect closes the session', async () => {
    const { client } = await atEntry()
    await client.ask('disconnect')
    expect(client.closed).toBe(true)
  })

  it('terminate switches off and says so', async () => {
    const { client } = await atEntry()
    await client.ask('terminate')
    await client.event('terminated')
  })
})

describe('hostile requests', () => {
  it.each([
    'setBreakpoints',
    'setFunctionBreakpoints',
    'variables',
    'scopes',
    'readMemory',
    'disassemble',
    'evaluate',
    'setVariable',
    'writeMemory',
    'source',
    'completions',
    'stackTrace',
    'setInstructionBreakpoints',
    'setExceptionBreakpoints',
  ])('%s without its arguments is answered', async (command) => {
    const { client } = await atEntry()
    const response = await client.send(command, {})
    if (!response.success) expect(response.message!.length).toBeGreaterThan(10)
    const worse = await client.send(command, {
      breakpoints: 5,
      memoryReference: 7,
      expression: {},
      text: [],
      source: 'x',
      variablesReference: 'x',
    })
    if (!worse.success) expect(worse.message!.length).toBeGreaterThan(10)
    expect(await client.stack()).toEqual(['_start'])
  })

  it('the machine is switched on once', async () => {
    const { client } = await atEntry()
    expect((await client.send('configurationDone')).message).toContain('already')
  })
})
