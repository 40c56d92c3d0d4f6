import { expect, it } from 'vitest'
import { sampleAtEsm } from './sample.ts'
import { atEntry } from './scripted-session.ts'

it('commands of the console: help, x, info registers, page, hv read', async () => {
  const { client } = await atEntry()
  const say = async (expression: string, context = 'repl') =>
    (await client.ask('evaluate', { expression, context })).result
  expect(await say('help')).toContain('x/8gx ADDRESS')
  // The branch and the `sc 2` of the script, in the order of the guest's bytes.
  expect(await say('x/2wx 0x4000d4')).toBe('0x4000d4: 44000042 4bffffc8')
  expect(await say('x/4bx gpa:0x4000d4')).toBe('0x4000d4: 42 00 00 44')
  expect(await say('x/1wx $nia + 0x34')).toBe('0x4000d4: 44000042')
  expect(await say('info registers')).toMatch(/^nia +0x00000000004000a0/m)
  expect(await say('page 0x10000')).toContain('owner guest: memory of VM 1')
  expect(await say('hv read 0x1000000000000 16')).toContain('MEM-001')
  expect((await client.send('evaluate', { expression: 'x/9999bx 0', context: 'repl' })).message).toContain('1 to 4096')
  expect(await say('r1 + 1')).toBe('0x500001')
  expect((await client.send('evaluate', { expression: 'help', context: 'watch' })).success).toBe(false)
})

it('uv, tpm, trace: what the parts of the machine know', async () => {
  const { client } = await atEntry()
  const say = async (expression: string) => (await client.ask('evaluate', { expression, context: 'repl' })).result
  expect(await say('uv')).toBe('secure memory: 2048 KiB, 1024 KiB free\nno secure VM')
  expect(await say('tpm')).toContain('no exchange yet')
  expect(await say('trace')).toMatch(/^#\d+ at \d+ [a-z-]+: \S/m)
  expect((await say('trace 2')).split('\n')).toHaveLength(2)
  expect(await say('trace nothing like it')).toBe('no record contains nothing like it')
  expect((await client.send('evaluate', { expression: 'trace 0', context: 'repl' })).message).toContain('1 to 1000')
  expect(await say('help')).toContain('scenario [NAME|off]')
})

it('scenario: a list, and what cannot be', async () => {
  const { client } = await atEntry()
  const list = (await client.ask('evaluate', { expression: 'scenario', context: 'repl' })).result
  expect(list).toMatch(/^read-secure-memory +\S.*; stopped by MEM-001$/m)
  expect(list).toMatch(/^patch-kernel .*\(from the start only\)$/m)
  const unknown = await client.send('evaluate', { expression: 'scenario none', context: 'repl' })
  expect(unknown.message).toContain('There is no scenario none: expected off, ')
  const impossible = await client.send('evaluate', { expression: 'scenario off', context: 'repl' })
  expect(impossible.message).toBe('the script has no hypervisor.')
})

it('scenario NAME: the sample meets another hypervisor from here on', { timeout: 60_000 }, async () => {
  const client = await sampleAtEsm()
  const say = async (expression: string) => (await client.ask('evaluate', { expression, context: 'repl' })).result
  expect(await say('scenario read-secure-memory')).toContain('what stops it: MEM-001')
  await client.ask('setInstructionBreakpoints', { breakpoints: [] })
  await client.ask('setExceptionBreakpoints', { filters: ['end'] })
  await client.run('continue')
  expect(await say('trace refusal')).toMatch(/ refusal: .*rule=MEM-001/)
  expect(await say('trace scenario')).toContain('name=read-secure-memory')
  expect(await say('uv')).toMatch(/^SVM 1: \d+ pages of 64 KiB \(/m)
  expect(await say('tpm')).toMatch(/^last exchange: TPM2_/m)
  client.kill()
})
