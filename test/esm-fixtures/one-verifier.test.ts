/** One verifier: `pef esm check`, the editor and UV_ESM on the running machine say the same about every malformed fixture. */
import { dirname, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DiagnosticSeverity, type Diagnostic as LspDiagnostic } from 'vscode-languageserver'
import { loadMachineConfig } from '../../debug-adapter/files.ts'
import { ruleOf } from '../../server/esm/rules.ts'
import { pefHere } from '../cli/esm-tool.ts'
import { LspClient } from '../lsp/client.ts'
import { BOOTARGS, fixture, fixtureJson, untilEsm } from './run.ts'

interface Case {
  readonly id: string
  readonly kind: 'blob' | 'initrd'
  readonly file: string
}

interface Told {
  readonly id: string
  readonly severity: 'error' | 'warning' | 'information' | 'hint'
}

const cases: readonly Case[] = fixtureJson('bad/expected.json').cases
const recipes: readonly string[] = fixtureJson('yaml/expected.json').cases.map(({ file }: { file: string }) => file)

const root = fileURLToPath(new URL('../fixtures/esm/', import.meta.url))
const path = (name: string) => `${root}${name}`
const isSevere = (rule: string) => 'EX'.includes(ruleOf(rule).severity)
const SEVERITIES = {
  [DiagnosticSeverity.Error]: 'error',
  [DiagnosticSeverity.Warning]: 'warning',
  [DiagnosticSeverity.Information]: 'information',
  [DiagnosticSeverity.Hint]: 'hint',
} as const

let client: LspClient
let before: string
beforeAll(async () => {
  before = process.cwd()
  client = await LspClient.start(root)
})
afterAll(async () => {
  process.chdir(before)
  await client.stop()
})

/** Of the editor alone: the rights of private keys, which a checkout has made anew. */
const EDITOR_ONLY = ['ESM140']

/** Id and severity of each, once, in one order. */
const sorted = (told: readonly Told[]) => [...new Set(told.map(({ id, severity }) => `${id} ${severity}`))].sort()

const fromEditor = (list: readonly LspDiagnostic[]): Told[] =>
  list
    .map(({ code, severity }) => ({ id: String(code), severity: SEVERITIES[severity!] }))
    .filter(({ id }) => !EDITOR_ONLY.includes(id))

async function check(args: readonly string[]): Promise<{ code: number | null; diagnostics: readonly Told[] }> {
  const { code, out, error } = await pefHere(['esm', 'check', ...args, '--format', 'json'])
  expect(error).toBe('')
  return { code, ...JSON.parse(out) }
}

function checkCase({ kind, file }: Case) {
  const files = kind === 'blob' ? [path(`bad/${file}`), '--initrd', path('inputs/initrd.img')] : [path(`bad/${file}`)]
  const machine = ['--kernel', path('inputs/vmlinux'), '--append', BOOTARGS]
  return check([...files, ...machine, '--tpm-key', path('keys/tpm-private-for-replay.pem')])
}

async function edit({ id, kind, file }: Case): Promise<Told[]> {
  const beside = `bad/${dirname(file)}/`
  const at = (name: string) => relative(beside, name)
  const image = {
    kernel: at('inputs/vmlinux'),
    bootargs: BOOTARGS,
    tpm: { key: at('keys/tpm-private-for-replay.pem') },
    ...(kind === 'blob'
      ? { operand: at(`bad/${file}`), initrd: at('inputs/initrd.img') }
      : { initrd: at(`bad/${file}`) }),
  }
  const uri = await client.open(`${beside}${id}.pef.json`, JSON.stringify(image), 'jsonc')
  return fromEditor(await client.diagnostics(uri))
}

function uvEsm({ kind, file }: Case) {
  const bytes = fixture(`bad/${file}`)
  return untilEsm(kind === 'blob' ? { initrd: fixture('inputs/initrd.img'), operand: bytes } : { initrd: bytes }).esm
}

describe('check, the editor and UV_ESM', () => {
  test('there are fixtures of both kinds', () => {
    expect([...new Set(cases.map(({ kind }) => kind))].sort()).toEqual(['blob', 'initrd'])
  })

  test.each(cases.map((c) => [c.id, c] as const))('%s', async (_, c) => {
    const { code, diagnostics } = await checkCase(c)
    expect(sorted(await edit(c))).toEqual(sorted(diagnostics))
    const esm = uvEsm(c)
    const named = diagnostics.map(({ id }) => id)
    const errors = diagnostics.filter(({ severity }) => severity === 'error').map(({ id }) => id)
    const deciding = errors.filter((rule) => ruleOf(rule).stage === 'esm')
    const severe = esm.rules.filter((rule) => rule.startsWith('ESM') && isSevere(rule))
    // What is wrong in the eyes of the machine is so in those of check.
    expect(severe.filter((rule) => !named.includes(rule))).toEqual([])
    // The machine stops at the first step that refuses: check says more, but never less, and refuses nothing else.
    expect(deciding.length > 0).toBe(esm.outcome === 'refused')
    expect(code).toBe(errors.length > 0 ? 1 : 0)
    if (esm.outcome === 'refused') expect(severe.some((rule) => deciding.includes(rule))).toBe(true)
  })
})

describe('check, the editor and a machine that is given a recipe', () => {
  /** Of no bytes: that is told of a file of any kind, before its language is known. */
  const EMPTY = ['empty-document.yml']

  test.each(recipes)('%s', async (file) => {
    process.chdir(root)
    const { code, diagnostics } = await check([`yaml/${file}`])
    const text = new TextDecoder().decode(fixture(`yaml/${file}`))
    const uri = await client.open(`yaml/${file}`, text)
    const seen = fromEditor(await client.diagnostics(uri))
    expect(sorted(seen)).toEqual(sorted(diagnostics))
    const io = {
      cwd: root,
      readFile: async (name: string) => fixture(relative(root, fileURLToPath(pathToFileURL(name)))),
    }
    const attributes = { kernel: 'inputs/vmlinux', initrd: 'inputs/initrd.img', operand: `yaml/${file}` }
    const refused = await loadMachineConfig(attributes, io).then(
      () => undefined,
      (error: Error) => error.message,
    )
    const named = refused?.match(/ESM\d{3}/g) ?? []
    const errors = diagnostics.filter(({ severity }) => severity === 'error').map(({ id }) => id)
    expect(refused !== undefined).toBe(code === 1)
    if (EMPTY.includes(file)) expect(refused).toContain('is empty')
    else expect([...new Set(named)].sort()).toEqual([...new Set(errors)].sort())
  })
})
