/** Every rule of the table: a document that triggers it, one that does not, and what the quick fix makes of it, over LSP. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CodeAction, Diagnostic, TextEdit } from 'vscode-languageserver'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { RULES } from '../../server/esm/rules.ts'
import { fixtureJson } from '../esm/fixtures.ts'
import { LspClient } from './client.ts'
import { dtsRows } from './rows/dts-rows.ts'
import { elsewhere } from './rows/elsewhere.ts'
import { imageRows } from './rows/image-rows.ts'
import { operandRows } from './rows/operand-rows.ts'
import { type Document, languageIdOf, type Row, recipe, W, writeDocument } from './rows/row.ts'
import { yamlRows } from './rows/yaml-rows.ts'
import { GOOD, makeWorkspace } from './workspace.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const pages = pathToFileURL(join(repository, 'server/rule-pages')).href
const rows: readonly Row[] = [...yamlRows, ...operandRows, ...imageRows, ...dtsRows]
/** These are about the host of the editor: a server of their own. */
const ABOUT_THE_HOST = ['ESM127']

const workspace = makeWorkspace()
let client: LspClient
let number = 0
/** The documents that must not meet a rule. */
const rights: { readonly rule: string; readonly uri: string }[] = []

beforeAll(async () => {
  writeFileSync(join(workspace.folder, 'inputs/huge.bin'), new Uint8Array(0x1_0000))
  const pem = readFileSync(join(workspace.folder, 'keys/recipient-3.pem'), 'utf8')
  client = await LspClient.start(workspace.folder, pages, () => pem)
})
afterAll(async () => {
  await client.stop()
  workspace.remove()
})

/** Writes the document and its files into a folder of its own, and opens it. */
async function open(document: Document): Promise<string> {
  const path = writeDocument(workspace.folder, `case-${number++}`, document)
  return client.open(path, document.text, languageIdOf(document))
}

const meets = (rule: string) => (list: Diagnostic[]) => list.some(({ code }) => code === rule)
const idsOf = (list: readonly Diagnostic[]) => list.map(({ code }) => code)

describe('every rule', () => {
  it('has a row, or a reason and a test elsewhere', () => {
    const met = new Set([...rows, ...elsewhere].map(({ rule }) => rule).concat(ABOUT_THE_HOST))
    expect([...RULES.keys()].filter((rule) => !met.has(rule))).toEqual([])
    expect([...met].filter((rule) => !RULES.has(rule))).toEqual([])
  })

  it.each(rows)('$rule', async ({ rule, severity, wrong, at, right, fix }) => {
    const sibling = await open(right)
    rights.push({ rule, uri: sibling })
    expect(idsOf(await client.diagnostics(sibling))).not.toContain(rule)

    const uri = await open(wrong)
    const found = (await client.diagnostics(uri, 1, meets(rule))).find(({ code }) => code === rule)!
    expect(found).toMatchObject({
      severity,
      source: 'pef',
      codeDescription: { href: `${pages}/${rule}.md` },
      message: expect.stringMatching(/expected (.|\n)+\nWhat happens: .+\nUV_ESM .+\nTo correct it: /),
    })
    expect(readFileSync(fileURLToPath(found.codeDescription!.href), 'utf8')).toContain(`# ${rule}: `)
    const document = TextDocument.create(uri, 'x', 1, wrong.text)
    if (typeof at === 'string') expect(document.getText(found.range)).toBe(at)
    else expect(found.range.start.line).toBe(at)

    const context = { diagnostics: [found] }
    const actions = await client.ask<CodeAction[]>('codeAction', uri, { range: found.range, context })
    if (fix === undefined) {
      expect(actions).toEqual([])
      return
    }
    const preferred = actions.find(({ isPreferred }) => isPreferred) ?? actions[0]!
    if (fix !== 'text') {
      expect(actions.map(({ command }) => command?.command)).toContain(fix)
      return
    }
    const text = TextDocument.applyEdits(document, preferred.edit!.changes![uri] as TextEdit[])
    const mended = await open({ ...wrong, text })
    rights.push({ rule, uri: mended })
    expect(idsOf(await client.diagnostics(mended)), text).not.toContain(rule)
  })

  // The slow part of an analysis comes with diagnostics of its own: by now they are there.
  it('is not met by what is right, in the end', () => {
    for (const { rule, uri } of rights)
      for (const list of client.published(uri)) expect(idsOf(list), uri).not.toContain(rule)
  })

  it('ESM127 is met where svm-tool is installed and CROSS_COMPILE is not set', async () => {
    writeFileSync(join(workspace.folder, 'svm-tool'), '')
    const met = async (env: NodeJS.ProcessEnv) => {
      const server = await LspClient.start(workspace.folder, pages, undefined, env)
      const uri = await server.open('svm_blob.yml', GOOD)
      const list = await server.diagnostics(uri)
      await server.stop()
      return list.map(({ code, severity, range }) => [code, severity, range.start.line])
    }
    const env = { ...process.env, CROSS_COMPILE: undefined, PATH: `/nowhere:${workspace.folder}` }
    const line = GOOD.split('\n').findIndex((text) => text.includes('kernel'))
    expect(await met(env)).toEqual(process.arch === 'ppc64' ? [] : [['ESM127', W, line]])
    expect(await met({ ...env, CROSS_COMPILE: '' })).toEqual([])
    expect(await met({ ...env, PATH: '/nowhere' })).toEqual([])
  })

  it('is silent where nothing is wrong', async () => {
    const uri = await open(recipe(GOOD))
    expect(await client.diagnostics(uri)).toEqual([])
  })

  it.each(elsewhere)('$rule is shown by $shownBy, for $because', ({ rule, shownBy, naming }) => {
    expect(readFileSync(join(repository, shownBy), 'utf8')).toContain(naming)
    if (naming !== 'guestCases') return
    const guests: { diagnostics: string[] }[] = fixtureJson('bad/expected.json').guest
    expect(guests.some(({ diagnostics }) => diagnostics.includes(rule))).toBe(true)
  })
})
