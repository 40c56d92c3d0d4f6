import { describe, expect, it } from 'vitest'
import { InProcessClient } from './in-process.ts'
import { CALL_SITE, ENTRY, ScriptedMachine } from './scripted-machine.ts'

const folder = new URL('../fixtures/symbols/', import.meta.url).pathname
const kernel = 'demo-le-dwarf5.elf'

async function launched(attributes: object = {}, refuse = false) {
  let machine!: ScriptedMachine
  const client = new InProcessClient((config) => {
    machine = new ScriptedMachine(config, refuse)
    return machine
  }, folder)
  await client.launch({ kernel, ...attributes })
  return { client, machine: () => machine }
}

async function atEntry(refuse = false) {
  const { client, machine } = await launched({}, refuse)
  expect(await client.run('configurationDone', {})).toMatchObject({ reason: 'entry' })
  return { client, machine: machine() }
}

/** Runs to the `sc 2` of the script. */
async function atCall(refuse = false) {
  const started = await atEntry(refuse)
  await started.client.ask('setInstructionBreakpoints', { breakpoints: [{ instructionReference: '0x4000d4' }] })
  expect(await started.client.run('continue')).toMatchObject({ reason: 'instruction breakpoint' })
  return started
}

const instruction = { threadId: 1, granularity: 'instruction' }

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
      exceptionBreakpointFilters: [{ filter: 'refusal' }, { filter: 'esm' }, { filter: 'fault' }],
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
    [{ kernel, symbols: 'demo.c' }, 'demo.c: line 1: expected an address'],
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
    expect(free.client.output('console')).toContain('boot: scripted: begins (trusted: test)')
    expect(free.client.output('console')).toContain('The VM ended by itself: the script is over')
  })
})

describe('stepping', () => {
  it('goes by instruction, and by line', async () => {
    const { client, machine } = await atEntry()
    expect(await client.run('stepIn', instruction)).toMatchObject({ reason: 'step' })
    expect(machine.cpu.nia).toBe(ENTRY + 4n)
    await client.run('next', { threadId: 1 })
    const { stackFrames } = await client.ask('stackTrace', { threadId: 1 })
    expect(stackFrames[0]).toMatchObject({ line: 19, source: { name: 'demo.c', path: `${folder}demo.c` } })
  })

  it('over a call runs all of it; into it, and out again', async () => {
    const { client, machine } = await atEntry()
    const nia = (): bigint => machine.cpu.nia
    while (nia() !== 0x4000b8n) await client.run('next', instruction)
    await client.run('stepIn', instruction)
    expect(await client.stack()).toEqual(['middle+0x8', '_start+0x1c'])
    while (nia() !== 0x400064n) await client.run('next', instruction)
    await client.run('next', instruction)
    expect(nia()).toBe(0x400068n)
    expect(await client.stack()).toEqual(['middle+0x28', '_start+0x1c'])
    await client.run('stepOut')
    expect(nia()).toBe(0x4000bcn)
    expect(machine.cpu.gpr(1)).toBe(0x500000n - 32n)
  })

  it('out of a leaf that never made a frame', async () => {
    const { client, machine } = await atEntry()
    await client.ask('setFunctionBreakpoints', { breakpoints: [{ name: 'leaf' }] })
    await client.run('continue')
    expect(await client.stack()).toEqual(['leaf+0x8', 'middle+0x28', '_start+0x1c'])
    await client.run('stepOut')
    expect(machine.cpu.nia).toBe(0x400068n)
  })

  it('into sc 2 lands on the first step; over nested frames; out to the guest', async () => {
    const { client, machine } = await atCall()
    expect(await client.run('stepIn')).toMatchObject({ reason: 'step' })
    expect(await client.stack()).toEqual(['SCRIPTED_ESM — check the caller (ultravisor)', '_start+0x34'])
    await client.run('stepIn')
    await client.run('stepIn')
    expect(await client.stack()).toEqual([
      'SCRIPTED_HELP — bring a page (hypervisor)',
      'SCRIPTED_ESM — ask the hypervisor (ultravisor)',
      '_start+0x34',
    ])
    await client.run('stepOut')
    expect((await client.stack())[0]).toBe('SCRIPTED_ESM — decide (ultravisor)')
    await client.run('stepOut')
    expect(machine.vmState).toBe('secure')
    expect(machine.cpu.nia).toBe(ENTRY)
    expect(await client.stack()).toEqual(['_start'])
  })

  it('over a step runs the frames that it makes', async () => {
    const { client } = await atCall()
    await client.run('stepIn')
    await client.run('next')
    await client.run('next')
    expect((await client.stack())[0]).toBe('SCRIPTED_ESM — decide (ultravisor)')
  })

  it('over the sc 2 that makes it secure stops where the secure VM begins', async () => {
    const { client, machine } = await atCall()
    expect(await client.run('next')).toMatchObject({ reason: 'step' })
    expect(machine.cpu.nia).toBe(ENTRY)
    expect((await client.ask('threads')).threads).toEqual([{ id: 1, name: 'vCPU 0 (secure privileged)' }])
    // The next one returns behind the call.
    expect(await client.run('continue')).toMatchObject({ reason: 'instruction breakpoint' })
    await client.run('next', instruction)
    expect(machine.cpu.nia).toBe(CALL_SITE + 4n)
  })
})

