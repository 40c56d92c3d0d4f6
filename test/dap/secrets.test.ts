/** What a session of the debugger says about an operand's walk through UV_ESM: names, sizes and digests, and no key. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DebugProtocol } from '@vscode/debugprotocol'
import { expect, it } from 'vitest'
import { leaksIn, type Secret, secretsOfKey } from '../cli/secrets.ts'
import { StdioClient } from './stdio-client.ts'

const fixtures = fileURLToPath(new URL('../fixtures/esm/', import.meta.url))

class Listener extends StdioClient {
  said: string[] = []

  protected override receive(message: DebugProtocol.ProtocolMessage): void {
    this.said.push(JSON.stringify(message))
    super.receive(message)
  }
}

it('no key or attachment is in what a session says while it steps through UV_ESM', { timeout: 300_000 }, async () => {
  const { masterKey } = JSON.parse(readFileSync(`${fixtures}good/03-files/expected.json`, 'utf8'))
  const secrets: Secret[] = [
    { name: 'master key', bytes: Buffer.from(masterKey, 'hex') },
    { name: 'attachment', bytes: readFileSync(`${fixtures}inputs/att-crypttab.bin`) },
    ...secretsOfKey('keys/tpm-private-for-replay.pem'),
  ]
  const client = new Listener(fixtures)
  await client.launch({
    kernel: 'inputs/vmlinux',
    initrd: 'good/03-files/esmb-initrd.img',
    bootargs: 'root=/dev/sda2 ro svm=1 console=hvc0',
    tpm: { key: 'keys/tpm-private-for-replay.pem' },
    esm: 'stub',
    stopOn: 'esm',
  })
  await client.ask('setExceptionBreakpoints', { filters: ['end'] })
  await client.run('configurationDone', {})
  const procedures = new Set<string>()
  // To the end of the firmware, which gives the processor back to the guest.
  for (let step = 0; step < 20_000; step++) {
    const { reason } = await client.run('stepIn', { threadId: 1, granularity: 'statement' })
    const { stackFrames } = await client.ask('stackTrace', { threadId: 1 })
    const [top] = stackFrames as DebugProtocol.StackFrame[]
    procedures.add(top!.name)
    if (reason !== 'step' || (stackFrames.length === 1 && step > 10)) break
    const { scopes } = await client.ask('scopes', { frameId: top!.id })
    const steps = (scopes as DebugProtocol.Scope[]).find(({ name }) => name === 'Step values')
    if (steps) await client.ask('variables', { variablesReference: steps.variablesReference })
  }
  for (const expression of ['uv', 'tpm', 'trace 1000']) await client.ask('evaluate', { expression, context: 'repl' })
  await client.ask('pef/trace', { from: 0 })
  await client.ask('pef/tpmState')
  await client.ask('pef/memoryMap')
  client.kill()
  const said = client.said.join('\n')
  // It was there when the lockbox was opened.
  expect([...procedures].join()).toMatch(/unwrap|RSA|lockbox|TPM2/i)
  expect(said).toContain('TPM2_')
  expect(said).toMatch(/SVM 1: \d+ pages/)
  expect(leaksIn(said, secrets)).toEqual([])
})
