/** Every verb of svm-tool by it and by pef, on the same inputs: each reads what the other made, and they agree on what is wrong. */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { locateOperand } from '../../server/esm/cpio.ts'
import { parseFdt } from '../../server/esm/fdt.ts'
import { hexBytes } from '../../server/esm/reader.ts'
import { type Ended, fixtures, pef, SVM_TOOL_HINT, svmTool, svmToolIsThere } from './esm-tool.ts'
import { contents } from './operand-contents.ts'

const tools = { pef, 'svm-tool': svmTool } as const
type Tool = keyof typeof tools
const both: readonly Tool[] = ['pef', 'svm-tool']
const pairs = both.flatMap((maker) => both.map((reader) => [maker, reader] as const))

let folder: string
let count = 0
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pef-esm-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const fresh = (name = 'blob') => join(folder, `${count++}-${name}`)
const copyOf = (fixture: string) => {
  const path = fresh()
  copyFileSync(join(fixtures, fixture), path)
  return path
}
const bytesOf = (path: string) => new Uint8Array(readFileSync(path))
const ORIGIN = join(fixtures, 'keys/origin.sec')
const LARGE = '05-big-origin-key'
const ENCRYPTED = '04-encrypted-origin-key'

async function succeed(ended: Promise<Ended>): Promise<string> {
  const { code, error, out } = await ended
  expect(`${code} ${code === 0 ? '' : error}`).toBe('0 ')
  return out
}

/** What svm-tool displays: it looks for attachments where they were once. */
const withoutFiles = (text: string) => text.replace(/^file .*\n/gm, '')