describe('breakpoints', () => {
  it('by symbol, address, procedure and call; unknown names say why', async () => {
    const { client, machine } = await launched()
    const { breakpoints } = await client.ask('setFunctionBreakpoints', {
      breakpoints: [
        { name: 'middle' },
        { name: '0x4000bc' },
        { name: 'SCRIPTED_HELP' },
        { name: 'UV_NOTHING' },
        { name: '0x4001' },
      ],
    })
    expect(breakpoints.map((one: { verified: boolean }) => one.verified)).toEqual([true, true, true, false, false])
    expect(breakpoints[3].message).toContain('"UV_NOTHING" is neither a symbol')
    expect(breakpoints[4].message).toContain('multiples of 4')
    await client.run('configurationDone', {})
    expect(await client.run('continue')).toMatchObject({
      reason: 'function breakpoint',
      hitBreakpointIds: [breakpoints[0].id],
    })
    expect(machine().cpu.nia).toBe(0x400048n)
    expect(await client.run('continue')).toMatchObject({ hitBreakpointIds: [breakpoints[1].id] })
    await client.ask('setFunctionBreakpoints', { breakpoints: [{ name: 'SCRIPTED_HELP' }] })
    expect(await client.run('continue')).toMatchObject({ reason: 'function breakpoint' })
    expect((await client.stack())[0]).toBe('SCRIPTED_HELP — bring a page (hypervisor)')
  })

  it('on lines of a listing and of the guest source', async () => {
    const { client, machine } = await launched()
    const { sources } = await client.ask('loadedSources')
    const listing = sources.find((one: { name: string }) => one.name === 'SCRIPTED_ESM.steps')
    expect(
      (await client.ask('source', { source: listing, sourceReference: listing.sourceReference })).content,
    ).toContain('  2  ask the hypervisor')
    const first = await client.ask('setBreakpoints', {
      source: listing,
      breakpoints: [{ line: 1 }, { line: 6 }, { line: 99 }],
    })
    expect(first.breakpoints).toMatchObject([
      { verified: true, line: 4 },
      { verified: true, line: 6 },
      { verified: false },
    ])
    const guest = await client.ask('setBreakpoints', {
      source: { path: `${folder}demo.c` },
      breakpoints: [{ line: 13 }],
    })
    expect(guest.breakpoints).toMatchObject([{ verified: true, line: 13 }])
    await client.run('configurationDone', {})
    expect(await client.run('continue')).toMatchObject({
      reason: 'breakpoint',
      hitBreakpointIds: [guest.breakpoints[0].id],
    })
    expect(machine().cpu.nia).toBe(0x400070n)
    await client.ask('setBreakpoints', { source: { path: `${folder}demo.c` }, breakpoints: [] })
    expect(machine().breakpoints.size).toBe(0)
    expect(await client.run('continue')).toMatchObject({ hitBreakpointIds: [first.breakpoints[0].id] })
    expect(await client.run('continue')).toMatchObject({ hitBreakpointIds: [first.breakpoints[1].id] })
    expect((await client.stack())[0]).toBe('SCRIPTED_ESM — decide (ultravisor)')
  })

  it('with conditions, counts and messages', async () => {
    const { client, machine } = await atEntry()
    await client.ask('setInstructionBreakpoints', {
      breakpoints: [
        { instructionReference: '0x400040', offset: 8, condition: 'r3 == 2' },
        { instructionReference: '0x4000bc', logMessage: 'r3 was {r3}' } as object,
      ],
    })
    await client.ask('setFunctionBreakpoints', { breakpoints: [{ name: '0x400008', hitCondition: '3' }] })
    expect(await client.run('continue')).toMatchObject({ reason: 'function breakpoint' })
    expect(machine.cpu.lr).toBe(0x400068n)
    await client.ask('setFunctionBreakpoints', { breakpoints: [] })
    expect(await client.run('continue')).toMatchObject({ reason: 'instruction breakpoint' })
    expect(machine.cpu.gpr(3)).toBe(2n)
    expect(client.output('console')).toMatch(/r3 was 0x[0-9a-f]+/)
  })

  it('survive a restart', async () => {
    const { client, machine } = await launched()
    await client.ask('setFunctionBreakpoints', { breakpoints: [{ name: 'leaf' }] })
    await client.run('configurationDone', {})
    const before = machine()
    await client.run('restart', {})
    expect(machine()).not.toBe(before)
    expect(await client.run('continue')).toMatchObject({ reason: 'function breakpoint' })
    expect((await client.stack())[0]).toBe('leaf+0x8')
  })
})

