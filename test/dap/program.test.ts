/** A program with debugging information on the emulated machine: its variables, types and frames through DAP. */
import { readFileSync } from 'node:fs'
import type { DebugProtocol } from '@vscode/debugprotocol'
import { describe, expect, it } from 'vitest'
import { Machine } from '../../debug-adapter/machine/machine.ts'
import { InProcessClient } from './in-process.ts'

const folder = new URL('../fixtures/symbols/', import.meta.url).pathname
const gdb = JSON.parse(readFileSync(`${folder}types-gdb.json`, 'utf8')) as Record<
  string,
  { values: Record<string, string> }
>
const variants = [
  'types-O0-dwarf4.elf',
  'types-O2-dwarf5.elf',
  'types-O2-dwarf4-packed.elf',
  'types-O2-dwarf5-split.elf',
  'types-O2-dwarf4-split.elf',
]

/** At the entry, with a stack; breakpoints on lines of `types.c` are set. */
async function started(kernel: string, lines: readonly number[] = []) {
  const client = new InProcessClient((config) => new Machine(config), folder)
  await client.launch({ kernel, stopOn: 'entry' })
  if (lines.length > 0) {
    const { breakpoints } = await client.ask('setBreakpoints', {
      source: { path: `${folder}types.c` },
      breakpoints: lines.map((line) => ({ line })),
    })
    expect(breakpoints.map((one: DebugProtocol.Breakpoint) => one.verified)).toEqual(lines.map(() => true))
  }
  await client.run('configurationDone', {})
  const general = await scopeOf(client, 'General registers')
  await client.ask('setVariable', { variablesReference: general, name: 'r1', value: '0x600000' })
  return client
}

async function scopeOf(client: InProcessClient, name: string, frameId = 1): Promise<number> {
  const { scopes } = await client.ask('scopes', { frameId })
  return scopes.find((one: DebugProtocol.Scope) => one.name === name).variablesReference
}

async function value(client: InProcessClient, expression: string, frameId = 1): Promise<string> {
  const response = await client.send('evaluate', { expression, frameId, context: 'watch' })
  return response.success ? response.body.result : `! ${response.message}`
}

