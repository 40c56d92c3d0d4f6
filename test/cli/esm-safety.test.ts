/** What must not happen: secrets that get out, files that get lost, memory that grows with the initrd, a terminal left in a mess. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nodeCrypto as crypto } from '../../server/esm/crypto/node.ts'
import { parsePrivateKey } from '../../server/esm/crypto/pem.ts'
import { openWith } from '../../server/esm/edit.ts'
import { type Ended, fixtures, pef, pefPath } from './esm-tool.ts'
import { pefOnTerminal, python, type Typed } from './on-terminal.ts'
import { leaksIn, type Secret, secretsOfKey } from './secrets.ts'

let root: string
let folder: string
let count = 0
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'pef-safety-'))
})
beforeEach(() => {
  folder = mkdtempSync(join(root, `${count++}-`))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const at = (name: string) => join(folder, name)
const bytesOf = (path: string) => new Uint8Array(readFileSync(path))
const BLOB = join(fixtures, 'good/03-files/blob.dtb')
const BOOTARGS = 'root=/dev/sda2 ro svm=1 console=hvc0'

describe('secrets', () => {
  test('no private key, master key, passphrase or attachment in any output or trace', {
    timeout: 300_000,
  }, async () => {
    const expected = JSON.parse(readFileSync(join(fixtures, 'good/03-files/expected.json'), 'utf8'))
    const master = Uint8Array.from(Buffer.from(expected.masterKey, 'hex'))
    const owner = 'keys/origin.sec'
    expect(openWith(bytesOf(BLOB), parsePrivateKey(bytesOf(join(fixtures, owner))), crypto)).toEqual(master)
    const secrets: Secret[] = [
      { name: 'master key', bytes: master },
      ...secretsOfKey(owner),
      ...secretsOfKey('keys/origin-enc.sec', 'correct horse'),
      ...secretsOfKey('keys/tpm-private-for-replay.pem'),
      { name: 'pass phrase', bytes: Buffer.from('correct horse'), texts: ['correct horse'] },
      { name: 'wrong pass phrase', bytes: Buffer.from('battery staple'), texts: ['battery staple'] },
      { name: 'attachment', bytes: bytesOf(join(fixtures, 'inputs/att-crypttab.bin')) },
    ]

    const [blob, other, trace] = [at('blob'), at('other'), at('trace.jsonl')]
    copyFileSync(BLOB, blob)
    const pasted = at('pasted.yml')
    const key = readFileSync(join(fixtures, owner), 'utf8').trimEnd().replaceAll('\n', '\n    ')
    writeFileSync(
      pasted,
      `- origin: |\n    ${key}\n- recipient:\n    comment: |\n    ${key.replaceAll('\n', '\n  ')}\n`,
    )
    const tpm = ['--tpm-key', 'keys/tpm-private-for-replay.pem']
    const image = ['--kernel', 'inputs/vmlinux', '--append', BOOTARGS, ...tpm]
    const runs: readonly (readonly [args: readonly string[], input?: string])[] = [
      [['esm', 'check', blob, ...image, '--key', owner]],
      [['esm', 'check', 'bad/blob/digest-mac-flip.dtb', ...image, '--key', owner, '--format', 'json']],
      [['esm', 'check', 'good/04-encrypted-origin-key/svm_blob.yml', '--format', 'sarif']],
      [['esm', 'explain', blob, '--key', owner]],
      [['esm', 'explain', blob, '--key', owner, '--format', 'json']],
      [['esm', 'diff', blob, 'good/02-three-recipients/blob.dtb', '--key', owner]],
      [['esm', 'diff', blob, 'good/01-one-recipient/blob.dtb', '--key', owner, '--format', 'json']],
      [['esm', 'display', '-vv', '-b', blob]],
      [['esm', 'make', '-vv', '-b', other, '-y', 'good/04-encrypted-origin-key/svm_blob.yml'], 'correct horse\n'],
      [['esm', 'make', '-vv', '-b', other, '-y', 'good/04-encrypted-origin-key/svm_blob.yml'], 'battery staple\n'],
      [
        ['esm', 'authorize', '-vv', '-b', other, '-p', 'keys/origin.pub', '-s', 'keys/origin-enc.sec'],
        'correct horse\n',
      ],
      [['esm', 'authorize', '-vv', '-b', blob, '-p', owner, '-s', owner]],
      [['esm', 'authorize', '-vv', '-b', blob, '-p', 'keys/origin-big.pub', '-s', 'keys/recipient-2.sec']],
      [['esm', 'create', '-vv', '-b', other, '-p', owner]],
      [['esm', 'attach', '-vv', '-b', blob, '-f', owner, '-r', 'again', '-s', owner]],
      [['esm', 'check', owner]],
      [['esm', 'explain', owner]],
      [['esm', 'make', '-b', other, '-y', owner]],
      [['esm', 'check', pasted]],
      [['esm', 'check', blob, '--key', readFileSync(join(fixtures, owner), 'utf8')]],
      [['esm', 'check', readFileSync(join(fixtures, owner), 'utf8')]],
      [['esm', 'display', '-b', blob, readFileSync(join(fixtures, owner), 'utf8')]],
      [['run', readFileSync(join(fixtures, owner), 'utf8')]],
      [['run', '--kernel', readFileSync(join(fixtures, owner), 'utf8')]],
      [['conformance', '--filter', readFileSync(join(fixtures, owner), 'utf8')]],
      [['esm', readFileSync(join(fixtures, owner), 'utf8')]],
      [[readFileSync(join(fixtures, owner), 'utf8')]],
      [['esm', 'authorize', '-b', other, '-p', 'keys/origin.pub', '-s', readFileSync(join(fixtures, owner), 'utf8')]],
      [['svm', 'add', '-i', owner, '-b', owner, '-f', '/none/there']],
      [['esm', 'extract', '-n', '-b', blob, '-f', 'crypttab', '-s', owner]],
      [
        ['esm', 'digest', '-b', other, '-s', 'keys/origin-enc.sec', '-a', '', '-i', owner, '-k', owner],
        'correct horse\n',
      ],
      [['esm', 'generate', '-vv', '-p', at('pub'), '-s', at('sec')], 'battery staple\nbattery staple\n'],
      [
        [
          'run',
          '--initrd',
          'good/03-files/esmb-initrd.img',
          ...image,
          '--esm',
          'stub',
          '--until',
          'esm',
          '--trace',
          trace,
        ],
      ],
      [['run', '--kernel', 'inputs/vmlinux', '--initrd', 'inputs/initrd.img', '--tpm-key', 'keys/tpm.pem']],
    ]
    const temporary = at('temporary')
    mkdirSync(temporary)
    let said = ''
    for (const [args, input] of runs) {
      const { out, error } = await pef(args, { input: input ?? '', env: { TMPDIR: temporary } })
      said += `${out}\n${error}\n`
    }
    said += readFileSync(trace, 'utf8')
    expect(leaksIn(said, secrets)).toEqual([])
    expect(said).toContain('UV_ESM')
    // Nor in files that were not asked for.
    expect(readdirSync(temporary)).toEqual([])
    expect(readdirSync(folder).sort()).toEqual([
      'blob',
      'other',
      'pasted.yml',
      'pub',
      'sec',
      'temporary',
      'trace.jsonl',
    ])
    const written = ['blob', 'other', 'pub', 'trace.jsonl'].map((name) => readFileSync(at(name), 'latin1')).join('\n')
    expect(leaksIn(written, [secrets[0]!, ...secretsOfKey(owner)])).toEqual([])
  })

  test('without a terminal and without input, a passphrase is missed, not taken as empty', async () => {
    const run = async (...args: string[]) => (await pef(['esm', ...args], { input: '' })) as Ended
    const missed =
      /^[^\n]*passphrase[^\n]*\nesm: .*no passphrase: run it on a terminal, or give a line with it on standard input\n$/
    const authorize = ['-p', 'keys/origin-big.pub', '-s', 'keys/origin-enc.sec']
    copyFileSync(join(fixtures, 'good/04-encrypted-origin-key/blob.dtb'), at('blob'))
    const results = [
      await run('authorize', '-b', at('blob'), ...authorize),
      await run('generate', '-p', at('pub'), '-s', at('sec')),
    ]
    for (const { code, error } of results) {
      expect(code).toBe(1)
      expect(error).toMatch(missed)
    }
    expect(readdirSync(folder)).toEqual(['blob'])
  })

  test('a private key is for its owner alone, also in place of a file that others can read', async () => {
    const [pub, sec] = [at('pub'), at('sec')]
    writeFileSync(sec, 'old')
    chmodSync(sec, 0o644)
    expect((await pef(['esm', 'generate', '-p', pub, '-s', sec], { input: '\n\n' })).code).toBe(0)
    expect(statSync(sec).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).sort()).toEqual(['pub', 'sec'])
  })
})

describe('outputs', () => {
  const failures: readonly (readonly [name: string, run: (out: string) => Promise<Ended>])[] = [
    ['make from a wrong recipe', (out) => pef(['esm', 'make', '-b', out, '-y', 'yaml/file-nofile.yml'])],
    [
      'make with a wrong passphrase',
      (out) => {
        const args = ['esm', 'make', '-b', out, '-y', 'good/04-encrypted-origin-key/svm_blob.yml']
        return pef(args, { input: 'wrong\n' })
      },
    ],
    ['create for no key', (out) => pef(['esm', 'create', '-b', out, '-p', 'inputs/vmlinux'])],
    ['an initrd that is a folder', (out) => pef(['svm', 'add', '-i', '.', '-b', BLOB, '-f', out])],
    ['an initrd that is missing', (out) => pef(['svm', 'add', '-i', 'gone', '-b', BLOB, '-f', out])],
    [
      'a kernel that is none',
      (out) => pef(['esm-digest', 'create', '-f', out, '-a', '', '-i', 'inputs/initrd.img', '-k', 'inputs/initrd.img']),
    ],
  ]
  test.each(failures)('%s: what was there is there, and nothing else', async (_, run) => {
    const out = at('out')
    writeFileSync(out, 'what was there')
    expect((await run(out)).code).toBe(1)
    expect(readFileSync(out, 'utf8')).toBe('what was there')
    expect(readdirSync(folder)).toEqual(['out'])
  })

  test('what never ends is no attachment', async () => {
    copyFileSync(BLOB, at('blob'))
    const attach = ['esm', 'attach', '-b', at('blob'), '-f', '/dev/zero', '-s', 'keys/origin.sec']
    expect(await pef(attach)).toMatchObject({
      code: 1,
      error: expect.stringMatching(/^esm: \/dev\/zero: ESM067: .*65535/),
    })
    expect(bytesOf(at('blob'))).toEqual(bytesOf(BLOB))
  })

  test('an attachment comes from a pipe', () => {
    copyFileSync(BLOB, at('blob'))
    const args = [
      pefPath,
      'esm',
      'attach',
      '-b',
      at('blob'),
      '-f',
      '/dev/stdin',
      '-r',
      'piped',
      '-s',
      'keys/origin.sec',
    ]
    const given = ['-c', 'printf secret | "$0" "$@"', process.execPath, ...args]
    expect(spawnSync('bash', given, { cwd: fixtures, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
    const read = [pefPath, 'esm', 'extract', '-b', at('blob'), '-f', 'piped', '-s', 'keys/origin.sec']
    expect(spawnSync(process.execPath, read, { cwd: fixtures, encoding: 'utf8' }).stdout).toBe('secret')
  })

  test('a file system that is full', async () => {
    const out = at('out')
    writeFileSync(out, 'what was there')
    const big = join(root, 'big')
    writeFileSync(big, '')
    truncateSync(big, 8 << 20)
    const command = `ulimit -f 2048; exec "$0" "$@"`
    const args = [pefPath, 'svm', 'add', '-i', big, '-b', BLOB, '-f', out]
    const { status, stderr } = spawnSync('bash', ['-c', command, process.execPath, ...args], { encoding: 'utf8' })
    expect(status).toBe(1)
    expect(stderr).toMatch(/^svm: .*out: .*too large/)
    expect(readFileSync(out, 'utf8')).toBe('what was there')
    expect(readdirSync(folder)).toEqual(['out'])
  })

  test('an output keeps its permissions, and a link stays a link', async () => {
    const [file, link] = [at('file'), at('link')]
    writeFileSync(file, '')
    chmodSync(file, 0o640)
    symlinkSync('file', link)
    expect((await pef(['esm', 'create', '-b', link, '-p', 'keys/origin.pub'])).code).toBe(0)
    expect(statSync(file).mode & 0o777).toBe(0o640)
    expect(statSync(file).size).toBeGreaterThan(600)
    expect(readdirSync(folder).sort()).toEqual(['file', 'link'])
  })

  test('svm add onto its own input', async () => {
    const path = at('initrd')
    copyFileSync(join(fixtures, 'inputs/initrd.img'), path)
    expect((await pef(['svm', 'add', '-i', path, '-b', BLOB, '-f', path])).code).toBe(0)
    expect(bytesOf(path).subarray(-1000)).toEqual(bytesOf(join(fixtures, 'inputs/initrd.img')).subarray(-1000))
    const again = await pef(['svm', 'add', '-i', path, '-b', BLOB, '-f', at('twice')])
    expect(again).toMatchObject({ code: 0, error: expect.stringContaining('carries an operand already: ESM121') })
  })
})

describe('large inputs', () => {
  const HOOK = `process.on('exit', () => require('node:fs').writeFileSync(process.env.PEAK, String(process.resourceUsage().maxRSS)))`

  /** Peak of resident memory in KiB. */
  function peak(args: readonly string[], code: number): number {
    const [hook, file] = [join(root, 'hook.cjs'), join(root, 'peak')]
    writeFileSync(hook, HOOK)
    const env = { ...process.env, PEAK: file }
    const { status, stderr } = spawnSync(process.execPath, ['-r', hook, pefPath, ...args], {
      cwd: fixtures,
      env,
      encoding: 'utf8',
    })
    expect(`${status} ${stderr}`).toBe(`${code} `)
    return Number(readFileSync(file, 'utf8'))
  }

  test('256 MiB of initrd take no more than 64 MiB of memory', { timeout: 300_000 }, async () => {
    const [blob, small, large, plain] = [at('blob'), at('small'), at('large'), at('plain')]
    writeFileSync(plain, '')
    truncateSync(plain, 256 << 20)
    const image = ['--kernel', 'inputs/vmlinux', '--append', BOOTARGS, '--tpm-key', 'keys/tpm-private-for-replay.pem']
    const makeSmall = peak(['esm', 'make', '-b', blob, '-y', recipeOf('inputs/initrd.img')], 0)
    const addSmall = peak(['svm', 'add', '-i', 'inputs/initrd.img', '-b', blob, '-f', small], 0)
    const checkSmall = peak(['esm', 'check', small, ...image], 0)
    const makeLarge = peak(['esm', 'make', '-b', blob, '-y', recipeOf(plain)], 0)
    const addLarge = peak(['svm', 'add', '-i', plain, '-b', blob, '-f', large], 0)
    expect(statSync(large).size).toBeGreaterThan(256 << 20)
    const checkLarge = peak(['esm', 'check', large, ...image], 0)
    for (const [few, many] of [
      [makeSmall, makeLarge],
      [addSmall, addLarge],
      [checkSmall, checkLarge],
    ] as const)
      expect(many - few).toBeLessThan(64 * 1024)
    // It was read: one byte more is another initrd.
    writeFileSync(large, Buffer.from([0]), { flag: 'a' })
    peak(['esm', 'check', large, ...image], 1)
  })
})

