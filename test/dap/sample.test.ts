/** What a developer does with the sample image, in the built debug adapter over standard input and output. */
import { afterEach, describe, expect, it } from 'vitest'
import { instruction, register, sample, sampleAtEsm, startSample } from './sample.ts'
import { StdioClient } from './stdio-client.ts'

let client: StdioClient
afterEach(() => client?.kill())

const word = async (name: string): Promise<bigint> => BigInt((await register(client, name)).split(' ')[0]!)
const top = async (): Promise<string> => (await client.stack())[0]!

describe('step commands at the sc 2 of UV_ESM', () => {
  it('into: the first step of the ultravisor, with the guest below', async () => {
    client = await sampleAtEsm()
    const guest = await client.stack()
    await client.run('stepIn', instruction)
    const stack = await client.stack()
    expect(stack.length).toBeGreaterThan(guest.length)
    expect(stack[0]).toContain('(ultravisor)')
    expect(stack.slice(-guest.length)).toEqual(guest)
    expect((await client.ask('threads')).threads[0].name).toContain('ultravisor')
  })

  it('over: the first instruction of the secure VM', async () => {
    client = await sampleAtEsm()
    const kernelBase = await word('r4')
    await client.run('next', instruction)
    expect(await word('nia')).toBeGreaterThanOrEqual(kernelBase)
    expect(await register(client, 'msr')).toContain('secure privileged')
    expect((await client.stack()).length).toBe(1)
  })

  it('out: from the depth of the ultravisor back to the guest', async () => {
    client = await sampleAtEsm()
    await client.ask('setFunctionBreakpoints', { breakpoints: [{ name: 'TPM2_RSA_Decrypt' }] })
    expect((await client.run('continue')).reason).toBe('function breakpoint')
    const layers = (await client.stack()).map((name) => /\((\w+)\) —/.exec(name)?.[1]).filter(Boolean)
    expect(layers[0]).toBe('tpm')
    expect(layers).toContain('hypervisor')
    expect(layers.at(-1)).toBe('ultravisor')
    for (let depth = layers.length; (await top()).includes(' — '); depth--) {
      expect(depth).toBeGreaterThan(-1)
      await client.run('stepOut')
    }
    expect(await register(client, 'msr')).toContain('secure privileged')
  })
})

describe('breakpoints', () => {
  it('by name of ultracall, hypercall, TPM command; unknown names are not verified', async () => {
    client = await startSample({ stopOn: 'none' })
    const names = ['UV_ESM', 'H_SVM_PAGE_IN', 'TPM2_RSA_Decrypt', 'H_PUT_TERM_CHAR', '_start', 'UV_NONE']
    const { breakpoints } = await client.ask('setFunctionBreakpoints', { breakpoints: names.map((name) => ({ name })) })
    expect(breakpoints.map((one: { verified: boolean }) => one.verified)).toEqual([true, true, true, true, true, false])
    const order: string[] = []
    await client.run('configurationDone', {})
    for (let i = 0; i < 5; i++) {
      const stack = (await client.stack()).map((frame) => frame.split(' ')[0]!)
      order.push(stack.find((name) => names.includes(name) && !order.includes(name)) ?? stack[0]!)
      await client.ask('setFunctionBreakpoints', {
        breakpoints: names
          .filter((one) => !order.includes(one))
          .filter((one) => one !== 'H_PUT_TERM_CHAR' || i < 1)
          .map((name) => ({ name })),
      })
      if (i < 4) await client.run('continue')
    }
    expect(order[0]).toMatch(/^_start/)
    expect(order).toContain('UV_ESM')
    expect(order).toContain('H_SVM_PAGE_IN')
    expect(order).toContain('TPM2_RSA_Decrypt')
  })

  it('stopOn esm', async () => {
    client = await startSample({ stopOn: 'esm' })
    expect((await client.run('configurationDone', {})).reason).toBe('entry')
    expect(await top()).toMatch(/^UV_ESM \(ultravisor\) — /)
  })
})