describe('expressions', () => {
  it('give what gdb gives', async () => {
    const name = 'types-O0-dwarf4.elf'
    const client = await started(name)
    // Spelling that differs: texts end at their NUL here, pointers show no type, truth has no type.
    const same = (text: string) =>
      text
        .replace(/(\\000)+"/g, '"')
        .replace(/^\(.*?\) (?=0x)/, '')
        .replace(/^\{long \(.*?\)\} /, '')
        .replace(/^0x1$/, '1')
        .replace(/\+(\d+)>/, (_, bytes) => `+0x${Number(bytes).toString(16)}>`)
    for (const [expression, said] of Object.entries(gdb[name]!.values)) {
      // These have texts or truncations of another form; they are looked at below.
      if (/bytes|\*first.next/.test(expression)) continue
      expect(`${expression} = ${same(await value(client, expression))}`).toBe(`${expression} = ${same(said)}`)
    }
    expect(await value(client, '*first.next')).toContain(
      '{name = "second", count = -7, color = BLUE, next = 0x0, number = {',
    )
    expect(await value(client, 'second.number.bytes')).toBe(
      '{8, 7, 6, 5, 4, 3, 2, 1}'
        .replace(/\d/g, (c) => `${c} '\\00${c}'`)
        .replace("8 '\\008'", "8 '\\b'")
        .replace("7 '\\007'", "7 '\\a'"),
    )
  })

  it('have the rest of C: casts, conditions that decide early, elements, conversions', async () => {
    const client = await started('types-O0-dwarf4.elf')
    const cases: Record<string, string> = {
      '((struct node *)&second)->count': '-7',
      '*(node_t **)&first.next == &second': '0x1',
      '(u32)second.count': '4294967289',
      '(unsigned char)300': "44 ','",
      'sizeof(struct node) + sizeof(u32)': '108',
      'sizeof first.grid': '12',
      'second.next && second.next->count > 0': '0x0',
      'second.next == 0 || second.next->next->count': '0x1',
      'first.count > 40 ? first.count : 1 / 0': '42',
      'first.grid[1][0] << 3': '32',
      '-second.count': '7',
      'first.count / -5': '-8',
      "'A' + 1": '0x42',
      '010': '0x8',
      'BLUE - RED': '6',
      'first.color == GREEN': '0x1',
      '&first.next->count': '0x',
      $r1: '0x0000000000600000',
      '*((int *)((long)&first + 16))': '42',
    }
    for (const [expression, result] of Object.entries(cases))
      expect(`${expression} = ${await value(client, expression)}`).toContain(`${expression} = ${result}`)
  })

  it('say what is wrong with them', async () => {
    const client = await started('types-O0-dwarf4.elf')
    const cases: Record<string, string> = {
      'first.cuont': 'struct node has no member cuont; it has name, count',
      'first + 1': 'is no number',
      '(struct nodes *)0': 'There is no struct nodes',
      '&first.flags.low': 'A bit field has no address',
      'first.weight * 2': 'It is no integer',
      '((struct node *)0x7fffffffffff0000)->count + 1': 'nothing can be read at',
      '*(void *)&first': 'cast it first',
      'numbers[': 'ends too early',
      'first.': 'expected the name of a member',
      'second.count[1]': 'has no elements',
    }
    for (const [expression, message] of Object.entries(cases))
      expect(`${expression}: ${await value(client, expression)}`).toContain(message)
  })

  it('of conditions and log points are the same', async () => {
    const client = await started('types-O0-dwarf4.elf')
    await client.ask('setBreakpoints', {
      source: { path: `${folder}types.c` },
      breakpoints: [
        { line: 52, condition: 'i == 2 && node->count == 5' },
        { line: 51, logMessage: 'i is {i}, {node->name}' },
      ],
    })
    await client.run('continue')
    expect(await value(client, 'i')).toBe('2')
    expect(await value(client, 'here')).toBe('180')
    expect(client.output('console')).toContain('i is 1, "first"')
  })
})

describe.each(variants)('%s', (kernel) => {
  it('shows arguments, locals and inlined functions', async () => {
    const optimised = kernel.includes('O2')
    const client = await started(kernel, optimised ? [] : [37])
    // The optimiser moves the beginning of the line out of the inlined function.
    const inside = { breakpoints: [{ instructionReference: '0x400058' }] }
    if (optimised) await client.ask('setInstructionBreakpoints', inside)
    await client.run('continue')
    const { stackFrames } = await client.ask('stackTrace', { threadId: 1 })
    const names = stackFrames.map((frame: DebugProtocol.StackFrame) => frame.name.replace(/\+0x.*/, ''))
    expect(names).toEqual(['twice (inlined)', 'chain (inlined)', 'work', 'outer', '_start'])
    expect(stackFrames.slice(0, 5).map((frame: DebugProtocol.StackFrame) => frame.line)).toEqual([37, 43, 52, 66, 72])
    expect((await client.scope('Arguments', 1)).get('value')?.value).toBe('65')
    expect(await value(client, 'value', 1)).toBe('65')
    const node = await value(client, 'node->count', 2)
    expect(node).toMatch(/^(5|! .*optimised out: .*)$/)
    expect(await value(client, 'local.count', 4)).toBe('5')
    const local = (await client.scope('Locals', 4)).get('local')!
    const { variables } = await client.ask('variables', { variablesReference: local.variablesReference })
    const shown = Object.fromEntries(variables.map((one: DebugProtocol.Variable) => [one.name, one.value]))
    expect(shown).toMatchObject({ name: '"first"', count: '5', color: 'GREEN', weight: '1.5', ready: 'true' })
    expect(shown['handler']).toMatch(/^0x4\w+ <handle>$/)
    expect(shown['title']).toMatch(/^0x4\w+ "the first one"$/)
    expect(shown['flags']).toBe('{low = 5, middle = 100, top = -3, wide = 78187493530}')
    expect((await client.scope('Globals', 4)).get('hidden')?.value ?? '4660').toBe('4660')
  })
})

describe('variables', () => {
  it('of arrays come by pages, in hex where that is asked for', async () => {
    const client = await started('types-O0-dwarf4.elf')
    const { variablesReference, indexedVariables } = await client.ask('evaluate', { expression: 'numbers', frameId: 1 })
    expect(indexedVariables).toBe(300)
    const page = await client.ask('variables', {
      variablesReference,
      filter: 'indexed',
      start: 1,
      count: 3,
      format: { hex: true },
    })
    expect(page.variables.map((one: DebugProtocol.Variable) => `${one.name} ${one.value} ${one.evaluateName}`)).toEqual(
      ['[1] 0x14 numbers[1]', '[2] 0x1e numbers[2]', '[3] 0x0 numbers[3]'],
    )
    expect((await client.ask('variables', { variablesReference, start: 299, count: 9 })).variables.length).toBe(1)
  })

  it('can be set: in memory, in bit fields, in the registers of the processor', async () => {
    const client = await started('types-O2-dwarf5.elf')
    const set = (expression: string, to: string, frameId = 1) =>
      client.send('setExpression', { expression, value: to, frameId })
    expect((await set('first.flags.top', '-7')).body.value).toBe('-7')
    expect(await value(client, 'first.flags')).toBe('{low = 5, middle = 100, top = -7, wide = 78187493530}')
    expect((await set('first.flags.low', '8')).message).toContain('8 does not fit 3 bits')
    expect((await set('second.count', 'first.count * 2')).body.value).toBe('84')
    expect((await set('first.color', 'BLUE')).body.value).toBe('BLUE')
    expect((await set('first.next->next', '&first')).body.value).toMatch(/ <first>$/)
    expect((await set('$r5', '7')).body.value).toBe('0x0000000000000007')
    expect((await set('first.count + 1', '7')).message).toContain('no place that could be changed')
    expect((await set('first', '7')).message).toContain('Only single numbers')
    const { variablesReference } = await client.ask('evaluate', { expression: 'numbers', frameId: 1 })
    const changed = await client.ask('setVariable', { variablesReference, name: '[250]', value: '0x99' })
    expect(changed.value).toBe('153')
    expect(await value(client, 'numbers[250]')).toBe('153')
    await client.ask('setFunctionBreakpoints', { breakpoints: [{ name: 'work' }] })
    await client.run('continue')
    // What was inlined into it stands above it already.
    const work = (await client.stack()).findIndex((name) => name.startsWith('work')) + 1
    expect(await value(client, 'factor', work)).toBe('6')
    const parameters = await scopeOf(client, 'Arguments', work)
    await client.ask('setVariable', { variablesReference: parameters, name: 'factor', value: '9' })
    expect(await value(client, '$r4')).toBe('0x0000000000000009')
    expect(await value(client, 'factor', work)).toBe('9')
  })
})