/** An svm_blob.yml for an initrd. */
function recipeOf(initramfs: string): string {
  const yaml = at('svm_blob.yml')
  writeFileSync(
    yaml,
    `- origin: {pubkey: keys/origin.pub, seckey: keys/origin.sec}\n- recipient: {pubkey: keys/tpm.pem}\n` +
      `- digest: {args: "${BOOTARGS}", initramfs: "${initramfs}", kernel: inputs/vmlinux}\n`,
  )
  return yaml
}

describe.skipIf(!python)(`on a terminal ${python ? '' : '(needs python3, for a pseudo terminal)'}`, () => {
  const onTerminal = (args: readonly string[], ...typed: Typed) => pefOnTerminal(args, typed, fixtures)
  const PROMPT = "Enter passphrase for key 'keys/origin-enc.sec':"
  const authorize = () => {
    copyFileSync(join(fixtures, 'good/04-encrypted-origin-key/blob.dtb'), at('blob'))
    return ['esm', 'authorize', '-b', at('blob'), '-p', 'keys/origin-big.pub', '-s', 'keys/origin-enc.sec']
  }

  test('a passphrase is asked for and not shown; corrections count', () => {
    const { screen, code, restored } = onTerminal(authorize(), [PROMPT, 'nonsense\x15correct horsx\x7fe\r'])
    expect({ screen: screen.replaceAll('\r\n', '\n'), code, restored }).toEqual({
      screen: `${PROMPT}\n`,
      code: 0,
      restored: true,
    })
  })

  test('Ctrl-C ends it with exit code 130, changes nothing, and leaves the terminal as it was', () => {
    const args = authorize()
    const before = bytesOf(at('blob'))
    const { screen, code, restored } = onTerminal(args, [PROMPT, 'correct\x03'])
    expect({ code, restored }).toEqual({ code: 130, restored: true })
    expect(screen).not.toContain('correct')
    expect(bytesOf(at('blob'))).toEqual(before)
  })

  test('generate asks twice', () => {
    const [first, again] = ['Enter passphrase (empty for no passphrase):', 'Enter same passphrase again:']
    const args = ['esm', 'generate', '-p', at('pub'), '-s', at('sec')]
    const other = onTerminal(args, [first, 'one\r'], [again, 'two\r'])
    expect(other).toMatchObject({
      code: 1,
      restored: true,
      screen: expect.stringContaining('passphrases do not match'),
    })
    expect(existsSync(at('sec'))).toBe(false)
    expect(onTerminal(args, [first, 'wörd\r'], [again, 'wörd\r'])).toMatchObject({ code: 0, restored: true })
    expect(parsePrivateKey(bytesOf(at('sec')), 'wörd').bytes).toBe(256)
  })

  test.each([
    ['copying', (big: string) => ['svm', 'add', '-i', big, '-b', BLOB, '-f', at('out')]],
    ['reading', (big: string) => ['esm', 'make', '-b', at('out'), '-y', recipeOf(big)]],
    ['searching', (big: string) => ['esm', 'check', BLOB, '--initrd', big]],
  ])('Ctrl-C while it is %s a large file ends it with 130 and leaves nothing', (doing, args) => {
    writeFileSync(at('big'), '')
    truncateSync(at('big'), 2 ** 32)
    const line = args(at('big'))
    const before = readdirSync(folder).sort()
    const { code, restored, screen } = onTerminal(line, [doing, 'SIGINT'])
    expect({ code, restored }, screen).toEqual({ code: 130, restored: true })
    expect(readdirSync(folder).sort()).toEqual(before)
  })

  test('progress of a large initrd is shown while it lasts', () => {
    writeFileSync(at('big'), '')
    truncateSync(at('big'), 64 << 20)
    const { screen, code } = onTerminal(['svm', 'add', '-i', at('big'), '-b', BLOB, '-f', at('out')])
    expect(code).toBe(0)
    expect(screen).toMatch(/copying .*big: \d+ %/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: this one clears the line
    expect(screen).toMatch(/\r\x1b\[K$/)
  })
})