describe('memory of the secure VM', () => {
  it('is there for the debugger and not for the hypervisor', async () => {
    client = await sampleAtEsm()
    const at = (await word('nia')) & ~0xffffn
    const before = await client.ask('readMemory', { memoryReference: `0x${at.toString(16)}`, count: 64 })
    await client.run('next', instruction)
    const after = await client.ask('readMemory', { memoryReference: `0x${at.toString(16)}`, count: 64 })
    expect(after.data).toBe(before.data)
    expect(await client.ask('readMemory', { memoryReference: `gpa:0x${at.toString(16)}`, count: 64 })).toMatchObject({
      data: before.data,
    })
    const { runs } = await client.ask('pef/memoryMap')
    const page = runs.find(
      (run: { owner: string; gpa?: string; pages: number }) =>
        run.owner === 'secure guest' &&
        run.gpa !== undefined &&
        BigInt(run.gpa) <= at &&
        at < BigInt(run.gpa) + BigInt(run.pages) * 0x10000n,
    )
    const ra = `0x${(BigInt(page.ra) + at - BigInt(page.gpa)).toString(16)}`
    expect((await client.ask('readMemory', { memoryReference: `ra:${ra}`, count: 64 })).data).toBe(before.data)
    const refused = await client.ask('readMemory', { memoryReference: `hv:${ra}`, count: 64 })
    expect(refused).toMatchObject({ unreadableBytes: 64, refusal: { rule: 'MEM-001' } })
    expect(refused.data).toBeUndefined()
  })
})

describe('registers', () => {
  it('that are set take effect', async () => {
    client = await sampleAtEsm()
    const { scopes } = await client.ask('scopes', { frameId: 1 })
    const general = scopes.find((scope: { name: string }) => scope.name === 'General registers')
    await client.ask('setVariable', { variablesReference: general.variablesReference, name: 'r3', value: '0xf1fc' })
    const { nia } = { nia: await word('nia') }
    await client.run('next', instruction)
    // No ultracall has that number: the guest goes on behind the call with an error code.
    expect(await word('nia')).toBe(nia + 4n)
    expect(await word('r3')).not.toBe(0n)
    expect(await register(client, 'msr')).toContain(' privileged')
  })
})

describe('a run', () => {
  it('to the end without a stop; the process ends too', async () => {
    client = await startSample({ stopOn: 'none' })
    await client.ask('configurationDone')
    expect((await client.event('exited')).body).toEqual({ exitCode: 0 })
    await client.event('terminated')
    expect(client.output('stdout')).toMatch(/secure/i)
    await client.ask('disconnect')
    expect(await client.exit).toBe(0)
  })

  it('can be paused while it runs', async () => {
    client = await startSample({ stopOn: 'entry' })
    await client.run('configurationDone', {})
    const at = (await register(client, 'nia')).split(' ')[0]
    await client.ask('writeMemory', { memoryReference: at, data: Buffer.from('00000048', 'hex').toString('base64') })
    await client.ask('continue')
    await new Promise((resolve) => setTimeout(resolve, 200))
    const asked = performance.now()
    expect((await client.run('pause')).reason).toBe('pause')
    expect(performance.now() - asked).toBeLessThan(2000)
    expect(BigInt((await register(client, 'nia')).split(' ')[0]!)).toBe(BigInt(at!))
  })

  it('with a changed command line is refused by the digest of the bootargs', async () => {
    client = await startSample({ stopOn: 'none', bootargs: 'svm=1 changed' })
    await client.ask('setExceptionBreakpoints', { filters: ['esm'] })
    expect(await client.run('configurationDone', {})).toMatchObject({ reason: 'exception' })
    expect(await client.ask('exceptionInfo', { threadId: 1 })).toMatchObject({ exceptionId: 'ESM057' })
    expect(client.output('important')).toContain('ESM057')
    await client.ask('continue')
    expect((await client.event('exited')).body).toEqual({ exitCode: 3 })
  })

  it('is not begun with a wrong attribute', async () => {
    client = new StdioClient(sample)
    await client.ask('initialize', { adapterID: 'pef' })
    const response = await client.send('launch', { kernel: 'missing.elf' })
    expect(response).toMatchObject({ success: false })
    expect(response.message).toContain('missing.elf')
  })

  it('ends with its client', async () => {
    client = await startSample({ stopOn: 'entry' })
    await client.run('configurationDone', {})
    client.hangUp()
    expect(await client.exit).toBe(0)
  })

  it('is the same twice', async () => {
    const traces: string[] = []
    for (let i = 0; i < 2; i++) {
      client = await startSample({ stopOn: 'none' })
      await client.ask('configurationDone')
      await client.event('terminated')
      traces.push(JSON.stringify(await client.ask('pef/trace', { limit: 1_000_000 })))
      client.kill()
    }
    expect(traces[0]!.length).toBeGreaterThan(10_000)
    expect(traces[0]).toBe(traces[1])
  })
})
