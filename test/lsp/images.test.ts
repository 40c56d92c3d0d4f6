/** What the server says about a pef.json or launch.json: the files, and whether they belong together. */
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CodeAction, Diagnostic, TextEdit } from 'vscode-languageserver'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { plainValue, propertyOf, readJson } from '../../server/lsp/image/json.ts'
import { LspClient } from './client.ts'

const sample = fileURLToPath(new URL('../guests/hello-svm/', import.meta.url))
const keys = fileURLToPath(new URL('../fixtures/esm/keys/', import.meta.url))
let folder: string
let client: LspClient
let number = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pef-images-'))
  cpSync(sample, folder, { recursive: true })
  chmodSync(join(folder, 'origin.sec'), 0o600)
  const kernel = readFileSync(join(folder, 'hello-svm.elf'))
  // A byte of its code: behind the file's and the segments' headers.
  kernel[kernel.readUInt32LE(64 + 8) + 64]! ^= 1
  writeFileSync(join(folder, 'other.elf'), kernel)
  cpSync(join(keys, 'tpm-private-for-replay.pem'), join(folder, 'other-tpm.pem'))
  const operand = readFileSync(join(folder, 'hello-svm.esmb'))
  operand[0]! ^= 1
  for (const name of ['torn.esmb', 'svm_blob.esmb']) writeFileSync(join(folder, name), operand)
  // tpm.pem is what the emulated TPM makes from seed 1.
  const pem = readFileSync(join(folder, 'tpm.pem'), 'utf8')
  client = await LspClient.start(folder, undefined, (seed) =>
    seed === 1 ? pem : readFileSync(join(keys, 'tpm.pem'), 'utf8'),
  )
})
afterAll(async () => {
  await client.stop()
  rmSync(folder, { recursive: true })
})

const GOOD = { kernel: 'hello-svm.elf', initrd: 'initrd-esmb.img', bootargs: 'console=hvc0 svm=on' }
const RECIPE = {
  kernel: 'hello-svm.elf',
  initrd: 'initrd.txt',
  operand: 'svm_blob.yml',
  bootargs: 'console=hvc0 svm=on',
}

async function look(
  image: object | string,
  wait: (all: Diagnostic[]) => boolean = () => true,
  name = `${number++}.pef.json`,
): Promise<{ uri: string; text: string; diagnostics: Diagnostic[] }> {
  const text = typeof image === 'string' ? image : JSON.stringify(image, undefined, 2)
  const uri = await client.open(name, text, 'jsonc')
  return { uri, text, diagnostics: await client.diagnostics(uri, 1, wait) }
}
const at = (text: string, { range }: Diagnostic) => TextDocument.create('', '', 1, text).getText(range)

interface Row {
  readonly rule: string
  readonly image: object
  readonly at: string
  readonly severity?: number
  /** What the preferred quick fix writes, in the order of the text. */
  readonly fix?: string | readonly string[]
}

/** What is written behind the kernel. */
const MADE = ', "operand": "svm_blob.yml"'

