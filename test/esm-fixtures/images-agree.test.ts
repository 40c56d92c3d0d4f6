/** `pef esm check --image` and the editor say the same about every image of the table of rules. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pefHere } from '../cli/esm-tool.ts'
import { LspClient } from '../lsp/client.ts'
import { imageRows } from '../lsp/rows/image-rows.ts'
import { operandRows } from '../lsp/rows/operand-rows.ts'
import { type Row, writeDocument } from '../lsp/rows/row.ts'
import { makeWorkspace } from '../lsp/workspace.ts'

const rows: readonly Row[] = [...operandRows, ...imageRows].filter(({ wrong }) => wrong.name === 'pef.json')

const workspace = makeWorkspace()
let client: LspClient
let before: string
beforeAll(async () => {
  client = await LspClient.start(workspace.folder)
  before = process.cwd()
  // Paths in a recipe start at the folder that the tool runs in.
  process.chdir(workspace.folder)
})
afterAll(async () => {
  process.chdir(before)
  await client.stop()
  workspace.remove()
})

/** Of the editor alone, and why. */
const EDITOR_ONLY: Readonly<Record<string, string>> = {
  ESM110: 'a file that the command line names has to be there: exit code 2',
  ESM111: 'check is content with the public half of the key',
  ESM140: 'the rights of a private key are those of the checkout, where check runs',
}

describe('check --image and the editor', () => {
  test.each(rows.map((row, i) => [`${row.rule} at ${row.at}`, i, row] as const))(
    '%s',
    async (_, i, { wrong, rule }) => {
      const path = writeDocument(workspace.folder, `case-${i}`, wrong)
      const uri = await client.open(path, wrong.text, 'jsonc')
      const list = await client.diagnostics(uri, 1, (all) => all.some(({ code }) => code === rule))
      const seen = new Set(list.map(({ code }) => String(code)))
      const { out, error, code } = await pefHere([
        'esm',
        'check',
        '--image',
        join(workspace.folder, path),
        '--format',
        'json',
      ])
      if (rule === 'ESM110') {
        expect([code, error]).toEqual([2, expect.stringContaining('No such file')])
        return
      }
      const told = new Set(JSON.parse(out).diagnostics.map(({ id }: { id: string }) => id))
      expect([...told].sort()).toEqual([...seen].filter((id) => EDITOR_ONLY[id] === undefined).sort())
    },
  )
})
