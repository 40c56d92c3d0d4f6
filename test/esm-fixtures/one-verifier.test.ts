/** One verifier: `pef esm check` on the files and UV_ESM on the running machine say the same about every malformed fixture. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ruleOf } from '../../server/esm/rules.ts'
import { pefHere } from '../cli/esm-tool.ts'
import { BOOTARGS, fixture, fixtureJson, untilEsm } from './run.ts'

interface Case {
  readonly id: string
  readonly kind: 'blob' | 'initrd'
  readonly file: string
}

interface Diagnostic {
  readonly id: string
  readonly severity: 'error' | 'warning' | 'information' | 'hint'
}

const cases: readonly Case[] = fixtureJson('bad/expected.json').cases

const path = (name: string) => fileURLToPath(new URL(`../fixtures/esm/${name}`, import.meta.url))
const isSevere = (rule: string) => 'EX'.includes(ruleOf(rule).severity)

async function check({ kind, file }: Case): Promise<{ code: number | null; diagnostics: readonly Diagnostic[] }> {
  const files = kind === 'blob' ? [path(`bad/${file}`), '--initrd', path('inputs/initrd.img')] : [path(`bad/${file}`)]
  const machine = ['--kernel', path('inputs/vmlinux'), '--append', BOOTARGS]
  const tpm = ['--tpm-key', path('keys/tpm-private-for-replay.pem')]
  const others = ['origin', 'recipient-2', 'recipient-3'].flatMap((name) => ['--key', path(`keys/${name}.sec`)])
  const given = [...files, ...machine, ...tpm, ...others]
  const { code, out, error } = await pefHere(['esm', 'check', ...given, '--format', 'json'])
  expect(error).toBe('')
  return { code, ...JSON.parse(out) }
}

function uvEsm({ kind, file }: Case) {
  const bytes = fixture(`bad/${file}`)
  return untilEsm(kind === 'blob' ? { initrd: fixture('inputs/initrd.img'), operand: bytes } : { initrd: bytes }).esm
}

describe('check and UV_ESM', () => {
  test('there are fixtures of both kinds', () => {
    expect([...new Set(cases.map(({ kind }) => kind))].sort()).toEqual(['blob', 'initrd'])
  })

  test.each(cases.map((c) => [c.id, c] as const))('%s', async (_, c) => {
    const { code, diagnostics } = await check(c)
    const esm = uvEsm(c)
    const named = diagnostics.map(({ id }) => id)
    const errors = diagnostics.filter(({ severity }) => severity === 'error').map(({ id }) => id)
    const deciding = errors.filter((rule) => ruleOf(rule).stage === 'esm')
    const severe = esm.rules.filter((rule) => rule.startsWith('ESM') && isSevere(rule))
    // What is wrong in the eyes of the machine is so in those of check.
    expect(severe.filter((rule) => !named.includes(rule))).toEqual([])
    // The machine stops at the first step that refuses: check says more, but never less, and refuses nothing else.
    expect(deciding.length > 0).toBe(esm.outcome === 'refused')
    expect(code).toBe(errors.length > 0 ? 1 : 0)
    if (esm.outcome === 'refused') expect(severe.some((rule) => deciding.includes(rule))).toBe(true)
  })
})
