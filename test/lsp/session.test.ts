/** A whole session with the language server as a golden transcript: `UPDATE_GOLDEN=1` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { CodeAction, Diagnostic, TextEdit } from 'vscode-languageserver'
import { LspClient } from './client.ts'
import { GOOD, makeWorkspace } from './workspace.ts'

const golden = new URL('golden/session.txt', import.meta.url)

it('from initialize to exit says what the golden transcript has', async () => {
  const workspace = makeWorkspace()
  const client = await LspClient.start(workspace.folder, 'file:///extension/server/rule-pages')
  const lines: string[] = []
  const note = (title: string, body: unknown) => {
    const json = JSON.stringify(body, undefined, 2).replaceAll(client.uri('').replace(/\/$/, ''), 'WORKSPACE')
    lines.push(`--- ${title}`, json, '')
  }
  /** The document as it is, and the change that a person types. */
  const wrong = GOOD.replace('inputs/vmlinux', 'inputs/vmlinus')
  const line = wrong.split('\n').findIndex((text) => text.includes('vmlinus'))

  note('initialize', client.initialized)
  const uri = await client.open('svm_blob.yml', wrong)
  const [found] = (await client.diagnostics(uri)) as [Diagnostic]
  note('didOpen: a kernel that is not there', await client.diagnostics(uri))
  const actions = await client.ask<CodeAction[]>('codeAction', uri, {
    range: found.range,
    context: { diagnostics: [found] },
  })
  note('codeAction', actions)
  const [edit] = actions[0]!.edit!.changes![uri] as [TextEdit]
  await client.change(uri, 2, [{ range: edit.range, text: edit.newText }])
  note('didChange: the quick fix', await client.diagnostics(uri, 2))
  note('hover over the kernel', await client.ask('hover', uri, { position: { line, character: 15 } }))
  note('hover over an entry', await client.ask('hover', uri, { position: { line: 5, character: 4 } }))
  note('definition of the TPM key', await client.ask('definition', uri, { position: { line: 7, character: 15 } }))
  note('documentSymbol', await client.ask('documentSymbol', uri))
  await client.change(uri, 3, [
    { range: { start: { line: 15, character: 0 }, end: { line: 15, character: 0 } }, text: '- f' },
  ])
  note('completion of an entry', await client.ask('completion', uri, { position: { line: 15, character: 3 } }))
  await client.close(uri)
  note('didClose', await client.diagnostics(uri, 'none'))
  note('exit', await client.stop())
  workspace.remove()

  const text = lines.join('\n')
  if (process.env['UPDATE_GOLDEN']) writeFileSync(golden, text)
  expect(text).toBe(readFileSync(golden, 'utf8'))
})
