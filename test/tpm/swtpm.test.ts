import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { differences } from './cases/differences.ts'
import { cases, type Setting } from './cases.ts'
import { writeGolden } from './golden.ts'
import { fresh, logOf, ours, provisioned } from './sides.ts'
import { SWTPM_HINT, Swtpm, swtpmIsThere } from './swtpm.ts'

describe.skipIf(!swtpmIsThere)(`our TPM answers as swtpm does ${swtpmIsThere ? '' : SWTPM_HINT}`, () => {
  let sides: readonly [Setting, Setting]
  let swtpm: Swtpm
  const theirLogs = new Map<string, readonly string[]>()

  beforeAll(async () => {
    swtpm = await Swtpm.start()
    sides = [await provisioned(ours()), await provisioned(swtpm)]
  })

  afterAll(async () => {
    await swtpm?.stop()
    if (process.env['UPDATE_GOLDEN']) writeGolden(theirLogs)
  })

  test.each(Object.keys(cases))('%s', async (name) => {
    const [mine, theirs] = [await logOf(sides[0], name), await logOf(sides[1], name)]
    theirLogs.set(name, theirs)
    expect(mine).toEqual(theirs)
  })

  test.each(differences.map((one) => [one.what, one] as const))('otherwise: %s', async (_, difference) => {
    const codes: string[] = []
    for (const setting of sides) {
      await fresh(setting)
      codes.push((await difference.run(setting.client)).code.toString(16))
    }
    expect(codes, difference.why).toEqual([difference.ours.toString(16), difference.theirs.toString(16)])
  })
})
