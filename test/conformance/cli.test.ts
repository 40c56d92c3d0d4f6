/** `pef conformance`: its three forms, and what --filter picks. */
import { expect, test } from 'vitest'
import { pefHere } from '../cli/esm-tool.ts'

const run = (...args: string[]) => pefHere(['conformance', ...args])

test('text: one line a case, and how many passed', async () => {
  const { code, out } = await run('--filter', 'T001')
  expect(code).toBe(0)
  expect(out).toMatch(/^T001 {2}pass {2}numbers that are no ultracall \(syscall_ultracall\)\n1 passed, 0 failed\n$/)
})

test('--json: one object with the cases', async () => {
  const { cases } = JSON.parse((await run('--filter', 'T096', '--json')).out)
  expect(cases).toMatchObject([{ id: 'T096', result: 'pass', source: 'uv_esmb_get_file' }])
  expect(cases[0].detail).toContain('[0x40, 0x24, 0]')
})

test('--junit: a test case each, with what XML reserves escaped', async () => {
  const { out } = await run('--filter', 'T008', '--junit')
  expect(out).toMatch(
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuite name="pef conformance" tests="1" failures="0">/,
  )
  expect(out.match(/<testcase /g)).toHaveLength(1)
  expect(out).not.toMatch(/&(?!amp;|lt;|gt;|quot;|#10;)/)
})

test('a filter that no case has is a mistake', async () => {
  const { code, error } = await run('--filter', 'T999')
  expect(code).toBe(2)
  expect(error).toContain('--filter t999: no case has this in its id, title or source')
})
