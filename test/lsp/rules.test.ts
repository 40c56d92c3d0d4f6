/** One row a diagnostic of svm_blob.yml: a document that triggers it, one that does not, and what the quick fix makes of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CodeAction, Diagnostic, TextEdit } from 'vscode-languageserver'
import { DiagnosticSeverity } from 'vscode-languageserver'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { LspClient } from './client.ts'
import { changed, GOOD, makeWorkspace } from './workspace.ts'

const { Error: E, Warning: W, Information: I, Hint: H } = DiagnosticSeverity

interface Row {
  readonly rule: string
  readonly severity: DiagnosticSeverity
  readonly text: string
  /** What stands at the diagnostic. */
  readonly at?: string
  /** The preferred quick fix leads to a document without this rule; `command`: to a command of the editor. */
  readonly fix?: 'text' | 'command' | 'none'
}

const rows: Row[] = [
  { rule: 'ESM058', severity: H, text: changed('console=hvc0 svm=on', ' console=hvc0  svm=on'), fix: 'text' },
  {
    rule: 'ESM059',
    severity: W,
    text: changed('console=hvc0 svm=on', 'console=hvc0'),
    at: '"console=hvc0"',
    fix: 'text',
  },
  { rule: 'ESM061', severity: E, text: GOOD + twice('inputs/big-ok.bin'), fix: 'none' },
  {
    rule: 'ESM064',
    severity: E,
    text: `${GOOD}- file:\n    name: "rootd"\n    path: "inputs/plain-name"\n`,
    fix: 'text',
  },
  { rule: 'ESM067', severity: E, text: changed('inputs/att-rootd.bin', 'inputs/huge.bin'), fix: 'none' },
  { rule: 'ESM068', severity: H, text: changed('"machine"', '"password=hunter2"'), fix: 'none' },
  { rule: 'ESM100', severity: E, text: changed('    comment: "owner"', '\tcomment: "owner"'), fix: 'text' },
  { rule: 'ESM101', severity: E, text: GOOD.replaceAll('- ', ''), fix: 'text' },
  { rule: 'ESM102', severity: E, text: `${GOOD}- just text\n`, fix: 'none' },
  { rule: 'ESM103', severity: E, text: changed('- digest:', '- digests:'), at: 'digests', fix: 'text' },
  { rule: 'ESM104', severity: E, text: changed('- origin:', '- recipient:').replace(/ +seckey.*\n/, ''), fix: 'text' },
  {
    rule: 'ESM105',
    severity: E,
    text: changed('- recipient:', '- origin:').replace(
      '"keys/tpm.pem"',
      '"keys/tpm.pem"\n    seckey: "keys/recipient-2.sec"',
    ),
    fix: 'text',
  },
  { rule: 'ESM106', severity: E, text: changed('    args:', '    bootargs:'), at: 'bootargs', fix: 'text' },
  { rule: 'ESM107', severity: E, text: changed('    seckey: "keys/origin.sec"\n', ''), fix: 'text' },
  { rule: 'ESM108', severity: E, text: changed('"console=hvc0 svm=on"', 'on'), at: 'on', fix: 'text' },
  { rule: 'ESM109', severity: E, text: changed('"machine"', '"two\\nlines"'), fix: 'text' },
  {
    rule: 'ESM110',
    severity: E,
    text: changed('inputs/vmlinux', 'inputs/vmlinus'),
    at: '"inputs/vmlinus"',
    fix: 'text',
  },
  { rule: 'ESM111', severity: E, text: changed('keys/tpm.pem', 'inputs/vmlinux'), fix: 'none' },
  {
    rule: 'ESM112',
    severity: E,
    text: changed(
      '"keys/origin.pub"\n    seckey: "keys/origin.sec"',
      '"keys/origin.sec"\n    seckey: "keys/origin.pub"',
    ),
    fix: 'text',
  },
  { rule: 'ESM113', severity: W, text: changed('keys/tpm.pem', 'keys/recipient-2.sec'), fix: 'none' },
  { rule: 'ESM114', severity: E, text: changed('keys/origin.sec', 'keys/recipient-2.sec'), fix: 'none' },
  { rule: 'ESM116', severity: E, text: changed('keys/tpm.pem', 'keys/origin.pub'), fix: 'text' },
  { rule: 'ESM117', severity: E, text: GOOD.slice(0, GOOD.indexOf('- recipient')), fix: 'text' },
  { rule: 'ESM118', severity: E, text: GOOD.slice(0, GOOD.indexOf('- digest')), fix: 'text' },
  {
    rule: 'ESM119',
    severity: E,
    text: GOOD + GOOD.slice(GOOD.indexOf('- digest'), GOOD.indexOf('- file')),
    fix: 'text',
  },
  { rule: 'ESM120', severity: E, text: changed('inputs/vmlinux', 'inputs/initrd.img'), fix: 'none' },
  { rule: 'ESM121', severity: W, text: changed('inputs/initrd.img', 'inputs/esmb.img'), fix: 'none' },
  {
    rule: 'ESM122',
    severity: W,
    text: changed('"console=hvc0 svm=on"', '|\n        console=hvc0 svm=on'),
    fix: 'text',
  },
  { rule: 'ESM123', severity: W, text: changed('"console=hvc0 svm=on"', 'console=hvc0 # svm=on'), fix: 'text' },
  { rule: 'ESM124', severity: E, text: changed('"rootd"', '"1 bad name"'), fix: 'text' },
  {
    rule: 'ESM125',
    severity: W,
    text: changed('    comment: "owner"', '    comment: "owner"\n    comment: "again"'),
    fix: 'text',
  },
  {
    rule: 'ESM126',
    severity: I,
    text: changed('keys/origin.pub', 'keys/origin-enc.pub').replace('keys/origin.sec', 'keys/origin-enc.sec'),
    fix: 'none',
  },
  { rule: 'ESM128', severity: E, text: `${GOOD}---\n- origin:\n`, fix: 'none' },
  { rule: 'ESM140', severity: W, text: changed('keys/origin.sec', 'keys/shared.sec'), fix: 'command' },
  {
    rule: 'ESM141',
    severity: W,
    text: changed('inputs/initrd.img', 'inputs/with-key.img'),
    at: '"inputs/with-key.img"',
    fix: 'none',
  },
]