describe('exceptions', () => {
  it('any refusal stops with its rule', async () => {
    const { client } = await atCall(true)
    await client.ask('setExceptionBreakpoints', { filters: ['refusal'] })
    expect(await client.run('next')).toMatchObject({ reason: 'exception' })
    expect(await client.ask('exceptionInfo', { threadId: 1 })).toMatchObject({
      exceptionId: 'TEST-001',
      breakMode: 'always',
      details: { rule: 'TEST-001', expected: 'a good image', found: 'a bad one', source: 'test §1' },
    })
    expect(client.output('stderr')).toContain('TEST-001: expected a good image; found a bad one')
  })

  it('ESM refused; an unknown filter is named', async () => {
    const { client } = await atCall(true)
    expect((await client.send('setExceptionBreakpoints', { filters: ['x'] })).message).toContain('refusal, esm, fault')
    await client.ask('setExceptionBreakpoints', { filters: ['esm'] })
    expect(await client.run('continue')).toMatchObject({ reason: 'exception', text: 'UV_ESM refused: a bad image' })
  })
})

describe('variables', () => {
  it('of the guest: registers in hex, MSR decoded, registers can be set', async () => {
    const { client, machine } = await atEntry()
    const general = await client.scope('General registers')
    expect(general.get('r1')).toMatchObject({ value: '0x0000000000500000', memoryReference: '0x500000' })
    expect(general.get('r3')?.memoryReference).toBeUndefined()
    const special = await client.scope('Special registers')
    expect(special.get('msr')?.value).toBe('0x8000000000001001 privileged: SF ME LE')
    expect(special.get('nia')?.value).toBe('0x00000000004000a0 <_start>')
    const bits = await client.ask('variables', { variablesReference: special.get('msr')!.variablesReference })
    const bit = (name: string) => bits.variables.find((one: { name: string }) => one.name === name)?.value
    expect([bit('privilege state'), bit('S'), bit('HV'), bit('LE')]).toEqual(['privileged', '0', '0', '1'])
    expect((await client.scope('Condition register')).get('cr0')?.value).toBe('0010 EQ')

    const { scopes } = await client.ask('scopes', { frameId: 1 })
    const set = (name: string, value: string, scope = 0) =>
      client.send('setVariable', { variablesReference: scopes[scope].variablesReference, name, value })
    expect((await set('r7', '0x10 + 2')).body.value).toBe('0x0000000000000012')
    expect(machine.cpu.gpr(7)).toBe(0x12n)
    expect((await set('cr2', '15', 2)).body.value).toBe('1111 LT GT EQ SO')
    expect(machine.cpu.cr).toBe(0x24f00008)
    expect((await set('msr', '0x400000', 1)).message).toContain('MSR[S] and MSR[HV] name the privilege state')
    expect((await set('nia', '0x4000a2', 1)).message).toContain('multiples of 4')
    expect((await set('cr', '0x100000000', 1)).message).toContain('cr has 32 bits')
    expect((await set('r7', 'nonsense')).message).toContain('nonsense is no register')
  })

  it('of firmware: the values of the step, of the procedure, and the registers as firmware has them', async () => {
    const { client } = await atCall()
    await client.run('stepIn')
    expect(Object.fromEntries([...(await client.scope('Step values'))].map(([k, v]) => [k, v.value]))).toEqual({
      call: '0',
      digest: 'abcd',
    })
    expect((await client.scope('Arguments and earlier values')).get('R3')?.value).toBe('0xf110')
    expect((await client.scope('Processor: special registers')).get('msr')?.value).toContain('ultravisor')
    expect((await client.scope('General registers', 2)).get('r1')?.value).toBe('0x00000000004fffe0')
    const { scopes } = await client.ask('scopes', { frameId: 2 })
    const refused = await client.send('setVariable', {
      variablesReference: scopes[0].variablesReference,
      name: 'r3',
      value: '1',
    })
    expect(refused.message).toContain('the guest left with')
    await client.run('stepIn')
    await client.run('stepIn')
    // The firmware cleared the processor's registers; the guest's are still shown.
    expect((await client.scope('Processor: general registers')).get('r1')?.value).toBe('0x0000000000000000')
    expect((await client.scope('General registers', 3)).get('r1')?.value).toBe('0x00000000004fffe0')
  })

  it('references and frames of an earlier stop are refused', async () => {
    const { client } = await atEntry()
    const { scopes } = await client.ask('scopes', { frameId: 1 })
    await client.run('stepIn', instruction)
    expect((await client.send('variables', { variablesReference: scopes[0].variablesReference })).message).toContain(
      'went on since',
    )
    expect((await client.send('scopes', { frameId: 77 })).message).toContain('no frame 77')
  })
})

