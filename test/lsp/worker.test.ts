/** The server in a browser's worker says what the server on a machine says, about every document of the tables. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { CodeAction, CodeLens, CompletionItem, Diagnostic } from 'vscode-languageserver'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { LspClient } from './client.ts'
import { dtsRows } from './rows/dts-rows.ts'
import { imageRows } from './rows/image-rows.ts'
import { operandRows } from './rows/operand-rows.ts'
import { type Document, languageIdOf, writeDocument } from './rows/row.ts'
import { yamlRows } from './rows/yaml-rows.ts'
import { browserBundle } from './servers.ts'
import { changed, GOOD, makeWorkspace } from './workspace.ts'

/** A browser does not tell who may read a file. */
const ABOUT_RIGHTS = ['ESM140']
const rows = [...yamlRows, ...operandRows, ...imageRows, ...dtsRows]
const TIME = { timeout: 60_000, interval: 20 }

const workspace = makeWorkspace()
let onMachine: LspClient
let inBrowser: LspClient
let number = 0

beforeAll(async () => {
  writeFileSync(join(workspace.folder, 'inputs/huge.bin'), new Uint8Array(0x1_0000))
  const pem = readFileSync(join(workspace.folder, 'keys/recipient-3.pem'), 'utf8')
  const start = [workspace.folder, 'file:///pages', () => pem] as const
  onMachine = await LspClient.start(...start)
  inBrowser = await LspClient.startInWorker(...start)
})
afterAll(async () => {
  expect(await onMachine.stop()).toBe(0)
  expect(await inBrowser.stop()).toBe(0)
  workspace.remove()
})

/** Opens a document in both servers. */
async function open(document: Document): Promise<string> {
  const path = writeDocument(workspace.folder, `case-${number++}`, document)
  const language = languageIdOf(document)
  await onMachine.open(path, document.text, language)
  return inBrowser.open(path, document.text, language)
}

/** What a server has said last about a document, without what a browser cannot know. */
const lastOf = (client: LspClient, uri: string): Diagnostic[] | undefined =>
  client
    .published(uri)
    .at(-1)
    ?.filter(({ code }) => !ABOUT_RIGHTS.includes(String(code)))

const both = async <T>(method: string, uri: string, more: object = {}): Promise<[T, T]> =>
  Promise.all([onMachine.ask<T>(method, uri, more), inBrowser.ask<T>(method, uri, more)])

describe('the server in a browser', () => {
  it('needs nothing that a browser has not', async () => {
    expect(await browserBundle()).not.toMatch(/\brequire\(["'](node:)?(fs|path|crypto|os|child_process)/)
  })

  it.each(rows)('says of $rule what the server on a machine says, and mends it so', async ({ rule, wrong }) => {
    const uri = await open(wrong)
    const expected = await onMachine.diagnostics(uri, 1, (list) => list.some(({ code }) => code === rule))
    await vi.waitFor(() => {
      // The slow part of an analysis comes later: wait for the same end.
      expect(lastOf(inBrowser, uri)).toEqual(lastOf(onMachine, uri))
      expect(lastOf(inBrowser, uri)).toBeDefined()
    }, TIME)
    if (!ABOUT_RIGHTS.includes(rule)) expect(lastOf(inBrowser, uri)!.map(({ code }) => code)).toContain(rule)
    const found = expected.filter(({ code }) => !ABOUT_RIGHTS.includes(String(code)))
    const [here, there] = await both<CodeAction[]>('codeAction', uri, {
      range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } },
      context: { diagnostics: found },
    })
    expect(there).toEqual(here)
  })

  it('answers every other question in the same way', async () => {
    const uri = await open({ name: 'svm_blob.yml', text: GOOD })
    const document = TextDocument.create(uri, 'yaml', 1, GOOD)
    const whole = { range: { start: { line: 0, character: 0 }, end: document.positionAt(GOOD.length) } }
    for (const [method, more] of [
      ['documentSymbol', {}],
      ['foldingRange', {}],
      ['codeLens', {}],
      ['inlayHint', whole],
      ['formatting', { options: { tabSize: 2, insertSpaces: true } }],
    ] as const) {
      const [here, there] = await both<object[]>(method, uri, more)
      expect(there, method).toEqual(here)
      if (method !== 'formatting') expect(there, method).not.toEqual([])
    }
    let hovers = 0
    let definitions = 0
    let items = 0
    for (let offset = 0; offset < GOOD.length; offset += 3) {
      const position = document.positionAt(offset)
      for (const method of ['hover', 'definition', 'prepareRename']) {
        const [here, there] = await both<object[] | null>(method, uri, { position })
        expect(there, `${method} at ${offset}`).toEqual(here)
        if (method === 'hover' && there) hovers++
        if (method === 'definition' && there?.length) definitions++
      }
      const [here, there] = await both<CompletionItem[]>('completion', uri, { position })
      expect(there, `completion at ${offset}`).toEqual(here)
      items += there.length
    }
    expect(Math.min(hovers, definitions, items)).toBeGreaterThan(10)
  })

  it('takes an operand apart in the same way, and opens it with the key beside it', async () => {
    const uri = inBrowser.uri('inputs/operand.esmb')
    const operand = readFileSync(new URL('../fixtures/esm/good/01-one-recipient/blob.dtb', import.meta.url))
    writeFileSync(join(workspace.folder, 'inputs/operand.esmb'), operand)
    const key = { uri: inBrowser.uri('keys/origin.sec') }
    const [here, there] = await Promise.all(
      [onMachine, inBrowser].map((client) => client.connection.sendRequest<object>('pef/operand', { uri, key })),
    )
    expect(there).toEqual(here)
    expect(there).toMatchObject({ openedWith: expect.stringMatching(/origin\.sec$/) })
  })

  it('offers no command where there is no machine to run it on', async () => {
    const client = await LspClient.startInWorker(workspace.folder, undefined, undefined, true)
    const text = changed('keys/tpm.pem', 'keys/not-there.pem').replace('inputs/vmlinux', 'inputs/vmlinus')
    const uri = await client.open('svm_blob.yml', text)
    const diagnostics = await client.diagnostics(uri, 1, (list) => list.length >= 2)
    const actions = await client.ask<CodeAction[]>('codeAction', uri, {
      range: diagnostics[0]!.range,
      context: { diagnostics },
    })
    expect(actions.map(({ title }) => title)).toContain('Change it to "inputs/vmlinux"')
    expect(actions.filter(({ command }) => command)).toEqual([])
    expect(await client.ask<CodeLens[]>('codeLens', uri)).toEqual([])
    await client.stop()
  })
})
