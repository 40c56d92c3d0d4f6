/** Somebody types at the console of a Linux kernel: it takes the console's interrupt, as a normal VM and as a secure one. */
import { expect, test } from 'vitest'
import type { Machine } from '../../debug-adapter/machine/machine.ts'
import { linux, secureLinux, shell, until } from './guest.ts'

async function interruptsAfterTyping(machine: Machine): Promise<number> {
  await until(machine, '@@READY@@')
  expect(await shell(machine, 'echo $((6*7))')).toContain('42')
  const table = await shell(machine, 'cat /proc/interrupts')
  return Number(/(\d+)\s+XICS\s+4352\s+Edge\s+hvc_console/.exec(table)?.[1])
}

test('a normal VM', { timeout: 120_000 }, async () => {
  const machine = linux('console=hvc0')
  expect(await interruptsAfterTyping(machine)).toBeGreaterThanOrEqual(2)
  // Waiting takes time, but no instructions to speak of: a minute of it.
  const { clock } = machine
  const [instructions, milliseconds] = [clock.instructions, clock.milliseconds]
  while (clock.milliseconds - milliseconds < 60_000) machine.advance(100_000)
  expect(clock.instructions - instructions).toBeLessThan(20_000_000)
})

test('a secure VM', { timeout: 120_000 }, async () => {
  const machine = await secureLinux('console=hvc0 svm=on swiotlb=4096,force')
  expect(await interruptsAfterTyping(machine)).toBeGreaterThanOrEqual(2)
  expect(machine.vmState).toBe('secure')
})
