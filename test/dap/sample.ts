/** The sample image in the built debug adapter. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DebugProtocol } from '@vscode/debugprotocol'
import { expect } from 'vitest'
import type { DapClient } from './client.ts'
import { StdioClient } from './stdio-client.ts'

export const sample = fileURLToPath(new URL('../guests/hello-svm/', import.meta.url))
export const instruction = { threadId: 1, granularity: 'instruction' }
export const UV_ESM = '0x000000000000f110'

/** Starts the adapter and launches the sample; `attributes` go over those of its pef.json. */
export async function startSample(attributes: object = {}): Promise<StdioClient> {
  const image = JSON.parse(readFileSync(`${sample}pef.json`, 'utf8'))
  const client = new StdioClient(sample)
  await client.launch({ ...image, ...attributes })
  return client
}

/** A register of the guest as `evaluate` shows it. */
export async function register(client: DapClient, name: string): Promise<string> {
  return (await client.ask('evaluate', { expression: `$${name}`, context: 'watch' })).result
}

/** Sets a breakpoint on every `sc LEV` of the kernel, found in its disassembly: of ultracalls, or with 1 of hypercalls. */
export async function breakAtCalls(client: DapClient, level: 1 | 2 = 2): Promise<void> {
  const { instructions } = await client.ask('disassemble', { memoryReference: '0x400000', instructionCount: 16384 })
  const sites = instructions.filter((one: DebugProtocol.DisassembledInstruction) =>
    new RegExp(`^sc\\s+${level}$`).test(one.instruction),
  )
  expect(sites.length).toBeGreaterThan(0)
  const { breakpoints } = await client.ask('setInstructionBreakpoints', {
    breakpoints: sites.map((one: DebugProtocol.DisassembledInstruction) => ({ instructionReference: one.address })),
  })
  expect(breakpoints.every((one: DebugProtocol.Breakpoint) => one.verified)).toBe(true)
}

/** From power-on to the guest's `sc 2` with UV_ESM in R3. */
export async function sampleAtEsm(): Promise<StdioClient> {
  const client = await startSample({ stopOn: 'entry' })
  await client.run('configurationDone', {})
  await breakAtCalls(client)
  expect((await client.run('continue')).reason).toBe('instruction breakpoint')
  expect(await register(client, 'r3')).toBe(UV_ESM)
  return client
}
