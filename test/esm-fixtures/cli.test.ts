/** The built command line on fixtures of every kind: the verdict and the rules as somebody's script reads them. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { BOOTARGS, fixtureJson } from './run.ts'

const pef = fileURLToPath(new URL('../../dist/pef.js', import.meta.url))
const path = (name: string) => fileURLToPath(new URL(`../fixtures/esm/${name}`, import.meta.url))

interface Case {
  readonly id: string
  readonly kind: string
  readonly file: string
  readonly diagnostics: readonly string[]
  readonly ultravisor: { readonly accepted: boolean; readonly memoryUnsafe: boolean; readonly readsPastEnd?: boolean }
}

interface Result {
  readonly code: number
  readonly out: string
}

const run = (args: readonly string[]): Promise<Result> =>
  new Promise((done) =>
    execFile(process.execPath, [pef, 'run', ...args, '--json'], (error, out) =>
      done({ code: error ? Number(error.code) : 0, out }),
    ),
  )

const untilEsm = (...more: string[]): Promise<Result> =>
  run([
    ...['--kernel', path('inputs/vmlinux'), '--tpm-key', path('keys/tpm-private-for-replay.pem')],
    ...['--memory', '80M', '--esm', 'stub', '--until', 'esm', ...more],
  ])

function expectVerdict({ code, out }: Result, accepted: boolean, rules: readonly string[]): void {
  const outcome = JSON.parse(out)
  expect(outcome).toMatchObject({ outcome: accepted ? 'secure' : 'refused', returnCode: accepted ? 0 : -4 })
  expect([...outcome.rules].sort()).toEqual([...rules].sort())
  expect(outcome.reason).not.toBe('')
  expect(code).toBe(accepted ? 0 : 3)
}

beforeAll(() => {
  if (!existsSync(pef)) throw new Error(`${pef} is not built: npm run build`)
})

describe('altered operands and initrds', () => {
  const all: Case[] = fixtureJson('bad/expected.json').cases
  const ids = [
    ...['header-only-20-bytes', 'lockboxes-swapped', 'symkey-oaep-sha1', 'wrong-fingerprint', 'digest-all-four-wrong'],
    ...[
      'digest-plaintext-not-fdt',
      'prefix-only-match',
      'no-512-padding',
      'magic-off-by-one',
      'digest-kernel-size-plus-one',
    ],
  ]
  test.each(ids)('%s', async (id) => {
    const { kind, file, diagnostics, ultravisor } = all.find((c) => c.id === id)!
    const accepted = ultravisor.accepted && !ultravisor.memoryUnsafe && !ultravisor.readsPastEnd
    const files =
      kind === 'blob'
        ? ['--initrd', path('inputs/initrd.img'), '--operand', path(`bad/${file}`)]
        : ['--initrd', path(`bad/${file}`)]
    expectVerdict(await untilEsm('--append', BOOTARGS, ...files), accepted, diagnostics)
  })
})

describe('operands made by svm-tool', () => {
  test.each(['01-one-recipient', '03-files', '07-tpm-is-second-recipient'])('%s', async (name) => {
    const { digests, filesFdt, ultravisor } = fixtureJson(`good/${name}/expected.json`)
    const accepted = ultravisor.svm_esm_blob_chk === 0
    const rules = [...(filesFdt ? [] : ['ESM060']), ...(accepted ? [] : ['ESM022', 'ESM023'])]
    const image = ['--append', digests.bootargsText, '--initrd', path(`good/${name}/esmb-initrd.img`)]
    expectVerdict(await untilEsm(...image), accepted, rules)
  })
})

test('another command line than the one that was hashed', async () => {
  const result = await untilEsm('--append', `${BOOTARGS} quiet`, '--initrd', path('bad/base/esmb-initrd.img'))
  expectVerdict(result, false, ['ESM057'])
})
