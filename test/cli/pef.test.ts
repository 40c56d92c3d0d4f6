import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const pef = join(root, 'dist/pef.js')
const sample = join(root, 'test/guests/hello-svm/pef.json')
const esm = (path: string) => join(root, 'test/fixtures/esm', path)
const folder = mkdtempSync(join(tmpdir(), 'pef-'))
const scratch = (name: string, content: string | Uint8Array) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

const run = (...args: string[]): Promise<Ran> =>
  new Promise((done) =>
    execFile(process.execPath, [pef, ...args], { cwd: folder, maxBuffer: 1 << 26 }, (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out, err }),
    ),
  )

const fixtureArgs = (...more: string[]) => [
  'run',
  ...['--kernel', esm('inputs/vmlinux'), '--append', 'root=/dev/sda2 ro svm=1 console=hvc0', '--esm', 'stub'],
  ...['--tpm-key', esm('keys/tpm-private-for-replay.pem'), ...more],
]

describe('the sample image', () => {
  test('the walk shows every stage, and the VM ends by itself', async () => {
    const { code, out } = await run('run', sample)
    expect(code).toBe(0)
    const order = [
      'hostboot: start the TPM',
      'PCR  0 extended by self-boot engine and hostboot base',
      'TPM <- OPAL: TPM2_Create ',
      'PCR  7 extended by separator',
      'host kernel with KVM',
      '| hello-svm: a normal VM',
      'UV_ESM(kbase=0x400000',
      'TPM <- hypervisor: TPM2_RSA_Decrypt',
      'SHA-512 of kernel (4168 bytes): equal',
      'VM 1: transient -> secure',
      '| hello-svm: a secure VM',
      'UV_SHARE_PAGE = U_SUCCESS (0)',
      '| hello-svm: the attached file rootd has 28 bytes',
      'End: the VM switched itself off',
      'secure: the VM is secure',
    ]
    let at = -1
    for (const text of order) {
      const found = out.indexOf(text, at + 1)
      expect(`${text}: ${found > at}`).toBe(`${text}: true`)
      at = found
    }
  })

  test('the same seed gives the same run, to the last byte of the trace; another seed another', async () => {
    const traces = [1, 1, 2].map((seed, i) => ({ seed, file: join(folder, `trace-${i}.jsonl`) }))
    for (const { seed, file } of traces) await run('run', sample, '--seed', String(seed), '--json', '--trace', file)
    const [first, second, other] = traces.map(({ file }) => readFileSync(file, 'utf8'))
    expect(first).toBe(second)
    expect(first).not.toBe(other)
    for (const [seq, line] of first!.trim().split('\n').entries()) expect(JSON.parse(line).seq).toBe(seq)
  })

  test('with another seed the TPM has another key, and the operand is not for it', async () => {
    const { code, out } = await run('run', sample, '--seed', '2', '--json')
    expect(code).toBe(3)
    expect(JSON.parse(out)).toMatchObject({
      outcome: 'refused',
      returnCode: -4,
      rules: expect.arrayContaining(['ESM026']),
    })
  })

  test('the operand can be given apart, and made from its YAML', async () => {
    const guest = (name: string) => join(root, 'test/guests/hello-svm', name)
    const args = [
      'run',
      '--kernel',
      guest('hello-svm.elf'),
      '--initrd',
      guest('initrd.txt'),
      '--append',
      'console=hvc0 svm=on',
    ]
    for (const operand of ['hello-svm.esmb', 'svm_blob.yml']) {
      const { code, out } = await run(...args, '--operand', guest(operand), '--memory', '64M', '--json')
      expect(`${operand} ${code} ${JSON.parse(out).reason}`).toMatch(/ 0 the VM is secure/)
    }
  })
})

