/** What the server does for the device-tree source of an operand besides diagnostics, which are rows of every-rule.test.ts. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CodeLens, CompletionItem, DocumentSymbol, FoldingRange, Hover, LocationLink } from 'vscode-languageserver'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { serverInWorkspace } from './client.ts'
import { SOURCE } from './rows/dts-rows.ts'
import { GOOD } from './workspace.ts'

const server = serverInWorkspace()
let documents = 0

/** Opens a text; `|` is the cursor. */
async function openAt(marked: string) {
  const offset = marked.indexOf('|')
  const text = marked.replace('|', '')
  const uri = await server.client.open(`source-${documents++}.esm.dts`, text, 'esm-dts')
  return { uri, text, position: TextDocument.create('', '', 1, text).positionAt(offset) }
}

const hover = async (marked: string) => {
  const { uri, position } = await openAt(marked)
  return (await server.client.ask<Hover | null>('hover', uri, { position }))?.contents as { value: string } | undefined
}
const labels = async (marked: string) => {
  const { uri, position } = await openAt(marked)
  return (await server.client.ask<CompletionItem[]>('completion', uri, { position })).map(({ label }) => label)
}

describe('the source of an operand in the editor', () => {
  it('is right as it is', async () => {
    expect(await server.client.diagnostics((await openAt(SOURCE)).uri)).toEqual([])
  })

  it('is taken for one in plain .dts files by its compatible, and other trees are left alone', async () => {
    const broken = SOURCE.replace('lockboxes {', 'lockboxes ')
    const uri = await server.client.open('operand.dts', broken, 'dts')
    expect((await server.client.diagnostics(uri))[0]!.code).toBe('ESM016')
    const other = await server.client.open('board.dts', '/dts-v1/; / { compatible = "ibm,powernv"', 'dts')
    expect(await server.client.ask('documentSymbol', other)).toEqual([])
  })

  it('is opened with the key that an svm_blob.yml beside it names', async () => {
    writeFileSync(join(server.folder, 'svm_blob.yml'), GOOD)
    const wrong = SOURCE.replace(
      /(digests-fdt \{[^}]*\bmac = \[)(..)/,
      (_, before, byte) => `${before}${byte === '00' ? '01' : '00'}`,
    )
    expect(wrong).not.toBe(SOURCE)
    const { uri } = await openAt(wrong)
    const met = await server.client.diagnostics(uri, 1, (list) => list.some(({ code }) => code === 'ESM045'))
    expect(met.map(({ code }) => code)).toContain('ESM045')
  })

  it('hovers say what a node or property is for, its size and place', async () => {
    expect((await hover(SOURCE.replace('encrypted-symkey', 'encr|ypted-symkey')))!.value).toMatch(
      /\*\*encrypted-symkey\*\*: the master key under RSA-OAEP with SHA-256\n\n`[0-9a-f]+\.\.\. \(256 bytes\)` · 256 bytes\n\nAt 0x/,
    )
    expect((await hover(SOURCE.replace('lockbox-1 {', 'lock|box-1 {')))!.value).toMatch(
      /the only one that the ultravisor opens/,
    )
    expect((await hover(SOURCE.replace('"ibm,esm"', '"ibm,|svm"')))!.value).toMatch(/\*\*ESM014\*\*/)
    expect(await hover('/dts-v1/; // no|thing\n/ { };')).toBeUndefined()
  })

  it('has an outline and folds', async () => {
    const { uri } = await openAt(SOURCE)
    const [root] = await server.client.ask<DocumentSymbol[]>('documentSymbol', uri)
    expect(root!.children!.map(({ name }) => name)).toEqual(['compatible', 'lockboxes', 'digest', 'file'])
    const folds = await server.client.ask<FoldingRange[]>('foldingRange', uri)
    const lines = SOURCE.split('\n')
    expect(folds.map(({ startLine }) => lines[startLine]!.trim())).toEqual(
      expect.arrayContaining(['/ {', 'lockboxes {', 'lockbox-1 {', 'encrypted-symkey = [']),
    )
    for (const { startLine, endLine } of folds) {
      expect(lines[endLine + 1]!.trim()).toMatch(/^[}\]];$/)
      expect(endLine).toBeGreaterThan(startLine)
    }
  })

  it('goes from a reference to its label', async () => {
    const { uri, position, text } = await openAt('/dts-v1/;\n/ {\n  x = &he|re;\n  here: node { };\n};\n')
    const [link] = await server.client.ask<LocationLink[]>('definition', uri, { position })
    expect(TextDocument.create('', '', 1, text).getText(link!.targetSelectionRange)).toBe('here')
  })

  it('offers what an operand has here and the text has not yet', async () => {
    expect(await labels('/dts-v1/;\n/ {\n\t|\n};')).toEqual(['compatible', 'lockboxes', 'digest', 'file'])
    expect(await labels('/dts-v1/;\n/ {\n\tcompatible = "ibm,esm";\n\tlo|\n};')).toEqual([
      'lockboxes',
      'digest',
      'file',
    ])
    expect(await labels('/dts-v1/;\n/ { lockboxes { lockbox-1 {\n\t|\n}; }; };')).toEqual([
      'encrypted-symkey',
      'untrusted-comment',
      'pubkey-fingerprint',
    ])
    expect(await labels('/dts-v1/;\n/ {\n\ta = |\n};')).toEqual([])
  })

  it('has lenses to build and to check it', async () => {
    const lenses = await server.client.ask<CodeLens[]>('codeLens', (await openAt(SOURCE)).uri)
    expect(lenses.map(({ command }) => command!.title)).toEqual(['Build operand', 'Check'])
  })
})
