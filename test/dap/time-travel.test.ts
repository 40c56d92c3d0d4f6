/** Going back in time by DAP, in the built debug adapter with the sample image. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { instruction, register, sampleAtEsm, startSample } from './sample.ts'
import type { StdioClient } from './stdio-client.ts'

let client: StdioClient
afterEach(() => client?.kill())

const BACK = { threadId: 1 }
const top = async (): Promise<string> => (await client.stack())[0]!
/** Where the machine stands, as a text: every register, the log, the call stack. */
async function here(): Promise<string> {
  const { result } = await client.ask('evaluate', { expression: 'info registers', context: 'repl' })
  const { instruction: at, happened } = await client.ask('pef/timeline')
  return [at, happened, ...(await client.stack()), result].join('\n')
}

/** From power-on to where the VM has ended, with the session still there. */
async function sampleAtEnd(): Promise<void> {
  client = await startSample({ stopOn: 'none' })
  await client.ask('setExceptionBreakpoints', { filters: ['end'] })
  const { reason, text } = await client.run('configurationDone', {})
  expect([reason, text]).toEqual(['exception', expect.stringContaining('The VM has ended')])
}

describe('one step back', () => {
  it('undoes one step forward, by instruction, through UV_ESM and out of it', async () => {
    client = await sampleAtEsm()
    const seen = [await here()]
    for (let i = 0; i < 25; i++) {
      await client.run('stepIn', instruction)
      seen.push(await here())
    }
    expect(seen.at(-1)).toContain('(ultravisor)')
    for (let i = 25; i > 0; i--) {
      await client.run('pef/reverseStepIn', { granularity: 'instruction' })
      expect(await here()).toBe(seen[i - 1])
    }
  })

  it('over: from the first instruction of the secure VM to the sc 2 of the normal one', async () => {
    client = await sampleAtEsm()
    const before = await here()
    await client.run('next', instruction)
    expect(await register(client, 'msr')).toContain('secure privileged')
    await client.run('stepBack', { ...BACK, granularity: 'instruction' })
    expect(await here()).toBe(before)
  })

  it('over, in firmware: the step before in the same procedure; out: to who called it', async () => {
    client = await sampleAtEsm()
    await client.ask('setFunctionBreakpoints', { breakpoints: [{ name: 'TPM2_RSA_Decrypt' }] })
    await client.run('continue')
    await client.run('pef/reverseStepOut')
    const outer = (await client.stack()).length
    const procedure = (await top()).split(' ')[0]
    await client.run('stepBack', BACK)
    expect((await top()).split(' ')[0]).toBe(procedure)
    expect((await client.stack()).length).toBe(outer)
  })

  it('by lines and calls of the guest', async () => {
    client = await startSample({ stopOn: 'none' })
    await client.ask('setFunctionBreakpoints', {
      breakpoints: [{ name: 'console_write' }, { name: 'print' }, { name: 'puts' }],
    })
    await client.run('configurationDone', {})
    const addresses = async (): Promise<number[]> => {
      const { stackFrames } = await client.ask('stackTrace', { threadId: 1 })
      return stackFrames.map((one: { instructionPointerReference: string }) => Number(one.instructionPointerReference))
    }
    const [, caller] = await addresses()
    await client.run('pef/reverseStepOut')
    // At the call itself, one instruction before the return address.
    expect((await addresses())[0]).toBe(caller! - 4)
    // Over: what is called from here is not stopped in.
    for (let i = 0; i < 8; i++) {
      await client.run('stepBack', BACK)
      expect(await top()).toMatch(/^(main|_start)\+|^run_\w+ \(inlined\)$/)
    }
  })

  it('at the beginning there is nothing before', async () => {
    client = await startSample({ stopOn: 'entry' })
    await client.run('configurationDone', {})
    await client.run('pef/goToInstruction', { instruction: 0 })
    await client.run('reverseContinue', BACK)
    const first = await here()
    await client.run('stepBack', BACK)
    expect(await here()).toBe(first)
  })
})