describe('--json', () => {
  test('a good operand, until UV_ESM', async () => {
    const { code, out } = await run(
      ...fixtureArgs('--initrd', esm('good/03-files/esmb-initrd.img'), '--until', 'esm', '--json'),
    )
    expect(code).toBe(0)
    expect(JSON.parse(out)).toEqual({
      outcome: 'secure',
      returnCode: 0,
      rules: [],
      reason: 'the VM is secure',
      instructions: expect.any(Number),
      console: '',
      consoleForgotten: 0,
      secureMemory: {
        bytes: expect.any(Number),
        freeBytes: expect.any(Number),
        svms: [expect.objectContaining({ lpid: 1 })],
      },
    })
    expect(out.trim().split('\n')).toHaveLength(1)
  })

  test('a bad one, with its rule', async () => {
    const operand = esm('bad/blob/digest-mac-flip.dtb')
    const { code, out } = await run(
      ...fixtureArgs('--initrd', esm('inputs/initrd.img'), '--operand', operand, '--until', 'esm', '--json'),
    )
    expect(code).toBe(3)
    expect(JSON.parse(out)).toMatchObject({ outcome: 'refused', returnCode: -4, rules: ['ESM045'] })
  })

  test('a limit', async () => {
    const { code, out } = await run('run', sample, '--max-instructions', '1000', '--json')
    expect(code).toBe(5)
    expect(JSON.parse(out)).toMatchObject({ outcome: 'limit', instructions: 1000 })
  })

  test('a guest that fails', async () => {
    const kernel = readFileSync(join(root, 'test/guests/hello-svm/hello-svm.elf'))
    // The first instruction becomes one that no processor has.
    kernel.fill(0, 0x10000, 0x10004)
    const { code, out } = await run('run', '--kernel', scratch('broken.elf', kernel), '--memory', '64M', '--json')
    expect(code).toBe(4)
    expect(JSON.parse(out)).toMatchObject({ outcome: 'fault', reason: expect.stringContaining('0x400000') })
  })
})

describe('what is wrong is named, and what would be right', () => {
  test.each([
    [['frobnicate'], 'unknown verb frobnicate'],
    [['rum'], 'did you mean run?'],
    [['run'], 'give an IMAGE.json or --kernel FILE'],
    [['run', sample, '--kernal', 'x'], 'unknown option --kernal; did you mean --kernel?'],
    [['run', sample, '--seed'], '--seed needs a value'],
    [['run', sample, '--seed', 'many'], 'a whole number from 0 on, not "many"'],
    [['run', sample, '--esm', 'host'], '--esm takes guest or stub, not "host"'],
    [['run', sample, '--until', 'end'], '--until takes esm, not "end"'],
    [['run', sample, sample], 'one IMAGE.json at most'],
    [['run', join(folder, 'absent.json')], 'absent.json cannot be read'],
    [['run', scratch('list.json', '[1]')], 'must hold one JSON object'],
    [['run', scratch('broken.json', '{')], 'is not JSON'],
    [['run', scratch('wrong.json', '{"kernel": "x", "bootarg": ""}')], 'bootarg'],
    [['run', '--kernel', join(folder, 'absent')], 'there is no file'],
    [['run', '--kernel', folder], 'is a directory'],
    [['run', '--kernel', scratch('empty', '')], 'is empty'],
    [['run', '--kernel', scratch('text', 'hello world')], 'an ELF file'],
    [['run', sample, '--memory', '1G', '--secure-memory', '9G'], 'secureMemory'],
    [['run', sample, '--memory', 'lots'], 'memory'],
    [['run', sample, '--tpm-key', esm('keys/tpm.pem')], 'expected a private key'],
    [['run', sample, '--trace', join(folder, 'no', 'such', 'folder')], '--trace'],
    [['tpm', 'pubkeys'], 'did you mean pubkey?'],
  ])('pef %j', async (args, message) => {
    const { code, out, err } = await run(...args)
    expect(err).toContain(message)
    expect(code).toBe(2)
    expect(out).toBe('')
  })

  test('help for every verb', async () => {
    for (const args of [['help'], ['--help'], ['help', 'run'], ['run', '--help'], ['tpm', '--help']]) {
      const { code, out } = await run(...args)
      expect(code).toBe(0)
      expect(out).toMatch(/Usage: pef[\s\S]*Example/)
    }
    expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

test('pef tpm pubkey is the key that the sample was authorised for', async () => {
  const { code, out } = await run('tpm', 'pubkey', '--seed', '1')
  expect(code).toBe(0)
  expect(out).toBe(readFileSync(join(root, 'test/guests/hello-svm/tpm.pem'), 'utf8'))
  const given = await run('tpm', 'pubkey', '--tpm-key', esm('keys/tpm-private-for-replay.pem'))
  expect(given.out).toBe(readFileSync(esm('keys/tpm.pem'), 'utf8'))
})

test('Ctrl-C ends a run with a word about where it was', async () => {
  const kernel = readFileSync(join(root, 'test/guests/hello-svm/hello-svm.elf'))
  // b . : a guest that never ends.
  kernel.set([0x00, 0x00, 0x00, 0x48], 0x10000)
  const child = spawn(process.execPath, [pef, 'run', '--kernel', scratch('loop.elf', kernel), '--memory', '64M'])
  let out = ''
  let err = ''
  child.stderr.on('data', (data) => (err += data))
  const code = await new Promise((done) => {
    child.on('close', done)
    child.stdout.on('data', (data) => {
      out += data
      if (out.includes('absent -> normal')) child.kill('SIGINT')
    })
  })
  expect(code).toBe(130)
  expect(err).toMatch(/interrupted after \d+ instructions/)
})
