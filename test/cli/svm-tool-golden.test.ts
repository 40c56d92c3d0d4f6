/**
 * The verbs of svm-tool by pef, beside what IBM's svm-tool did with the same command lines: exit codes, standard output, and the
 * files it wrote (test/fixtures/svm-tool). It needs no svm-tool; `UPDATE_GOLDEN=1` with PEF_SVM_TOOL asks it again.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { locateOperand } from '../../server/esm/cpio.ts'
import { nodeCrypto as crypto } from '../../server/esm/crypto/node.ts'
import { parsePrivateKey, parsePublicKey } from '../../server/esm/crypto/pem.ts'
import { parseFdt } from '../../server/esm/fdt.ts'
import { hexBytes } from '../../server/esm/reader.ts'
import { type Ended, fixtures, pef, pefHere, type Running, svmTool, svmToolIsThere } from './esm-tool.ts'
import { contents } from './operand-contents.ts'
import { type GoldenCase, goldenCases } from './svm-tool-cases.ts'

const GOLDEN = fileURLToPath(new URL('../fixtures/svm-tool/', import.meta.url))
const STEPS = join(GOLDEN, 'steps.json')
const records = process.env['UPDATE_GOLDEN'] !== undefined && svmToolIsThere

/** What a command line left: nothing of standard error, where each program has words of its own. */
type Step = Pick<Ended, 'code' | 'out'>
type Tool = (args: readonly string[], running: Running) => Promise<Step>

let root: string
const before = process.cwd()
let count = 0
const recorded: Record<string, readonly Step[]> = existsSync(STEPS) ? JSON.parse(readFileSync(STEPS, 'utf8')) : {}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'pef-golden-'))
  process.chdir(fixtures)
})
afterAll(() => {
  process.chdir(before)
  rmSync(root, { recursive: true, force: true })
  if (!records) return
  mkdirSync(GOLDEN, { recursive: true })
  writeFileSync(STEPS, `${JSON.stringify(Object.fromEntries(Object.entries(recorded).sort()), null, 2)}\n`)
})

const bytesOf = (path: string) => new Uint8Array(readFileSync(path))

/** Runs the command lines of a case in order; OUT in them is a folder of its own. */
async function run(tool: Tool, { steps, input, copy = {} }: GoldenCase) {
  const folder = join(root, `${count++}`)
  mkdirSync(folder)
  for (const [name, fixture] of Object.entries(copy)) cpSync(join(fixtures, fixture), join(folder, name))
  const ended: Step[] = []
  for (const step of steps) {
    const { code, out } = await tool(
      step.map((word) => word.replace('OUT', folder)),
      // svm-tool asks for the passphrase of a key that has none, too.
      { input: input ?? '\n\n\n' },
    )
    ended.push({ code, out: out.replaceAll(folder, 'OUT') })
  }
  return { folder, ended }
}

/** What has to be the same in files that svm-tool and pef wrote, by their names. */
function meaning(path: string, name: string, { seckey = 'keys/origin.sec', passphrase }: GoldenCase): unknown {
  const bytes = bytesOf(path)
  if (name.startsWith('blob')) {
    if (!seckey.startsWith('OUT/')) return contents(path, join(fixtures, seckey), passphrase)
    // A key of its own: the fingerprint has to be that of the public key beside it.
    const own = hexBytes(crypto.sha256(bytesOf(join(path, '../key.pub'))))
    const { lockboxes, ...others } = contents(path, seckey.replace('OUT', join(path, '..')), passphrase)
    const named = lockboxes.map((box) => ({
      ...box,
      fingerprint: box.fingerprint === own ? 'its own' : box.fingerprint,
    }))
    return { ...others, lockboxes: named }
  }
  if (name === 'digests') return { tree: parseFdt(bytes), size: bytes.length }
  if (name === 'key.pub') return parsePublicKey(bytes).bytes
  if (name === 'key.sec') return parsePrivateKey(bytes, passphrase).bytes
  if (name.startsWith('initrd')) {
    const { operand, archiveBytes, findings } = locateOperand(bytes)
    return { operand, archiveBytes, findings, rest: hexBytes(bytes.subarray(archiveBytes)) }
  }
  throw new Error(`${name}: a case writes blob*, digests, key.pub, key.sec or initrd*`)
}

describe('as svm-tool did', () => {
  test.each(goldenCases.map((c) => [c.name, c] as const))('%s', async (name, goldenCase) => {
    const theirs = join(GOLDEN, name)
    if (records) {
      rmSync(theirs, { recursive: true, force: true })
      const { folder, ended } = await run(svmTool, goldenCase)
      // Its help is IBM's text, and pef has its own.
      recorded[name] = ended.map(({ code, out }) => ({ code, out: out.startsWith('usage:') ? '' : out }))
      if (readdirSync(folder).length > 0 && goldenCase.files !== false) cpSync(folder, theirs, { recursive: true })
    }
    const { folder, ended } = await run(goldenCase.input === undefined ? pefHere : pef, goldenCase)
    const told = ended.map(({ code, out }, i) => {
      const step = goldenCase.steps[i]!
      if (step.includes('-h') || step.includes('--help')) return { code, out: '' }
      // svm-tool displays attachments where they were once, and so none.
      return { code, out: step[1] === 'display' ? out.replace(/^file .*\n/gm, '') : out }
    })
    expect(told).toEqual(recorded[name])
    if (goldenCase.files === false) return
    const files = existsSync(theirs) ? readdirSync(theirs).sort() : []
    expect(readdirSync(folder).sort()).toEqual(files)
    for (const file of files)
      expect(meaning(join(folder, file), file, goldenCase), file).toEqual(meaning(join(theirs, file), file, goldenCase))
  })

  test('no record is left of a case that is gone', () => {
    const names = goldenCases.map(({ name }) => name)
    expect(Object.keys(recorded).sort()).toEqual([...names].sort())
    expect(new Set(names).size).toBe(names.length)
  })
})