describe.skipIf(!svmToolIsThere)(`the verbs of svm-tool ${svmToolIsThere ? '' : SVM_TOOL_HINT}`, () => {
  const recipes = readdirSync(join(fixtures, 'good')).filter((name) => !/^(06|09|10)-/.test(name))

  test.each(recipes)('make: %s', async (name) => {
    const yaml = `good/${name}/svm_blob.yml`
    const input = name === ENCRYPTED ? 'correct horse\n' : '\n'
    const [ours, theirs] = await Promise.all(
      both.map(async (tool) => {
        const path = fresh()
        await succeed(tools[tool](['esm', 'make', '-b', path, '-y', yaml], { input }))
        const texts = await Promise.all(both.map((t) => succeed(tools[t](['esm', 'display', '-b', path]))))
        expect(withoutFiles(texts[0]!)).toBe(texts[1])
        const seckey = name === ENCRYPTED ? 'origin-enc.sec' : name === LARGE ? 'origin-big.sec' : 'origin.sec'
        return { contents: contents(path, join(fixtures, 'keys', seckey), 'correct horse'), display: texts[1] }
      }),
    )
    expect(ours).toEqual(theirs)
  })

  test.each(pairs)('create, authorize and attach: %s and %s in turn', async (a, b) => {
    const path = fresh()
    const [first, second] = [tools[a], tools[b]]
    const key = ['-s', ORIGIN]
    await succeed(first(['esm', 'create', '-b', path, '-p', 'keys/origin.pub', '-c', 'the owner: ö']))
    await succeed(second(['esm', 'authorize', '-b', path, '-p', 'keys/tpm.pem', ...key, '-c', 'first']))
    await succeed(first(['esm', 'attach', '-b', path, '-f', 'inputs/att-rootd.bin', '-r', 'rootd', ...key]))
    await succeed(second(['esm', 'attach', '-b', path, '-f', 'inputs/plain-name', '-c', 'a comment', ...key]))
    await succeed(first(['esm', 'authorize', '-b', path, '-p', 'keys/recipient-2.pem', ...key]))
    expect(contents(path, ORIGIN)).toMatchObject({
      lockboxes: [
        { name: 'lockbox-2', comment: '' },
        { name: 'lockbox-1', comment: 'first' },
        { name: 'origin-lockbox', comment: 'the owner: ö' },
      ],
      files: [
        { name: 'plain-name', comment: 'a comment', bytes: readFileSync(join(fixtures, 'inputs/plain-name'), 'hex') },
        { name: 'rootd', comment: '', bytes: readFileSync(join(fixtures, 'inputs/att-rootd.bin'), 'hex') },
      ],
    })
    await succeed(second(['esm', 'revoke', '-b', path, '-p', 'keys/tpm.pem']))
    expect(contents(path, ORIGIN).lockboxes.map(({ name }) => name)).toEqual(['lockbox-2', 'origin-lockbox'])
  })

  // Not compared to the byte: libfdt pads with what was there before.
  test('revoke leaves the same tree', async () => {
    const paths = await Promise.all(
      both.map(async (tool) => {
        const path = copyOf('good/02-three-recipients/blob.dtb')
        await succeed(tools[tool](['esm', 'revoke', '-b', path, '-p', 'keys/recipient-2.pem']))
        return path
      }),
    )
    expect(parseFdt(bytesOf(paths[0]!))).toEqual(parseFdt(bytesOf(paths[1]!)))
    expect(bytesOf(paths[0]!)).toHaveLength(bytesOf(paths[1]!).length)
  })

  test('esm-digest create writes the same tree', async () => {
    const sources = ['-a', 'root=/dev/sda2 svm=on ö', '-i', 'inputs/initrd-cpio.gz', '-k', 'inputs/vmlinux']
    const [ours, theirs] = [fresh(), fresh()]
    await succeed(pef(['esm-digest', 'create', '-f', ours, ...sources]))
    await succeed(svmTool(['create', '-f', theirs, ...sources], {}, 'esm-digest'))
    expect(parseFdt(bytesOf(ours))).toEqual(parseFdt(bytesOf(theirs)))
    expect(bytesOf(ours)).toHaveLength(bytesOf(theirs).length)
  })

  test.each(pairs)('generate by %s: the keys serve %s, with and without a passphrase', async (maker, user) => {
    // svm-tool takes a passphrase in Latin-1, and only that of its own keys; what is ASCII everybody takes.
    for (const passphrase of ['', maker === 'svm-tool' ? 'wörd & word' : 'word & word']) {
      const [pub, sec, blob] = [fresh('pub'), fresh('sec'), fresh()]
      const keys = ['-p', pub, '-s', sec]
      await succeed(tools[maker](['esm', 'generate', ...keys], { input: `${passphrase}\n${passphrase}\n` }))
      await succeed(tools[user](['esm', 'create', '-b', blob, '-p', pub]))
      const authorize = ['esm', 'authorize', '-b', blob, '-p', 'keys/tpm.pem', '-s', sec]
      if (passphrase !== '') expect((await tools[user](authorize, { input: 'wrong\n' })).code).toBe(1)
      await succeed(tools[user](authorize, { input: `${passphrase}\n` }))
      expect(contents(blob, sec, passphrase).lockboxes).toHaveLength(2)
    }
  })

  test('svm add: the same initrd with the same operand at the same place', async () => {
    const [ours, theirs] = await Promise.all(
      both.map(async (tool) => {
        const path = fresh('initrd')
        const [initrd, blob] = ['inputs/initrd.img', 'good/01-one-recipient/blob.dtb']
        await succeed(tools[tool](['svm', 'add', '-i', initrd, '-b', blob, '-f', path]))
        const { operand, archiveBytes, findings } = locateOperand(bytesOf(path))
        return { operand, archiveBytes, findings, rest: hexBytes(bytesOf(path).subarray(archiveBytes)) }
      }),
    )
    expect(ours).toEqual(theirs)
    expect(ours!.operand).toMatchObject({ name: 'opt/ibm/pef/blob.dtb', offset: 604 })
  })

  const yamls = readdirSync(join(fixtures, 'yaml')).filter((name) => name.endsWith('.yml'))
  test.each(yamls)('make tells the same inputs wrong: yaml/%s', async (name) => {
    const [ours, theirs] = [fresh(), fresh()]
    const results = await Promise.all([
      pef(['esm', 'make', '-b', ours, '-y', `yaml/${name}`]),
      svmTool(['esm', 'make', '-b', theirs, '-y', `yaml/${name}`]),
    ])
    expect(results[0].code, results[0].error).toBe(results[1].code)
    if (results[0].code === 0) expect(statSync(ours).size).toBe(statSync(theirs).size)
    else expect(existsSync(ours)).toBe(false)
  })
})

