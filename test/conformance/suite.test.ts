import { expect, test } from 'vitest'
import { conformanceCases, runCase } from '../../debug-adapter/conformance/suite.ts'
import { quirkNames } from '../../debug-adapter/machine/ultravisor/quirks.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { matrix } from './matrix.ts'
import { suiteTable } from './table.ts'

const idOf = (row: number): string => `T${String(row).padStart(3, '0')}`

test('every case has an id of its own, and says where it comes from', () => {
  const ids = conformanceCases.map(({ id }) => id)
  expect(ids).toEqual([...new Set(ids)])
  for (const { id, source } of conformanceCases) expect(source, id).not.toBe('')
})

test('every row of the matrix has a case, and every case named after a row has one', () => {
  const ids = new Set(conformanceCases.map(({ id }) => id))
  expect(matrix.length).toBe(106)
  expect(matrix.map(([row]) => idOf(row)).filter((id) => !ids.has(id))).toEqual([])
  const rows = new Set(matrix.map(([row]) => idOf(row)))
  expect([...ids].filter((id) => id.startsWith('T') && !rows.has(id.slice(0, 4)))).toEqual([])
})

test('cases of quirks name quirks that exist', () => {
  for (const { quirks } of conformanceCases) for (const quirk of quirks) expect(quirkNames).toContain(quirk)
})

test('README.md is the table of the suite', async () => {
  await expect(suiteTable(matrix, conformanceCases)).toMatchFileSnapshot('README.md')
})

test.each(conformanceCases.map((one) => [one.id, one.title, one] as const))('%s: %s', (_id, _title, one) => {
  const { result, detail } = runCase(one, nodeCrypto)
  expect(result, detail).toBe('pass')
})
