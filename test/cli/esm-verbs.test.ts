/** The verbs of `pef esm` on operands that svm-tool made: golden files where svm-tool itself is not at hand. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fixtures, pef, pefHere, pefPath } from './esm-tool.ts'

let folder: string
let before: string
let count = 0
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pef-verbs-'))
  before = process.cwd()
  process.chdir(fixtures)
})
afterAll(() => {
  process.chdir(before)
  rmSync(folder, { recursive: true, force: true })
})

const fresh = () => join(folder, `${count++}`)
const copyOf = (path: string) => {
  const copy = fresh()
  copyFileSync(path, copy)
  return copy
}
const SECKEY = ['-s', 'keys/origin.sec']

async function esm(...args: string[]): Promise<string> {
  const { code, out, error } = await pefHere(['esm', ...args])
  expect(`${code} ${error}`).toBe('0 ')
  return out
}

describe('display', () => {
  test.each(readdirSync(join(fixtures, 'good')))(
    'good/%s is as svm-tool displays it, and its attachments',
    async (name) => {
      const { svmToolDisplay, files = [] } = JSON.parse(readFileSync(`good/${name}/expected.json`, 'utf8'))
      const attached = files.map(
        (file: { name: string; comment: string }) => `file ${file.name} untrusted-comment ${file.comment}\n`,
      )
      expect(await esm('display', '-b', `good/${name}/blob.dtb`)).toBe(`${svmToolDisplay.stdout}${attached.join('')}`)
    },
  )

  const { cases } = JSON.parse(readFileSync(join(fixtures, 'bad/expected.json'), 'utf8'))
  const blobs = cases.filter(
    ({ kind, svmToolDisplay }: { kind: string; svmToolDisplay?: unknown }) => kind === 'blob' && svmToolDisplay,
  )
  test.each(blobs.map((c: { file: string }) => [c.file, c]) as [string, { svmToolDisplay: { exit: number } }][])(
    'bad/%s is taken or refused as by svm-tool, or refused for what libfdt reads and nobody should',
    async (file, { svmToolDisplay }) => {
      const { code, error } = await pefHere(['esm', 'display', '-b', `bad/${file}`])
      if (svmToolDisplay.exit !== 0) expect(code).toBe(1)
      else if (code !== 0) expect(error).toMatch(/ESM00[1-9]|ESM010/)
    },
  )
})

describe('the owner changes an operand', () => {
  test('attachments that svm-tool encrypted come out; what is detached is gone', async () => {
    const blob = copyOf('good/03-files/blob.dtb')
    for (const [name, file] of [
      ['rootd', 'att-rootd.bin'],
      ['crypttab', 'att-crypttab.bin'],
      ['note.txt', 'att-note_txt.bin'],
    ] as const) {
      const { code, bytes } = await pef(['esm', 'extract', '-b', blob, '-f', name, ...SECKEY], { cwd: fixtures })
      expect(code).toBe(0)
      expect(bytes.equals(readFileSync(`inputs/${file}`))).toBe(true)
    }
    await esm('detach', '-b', blob, '-f', 'crypttab')
    expect((await esm('display', '-b', blob)).match(/^file \S+/gm)).toEqual([
      'file plain-name',
      'file note.txt',
      'file rootd',
    ])
    expect(await pefHere(['esm', 'extract', '-b', blob, '-f', 'crypttab', ...SECKEY])).toMatchObject({
      code: 1,
      error: 'esm: crypttab: not attached\n',
    })
  })

  test('from nothing to what boots: create, several recipients at once, digest, attach; check finds nothing wrong', async () => {
    const [blob, image] = [fresh(), fresh()]
    const args = 'root=/dev/vda svm=on'
    const boots = ['-a', args, '-k', 'inputs/vmlinux', '-i', 'inputs/initrd.img']
    await esm('create', '-b', blob, '-p', 'keys/origin.pub', '-c', 'owner')
    await esm(
      'authorize',
      '-b',
      blob,
      '-p',
      'keys/tpm.pem',
      '--pubkey=keys/recipient-2.pem',
      '-pkeys/recipient-3.pem',
      ...SECKEY,
    )
    await esm('digest', '-b', blob, ...boots, ...SECKEY)
    await esm('attach', '-b', blob, '-f', 'inputs/1bad.txt', '-r', 'good', ...SECKEY)
    const machine = ['--tpm-key', 'keys/tpm-private-for-replay.pem', '--kernel', 'inputs/vmlinux', '--append', args]
    await pefHere(['svm', 'add', '-i', 'inputs/initrd.img', '-b', blob, '-f', image])
    expect(await esm('check', image, ...machine)).toBe('0 errors, 0 warnings, 0 notes\n')
    // Another command line: sealed again in place of the old list.
    const again = ['-a', `${args} quiet`, ...boots.slice(2)]
    await esm('digest', '-b', blob, ...again, ...SECKEY, '-c', 'second')
    const { code, out } = await pefHere(['esm', 'check', blob, '--initrd', 'inputs/initrd.img', ...machine])
    expect(code).toBe(1)
    expect(out).toContain('error ESM057')
    expect(out).toContain('1 error, 0 warnings, 0 notes')
    expect((await esm('display', '-b', blob)).match(/^recipient/gm)).toHaveLength(3)
  })

  test('numbers go on behind the largest, and start again when nobody is left', async () => {
    const blob = copyOf('good/02-three-recipients/blob.dtb')
    const names = async () => {
      const { parts } = JSON.parse(await esm('explain', blob, '--format', 'json'))
      return parts.map(({ name }: { name: string }) => name).filter((name: string) => /^lockbox-/.test(name))
    }
    await esm('revoke', '-b', blob, '-p', 'keys/tpm.pem')
    await esm('authorize', '-b', blob, '-p', 'keys/tpm.pem', ...SECKEY)
    expect(await names()).toEqual(['lockbox-4/', 'lockbox-3/', 'lockbox-2/'])
    expect((await pefHere(['esm', 'check', blob])).out).toContain('error ESM021')
    for (const key of ['tpm', 'recipient-2', 'recipient-3']) await esm('revoke', '-b', blob, '-p', `keys/${key}.pem`)
    await esm('authorize', '-b', blob, '-p', 'keys/tpm.pem', ...SECKEY)
    expect(await names()).toEqual(['lockbox-1/'])
  })
})

test('svm add takes an initrd from a pipe', () => {
  const out = fresh()
  const blob = 'good/01-one-recipient/blob.dtb'
  const command = 'printf "an initrd" | "$0" "$@"'
  const args = [pefPath, 'svm', 'add', '-i', '/dev/stdin', '-b', blob, '-f', out]
  const { status, stderr } = spawnSync('bash', ['-c', command, process.execPath, ...args], { encoding: 'utf8' })
  expect(`${status} ${stderr}`).toBe('0 ')
  expect(readFileSync(out, 'latin1').endsWith('an initrd')).toBe(true)
  expect(readFileSync(out).length % 512).toBe('an initrd'.length)
})
