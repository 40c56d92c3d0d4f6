import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Diagnostic, Hover, InitializeResult, PublishDiagnosticsParams } from 'vscode-languageserver'
import {
  createProtocolConnection,
  type ProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node'
import { isSvmBlob } from '../../server/lsp/diagnostics.ts'
import { fixtureText } from './fixtures.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const fixtures = fileURLToPath(new URL('../fixtures/esm/', import.meta.url))

describe('the language server over stdio', () => {
  let folder: string
  let server: ChildProcess
  let client: ProtocolConnection
  const published = new Map<string, PublishDiagnosticsParams[]>()
  let wake = () => {}

  /** The diagnostics of a document at a version. */
  async function diagnosticsOf(uri: string, version: number): Promise<Diagnostic[]> {
    for (;;) {
      const found = published.get(uri)?.find((params) => params.version === version)
      if (found) return found.diagnostics
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pef-server-'))
    // The same bundle as `npm run build` makes, made here so that the test needs no build before it.
    await build({
      entryPoints: [join(repository, 'server/server.ts')],
      outfile: join(folder, 'server.js'),
      bundle: true,
      platform: 'node',
      format: 'cjs',
      logLevel: 'error',
    })
    server = spawn(process.execPath, [join(folder, 'server.js'), '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] })
    client = createProtocolConnection(new StreamMessageReader(server.stdout!), new StreamMessageWriter(server.stdin!))
    client.onNotification('textDocument/publishDiagnostics', (params: PublishDiagnosticsParams) => {
      published.set(params.uri, [...(published.get(params.uri) ?? []), params])
      wake()
    })
    client.listen()
    const { capabilities } = await client.sendRequest<InitializeResult>('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: {},
      workspaceFolders: [{ uri: pathToFileURL(fixtures).href, name: 'fixtures' }],
    })
    expect(capabilities).toMatchObject({ textDocumentSync: 2, hoverProvider: true })
    await client.sendNotification('initialized', {})
  })

  afterAll(async () => {
    await client?.sendRequest('shutdown')
    const ended = new Promise((resolve) => server.once('exit', resolve))
    await client?.sendNotification('exit')
    expect(await ended).toBe(0)
    rmSync(folder, { recursive: true })
  })

  const open = async (name: string, text: string, languageId = 'svm-blob') => {
    const uri = pathToFileURL(join(fixtures, 'yaml', name)).href
    await client.sendNotification('textDocument/didOpen', { textDocument: { uri, languageId, version: 1, text } })
    return uri
  }

  it('says what is wrong, where, with the id of the rule', async () => {
    const uri = await open('digest-key-bootargs.yml', fixtureText('yaml/digest-key-bootargs.yml'))
    expect(await diagnosticsOf(uri, 1)).toEqual([
      {
        range: { start: { line: 7, character: 4 }, end: { line: 7, character: 12 } },
        severity: 1,
        code: 'ESM106',
        source: 'pef',
        message: expect.stringMatching(/expected args, found the text "bootargs".*rename the key/),
      },
    ])
  })

  it('looks at the files, relative to the folder of the workspace', async () => {
    const uri = await open('origin-pubkey-nofile.yml', fixtureText('yaml/origin-pubkey-nofile.yml'))
    expect((await diagnosticsOf(uri, 1)).map(({ code, severity }) => [code, severity])).toEqual([['ESM110', 1]])
    const good = await open('anchor-alias.yml', fixtureText('yaml/anchor-alias.yml'), 'svm-blob')
    expect(await diagnosticsOf(good, 1)).toEqual([])
  })

  it('follows what is typed, and forgets what is closed', async () => {
    const uri = await open('typed.svm.yml', '', 'yaml')
    expect((await diagnosticsOf(uri, 1)).map(({ code }) => code)).toEqual(['ESM101'])
    const change = (version: number, contentChanges: object[]) =>
      client.sendNotification('textDocument/didChange', { textDocument: { uri, version }, contentChanges })
    await change(2, [{ text: fixtureText('yaml/order-shuffled.yml') }])
    expect(await diagnosticsOf(uri, 2)).toEqual([])
    const start = { line: 0, character: 0 }
    await change(3, [{ range: { start, end: start }, text: '\t' }])
    expect((await diagnosticsOf(uri, 3)).map(({ code }) => code)).toEqual(['ESM100'])
    await client.sendNotification('textDocument/didClose', { textDocument: { uri } })
    while (published.get(uri)!.at(-1)!.diagnostics.length > 0)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
  })

  it('explains a rule, and a key, under the mouse', async () => {
    const uri = await open('file-duplicate-name.yml', fixtureText('yaml/file-duplicate-name.yml'))
    const [duplicate] = await diagnosticsOf(uri, 1)
    const hover = (line: number, character: number) =>
      client.sendRequest<Hover | null>('textDocument/hover', { textDocument: { uri }, position: { line, character } })
    const text = async (line: number, character: number) => {
      const contents = (await hover(line, character))?.contents as { value: string } | undefined
      return contents?.value
    }
    expect(await text(duplicate!.range.start.line, duplicate!.range.start.character + 1)).toMatch(
      /\*\*ESM064\*\*.*§12\.4/s,
    )
    expect(await text(3, 4)).toMatch(/lockbox-1/)
    expect(await text(7, 14)).toMatch(/svm=on/)
    expect(await hover(0, 0)).toBeNull()
  })

  it('leaves other YAML alone', () => {
    expect(isSvmBlob('yaml', 'file:///a/svm_blob.yml')).toBe(true)
    expect(isSvmBlob('yaml', 'file:///a/debian.svm.yaml')).toBe(true)
    expect(isSvmBlob('svm-blob', 'untitled:Untitled-1')).toBe(true)
    expect(isSvmBlob('yaml', 'file:///a/my_svm_blob.yml')).toBe(false)
    expect(isSvmBlob('yaml', 'file:///a/compose.yml')).toBe(false)
    expect(isSvmBlob('plaintext', 'file:///a/svm_blob.yml')).toBe(false)
  })
})
