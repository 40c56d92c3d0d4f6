import { describe, expect, test } from 'vitest'
import type { Bench } from '../../debug-adapter/conformance/bench.ts'
import { conformanceCases, runCase } from '../../debug-adapter/conformance/suite.ts'
import { quirkNames } from '../../debug-adapter/machine/ultravisor/quirks.ts'
import { uvRules } from '../../debug-adapter/machine/ultravisor/rules.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { callCodes, quirkOnly } from './codes.ts'
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

/** What the cases met: `call code` of every call that came back, and the rules that refused something. */
const met = { codes: new Set<string>(), rules: new Set<string>() }

function note({ machine }: Bench): void {
  for (const record of machine.trace.records) {
    if (record.type === 'refusal') met.rules.add(record.rule)
    else if ((record.type === 'ultracall' || record.type === 'hypercall') && record.phase === 'return') {
      // Where another context goes on, its R3 is all there is: UV_ESM aborted, UV_RETURN done.
      const { name, returnCode, args } = record
      const instead = name === 'UV_ESM' && args['R3'] === BigInt.asUintN(64, -4n) ? -4n : 0n
      const code = returnCode ?? instead
      // The number of bytes of a file is success.
      met.codes.add(`${name} ${name === 'UV_ESMB_GET_FILE' && code > 0n ? 0n : code}`)
    }
  }
}

test.each(conformanceCases.map((one) => [one.id, one.title, one] as const))('%s: %s', (_id, _title, one) => {
  const { result, detail } = runCase(one, nodeCrypto, note)
  expect(result, detail).toBe('pass')
})

describe('the cases together', () => {
  test('produce every code of every call that can be produced', () => {
    const missing = callCodes.filter(({ call, code, never }) => !never && !met.codes.has(`${call} ${code}`))
    expect(missing.map(({ call, code }) => `${call} ${code}`)).toEqual([])
  })

  test('and none that is said to be impossible', () => {
    const produced = callCodes.filter(({ call, code, never }) => never && met.codes.has(`${call} ${code}`))
    expect(produced.map(({ call, code }) => `${call} ${code}`)).toEqual([])
  })

  test('produce no code of an ultracall that the list does not have', () => {
    const listed = new Set(callCodes.map(({ call, code }) => `${call} ${code}`))
    expect([...met.codes].filter((one) => one.startsWith('UV_') && !listed.has(one) && !quirkOnly.has(one))).toEqual([])
  })

  test('are refused by every rule of the ultravisor', () => {
    expect(uvRules.filter((rule) => !met.rules.has(rule))).toEqual([])
  })
})
