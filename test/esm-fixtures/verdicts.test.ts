import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { guestCases } from './guest-cases.ts'
import { fixture, fixtureJson, untilEsm } from './run.ts'
import { bad, changeOf, wrongWith } from './verdict.ts'

describe('operands and initrds that svm-tool and others made', () => {
  test.each(bad.cases.map((c) => [c.id, c] as const))('%s', (_, c) => {
    expect(wrongWith(untilEsm(changeOf(c)), c)).toEqual([])
  })
})

describe('changes of the machine', () => {
  test('every case of the list has its change', () => {
    expect(Object.keys(guestCases).sort()).toEqual(bad.guest.map(({ id }) => id).sort())
  })

  test.each(bad.guest.map((c) => [c.id, c] as const))('%s', (_, c) => {
    expect(wrongWith(untilEsm(changeOf(c)), c)).toEqual([])
  })
})

describe('good operands', () => {
  const names = readdirSync(new URL('../fixtures/esm/good/', import.meta.url))
  const debianKernel = process.env['PEF_DEBIAN_KERNEL']

  test.each(names)('%s', async (name) => {
    const expected = fixtureJson(`good/${name}/expected.json`)
    const accepted = expected.ultravisor.svm_esm_blob_chk === 0
    const stored = name !== '06-debian-kernel'
    const kernel = stored || !debianKernel ? {} : { kernel: (await import('node:fs')).readFileSync(debianKernel) }
    const { machine, esm } = untilEsm({
      initrd: fixture(`good/${name}/esmb-initrd.img`),
      bootargs: expected.digests?.bootargsText ?? '',
      ...(stored ? {} : { memoryBytes: 160 << 20, secureMemoryBytes: 256 << 20 }),
      ...kernel,
    })
    if (!stored && !debianKernel) {
      // The kernel is not stored (PEF_DEBIAN_KERNEL=vmlinux enables it): all else of this operand has to be right.
      expect(esm.rules).toEqual(['ESM054', 'ESM060'])
      const digests = machine.trace.of('digest').filter(({ what }) => what !== 'kernel')
      expect(digests.map(({ expected: wanted, found }) => wanted === found)).toEqual([true, true, true])
      return
    }
    expect(`${esm.outcome}: ${esm.reason}`).toMatch(accepted ? /^secure/ : /^refused/)
  })
})