describe.skipIf(!svmToolIsThere)(`what svm-tool refuses ${svmToolIsThere ? '' : SVM_TOOL_HINT}`, () => {
  const three = 'good/02-three-recipients/blob.dtb'
  const files = 'good/03-files/blob.dtb'
  const key = ['-s', ORIGIN]
  test.each([
    ['a key that is authorized', three, ['authorize', '-p', 'keys/tpm.pem', ...key]],
    [
      'a private key that is not the owner',
      three,
      ['authorize', '-p', 'keys/origin-big.pub', '-s', 'keys/origin-big.sec'],
    ],
    ['a public key as private key', three, ['authorize', '-p', 'keys/origin-big.pub', '-s', 'keys/origin.pub']],
    ['no key at all', three, ['authorize', '-p', 'inputs/plain-name', ...key]],
    ['a key file that is missing', three, ['authorize', '-p', 'keys/none', ...key]],
    ['a comment of two lines', three, ['authorize', '-p', 'keys/origin-big.pub', '-c', 'a\nb', ...key]],
    ['the owner as one to revoke', three, ['revoke', '-p', 'keys/origin.pub']],
    ['a stranger as one to revoke', three, ['revoke', '-p', 'keys/origin-big.pub']],
    ['a name that is taken', files, ['attach', '-f', 'inputs/plain-name', '-r', 'rootd', ...key]],
    ['a name that is none', files, ['attach', '-f', 'inputs/1bad.txt', ...key]],
    ['an attachment that is missing', files, ['attach', '-f', 'inputs/none', ...key]],
    ['detaching what is not there', files, ['detach', '-f', 'none']],
    ['extracting what is not there', files, ['extract', '-f', 'none', ...key]],
    ['an operand without owner', 'bad/blob/missing-origin-lockbox.dtb', ['display']],
    ['an unknown property', 'bad/blob/extra-root-property.dtb', ['display']],
    ['another fingerprint', 'bad/blob/fingerprint-sha512.dtb', ['display']],
    ['an odd name of a lockbox', 'bad/blob/lockbox-1-unit-address.dtb', ['display']],
    ['a missing -p', three, ['revoke']],
    ['an unknown option', three, ['display', '-z']],
    ['a missing value', three, ['display', '-b']],
  ] as const)('%s', async (_, fixture, [verb, ...args]) => {
    const results = await Promise.all(
      both.map(async (tool) => {
        const path = copyOf(fixture)
        const { code, error } = await tools[tool](['esm', verb!, '-b', path, ...args])
        expect(error).not.toBe('')
        expect(bytesOf(path)).toEqual(bytesOf(join(fixtures, fixture)))
        return code
      }),
    )
    expect(results[0]).toBe(results[1])
    expect(results[0]).toBeGreaterThan(0)
  })

  test('-n writes nothing', async () => {
    for (const tool of both) {
      const [path, none] = [copyOf(three), fresh()]
      await succeed(tools[tool](['esm', 'revoke', '-nv', '-b', path, '-p', 'keys/tpm.pem']))
      await succeed(tools[tool](['esm', 'create', '-vn', '-b', none, '-p', 'keys/tpm.pem']))
      expect(bytesOf(path)).toEqual(bytesOf(join(fixtures, three)))
      expect(existsSync(none)).toBe(false)
    }
  })

  test('an operand that svm-tool made is one that svm-tool takes after pef wrote it again', async () => {
    const path = copyOf(files)
    await succeed(pef(['esm', 'detach', '-b', path, '-f', 'note.txt']))
    expect(await succeed(svmTool(['esm', 'display', '-b', path]))).toMatch(/^origin [0-9a-f]{64} untrusted-comment \n/)
    expect(contents(path, ORIGIN).files.map(({ name }) => name)).toEqual(['plain-name', 'crypttab', 'rootd'])
  })
})
