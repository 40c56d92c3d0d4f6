/** Each quirk of the released firmware has a switch that does what it says, and nothing of it happens without (spec/ultravisor.md §9.2). */
import { describe, expect, test } from 'vitest'
import { Bench } from '../../debug-adapter/conformance/bench.ts'
import { type Quirk, quirkNames, quirksWithoutSwitch } from '../../debug-adapter/machine/ultravisor/quirks.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { quirkRows } from './quirk-table.ts'

test('every quirk has a row, and every number of the register is either a switch or says why it is none', () => {
  expect(Object.keys(quirkRows)).toEqual(quirkNames)
  const register = Array.from({ length: 49 }, (_, i) => `Q${String(i + 1).padStart(2, '0')}`)
  expect([...quirkNames, ...Object.keys(quirksWithoutSwitch)].sort()).toEqual([...register, 'Q50'])
})

describe.each(quirkNames)('%s', (quirk) => {
  const { observe, sane, real, start = 'secure', config } = quirkRows[quirk]
  const seen = (quirks: readonly Quirk[]): unknown => {
    const bench = new Bench({ crypto: nodeCrypto, start, config: { ...config, quirks } })
    const result = observe(bench)
    expect(bench.failures).toEqual([])
    return result
  }

  test('without', () => expect(seen([])).toEqual(sane))
  test('with', () => {
    expect(real).not.toEqual(sane)
    expect(seen([quirk])).toEqual(real)
  })
})
