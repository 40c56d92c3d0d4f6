import { describe, expect, it } from 'vitest'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { atCall, atEntry, folder, instruction, launched } from './scripted-session.ts'

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
    expect((await client.stack())[0]).toBe('SCRIPTED_HELP (hypervisor) — bring a page')
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
    expect((await client.stack())[0]).toBe('SCRIPTED_ESM (ultravisor) — decide')
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
    const { breakpoints } = await client.ask('setFunctionBreakpoints', { breakpoints: [{ name: 'leaf' }] })
    await client.run('configurationDone', {})
    const before = machine()
    await client.run('restart', {})
    expect(machine()).not.toBe(before)
    expect(await client.run('continue')).toMatchObject({
      reason: 'function breakpoint',
      hitBreakpointIds: [breakpoints[0].id],
    })
    expect((await client.stack())[0]).toBe('leaf+0x8')
  })
})

describe('data breakpoints', () => {
  it('stop behind the instruction that changes a register or memory, not for what the user writes', async () => {
    const { client, machine } = await atEntry()
    const memory = await client.ask('dataBreakpointInfo', { name: '0x4ffff0', asAddress: true, bytes: 16 })
    expect(memory).toMatchObject({ dataId: '0x4ffff0/16', accessTypes: ['write'] })
    const register = await client.ask('dataBreakpointInfo', { name: '$lr' })
    const none = await client.ask('dataBreakpointInfo', { name: 'no_such_thing' })
    expect(none).toMatchObject({ dataId: null, description: expect.stringContaining('no_such_thing') })
    const { breakpoints } = await client.ask('setDataBreakpoints', {
      breakpoints: [
        { dataId: register.dataId },
        { dataId: '0x400000/0' },
        { dataId: memory.dataId, accessType: 'read' },
      ],
    })
    expect(breakpoints.map((one: { verified: boolean }) => one.verified)).toEqual([true, false, false])
    machine.cpu.lr = 0x1234n
    expect(await client.run('continue')).toMatchObject({
      reason: 'data breakpoint',
      hitBreakpointIds: [breakpoints[0].id],
    })
    expect(machine.cpu.lr).not.toBe(0x1234n)
    const word = (address: bigint) =>
      Number(new DataView(machine.memory.as(Actor.Debugger).read(address, 4).buffer).getUint32(0, true))
    expect(
      (await client.ask('setDataBreakpoints', { breakpoints: [{ dataId: '0x4fff00/256' }] })).breakpoints,
    ).toMatchObject([{ verified: true }])
    const before = Buffer.from(machine.memory.as(Actor.Debugger).read(0x4fff00n, 256)).toString('hex')
    expect(await client.run('continue')).toMatchObject({ reason: 'data breakpoint' })
    expect(Buffer.from(machine.memory.as(Actor.Debugger).read(0x4fff00n, 256)).toString('hex')).not.toBe(before)
    // The instruction before it is a store (`std`, `stdu`).
    expect(word(machine.cpu.nia - 4n) >>> 26).toBe(62)
  })
})

it('locations: steps of a listing, lines with code of a source file', async () => {
  const { client } = await atEntry()
  const { sources } = await client.ask('loadedSources')
  const listing = sources.find((one: { name: string }) => one.name === 'SCRIPTED_ESM.steps')
  const lines = async (source: object, line: number, endLine: number) =>
    (await client.ask('breakpointLocations', { source, line, endLine })).breakpoints.map(
      (one: { line: number }) => one.line,
    )
  expect(await lines(listing, 1, 99)).toEqual([4, 5, 6])
  expect(await lines({ path: `${folder}demo.c` }, 8, 12)).toEqual([10, 11, 12])
  expect(await lines({ path: 'elsewhere.c' }, 1, 12)).toEqual([])
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
    expect((await client.send('setExceptionBreakpoints', { filters: ['x'] })).message).toContain(
      'refusal, esm, fault, secure-memory, tpm, interrupt',
    )
    await client.ask('setExceptionBreakpoints', { filters: ['esm'] })
    expect(await client.run('continue')).toMatchObject({ reason: 'exception', text: 'UV_ESM refused: a bad image' })
    expect(client.output('important')).toBe('UV_ESM refused the image, return code -1 [TEST-001]: a bad image\n')
  })

  it('a condition names rules; another rule does not stop', async () => {
    const { client } = await atCall(true)
    await client.ask('setExceptionBreakpoints', {
      filters: [],
      filterOptions: [{ filterId: 'refusal', condition: 'UV-* TEST-0?2' }, { filterId: 'esm' }],
    })
    expect(await client.run('continue')).toMatchObject({ text: 'UV_ESM refused: a bad image' })
    const again = await atCall(true)
    await again.client.ask('setExceptionBreakpoints', {
      filters: [],
      filterOptions: [{ filterId: 'refusal', condition: 'UV-* TEST-0?1' }],
    })
    expect(await again.client.run('continue')).toMatchObject({ text: 'TEST-001: refused by the ultravisor' })
  })

  it('interrupts of the guest by vector', async () => {
    const { client, machine } = await atEntry()
    const filterOptions = [{ filterId: 'interrupt', condition: '0x700 0x301' }]
    expect((await client.send('setExceptionBreakpoints', { filters: [], filterOptions })).message).toContain('"0x301"')
    filterOptions[0]!.condition = '0x300 0x700'
    await client.ask('setExceptionBreakpoints', { filters: [], filterOptions })
    machine.memory.as(Actor.Debugger).write(0x700n, Uint8Array.of(0, 0, 0, 0x48))
    expect(machine.breakpoints).toContain(0x700n)
    machine.cpu.nia = 0x6fcn
    machine.memory.as(Actor.Debugger).write(0x6fcn, Uint8Array.of(0, 0, 0, 0x60))
    expect(await client.run('continue')).toMatchObject({ text: 'The guest takes the interrupt 0x700' })
    expect(await client.ask('exceptionInfo', { threadId: 1 })).toMatchObject({ exceptionId: 'INTERRUPT-0x700' })
    await client.ask('setExceptionBreakpoints', { filters: [] })
    expect(machine.breakpoints).not.toContain(0x700n)
  })

  it('an answer of the TPM that is an error', async () => {
    const { client, machine } = await atEntry()
    await client.ask('setExceptionBreakpoints', { filters: ['tpm'] })
    const failed = { command: 'TPM2_RSA_Decrypt', code: 0x159, carrier: 'OPAL', request: '', response: '' } as const
    const answer = { requestSize: 0, responseSize: 10, responseCode: 0x98e, responseName: 'TPM_RC_AUTH_FAIL' } as const
    machine.trace.add({ type: 'tpm', ...failed, ...answer, requestFields: [], responseFields: [] })
    expect(await client.run('stepIn', instruction)).toMatchObject({
      text: 'TPM2_RSA_Decrypt failed: TPM_RC_AUTH_FAIL',
    })
    expect(await client.ask('exceptionInfo', { threadId: 1 })).toMatchObject({ exceptionId: 'TPM_RC_AUTH_FAIL' })
  })

  it('a rule of the operand comes with advice', async () => {
    const { client, machine } = await atEntry()
    await client.ask('setExceptionBreakpoints', { filters: ['refusal'] })
    machine.trace.add({ type: 'refusal', by: 'ultravisor', rule: 'ESM043', expected: 'x', found: 'y', source: 'z' })
    await client.run('stepIn', instruction)
    const { details, description } = await client.ask('exceptionInfo', { threadId: 1 })
    expect(details.advice).toMatch(/./)
    expect(description).toContain(`advice: ${details.advice}`)
  })
})