describe('evaluate', () => {
  it.each([
    ['r1', '0x0000000000500000'],
    ['$r1 - 0x10', '0x4ffff0'],
    ['msr', '0x8000000000001001 privileged: SF ME LE'],
    ['middle', '0x400040 <middle>'],
    ['u32(middle)', '0x3c400042'],
    ['*middle', '0x384280003c400042'],
    ['(1 << 4) | 3 == 3', '0x11'],
    ['~0', '0xffffffffffffffff'],
    ['2 + 3 * 4 % 5', '0x4'],
    ['!0 && 7', '0x1'],
    ['cr0', '0010 EQ'],
    ['spr26', '0x0000000000000000'],
  ])('%s', async (expression, result) => {
    const { client } = await atEntry()
    expect((await client.ask('evaluate', { expression, frameId: 1 })).result).toBe(result)
  })

  it.each([
    ['', 'An empty expression'],
    ['1 +', 'ends too early'],
    ['1 / 0', 'Division by zero'],
    ['$r99', 'no register $r99'],
    ['u9(1)', 'no function u9'],
    ['*0xfffffffffff00000', 'Nothing can be read at 0xfffffffffff00000'],
    ['1 @', 'from column 2'],
    ['((((1)', 'expected ), found the end'],
    ['('.repeat(500), 'nested too deeply'],
  ])('%s is refused', async (expression, message) => {
    const { client } = await atEntry()
    expect((await client.send('evaluate', { expression })).message).toContain(message)
  })
})