function twice(path: string): string {
  return `- file:\n    name: "one"\n    path: "${path}"\n- file:\n    name: "two"\n    path: "${path}"\n`
}

describe('diagnostics of svm_blob.yml', () => {
  const workspace = makeWorkspace()
  let client: LspClient
  let number = 0

  beforeAll(async () => {
    const { writeFileSync, readFileSync } = await import('node:fs')
    writeFileSync(`${workspace.folder}/inputs/huge.bin`, new Uint8Array(0x10000))
    // Across the border of two chunks that are read.
    const filler = 'x'.repeat((1 << 20) - 40)
    writeFileSync(
      `${workspace.folder}/inputs/with-key.img`,
      filler + readFileSync(`${workspace.folder}/keys/recipient-2.sec`, 'latin1'),
    )
    const good = new URL('../fixtures/esm/good/01-one-recipient/', import.meta.url)
    const esmb = (await import('node:fs')).readdirSync(good).find((name) => /esmb/.test(name) && name.endsWith('.img'))!
    writeFileSync(`${workspace.folder}/inputs/esmb.img`, readFileSync(new URL(esmb, good)))
    client = await LspClient.start(workspace.folder, 'file:///pages')
  })
  afterAll(async () => {
    await client.stop()
    workspace.remove()
  })

  const look = async (text: string): Promise<{ uri: string; diagnostics: Diagnostic[] }> => {
    const uri = await client.open(`case-${number++}.svm.yml`, text, 'yaml')
    return { uri, diagnostics: await client.diagnostics(uri) }
  }

  it('has none where nothing is wrong', async () => {
    expect((await look(GOOD)).diagnostics).toEqual([])
  })

  it.each(rows)('$rule', async ({ rule, severity, text, at, fix }) => {
    const { uri, diagnostics } = await look(text)
    // What takes longer comes with later diagnostics of the same version.
    const isThere = (list: Diagnostic[]) => list.some(({ code }) => code === rule)
    const all = rule === 'ESM141' ? await client.diagnostics(uri, 1, isThere) : diagnostics
    const found = all.find(({ code }) => code === rule)
    expect(found, JSON.stringify(diagnostics)).toMatchObject({
      severity,
      source: 'pef',
      codeDescription: { href: `file:///pages/${rule}.md` },
      message: expect.stringMatching(/\nTo correct it: /),
    })
    const document = TextDocument.create(uri, 'yaml', 1, text)
    if (at !== undefined) expect(document.getText(found!.range)).toBe(at)

    const actions = await client.ask<CodeAction[]>('codeAction', uri, {
      range: found!.range,
      context: { diagnostics: [found] },
    })
    const preferred = actions.find(({ isPreferred }) => isPreferred) ?? actions[0]
    if (fix === 'none') {
      expect(actions).toEqual([])
      return
    }
    if (fix === 'command') {
      expect(preferred?.command?.command).toMatch(/^pef\./)
      return
    }
    const edits = preferred?.edit?.changes?.[uri] as TextEdit[]
    expect(edits, JSON.stringify(actions)).toBeDefined()
    const fixed = TextDocument.applyEdits(document, edits)
    const after = await look(fixed)
    expect(
      after.diagnostics.map(({ code }) => code),
      fixed,
    ).not.toContain(rule)
  })
})
