/** `pef esm check`, `diff` and `explain` as scripts and editors use them. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RULES } from '../../server/esm/rules.ts'
import { elfFile } from '../esm/elf-file.ts'
import { fixtures, pef, pefHere } from './esm-tool.ts'

let folder: string
let before: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pef-check-'))
  before = process.cwd()
  process.chdir(fixtures)
})
afterAll(() => {
  process.chdir(before)
  rmSync(folder, { recursive: true, force: true })
})

const BOOTARGS = JSON.parse(readFileSync(join(fixtures, 'bad/expected.json'), 'utf8')).bootargs as string
const KERNEL = ['--kernel', 'inputs/vmlinux']
const MACHINE = [...KERNEL, '--append', BOOTARGS, '--tpm-key', 'keys/tpm-private-for-replay.pem']
const PLAIN = ['--initrd', 'inputs/initrd.img']
const BASE = 'bad/base/blob.dtb'

async function check(...args: string[]) {
  const { code, out, error } = await pefHere(['esm', 'check', ...args, '--format', 'json'])
  expect(error).toBe('')
  const { diagnostics } = JSON.parse(out) as { diagnostics: Record<string, unknown>[] }
  return { code, diagnostics, ids: diagnostics.map(({ id }) => id) }
}

describe('check --format json', () => {
  test('a good operand in each form: nothing, and exit code 0', async () => {
    expect(await check(BASE, ...PLAIN, ...MACHINE)).toEqual({ code: 0, diagnostics: [], ids: [] })
    expect(await check('bad/base/esmb-initrd.img', ...MACHINE)).toMatchObject({ code: 0, ids: [] })
    expect(await check('--initrd', 'bad/base/esmb-initrd.img', ...MACHINE)).toMatchObject({ code: 0, ids: [] })
  })

  test('every diagnostic has id, severity, message, place and fix; an error makes the exit code 1', async () => {
    const { code, diagnostics } = await check('bad/blob/digest-all-four-wrong.dtb', ...PLAIN, ...MACHINE)
    expect(code).toBe(1)
    expect(diagnostics.map(({ id }) => id)).toEqual(['ESM053', 'ESM054', 'ESM056', 'ESM057'])
    for (const diagnostic of diagnostics) {
      expect(diagnostic).toMatchObject({ severity: 'error', file: 'bad/blob/digest-all-four-wrong.dtb' })
      expect(diagnostic['message']).toMatch(/expected .+, found .+/)
      expect(diagnostic['offset']).toBeGreaterThan(0)
      expect(diagnostic['fix']).toBe(RULES.get(String(diagnostic['id']))!.fix)
    }
  })

  test('a warning alone is no error', async () => {
    const found = await check('bad/blob/wrong-fingerprint.dtb', ...PLAIN, ...MACHINE)
    expect(found).toMatchObject({ code: 0, ids: ['ESM036'], diagnostics: [{ severity: 'warning' }] })
  })

  test('offsets are those of the file that is named: in an initrd behind the header of its archive', async () => {
    const operand = readFileSync(join(fixtures, 'bad/blob/digest-mac-3-bytes.dtb'))
    const [blob, image] = [join(folder, 'blob.dtb'), join(folder, 'image')]
    writeFileSync(blob, operand)
    expect((await pef(['svm', 'add', '-i', 'inputs/initrd.img', '-b', blob, '-f', image])).code).toBe(0)
    const [alone, inside] = [await check(blob), await check(image)]
    expect([alone.ids, inside.ids]).toEqual([['ESM044'], ['ESM044']])
    const start = readFileSync(image).indexOf(operand)
    expect(Number(inside.diagnostics[0]!['offset'])).toBe(Number(alone.diagnostics[0]!['offset']) + start)
    expect(inside.diagnostics[0]!['file']).toBe(image)
  })

  test('an attachment is found at its place in the file', async () => {
    const { diagnostics } = await check('bad/blob/file-mac-flip.dtb', ...MACHINE)
    const [found] = diagnostics
    expect(found).toMatchObject({ id: 'ESM066', path: '/files/rootd' })
    const blob = readFileSync(join(fixtures, 'bad/blob/file-mac-flip.dtb'))
    expect(blob.toString('latin1', Number(found!['offset']) + 4).startsWith('rootd\0')).toBe(true)
  })

  test.each([
    ['another kernel', [BASE, ...PLAIN, '--kernel', '../../guests/hello-svm/hello-svm.elf'], ['ESM054', 'ESM055']],
    ['another initrd', [BASE, '--initrd', 'inputs/initrd-cpio.gz'], ['ESM056']],
    ['no ELF file', [BASE, '--kernel', 'inputs/initrd.img'], ['ESM120']],
    ['another key', ['good/07-tpm-is-second-recipient/blob.dtb'], ['ESM022', 'ESM023']],
    ['a stale image', ['good/01-one-recipient/blob.dtb', '--initrd', 'bad/base/esmb-initrd.img'], ['ESM084']],
  ])('%s', async (_, args, wanted) => {
    const { code, ids } = await check(...args, '--tpm-key', 'keys/tpm-private-for-replay.pem')
    expect(ids.filter((id) => wanted.includes(String(id)))).toEqual(wanted)
    expect(code).toBe(wanted.includes('ESM084') ? 0 : 1)
  })

  test("the owner's key opens digests and attachments too, under its passphrase", async () => {
    const args = ['esm', 'check', 'good/04-encrypted-origin-key/blob.dtb', '--append', 'other svm=on']
    const key = ['--key', 'keys/origin-enc.sec', '--format', 'json']
    const right = await pef([...args, ...key], { input: 'correct horse\n' })
    expect(JSON.parse(right.out).diagnostics.map(({ id }: { id: string }) => id)).toContain('ESM057')
    const wrong = await pef([...args, ...key], { input: 'battery staple\n' })
    expect(wrong).toMatchObject({ code: 2, out: '' })
    expect(wrong.error).toContain('the passphrase does not open the private key')
    expect((await check(...args.slice(2))).ids).not.toContain('ESM057')
  })

  test('public keys that are known tell whose a lockbox is', async () => {
    const known = ['origin.pub', 'tpm.pem'].flatMap((name) => ['--pubkey', `keys/${name}`])
    expect(
      (await check('good/02-three-recipients/blob.dtb', ...known)).ids.filter((id) => id === 'ESM036'),
    ).toHaveLength(2)
  })

  test('an image as pef run takes it: files, command line and the key of its TPM', async () => {
    const image = join(folder, 'image.json')
    const at = (name: string) => join(fixtures, name)
    const attributes = {
      kernel: at('inputs/vmlinux'),
      initrd: at('bad/base/esmb-initrd.img'),
      bootargs: BOOTARGS,
      tpm: { key: at('keys/tpm-private-for-replay.pem') },
    }
    writeFileSync(image, JSON.stringify(attributes))
    expect(await check('--image', image)).toMatchObject({ code: 0, ids: [] })
    expect(await check('--image', image, '--append', `${BOOTARGS} `)).toMatchObject({
      code: 1,
      ids: ['ESM057', 'ESM058'],
    })
    // The TPM of the emulator has a key of its own.
    writeFileSync(image, JSON.stringify({ ...attributes, tpm: undefined }))
    expect((await check('--image', image)).ids).toContain('ESM036')
    expect(await check('--image', '../../guests/hello-svm/pef.json')).toMatchObject({ code: 0 })
  })

  test('a recipe beside an image that was made of it: its finished initrd is as good as the plain one', async () => {
    const cwd = join(fixtures, '../../guests/hello-svm')
    const made = await pef(['esm', 'check', 'svm_blob.yml', '--image', 'pef.json'], { cwd })
    expect(made).toMatchObject({ code: 0, error: '', out: '0 errors, 0 warnings, 0 notes\n' })
    // As the operand of the image it is put in front of the one that is there.
    const image = join(folder, 'twice.json')
    const at = (name: string) => join(cwd, name)
    const attributes = { kernel: at('hello-svm.elf'), initrd: at('initrd-esmb.img'), bootargs: 'console=hvc0 svm=on' }
    writeFileSync(image, JSON.stringify({ ...attributes, operand: at('svm_blob.yml') }))
    for (const given of [[], ['svm_blob.yml']]) {
      const { code, out } = await pef(['esm', 'check', ...given, '--image', image], { cwd })
      expect(code).toBe(1)
      expect(out).toMatch(/ESM056/)
      expect(out).toMatch(/ESM121/)
    }
  })
})

describe('check of svm_blob.yml', () => {
  interface Case {
    readonly file: string
    readonly diagnostics: string[]
  }
  const cases: readonly Case[] = JSON.parse(readFileSync(join(fixtures, 'yaml/expected.json'), 'utf8')).cases
  test.each(cases)('$file', async ({ file, diagnostics }) => {
    const found = await check(`yaml/${file}`)
    expect(found.ids).toEqual(expect.arrayContaining(diagnostics))
    for (const { range } of found.diagnostics)
      expect(range).toEqual({
        start: { line: expect.any(Number), character: expect.any(Number) },
        end: { line: expect.any(Number), character: expect.any(Number) },
      })
    expect(found.code).toBe(found.diagnostics.some(({ severity }) => severity === 'error') ? 1 : 0)
  })

  test('against the image that it is for', async () => {
    const yaml = 'bad/base/svm_blob.yml'
    const tpm = ['--tpm-key', 'keys/tpm.pem']
    expect(await check(yaml, ...KERNEL, '--append', BOOTARGS, ...PLAIN, ...tpm)).toMatchObject({ code: 0 })
    const other = [
      ...['--kernel', '../../guests/hello-svm/hello-svm.elf', '--append', `${BOOTARGS} quiet`],
      ...['--initrd', 'good/03-files/esmb-initrd.img', '--tpm-key', 'keys/recipient-2.pem'],
    ]
    const { ids, code } = await check(yaml, ...other)
    expect([...ids].sort()).toEqual(['ESM054', 'ESM056', 'ESM057', 'ESM129'])
    expect(code).toBe(1)
  })
})

describe('zImages', () => {
  const operand = readFileSync(join(fixtures, BASE))
  const vmlinux = readFileSync(join(fixtures, 'inputs/vmlinux'))
  const make = (wide: boolean, little: boolean, more: readonly (readonly [string, Buffer])[] = []) => {
    const path = join(folder, `zImage-${wide}-${little}-${more.length}`)
    writeFileSync(
      path,
      elfFile(wide, little, [['.text', Buffer.alloc(99)], ['.kernel:vmlinux.strip', gzipSync(vmlinux)], ...more]),
    )
    return path
  }
  const KEY = ['--append', BOOTARGS, '--tpm-key', 'keys/tpm-private-for-replay.pem']

  test.each([
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ])('64 bits: %s, little-endian: %s', async (wide, little) => {
    const zImage = make(wide, little, [['.kernel:esm_blob', operand]])
    const { code, ids, diagnostics } = await check(zImage, ...PLAIN, ...KEY)
    expect([code, ids]).toEqual([0, ['ESM079']])
    expect(diagnostics[0]).toMatchObject({ offset: readFileSync(zImage).indexOf(operand), length: operand.length })
  })

  test('the whole initrd counts, and an operand in it is one too many', async () => {
    const zImage = make(true, true, [['.kernel:esm_blob', operand]])
    const { code, ids } = await check(zImage, '--initrd', 'bad/base/esmb-initrd.img', ...KEY)
    expect(code).toBe(1)
    expect([...ids].sort()).toEqual(['ESM056', 'ESM078', 'ESM079'])
  })

  test('without an operand the one in the initrd counts', async () => {
    expect(await check(make(true, true), '--initrd', 'bad/base/esmb-initrd.img', ...KEY)).toMatchObject({
      code: 0,
      ids: [],
    })
    expect(await check(make(true, true), ...PLAIN, ...KEY)).toMatchObject({ code: 1, ids: ['ESM070'] })
  })

  test('explain and diff take the operand out of it; an ELF file that is none is named', async () => {
    const zImage = make(false, false, [['.kernel:esm_blob', operand]])
    expect(await pef(['esm', 'diff', zImage, BASE])).toMatchObject({ code: 0, out: '' })
    const { out } = await pef(['esm', 'explain', zImage, '--format', 'json'])
    expect(JSON.parse(out)).toMatchObject({ kind: 'zImage', offset: readFileSync(zImage).indexOf(operand) })
    expect((await pef(['esm', 'check', 'inputs/vmlinux'])).error).toContain('a kernel is given with --kernel')
    expect((await pef(['esm', 'explain', make(true, false)])).error).toContain('a zImage without an operand')
  })
})

describe('other formats', () => {
  test('text: place, rule, effect and fix; and what could not be looked at', async () => {
    const { code, out } = await pef(['esm', 'check', 'bad/blob/digest-mac-3-bytes.dtb'])
    expect(code).toBe(1)
    expect(out).toMatch(
      /^bad\/blob\/digest-mac-3-bytes\.dtb:0x[0-9a-f]+: error ESM044: .+\n {4}effect: .+\n {4}fix: .+\n/,
    )
    expect(out).toContain('1 error, 0 warnings, 0 notes\n')
    expect(out).toContain('Not checked without a private key')
    const { out: opened } = await pef(['esm', 'check', BASE, ...MACHINE])
    expect(opened).toBe('0 errors, 0 warnings, 0 notes\n')
    expect((await pef(['esm', 'check', 'yaml/file-nofile.yml'])).out).toMatch(
      /^yaml\/file-nofile\.yml:13:11: error ESM110: /,
    )
  })

  test('SARIF 2.1.0: rules, results that refer to them, regions in bytes or in lines from 1', async () => {
    const sarif = async (...args: string[]) =>
      JSON.parse((await pef(['esm', 'check', ...args, '--format', 'sarif'])).out)
    const binary = await sarif('bad/blob/digest-mac-3-bytes.dtb')
    expect(binary).toMatchObject({ version: '2.1.0', $schema: expect.stringContaining('sarif-2.1.0') })
    const [run] = binary.runs
    expect(run.tool.driver.rules.map(({ id }: { id: string }) => id)).toEqual([...RULES.keys()])
    const [result] = run.results
    expect(run.tool.driver.rules[result.ruleIndex].id).toBe(result.ruleId)
    expect(result).toMatchObject({
      ruleId: 'ESM044',
      level: 'error',
      message: { text: expect.stringContaining('3 bytes') },
    })
    const { artifactLocation, region } = result.locations[0].physicalLocation
    expect(artifactLocation).toEqual({ uri: 'bad/blob/digest-mac-3-bytes.dtb' })
    expect(region.byteOffset).toBeGreaterThan(0)
    copyFileSync(join(fixtures, 'yaml/two-documents.yml'), join(folder, 'a b.yml'))
    const text = await sarif(join(folder, 'a b.yml'))
    const found = text.runs[0].results.find(({ ruleId }: { ruleId: string }) => ruleId === 'ESM128')
    const place = found.locations[0].physicalLocation
    expect(place.artifactLocation.uri).toMatch(/^file:\/\/\/.*\/a%20b\.yml$/)
    expect(place.region).toEqual({ startLine: 11, startColumn: 1, endLine: 14, endColumn: 1 })
  })

  test('nothing from a file reaches the terminal as a control character', async () => {
    const blob = readFileSync(join(fixtures, 'bad/blob/comment-newline.dtb'))
    const at = blob.indexOf('SHA256\0')
    blob.write('\x1b[31m!', at, 'latin1')
    const path = join(folder, 'escape.dtb')
    writeFileSync(path, blob)
    for (const verb of ['check', 'explain']) {
      const { out } = await pef(['esm', verb, path])
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these it is about
      expect(out).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
    }
  })
})

describe('usage', () => {
  test.each([
    [['check'], 'give a FILE'],
    [['check', 'gone'], 'gone: No such file or directory'],
    [['check', BASE, BASE], 'one FILE, not 2'],
    [['check', BASE, '--format', 'jsn'], '--format takes text, json, sarif, not jsn; did you mean json?'],
    [['check', BASE, '--kernal', 'x'], 'unknown option --kernal; did you mean --kernel?'],
    [['check', 'bad/base/esmb-initrd.img', '--initrd', 'inputs/initrd.img'], 'two initrds'],
    [['check', BASE, '--key', 'inputs/vmlinux'], 'expected an RSA private key in PEM or DER, found neither'],
    [['check', '--image', 'keys/tpm.pem'], 'is not JSON'],
    [['chekc', BASE], 'unknown verb esm chekc; did you mean check?'],
    [['diff', BASE], 'give two files to compare'],
    [['explain'], 'give one FILE'],
  ])('%j', async (args, message) => {
    const { code, out, error } = await pef(['esm', ...args])
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(error).toContain(message)
  })

  test('every verb has its help, with an example', async () => {
    const { out } = await pef(['esm', '--help'])
    const verbs = [...out.matchAll(/^ {2}pef esm (\S+) {2,}\S/gm)].map(([, verb]) => ['esm', verb!])
    expect(verbs).toHaveLength(14)
    for (const verb of [...verbs, ['svm', 'add'], ['svm', 'make'], ['esm-digest', 'create']]) {
      const help = await pef([...verb, '--help'])
      expect(help).toMatchObject({ code: 0, error: '' })
      expect(help.out).toMatch(new RegExp(`^Usage: pef ${verb.join(' ')} `))
      expect(help.out).toMatch(/\nExample:\n {2}pef \S+ \S+ /)
    }
  })
})

describe('diff', () => {
  const KEY = ['--key', 'keys/origin.sec']

  test('the same file, and one that was made again from the same recipe', async () => {
    expect(await pef(['esm', 'diff', BASE, 'bad/base/esmb-initrd.img'])).toMatchObject({ code: 0, out: '' })
    const again = join(folder, 'again')
    await pef(['esm', 'make', '-b', again, '-y', 'good/03-files/svm_blob.yml'])
    const blob = 'good/03-files/blob.dtb'
    const closed = await pef(['esm', 'diff', blob, again])
    expect(closed.code).toBe(1)
    expect(closed.out).toMatch(/^encrypted anew, perhaps of other contents: /)
    const open = await pef(['esm', 'diff', blob, again, ...KEY])
    expect(open.code).toBe(0)
    expect(open.out).toMatch(/^encrypted anew: /)
  })

  test('what differs, in clear and encrypted; an attachment is not told, nor its digest', async () => {
    const [a, b, secret] = [join(folder, 'a'), join(folder, 'b'), join(folder, 'secret')]
    for (const [path, text] of [
      [a, 'passphrase A'],
      [b, 'passphrase B'],
    ] as const) {
      copyFileSync(join(fixtures, 'good/02-three-recipients/blob.dtb'), path)
      writeFileSync(secret, text)
      expect(
        (await pef(['esm', 'attach', '-b', path, '-f', secret, '-r', 'rootd', '-s', 'keys/origin.sec'])).code,
      ).toBe(0)
    }
    await pef(['esm', 'revoke', '-b', b, '-p', 'keys/recipient-3.pem'])
    const { code, out } = await pef(['esm', 'diff', a, b, ...KEY])
    expect(code).toBe(1)
    expect(out).toContain('- /lockboxes/lockbox-3/: a node\n')
    expect(out).toContain('~ decrypted:/files/rootd\n    - 12 bytes\n    + 12 bytes of other contents\n')
    const json = JSON.parse((await pef(['esm', 'diff', a, b, ...KEY, '--format', 'json'])).out)
    expect(json).toMatchObject({ a, b, opened: true })
    expect(json.differences.every(({ path }: { path: string }) => typeof path === 'string')).toBe(true)
  })
})
