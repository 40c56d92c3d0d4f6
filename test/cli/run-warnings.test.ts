/** `pef run` says what is wrong with the image before the VM runs, all of it, and runs it. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { pefHere } from './esm-tool.ts'

const at = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const SAMPLE = at('guests/hello-svm/pef.json')
const BOOTARGS = 'root=/dev/sda2 ro svm=1 console=hvc0'
/** The machine of the fixtures. */
const MACHINE = [
  ...['--kernel', at('fixtures/esm/inputs/vmlinux'), '--tpm-key', at('fixtures/esm/keys/tpm-private-for-replay.pem')],
  ...['--memory', '80M', '--esm', 'stub', '--until', 'esm'],
]

const text = (...args: string[]) => pefHere(['run', ...args])
async function json(...args: string[]) {
  const { code, out, error } = await pefHere(['run', ...args, '--json'])
  expect(error).toBe('')
  const outcome = JSON.parse(out)
  return { code, outcome, ids: (outcome.diagnostics ?? []).map(({ id }: { id: string }) => id) }
}

describe('before the VM runs', () => {
  test('nothing is said of an image that is in order', async () => {
    expect((await text(SAMPLE)).error).toBe('')
    expect(await json(SAMPLE)).toMatchObject({ code: 0, ids: [] })
  })

  test('a command line that was not hashed is a warning with its rule, and the VM is refused as it would be', async () => {
    const changed = ['--append', 'console=hvc0 svm=on quiet']
    const { code, error, out } = await text(SAMPLE, ...changed)
    expect(code).toBe(3)
    expect(error).toMatch(/^warning: ESM057: .+; to correct it: .+\n$/)
    expect(out).toContain('refused by the ultravisor: ESM057')
    const { outcome, ids } = await json(SAMPLE, ...changed)
    expect(ids).toEqual(['ESM057'])
    expect(outcome).toMatchObject({ outcome: 'refused', rules: ['ESM057'] })
    expect(outcome.diagnostics[0]).toMatchObject({ severity: 'error', fix: expect.any(String) })
  })

  test('everything is said, where UV_ESM stops at the first', async () => {
    const operand = ['--operand', at('fixtures/esm/bad/blob/missing-lockboxes.dtb')]
    const initrd = ['--initrd', at('fixtures/esm/inputs/initrd.img')]
    const { outcome, ids } = await json(...MACHINE, '--append', ` ${BOOTARGS}`, ...operand, ...initrd)
    expect(ids).toEqual(['ESM020', 'ESM028'])
    expect(outcome.outcome).toBe('refused')
    const four = ['--operand', at('fixtures/esm/bad/blob/digest-all-four-wrong.dtb')]
    expect((await json(...MACHINE, '--append', BOOTARGS, ...four, ...initrd)).ids).toEqual([
      ...['ESM053', 'ESM054', 'ESM056', 'ESM057'],
    ])
  })

  test('an ultravisor that only warns, and a VM without an initrd', async () => {
    expect(await json(SAMPLE, '--quirks', 'Q29')).toMatchObject({ code: 0, ids: ['ESM137'] })
    const [kernel] = [at('guests/hello-svm/hello-svm.elf')]
    expect((await json('--kernel', kernel, '--append', 'svm=on', '--memory', '64M')).ids).toEqual(['ESM080'])
  })

  test('a normal VM needs no operand, and nothing is said of it', async () => {
    const kernel = ['--kernel', at('guests/hello-svm/hello-svm.elf'), '--memory', '64M', '--max-instructions', '1000']
    expect((await json(...kernel, '--append', 'quiet')).ids).toEqual([])
  })
})
