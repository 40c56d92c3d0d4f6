import { expect, it } from 'vitest'
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