const rows: Row[] = [
  { rule: 'ESM110', image: { ...GOOD, kernel: 'helo-svm.elf' }, at: '"helo-svm.elf"', fix: '"hello-svm.elf"' },
  { rule: 'ESM110', image: { ...GOOD, symbols: ['none.map'] }, at: '"none.map"' },
  { rule: 'ESM110', image: { ...GOOD, tpm: { key: 'no/key' } }, at: '"no/key"' },
  { rule: 'ESM120', image: { ...GOOD, kernel: 'initrd.txt' }, at: '"initrd.txt"' },
  { rule: 'ESM054', image: { ...GOOD, kernel: 'other.elf' }, at: '"other.elf"', fix: '"hello-svm.elf"' },
  {
    rule: 'ESM057',
    image: { ...GOOD, bootargs: 'console=hvc0  svm=on' },
    at: '"console=hvc0  svm=on"',
    fix: '"console=hvc0 svm=on"',
  },
  { rule: 'ESM058', image: { ...GOOD, bootargs: 'a svm=on ' }, at: '"a svm=on "', severity: 4, fix: '"a svm=on"' },
  { rule: 'ESM059', image: { ...GOOD, bootargs: 'quiet' }, at: '"quiet"', severity: 2, fix: '"quiet svm=on"' },
  { rule: 'ESM070', image: { ...GOOD, initrd: 'initrd.txt' }, at: '"initrd.txt"', fix: MADE },
  {
    rule: 'ESM070',
    image: { ...GOOD, initrd: 'initrd.txt', bootargs: 'quiet' },
    at: '"initrd.txt"',
    severity: 3,
    fix: MADE,
  },
  {
    rule: 'ESM080',
    image: { kernel: 'hello-svm.elf', bootargs: 'console=hvc0 svm=on' },
    at: '"console=hvc0 svm=on"',
    fix: `, "initrd": "initrd.txt"${MADE}`,
  },
  { rule: 'ESM111', image: { ...GOOD, tpm: { key: 'tpm.pem' } }, at: '"tpm.pem"' },
  {
    rule: 'ESM026',
    image: { ...GOOD, tpm: { key: 'other-tpm.pem' } },
    at: '"initrd-esmb.img"',
    fix: ['"initrd.txt"', MADE],
  },
  {
    rule: 'ESM121',
    image: { ...GOOD, operand: 'svm_blob.yml' },
    at: '"initrd-esmb.img"',
    severity: 2,
    fix: '"initrd.txt"',
  },
  {
    rule: 'ESM057',
    image: { ...RECIPE, bootargs: 'svm=on' },
    at: '"svm=on"',
    fix: '"console=hvc0 svm=on"',
  },
  { rule: 'ESM054', image: { ...RECIPE, kernel: 'other.elf' }, at: '"other.elf"', fix: '"hello-svm.elf"' },
  { rule: 'ESM056', image: { ...RECIPE, initrd: 'rootd' }, at: '"rootd"', fix: '"initrd.txt"' },
  { rule: 'ESM129', image: { ...RECIPE, seed: 2 }, at: '"svm_blob.yml"' },
  { rule: 'ESM001', image: { ...RECIPE, operand: 'torn.esmb' }, at: '"torn.esmb"', fix: '"svm_blob.yml"' },
]

