import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { EsmResult } from '../../debug-adapter/machine/api.ts'
import { ruleOf } from '../../server/esm/rules.ts'
import { guestCases } from './guest-cases.ts'
import { fixture, fixtureJson, untilEsm } from './run.ts'

interface Case {
  readonly id: string
  readonly kind: 'blob' | 'initrd'
  readonly file: string
  readonly diagnostics: readonly string[]
  readonly ultravisor: { readonly accepted: boolean; readonly memoryUnsafe?: boolean; readonly readsPastEnd?: boolean }
}

const bad = fixtureJson('bad/expected.json') as { cases: Case[]; guest: Case[] }

/** What the machine cannot decide by itself: it knows neither other people's keys nor the kernel's file. */
const UNDECIDABLE: Readonly<Record<string, readonly string[]>> = {
  // Only the other key's private half tells that the lockbox was made for it.
  'symkey-for-other-key': ['ESM022'],
  // That the size in the list is wrong needs the kernel as a file; UV_ESM sees the digest of other bytes.
  'digest-kernel-size-plus-one': ['ESM055'],
}

function check(esm: EsmResult, expected: Case): void {
  const { accepted, memoryUnsafe = false, readsPastEnd = false } = expected.ultravisor
  const refuse = !accepted || memoryUnsafe || readsPastEnd
  expect(`${esm.outcome}: ${esm.reason}`).toMatch(refuse ? /^refused/ : /^secure/)
  expect(esm.returnCode).toBe(refuse ? -4n : 0n)
  const wanted = expected.diagnostics.filter((rule) => !UNDECIDABLE[expected.id]?.includes(rule))
  expect(esm.rules).toEqual(expect.arrayContaining(wanted))
  const unexpected = esm.rules.filter((rule) => !expected.diagnostics.includes(rule))
  const severe = unexpected.filter((rule) => !rule.startsWith('ESM') || 'EX'.includes(ruleOf(rule).severity))
  expect(severe).toEqual([])
}

describe('operands and initrds that svm-tool and others made', () => {
  test.each(bad.cases.map((c) => [c.id, c] as const))('%s', (_, c) => {
    const file = fixture(`bad/${c.file}`)
    const { esm } = untilEsm(
      c.kind === 'blob' ? { initrd: fixture('inputs/initrd.img'), operand: file } : { initrd: file },
    )
    check(esm, c)
  })
})

describe('changes of the machine', () => {
  test('every case of the list has its change', () => {
    expect(Object.keys(guestCases).sort()).toEqual(bad.guest.map(({ id }) => id).sort())
  })

  test.each(bad.guest.map((c) => [c.id, c] as const))('%s', (id, c) => {
    const { esm } = untilEsm({ initrd: fixture('bad/base/esmb-initrd.img'), ...guestCases[id] })
    check(esm, c)
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
