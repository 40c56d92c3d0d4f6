import { describe, expect, it } from 'vitest'
import { atCall, atEntry, instruction } from './scripted-session.ts'

const named = (scopes: { name: string; variablesReference: number }[], name: string) =>
  scopes.find((scope) => scope.name === name)!

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
    const set = (name: string, value: string, scope = 'General registers') =>
      client.send('setVariable', { variablesReference: named(scopes, scope).variablesReference, name, value })
    expect((await set('r7', '0x10 + 2')).body.value).toBe('0x0000000000000012')
    expect(machine.cpu.gpr(7)).toBe(0x12n)
    expect((await set('cr2', '15', 'Condition register')).body.value).toBe('1111 LT GT EQ SO')
    expect(machine.cpu.cr).toBe(0x24f00008)
    expect((await set('msr', '0x400000', 'Special registers')).message).toContain(
      'MSR[S] and MSR[HV] name the privilege state',
    )
    expect((await set('nia', '0x4000a2', 'Special registers')).message).toContain('multiples of 4')
    expect((await set('cr', '0x100000000', 'Special registers')).message).toContain('cr has 32 bits')
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
      variablesReference: named(scopes, 'General registers').variablesReference,
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
    // Those of this stop are others: a request that comes late must not be answered with something else.
    const { scopes: now } = await client.ask('scopes', { frameId: 1 })
    expect(now[0].variablesReference).not.toBe(scopes[0].variablesReference)
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

describe('completions', () => {
  it('know registers and symbols', async () => {
    const { client } = await atEntry()
    const { targets } = await client.ask('completions', { text: '$r3 + mi', column: 9, frameId: 1 })
    expect(targets).toContainEqual({ label: 'middle', type: 'function', start: 6, length: 2 })
    const registers = await client.ask('completions', { text: '$ms', column: 4 })
    expect(registers.targets).toEqual([{ label: 'msr', type: 'variable', start: 1, length: 2 }])
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
    await client.stack()
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

  it('pef/consoleInput reaches the console of the VM, also while it runs', async () => {
    const { client, machine } = await atEntry()
    expect(await client.ask('pef/consoleInput', { text: 'ls é\r' })).toEqual({})
    expect(machine.typed).toBe('ls é\r')
    for (const text of [1, undefined, 'x'.repeat(2 ** 20 + 1)])
      await expect(client.ask('pef/consoleInput', { text })).rejects.toThrow('expected a string of at most 1048576')
  })

  it('pef/tpmState shows registers and handles', async () => {
    const { client } = await atEntry()
    const state = await client.ask('pef/tpmState')
    expect(state.pcrs.length).toBe(48)
    expect(state.pcrs[1]).toEqual({ bank: 'sha1', index: 1, value: '01'.repeat(20) })
    expect(state.handles).toEqual([{ handle: '0x81800001', what: 'wrapping key' }])
  })
})
