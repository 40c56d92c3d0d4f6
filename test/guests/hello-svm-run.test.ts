/** What the sample guest does on each of its ways, as its console and the hypervisor see it. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { MachineConfig } from '../../debug-adapter/machine/config.ts'
import type { Machine } from '../../debug-adapter/machine/machine.ts'
import { parseElf } from '../../debug-adapter/symbols/elf.ts'
import { sampleMachine, until } from '../machine/sample.ts'

const folder = new URL('hello-svm/', import.meta.url)
const MAX_ADVANCES = 100_000

function toEnd(change: Partial<MachineConfig> = {}): Machine {
  const machine = sampleMachine(change)
  for (let i = 0; i < MAX_ADVANCES; i++) if (machine.advance(10_000).kind === 'end') return machine
  throw new Error(`the guest does not end: ${machine.platform.console.text}`)
}

/** Address of a symbol of the guest, which is its guest physical address too. */
function address(name: string): bigint {
  const symbols = parseElf(new Uint8Array(readFileSync(new URL('hello-svm.elf', folder)))).symbols()
  return symbols.find((symbol) => symbol.name === name)!.address
}

const lines = (machine: Machine) => machine.platform.console.text.trimEnd().split('\n')

describe('with the right operand', () => {
  const machine = toEnd()

  test('it runs twice from its entry, and ends by itself', () => {
    const file = readFileSync(new URL('rootd', folder))
    const checksum = file.reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 0)
    expect(lines(machine)).toEqual([
      'hello-svm: a normal VM, msr 0x8000000000001001',
      'hello-svm: command line "console=hvc0 svm=on"',
      'hello-svm: asking the ultravisor to make this VM secure',
      'hello-svm: a secure VM, msr 0x8000000000401001',
      `hello-svm: wrote a secret at 0x${address('secret').toString(16)}`,
      'hello-svm: UV_SHARE_PAGE = 0',
      'hello-svm: wrote into the shared page: the hypervisor can read this',
      'hello-svm: UV_UNSHARE_PAGE = 0, and the page is empty again',
      `hello-svm: the attached file rootd has ${file.length} bytes, checksum 0x${checksum.toString(16)}`,
      'hello-svm: done',
    ])
    expect(machine.esm!.outcome).toBe('secure')
    expect(machine.end).toMatchObject({ how: 'halted' })
  })

  test('every ultracall of it is in the log, in order', () => {
    const calls = machine.trace.of('ultracall').filter((r) => r.phase === 'call' && r.caller !== 'hypervisor')
    const guest = ['UV_ESM', 'UV_SHARE_PAGE', 'UV_UNSHARE_PAGE', 'UV_ESMB_GET_FILE']
    expect(calls.map(({ name }) => name).filter((name) => guest.includes(name))).toEqual(guest)
  })
})

describe('the shared page', () => {
  const machine = until(sampleMachine(), 'wrote into the shared page')
  const page = address('shared_page')
  const hypervisorReads = () => new TextDecoder().decode(machine.hypervisor.vm!.read(page, 28))

  test('while it is shared the hypervisor reads it', () => {
    expect(machine.pageState(page)).toBe('SHARED')
    expect(hypervisorReads()).toBe('the hypervisor can read this')
  })

  test('then it cannot, and the guest finds zeros', () => {
    until(machine, 'the page is empty again')
    expect(machine.pageState(page)).toBe('SECURE')
    expect(hypervisorReads).toThrow('MEM-003')
  })
})

test('without svm=on it stays a normal VM, and ends by itself', () => {
  const machine = toEnd({ bootargs: 'console=hvc0' })
  expect(lines(machine).at(-1)).toBe('hello-svm: no svm=on, so this stays a normal VM')
  expect(machine.esm).toBeUndefined()
  expect(machine.vmState).toBe('normal')
  expect(machine.end).toMatchObject({ how: 'halted' })
})

test.each([
  ['another TPM', { seed: 2 }, 'ESM026'],
  ['another command line', { bootargs: 'console=hvc0 svm=on quiet' }, 'ESM057'],
  ['no operand', { initrd: new Uint8Array(readFileSync(new URL('initrd.txt', folder))) }, 'ESM070'],
])('with %s it says that it was refused, and asks to be ended', (_, change, rule) => {
  const machine = toEnd(change)
  expect(machine.esm!.rules).toContain(rule)
  expect(lines(machine).at(-1)).toBe('hello-svm: UV_ESM was refused with -4')
  expect(machine.end).toMatchObject({
    how: 'stopped',
    reason: expect.stringContaining('hello-svm: UV_ESM was refused'),
  })
})
