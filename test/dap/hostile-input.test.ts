/** Requests that no client would send: each gets one answer, and the session goes on. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { requestHandlers } from '../../debug-adapter/adapter/requests/index.ts'
import { atEntry } from './scripted-session.ts'

/** These end the session, or begin it anew. */
const ENDING = new Set(['disconnect', 'terminate', 'restart', 'launch', 'configurationDone'])
const commands = requestHandlers.map((handler) => handler.command).filter((command) => !ENDING.has(command))
const corpus: [string, unknown][] = JSON.parse(
  readFileSync(new URL('../fixtures/dap/hostile-requests.json', import.meta.url), 'utf8'),
)

/** Names that requests look for, so that random arguments get past the first check. */
const names = fc.constantFrom(
  ...['threadId', 'frameId', 'variablesReference', 'name', 'value', 'expression', 'memoryReference', 'offset', 'count'],
  ...['instructionCount', 'instructionOffset', 'breakpoints', 'filters', 'filterOptions', 'source', 'line', 'endLine'],
  ...['text', 'column', 'dataId', 'bytes', 'data', 'start', 'condition', 'sourceReference', 'asAddress', 'filterId'],
)
const leaf = fc.oneof(
  fc.constantFrom<unknown>(null, -1, 0, 1, 2 ** 53, 1e308, 0.5, '', '0x400000', 'r3', 'reg:r3', 'ra:0x0', '((((', '*0'),
  fc.constantFrom<unknown>('uv:*', 'page:ra:0', 'm*', '0xffffffffffffffff', 'interrupt:0x700', '{r3}', true),
  fc.string({ maxLength: 20 }),
  fc.integer(),
)
const args = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(names, tie('value'), { maxKeys: 5 }),
  ),
})).value

async function answersAll(requests: Iterable<readonly [string, unknown]>): Promise<void> {
  const { client, machine } = await atEntry()
  for (const [command, argument] of requests) {
    const response = await client.send(command, argument)
    expect(response.command).toBe(command)
    if (!response.success) expect(response.message, `${command} ${JSON.stringify(argument)}`).toBeTruthy()
    if (response.success && /^(continue|next|step)/.test(command)) {
      await client.ask('pause', { threadId: 1 })
      await client.anyEvent(['stopped', 'terminated'], 0)
    }
  }
  expect((await client.ask('threads')).threads).toHaveLength(1)
  expect(machine.trace.records.length).toBeGreaterThan(0)
}

it('the corpus is answered', () => answersAll(corpus))

it('arguments of any shape are answered', async () => {
  const still = commands.filter((command) => !/^(continue|next|step|pause)/.test(command))
  const request = fc.tuple(fc.constantFrom(...still), args)
  await fc.assert(fc.asyncProperty(fc.array(request, { minLength: 5, maxLength: 20 }), answersAll), {
    numRuns: Number(process.env.PEF_FUZZ_RUNS ?? 40),
  })
})
