import { expect, test } from 'vitest'
import { Clock } from '../../debug-adapter/machine/clock/clock.ts'
import { Console } from '../../debug-adapter/machine/platform/console.ts'
import { Trace } from '../../debug-adapter/machine/trace/trace.ts'

const MiB = 1 << 20

test('of very much output the newest is kept, and it is known how much is not', () => {
  const console = new Console(new Trace(new Clock()))
  const line = new TextEncoder().encode(`${'x'.repeat(0xffff)}\n`)
  let printed = 0
  for (; printed < 20 * MiB; printed += line.length) console.write(line)
  console.write(new TextEncoder().encode('the end'))
  expect(console.text.length).toBeGreaterThanOrEqual(4 * MiB)
  expect(console.text.length).toBeLessThanOrEqual(8 * MiB + line.length)
  expect(console.forgotten + console.text.length).toBe(printed + 7)
  expect(console.text.endsWith('x\nthe end')).toBe(true)
})

test('takes a paste of any size', () => {
  const console = new Console(new Trace(new Clock()))
  const paste = new Uint8Array(MiB).map((_, i) => i)
  console.type(paste)
  expect(console.read(MiB)).toEqual(paste)
  expect(console.waiting).toBe(false)
})
