import { beforeAll, expect, test } from 'vitest'
import { cases, type Setting } from './cases.ts'
import { readGolden } from './golden.ts'
import { logOf, ours, provisioned } from './sides.ts'

/** The same cases as in swtpm.test.ts, against what swtpm answered then: for where it is not installed. */
const golden = readGolden()
let setting: Setting

beforeAll(async () => {
  setting = await provisioned(ours())
})

test('every case is in the golden file, and nothing else', () => {
  expect([...golden.keys()]).toEqual(Object.keys(cases))
})

test.each(Object.keys(cases))('%s', async (name) => {
  expect(await logOf(setting, name)).toEqual(golden.get(name))
})