describe('an image', () => {
  it.each([
    ['with the operand in its initrd', GOOD],
    ['with a recipe', RECIPE],
    ['with an operand of its own', { ...RECIPE, operand: 'hello-svm.esmb' }],
    ['of the sample', JSON.parse(readFileSync(join(sample, 'pef.json'), 'utf8'))],
    ['without an initrd', { kernel: 'hello-svm.elf' }],
  ])('%s has nothing wrong', async (_, image) => {
    const { diagnostics } = await look(image)
    expect(diagnostics.filter(({ severity }) => severity! < 3)).toEqual([])
  })

  it.each(rows)('$rule at $at', async ({ rule, image, at: place, severity = 1, fix }) => {
    const { uri, text, diagnostics } = await look(image, (all) => all.some(({ code }) => code === rule))
    const found = diagnostics.find(({ code }) => code === rule)!
    expect(at(text, found)).toBe(place)
    expect(found.severity).toBe(severity)
    const actions = await client.ask<CodeAction[]>('codeAction', uri, {
      range: found.range,
      context: { diagnostics: [found] },
    })
    const preferred = actions.find(({ isPreferred }) => isPreferred)
    const edits = (preferred?.edit?.changes?.[uri] ?? []) as TextEdit[]
    expect(new Set(edits.map(({ newText }) => newText))).toEqual(new Set(fix === undefined ? [] : [fix].flat()))
    if (fix === undefined) return
    const fixed = TextDocument.applyEdits(TextDocument.create(uri, 'jsonc', 1, text), edits)
    expect((await look(fixed)).diagnostics.map(({ code }) => code)).not.toContain(rule)
  })

  it('names the command that builds its operand again', async () => {
    const image = { ...RECIPE, operand: 'svm_blob.esmb' }
    const { uri, diagnostics } = await look(image, (all) => all.some(({ code }) => code === 'ESM001'))
    const found = diagnostics.find(({ code }) => code === 'ESM001')!
    const actions = await client.ask<CodeAction[]>('codeAction', uri, {
      range: found.range,
      context: { diagnostics: [found] },
    })
    expect(actions.map(({ title, command, isPreferred }) => [title, command?.command, isPreferred])).toEqual([
      ['Build svm_blob.esmb again from svm_blob.yml', 'pef.buildOperand', true],
      ['Make the operand from svm_blob.yml at every start', undefined, undefined],
    ])
    expect(actions[0]!.command!.arguments).toEqual([client.uri('svm_blob.yml')])
  })

  it('and its recipe are compared as they are in the editor, before they are saved', async () => {
    const rule = (id: string) => (all: Diagnostic[]) => all.some(({ code }) => code === id)
    const recipe = readFileSync(join(folder, 'svm_blob.yml'), 'utf8')
    const image = JSON.stringify({ ...RECIPE, operand: 'open.svm.yml' })
    for (const [name, text] of [
      ['open.svm.yml', recipe],
      ['open.pef.json', image],
    ])
      writeFileSync(join(folder, name!), text!)
    const yaml = await client.open('open.svm.yml', recipe)
    const json = await client.open('open.pef.json', image, 'jsonc')
    expect(await client.diagnostics(json)).toEqual([])
    await client.change(json, 2, [{ text: image.replace('console=hvc0 svm=on', 'svm=on quiet') }])
    await client.diagnostics(json, 2, rule('ESM057'))
    await client.diagnostics(yaml, 1, rule('ESM057'))
    await client.change(yaml, 2, [{ text: recipe.replace('console=hvc0 svm=on', 'svm=on quiet') }])
    await client.diagnostics(json, 2, (all) => all.length === 0)
    for (const uri of [yaml, json]) await client.close(uri)
    for (const name of ['open.svm.yml', 'open.pef.json']) rmSync(join(folder, name))
  })

  it('of a launch.json starts at its folder, with comments and variables', async () => {
    const text = `{ // mine
      "configurations": [
        { "type": "node", "program": "nowhere.js" },
        { "type": "pef", "kernel": "\${workspaceFolder}/hello-svm.elf", "initrd": "\${env:HOME}/x",
          "bootargs": "svm=on", "operand": "./none.yml" },
      ]
    }`
    const { diagnostics } = await look(text, () => true, '.vscode/launch.json')
    expect(diagnostics.map((one) => [one.code, at(text, one)])).toEqual([['ESM110', '"./none.yml"']])
  })

  it.each(['', '[', '{', '{"kernel"', '{"kernel": "hello-svm.elf", "initrd": ', '"text"', '{"kernel": {"a": [1, tru'])(
    'that is half written, %j, is no trouble',
    async (text) => {
      expect((await look(text)).diagnostics).toEqual([])
    },
  )
})

describe('JSON with places', () => {
  it('reads what JSON reads', () => {
    const value = { a: [1, -2.5e3, true, null, 'x"\\\n'], b: { c: {} }, '': [] }
    for (const space of [undefined, 2, '\t'])
      expect(plainValue(readJson(JSON.stringify(value, undefined, space))!)).toEqual(value)
  })

  it('takes comments and a comma at the end, and the last of two equal keys', () => {
    const found = readJson('/* x */ { "a": 1, // y\n "a": 2, }')
    expect(plainValue(propertyOf(found, 'a')!)).toBe(2)
  })

  it('tells places in lines and characters', () => {
    const found = propertyOf(readJson('{\n  "a": "b"\n}'), 'a')
    expect(found?.range).toEqual({ start: { line: 1, character: 7 }, end: { line: 1, character: 10 } })
  })

  it('is not led too deep', () => {
    expect(plainValue(readJson('['.repeat(100_000))!)).toBeDefined()
  })
})
