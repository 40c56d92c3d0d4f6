import { expect, test } from 'vitest'
import { conformanceCases, runCase } from '../../debug-adapter/conformance/suite.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'

test('every case has an id of its own', () => {
  const ids = conformanceCases.map(({ id }) => id)
  expect(ids).toEqual([...new Set(ids)])
})

test.each(conformanceCases.map((one) => [one.id, one.title, one] as const))('%s: %s', (_id, _title, one) => {
  const { result, detail } = runCase(one, nodeCrypto)
  expect(result, detail).toBe('pass')
})
