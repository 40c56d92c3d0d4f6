/**
 * The built debug adapter over standard input and output, from `initialize` to `terminated`: steps through UV_ESM of the
 * sample image. What it saw is compared with golden/esm-walk.txt beside this file; `UPDATE_GOLDEN=1` writes it anew, and
 * the difference is reviewed like code.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DebugProtocol } from '@vscode/debugprotocol'
import { afterEach, expect, it } from 'vitest'
import type { PageRun } from '../../debug-adapter/adapter/protocol.ts'
import { breakAtCalls, instruction, register, sample, startSample } from './sample.ts'
import type { StdioClient } from './stdio-client.ts'

const golden = fileURLToPath(new URL('golden/esm-walk.txt', import.meta.url))

let client: StdioClient
afterEach(() => client?.kill())

it('the walk from power-on to the end of the secure VM is the golden one', { timeout: 300_000 }, async () => {
  client = await startSample({ stopOn: 'entry' })
  const lines: string[] = []
  const say = (...text: string[]) => lines.push(...text)

  await client.ask('setExceptionBreakpoints', { filters: ['refusal', 'esm', 'fault'] })
  say(`stopped: ${(await client.run('configurationDone', {})).reason}`, ...(await guestState()))
  const { instructions } = await client.ask('disassemble', { memoryReference: await nia(), instructionCount: 6 })
  for (const one of instructions) say(`    ${one.address}  ${one.instructionBytes}  ${one.instruction}`)

  await breakAtCalls(client)
  say('', `continue: ${(await client.run('continue')).reason}`, ...(await guestState()))
  for (const name of ['r3', 'r4', 'r5']) say(`    ${name} ${await register(client, name)}`)

  say('', 'step into:', ...(await walkFirmware()))
  say('', 'the secure VM:', ...(await guestState()), ...(await memoryMap()))
  say('', 'its ultracalls:', ...(await runToEnd()))
  await client.event('terminated')
  await client.ask('disconnect')
  expect(await client.exit).toBe(0)
  say('', 'console of the VM:', client.output('stdout').trimEnd())
  say('', 'progress:', client.output('console').trimEnd())
  say('', 'refusals:', client.output('stderr').trimEnd() || '(none)')

  const transcript = `${lines.join('\n')}\n`
  expect(transcript).not.toContain(sample)
  expect(client.stderr).toBe('')
  if (process.env['UPDATE_GOLDEN']) {
    mkdirSync(fileURLToPath(new URL('golden/', import.meta.url)), { recursive: true })
    writeFileSync(golden, transcript)
  }
  expect(transcript).toBe(readFileSync(golden, 'utf8'))
})

const nia = async (): Promise<string> => (await register(client, 'nia')).split(' ')[0]!

async function guestState(): Promise<string[]> {
  const { stackFrames } = await client.ask('stackTrace', { threadId: 1 })
  const frames = stackFrames.map(
    (frame: DebugProtocol.StackFrame) =>
      `    ${frame.name}${frame.source ? ` at ${frame.source.name}:${frame.line}` : ''}`,
  )
  return [...frames, `    nia ${await register(client, 'nia')}`, `    msr ${await register(client, 'msr')}`]
}

/**
 * Steps from the guest's `sc 2` through all procedures until the guest has the processor again. What was called in the same
 * way before (the same procedures below it) is left by `step out`.
 */
async function walkFirmware(): Promise<string[]> {
  const lines: string[] = []
  const known = new Set<string>()
  const entered = new Map<string, number>()
  let thread = ''
  let path = ''
  for (let command = 'stepIn'; ; ) {
    const stop = await client.run(command, instruction)
    if (stop.reason !== 'step') lines.push(`stopped: ${stop.reason} ${stop.text ?? ''}`)
    const stack = await client.stack()
    const [procedure, title] = stack[0]!.split(' — ')
    if (title === undefined) break
    // The pages of the guest's stack are still the hypervisor's then, while its code has moved: its frames must not vanish.
    if (title === 'compare the digest of the boot arguments') expect(stack.at(-1)).toMatch(/^_start/)
    const step = (await client.scope('Procedure')).get('step')!.value
    const here = stack.map((name) => name.split(' — ')[0]).join(' < ')
    if (step.startsWith('1 of')) entered.set(procedure!, (entered.get(procedure!) ?? 0) + 1)
    command = here !== path && step.startsWith('1 of') && known.has(here) ? 'stepOut' : 'stepIn'
    path = here
    known.add(here)
    if (command === 'stepOut') continue
    const indent = '  '.repeat(stack.length)
    const now = (await client.ask('threads')).threads[0].name
    if (now !== thread) lines.push(`${indent}[${now}]`)
    thread = now
    lines.push(`${indent}${stack[0]}`)
    for (const [name, { value }] of await client.scope('Step values')) lines.push(`${indent}    ${name} = ${value}`)
  }
  lines.push('', 'how often a procedure was stopped in at its first step:')
  for (const [name, times] of [...entered].sort()) lines.push(`    ${name} ${times}`)
  return lines
}

async function memoryMap(): Promise<string[]> {
  const map = await client.ask('pef/memoryMap')
  const runs = map.runs.map(
    (run: PageRun) => `    ${run.ra} ${run.pages} pages, ${run.owner}: ${run.use}${run.state ? ` (${run.state})` : ''}`,
  )
  return [`    ${map.vmState}: ${map.normalBytes} bytes of normal memory, ${map.secureBytes} of secure memory`, ...runs]
}

/** From one `sc 2` of the secure VM to the next, over each, to the end. */
async function runToEnd(): Promise<string[]> {
  const lines: string[] = []
  for (;;) {
    const before = client.events.length
    await client.ask('continue', { threadId: 1 })
    const stop = await client.anyEvent(['stopped', 'exited'], before)
    if (stop.event === 'exited') return [...lines, `exited: ${stop.body.exitCode}`]
    const call = await register(client, 'r3')
    await client.run('next', instruction)
    lines.push(`    ${call} -> r3 ${await register(client, 'r3')}`)
  }
}