describe('memory', () => {
  it('is read by effective, guest physical and real address; secure memory not with the rights of the hypervisor', async () => {
    const { client } = await atEntry()
    const words = await Promise.all(
      ['0x400040', 'gpa:0x400040', 'ra:0x400040', 'hv:0x400040'].map((memoryReference) =>
        client.ask('readMemory', { memoryReference, count: 4 }),
      ),
    )
    expect(new Set(words.map((one) => one.data))).toEqual(new Set([Buffer.from('4200403c', 'hex').toString('base64')]))
    expect(await client.ask('readMemory', { memoryReference: 'ra:0x1000000000000', count: 8 })).toMatchObject({
      data: 'AAAAAAAAAAA=',
    })
    expect(await client.ask('readMemory', { memoryReference: 'hv:0x1000000000000', count: 8 })).toMatchObject({
      unreadableBytes: 8,
      refusal: { rule: 'MEM-001' },
    })
    expect((await client.send('readMemory', { memoryReference: 'nowhere', count: 8 })).message).toContain(
      'gpa:0x400000',
    )
  })

  it('that is not there is counted, whatever the size asked for', async () => {
    const { client } = await atEntry()
    const edge = await client.ask('readMemory', { memoryReference: '0x7ffff8', count: 100_000 })
    expect(Buffer.from(edge.data, 'base64').length).toBe(8)
    expect(edge).toMatchObject({ unreadableBytes: 99_992, refusal: { rule: 'MEM-005' } })
    const huge = await client.ask('readMemory', { memoryReference: '0x0', count: 2 ** 40 })
    expect(Buffer.from(huge.data, 'base64').length).toBe(1 << 20)
    expect(huge.unreadableBytes).toBeUndefined()
    expect((await client.send('readMemory', { memoryReference: '0x0', count: -1 })).message).toContain('count -1')
  })

  it('is written; nothing where a part cannot be', async () => {
    const { client } = await atEntry()
    const data = Buffer.from('0011223344556677', 'hex').toString('base64')
    expect(await client.ask('writeMemory', { memoryReference: '0x600000', data })).toEqual({ bytesWritten: 8 })
    expect((await client.ask('evaluate', { expression: '*0x600000' })).result).toBe('0x7766554433221100')
    expect((await client.send('writeMemory', { memoryReference: '0x7ffffc', data })).message).toContain('MEM-005')
    expect(await client.ask('writeMemory', { memoryReference: '0x7ffffc', data, allowPartial: true })).toEqual({
      bytesWritten: 4,
    })
  })
})

describe('disassemble', () => {
  it('gives exactly the rows that were asked for, with symbols and lines, also backwards and out of memory', async () => {
    const { client } = await atEntry()
    const rows = async (args: object) => (await client.ask('disassemble', args)).instructions
    const some = await rows({
      memoryReference: '0x400040',
      instructionOffset: -2,
      instructionCount: 12,
      resolveSymbols: true,
    })
    expect(some.length).toBe(12)
    expect(some[2]).toMatchObject({
      address: '0x0000000000400040',
      symbol: 'middle',
      instructionBytes: '42 00 40 3c',
      line: 10,
    })
    expect(some[11].instruction).toMatch(/^bl\b.*<leaf\+0x8>$/)
    const edge = await rows({ memoryReference: '0x7ffff8', instructionCount: 2000 })
    expect(edge.length).toBe(2000)
    expect(edge[2]).toMatchObject({ address: '0x0000000000800000', presentationHint: 'invalid' })
    expect((await rows({ memoryReference: '0x0', instructionOffset: -3, instructionCount: 4 }))[0].address).toBe(
      '0xfffffffffffffff4',
    )
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
    expect((await client.send('stackTrace', { threadId: 1 })).message).toContain('pause it first')
    const asked = performance.now()
    expect(await client.run('pause')).toMatchObject({ reason: 'pause' })
    expect(performance.now() - asked).toBeLessThan(500)
    expect(await client.stack()).toEqual(['_start'])
  })
})

describe('requests of the views', () => {
  it('pef/trace pages through the log', async () => {
    const { client, machine } = await atEntry()
    const first = await client.ask('pef/trace', { limit: 1 })
    expect(first).toMatchObject({ next: 1, total: machine.trace.records.length, records: [{ seq: 0 }] })
    const boots = await client.ask('pef/trace', { types: ['boot'] })
    expect(boots.records).toMatchObject([{ type: 'boot', stage: 'scripted' }])
    expect(boots.next).toBe(boots.total)
    expect(client.events.some((event) => event.event === 'pef/traceAdvanced')).toBe(true)
  })

  it('pef/memoryMap joins neighbouring pages', async () => {
    const { client } = await atEntry()
    expect((await client.ask('pef/memoryMap')).runs).toEqual([
      { ra: '0x0', pages: 128, owner: 'guest', use: 'memory of VM 1', lpid: 1, gpa: '0x0' },
      { ra: '0x1000000000000', pages: 2, owner: 'ultravisor', use: 'text' },
    ])
  })

  it('pef/tpmState shows registers and handles', async () => {
    const { client } = await atEntry()
    const state = await client.ask('pef/tpmState')
    expect(state.pcrs.length).toBe(48)
    expect(state.pcrs[1]).toEqual({ bank: 'sha1', index: 1, value: '01'.repeat(20) })
    expect(state.handles).toEqual([{ handle: '0x81800001', what: 'wrapping key' }])
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