describe('back to where something was', () => {
  it('reverse continue stops at the breakpoints in the opposite order, and runs on forwards as before', async () => {
    client = await startSample({ stopOn: 'entry' })
    await client.run('configurationDone', {})
    const breakpoints = ['H_SVM_PAGE_IN', 'TPM2_RSA_Decrypt', 'uv:UV_SHARE_PAGE', 'svm'].map((name) => ({ name }))
    await client.ask('setFunctionBreakpoints', { breakpoints })
    await client.ask('setExceptionBreakpoints', { filters: ['end'] })
    const stops: string[] = []
    for (let reason = ''; reason !== 'exception'; ) {
      ;({ reason } = await client.run('continue'))
      stops.push(await here())
    }
    expect(stops.length).toBeGreaterThan(5)
    for (const stop of stops.slice(0, -1).reverse()) {
      expect((await client.run('reverseContinue', BACK)).reason).toBe('function breakpoint')
      expect(await here()).toBe(stop)
    }
    expect((await client.run('reverseContinue', BACK)).reason).toBe('entry')
    for (const stop of stops.slice(0, 3)) {
      await client.run('continue')
      expect(await here()).toBe(stop)
    }
  })

  it('a byte that changes, an exception, an instruction of the run, a record of the log', async () => {
    await sampleAtEnd()
    const { end, total } = await client.ask('pef/timeline')
    await client.run('pef/goToInstruction', { instruction: Math.floor(end / 2) })
    expect(await client.ask('pef/timeline')).toMatchObject({ instruction: Math.floor(end / 2), end, total })
    const { records } = await client.ask('pef/trace', { types: ['ultracall'], limit: 5 })
    await client.run('pef/goToRecord', { seq: records[0].seq })
    const { happened } = await client.ask('pef/timeline')
    expect(happened).toBeLessThanOrEqual(records[0].seq)
    await client.run('pef/goToInstruction', { instruction: end - 10 })
    const { dataId } = await client.ask('dataBreakpointInfo', { name: 'r1' })
    await client.ask('setDataBreakpoints', { breakpoints: [{ dataId, accessType: 'write' }] })
    const value = await register(client, 'r1')
    expect((await client.run('reverseContinue', BACK)).reason).toBe('data breakpoint')
    // The place behind the instruction that changed it: one step further back it has another value.
    await client.ask('setDataBreakpoints', { breakpoints: [] })
    await client.run('pef/reverseStepIn', { granularity: 'instruction' })
    expect(await register(client, 'r1')).not.toBe(value)
  })

  it('to who last changed a register, and a byte that the guest wrote long ago', async () => {
    await sampleAtEnd()
    const { end } = await client.ask('pef/timeline')
    const value = await register(client, 'r30')
    const { dataId } = await client.ask('dataBreakpointInfo', { name: 'r30' })
    await client.run('pef/lastChange', { dataId })
    expect(await register(client, 'r30')).not.toBe(value)
    await client.run('stepIn', instruction)
    expect(await register(client, 'r30')).toBe(value)
    // The secret that the guest keeps at 0x410020: written once it was a secure VM.
    await client.run('pef/goToInstruction', { instruction: end })
    const read = async () => (await client.ask('readMemory', { memoryReference: 'gpa:0x410020', count: 1 })).data
    const secret = await read()
    const byte = await client.ask('dataBreakpointInfo', { name: 'gpa:0x410020', asAddress: true, bytes: 1 })
    await client.run('pef/lastChange', { dataId: byte.dataId })
    expect(await top()).toMatch(/^(copy|main|run_secure)/)
    expect(await read()).not.toBe(secret)
    await client.run('stepIn', instruction)
    expect(await read()).toBe(secret)
  })

  it('what was said is not said again on the way', async () => {
    await sampleAtEnd()
    const texts = () => client.output('stdout')
    const said = texts()
    expect(said).toContain('hello-svm')
    await client.run('pef/goToInstruction', { instruction: 100 })
    await client.run('continue')
    expect(texts()).toBe(said)
  })
})

describe('another future', () => {
  it('a register is changed in the past only after the known future was given up', async () => {
    await sampleAtEnd()
    await client.run('pef/goToInstruction', { instruction: 1000 })
    const { total, end } = await client.ask('pef/timeline')
    const [frame] = (await client.ask('stackTrace', { threadId: 1 })).stackFrames
    const { scopes } = await client.ask('scopes', { frameId: frame.id })
    const registers = scopes.find((one: { name: string }) => /register/i.test(one.name)).variablesReference
    const set = { variablesReference: registers, name: 'r20', value: '0x77' }
    await expect(client.ask('setVariable', set)).rejects.toThrow(/past/)
    expect(await register(client, 'r20')).not.toContain('77')
    await client.ask('pef/fork')
    expect(await register(client, 'r20')).toContain('0000000000000077')
    const forked = await client.ask('pef/timeline')
    expect(forked.total).toBeLessThan(total)
    expect(forked.end).toBe(1000)
    await client.run('continue')
    expect((await client.ask('pef/timeline')).end).toBeGreaterThan(end - 10)
  })

  it('a run whose past is not kept says so', async () => {
    client = await startSample({ stopOn: 'entry', timeTravel: false })
    await client.run('configurationDone', {})
    await expect(client.ask('stepBack', BACK)).rejects.toThrow('"timeTravel" is false')
  })
})

describe('a saved run', () => {
  it('is made again up to where it was saved, with what was changed on the way', async () => {
    client = await startSample({ stopOn: 'entry' })
    await client.run('configurationDone', {})
    await client.run('pef/goToInstruction', { instruction: 0 })
    for (let i = 0; i < 30; i++) await client.run('stepIn', instruction)
    await client.ask('writeMemory', { memoryReference: 'gpa:0x3000000', data: btoa('by hand') })
    for (let i = 0; i < 30; i++) await client.run('stepIn', instruction)
    const place = await here()
    const { run } = await client.ask('pef/saveRun')
    client.kill()
    const path = join(mkdtempSync(join(tmpdir(), 'pef-run-')), 'x.pefrun')
    writeFileSync(path, run)
    client = await startSample({ stopOn: 'entry', replay: path })
    await client.run('configurationDone', {})
    expect(await here()).toBe(place)
    expect(client.output('console')).toContain('to the last bit')
    const { data } = await client.ask('readMemory', { memoryReference: 'gpa:0x3000000', count: 7 })
    expect(atob(data)).toBe('by hand')
    rmSync(dirname(path), { recursive: true })
  })
})
