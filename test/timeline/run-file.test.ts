/** Saved runs: made again to the last bit, refused where something is not what it was. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AttributeError } from '../../debug-adapter/attribute-error.ts'
import { changesOf, parseRunFile, replayConfig, runFile } from '../../debug-adapter/timeline/run-file.ts'
import { Timeline } from '../../debug-adapter/timeline/timeline.ts'
import { pefHere } from '../cli/esm-tool.ts'
import { sampleMachine } from '../machine/sample.ts'

const sample = new URL('../guests/hello-svm/pef.json', import.meta.url).pathname
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pef-run-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const saved = async (): Promise<string> => {
  const path = join(folder, 'sample.pefrun')
  expect((await pefHere(['run', sample, '--quiet', '--save-run', path])).code).toBe(0)
  return path
}

describe('pef replay', () => {
  test('makes the run of pef run --save-run again, interpreted too, from a small file', async () => {
    const path = await saved()
    const text = readFileSync(path, 'utf8')
    expect(text.length).toBeLessThan(8192)
    for (const options of [[], ['--no-jit', '--quiet']]) {
      const { code, out } = await pefHere(['replay', path, ...options])
      expect(out).toMatch(/the same to the last bit: \d+ guest instructions\n$/)
      expect(code).toBe(0)
    }
  })

  test('says so where the run comes out differently', async () => {
    const path = await saved()
    const run = JSON.parse(readFileSync(path, 'utf8'))
    // One byte of memory that nobody uses is another.
    const changes = [{ position: run.end.position - 40, kind: 'memory', ra: '2000000', bytes: 'ff' }]
    writeFileSync(path, JSON.stringify({ ...run, changes }))
    const { code, out } = await pefHere(['replay', path, '--quiet'])
    expect(out).toMatch(/^not the run that was saved/)
    expect(code).toBe(1)
  })

  test('refuses another kernel, and names what is missing', async () => {
    const path = await saved()
    const run = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...run, digests: { ...run.digests, kernel: '00'.repeat(32) } }))
    const other = await pefHere(['replay', path])
    expect(other.code).toBe(2)
    expect(other.error).toMatch(
      /"kernel".*its SHA-256 is [0-9a-f]{64}.*Accepted: the file of the run, with SHA-256 0{64}/,
    )
    writeFileSync(path, JSON.stringify({ ...run, attributes: { ...run.attributes, kernel: 'gone.elf' } }))
    expect((await pefHere(['replay', path])).error).toContain('there is no file')
    const nowhere = [{ position: 9, kind: 'memory', ra: 'ffffffff', bytes: 'ff' }]
    writeFileSync(path, JSON.stringify({ ...run, changes: nowhere }))
    expect((await pefHere(['replay', path])).error).toContain('has no memory')
    expect((await pefHere(['replay'])).error).toContain('pef replay --help')
    expect((await pefHere(['replay', join(folder, 'none')])).error).toContain('cannot be read')
  })
})

describe('a run file', () => {
  test('keeps every kind of change', () => {
    const machine = sampleMachine()
    const timeline = new Timeline(machine, { checkpoints: false })
    while (timeline.position < 500) timeline.advance(10)
    const changes = [
      { kind: 'console', bytes: Uint8Array.of(0x68, 0xff) },
      { kind: 'gpr', number: 31, value: 0xffff_ffff_ffff_fffen },
      { kind: 'spr', number: 272, value: 3n },
      { kind: 'core', name: 'cr', value: 0x8000_0000n },
      { kind: 'scenario', name: 'read-secure-memory' },
      { kind: 'scenario' },
      { kind: 'memory', ra: 0x1_0000_0000_0000n, bytes: Uint8Array.of(1, 2, 0xfe) },
    ] as const
    for (const change of changes) timeline.change(change)
    const run = parseRunFile(runFile({ kernel: 'k', name: 'n', __x: 1 }, machine, timeline), 'x.pefrun')
    expect(run.attributes).toEqual({ kernel: 'k' })
    expect(changesOf(run)).toEqual(changes.map((change) => ({ position: timeline.position, change })))
  })

  test('carries an operand of any size', () => {
    const operand = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7)
    const machine = sampleMachine({ operand })
    const run = parseRunFile(runFile({ kernel: 'k' }, machine, new Timeline(machine)), 'x.pefrun')
    expect(replayConfig(run, machine.config).operand).toEqual(operand)
  })

  const good = {
    ...{ format: 'pef-run', version: 1, attributes: {}, digests: { kernel: '00' }, state: '00', changes: [] },
    end: { position: 1, instructions: 1 },
  }
  test.each([
    ['no JSON', '{'],
    ['null', 'null'],
    ['another format', '{"format":"zip"}'],
    ['a later version', { ...good, version: 2 }],
    ['no attributes', { ...good, attributes: [] }],
    ['no end', { ...good, end: { position: -1 } }],
    ['changes that are none', { ...good, changes: [{ position: 1, kind: 'gpr', number: 32, value: '0' }] }],
    [
      'changes out of order',
      { ...good, changes: [5, 4].map((position) => ({ position, kind: 'console', bytes: '00' })) },
    ],
    ['half a byte', { ...good, changes: [{ position: 1, kind: 'console', bytes: '0' }] }],
    ['an unknown register', { ...good, changes: [{ position: 1, kind: 'core', name: '__proto__', value: '0' }] }],
    ['an operand that is no base64', { ...good, operand: '<>' }],
  ])('with %s is refused', (_, content) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    expect(() => parseRunFile(text, 'x.pefrun')).toThrow(AttributeError)
    expect(() => parseRunFile(JSON.stringify(good), 'x.pefrun')).not.toThrow()
  })
})
