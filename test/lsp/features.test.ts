/** Everything but diagnostics that the server does for svm_blob.yml. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import type {
  CodeLens,
  CompletionItem,
  DocumentSymbol,
  Hover,
  InlayHint,
  LocationLink,
  Position,
  TextEdit,
  WorkspaceEdit,
} from 'vscode-languageserver'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { languageOf } from '../../server/lsp/languages.ts'
import { isAbsolutePath, joinUri, nameOf, parentOf } from '../../server/lsp/uris.ts'
import { nearest } from '../../server/lsp/words.ts'
import { serverInWorkspace } from './client.ts'
import { changed, GOOD } from './workspace.ts'

const server = serverInWorkspace()
const fixtures = fileURLToPath(new URL('../fixtures/esm/', import.meta.url))
let opened: string[] = []
let documents = 0

afterEach(async () => {
  for (const uri of opened) await server.client.close(uri)
  opened = []
})

/** Opens a text; `|` is the cursor. */
async function openAt(marked: string): Promise<{ uri: string; position: Position; text: string }> {
  const offset = marked.indexOf('|')
  const text = marked.replace('|', '')
  const uri = await server.client.open(`document-${documents++}.svm.yml`, text)
  opened.push(uri)
  return { uri, text, position: TextDocument.create('', '', 1, text).positionAt(offset) }
}

/** The text after an item was taken. */
const applied = (text: string, edits: readonly TextEdit[]) =>
  TextDocument.applyEdits(TextDocument.create('', '', 1, text), [...edits])

async function complete(marked: string): Promise<{ text: string; items: CompletionItem[]; labels: string[] }> {
  const { uri, position, text } = await openAt(marked)
  const items = await server.client.ask<CompletionItem[]>('completion', uri, { position })
  const sorted = [...items].sort((a, b) => (a.sortText ?? a.label).localeCompare(b.sortText ?? b.label))
  return { text, items: sorted, labels: sorted.map(({ label }) => label) }
}

describe('completion', () => {
  it.each(['|', '-|', '- |', '- re|', `${GOOD}|`, `${GOOD}- |`])('offers the entries at %j', async (marked) => {
    const { text, items, labels } = await complete(marked)
    expect(labels).toEqual(['origin', 'recipient', 'digest', 'file'])
    const made = applied(text, [items[1]!.textEdit as TextEdit])
    expect(made).toMatch(/- recipient:\n {4}comment: "\$\{1:TPM of the machine\}"\n {4}pubkey: "\$\{2:tpm.pem\}"/)
  })

  it('offers the keys that the entry does not have yet, required ones first', async () => {
    const { labels, items, text } = await complete('- digest:\n    kernel: "k"\n    |\n- file:\n    path: "p"\n')
    expect(labels).toEqual(['args', 'initramfs', 'comment'])
    expect(applied(text, [items[0]!.textEdit as TextEdit])).toContain('    kernel: "k"\n    args: "$0"\n')
    expect((await complete('- digest:\n    ini|\n')).labels).toContain('initramfs')
  })

  it('offers paths, the likely ones first, and goes on into folders', async () => {
    const top = await complete('- digest:\n    kernel: "|"\n')
    expect(top.labels).toEqual(['inputs/', 'keys/'])
    expect(top.items[0]!.command?.command).toBe('editor.action.triggerSuggest')
    const inside = await complete('- digest:\n    kernel: "inputs/vm|"\n')
    expect(inside.labels[0]).toBe('vmlinux')
    expect(applied(inside.text, [inside.items[0]!.textEdit as TextEdit])).toContain('kernel: "inputs/vmlinux"')
    const keys = await complete('- recipient:\n    pubkey: keys/|\n')
    expect(keys.labels.findIndex((name) => name.endsWith('.sec'))).toBeGreaterThan(keys.labels.indexOf('tpm.pem'))
  })

  it('offers words of the command line', async () => {
    const { labels, items, text } = await complete('- digest:\n    args: "console=hvc0 sv|"\n')
    expect(labels).toContain('svm=on')
    expect(labels).not.toContain('console=hvc0')
    const item = items.find(({ label }) => label === 'svm=on')!
    expect(applied(text, [item.textEdit as TextEdit])).toContain('"console=hvc0 svm=on"')
  })

  it.each(['# |', '- nonsense:\n    |', '- origin:\n    comment: "|"'])('offers nothing at %j', async (marked) => {
    expect((await complete(marked)).labels).toEqual([])
  })
})

describe('hover', () => {
  const hover = async (marked: string) => {
    const { uri, position } = await openAt(marked)
    await server.client.diagnostics(uri)
    const found = await server.client.ask<Hover | null>('hover', uri, { position })
    return (found?.contents as { value: string } | undefined)?.value
  }

  it('says what an entry is for', async () => {
    expect(await hover(changed('- recipient', '- reci|pient'))).toContain('lockbox-1')
  })

  it('tells the fingerprint of a public key and its place', async () => {
    const text = await hover(changed('"keys/tpm.pem"', '"keys/|tpm.pem"'))
    expect(text).toContain('RSA public key of 2048 bits')
    expect(text).toContain('the only one that the ultravisor opens')
    expect(text).toMatch(/`[0-9a-f]{64}`/)
  })

  it('of a private key tells nothing but its size', async () => {
    const text = await hover(changed('"keys/origin.sec"', '"keys/|origin.sec"'))
    expect(text).toContain('without a passphrase')
    expect(text).not.toMatch(/[0-9a-f]{16}|BEGIN/)
  })

  it('tells size and digest of kernel, initrd and command line', async () => {
    expect(await hover(changed('"inputs/vmlinux"', '"inputs/|vmlinux"'))).toMatch(
      /flat image.*SHA-512 `[0-9a-f]{128}`/s,
    )
    expect(await hover(changed('"inputs/initrd.img"', '"inputs/|initrd.img"'))).toMatch(/SHA-512 `[0-9a-f]{128}`/)
    expect(await hover(changed('"console=hvc0', '"con|sole=hvc0'))).toMatch(/19 bytes, SHA-512 `[0-9a-f]{128}`/)
  })

  it('explains what is wrong there', async () => {
    const text = await hover(changed('"inputs/vmlinux"', '"inputs/|none"'))
    expect(text).toMatch(/\*\*ESM110\*\*.*What happens:.*To correct it:.*§12\.6/s)
  })

  it('says nothing where there is nothing', async () => {
    expect(await hover(`|${GOOD}`)).toBeUndefined()
  })
})

describe('go to definition', () => {
  it('leads from a path to its file', async () => {
    const { uri, position } = await openAt(changed('"keys/tpm.pem"', '"keys/|tpm.pem"'))
    const [link] = await server.client.ask<LocationLink[]>('definition', uri, { position })
    expect(link!.targetUri).toBe(server.client.uri('keys/tpm.pem'))
    expect(link!.originSelectionRange).toEqual({ start: { line: 7, character: 12 }, end: { line: 7, character: 26 } })
  })

  it('leads nowhere from other values', async () => {
    const { uri, position } = await openAt(changed('"machine"', '"ma|chine"'))
    expect(await server.client.ask('definition', uri, { position })).toEqual([])
  })
})

describe('the outline', () => {
  it('has the entries, with their lines and values', async () => {
    const { uri } = await openAt(`${GOOD}|`)
    const symbols = await server.client.ask<DocumentSymbol[]>('documentSymbol', uri)
    expect(symbols.map(({ name, detail, range }) => [name, detail, range.start.line, range.end.line])).toEqual([
      ['origin owner', 'keys/origin.pub', 1, 5],
      ['recipient machine', 'lockbox-1', 5, 8],
      ['digest', 'inputs/vmlinux', 8, 12],
      ['file rootd', 'inputs/att-rootd.bin', 12, 15],
    ])
    expect(symbols[2]!.children!.map(({ name }) => name)).toEqual(['args', 'initramfs', 'kernel'])
  })

  it('folds entries, and comments of more than one line', async () => {
    const uri = await server.client.open('folds.svm.yml', `# one\n# two\n${GOOD}`)
    expect(await server.client.ask('foldingRange', uri)).toEqual([
      { startLine: 0, endLine: 2, kind: 'comment' },
      { startLine: 3, endLine: 6 },
      { startLine: 7, endLine: 9 },
      { startLine: 10, endLine: 13 },
      { startLine: 14, endLine: 16 },
    ])
  })
})

describe('what stands in between', () => {
  const whole = { start: { line: 0, character: 0 }, end: { line: 99, character: 0 } }
  const hintsOf = async (uri: string) => {
    const hints = await server.client.ask<InlayHint[]>('inlayHint', uri, { range: whole })
    return new Map(hints.map(({ position, label }) => [position.line, String(label)]))
  }

  it('is size and digest behind each file', async () => {
    const { uri } = await openAt(`${GOOD}|`)
    const hints = await hintsOf(uri)
    expect(hints.get(3)).toMatch(/^RSA-\d+ · [0-9a-f]{12}…$/)
    expect(hints.get(7)).toMatch(/^lockbox-1 · RSA-2048 · [0-9a-f]{12}…$/)
    expect(hints.get(11)).toMatch(/KiB · [0-9a-f]{12}…$/)
    expect(hints.get(14)).toMatch(/bytes$/)
  })

  it('says whether the operand beside it has that digest, and what is old is a warning', async () => {
    const good = join(fixtures, 'good/01-one-recipient')
    cpSync(join(good, 'blob.dtb'), join(server.folder, 'mine.dtb'))
    const { readFileSync, rmSync } = await import('node:fs')
    const own = readFileSync(join(good, 'svm_blob.yml'), 'utf8')
    const { uri } = await openAt(`${own}|`)
    expect((await server.client.diagnostics(uri, 1)).filter(({ severity }) => severity! <= 2)).toEqual([])
    const lines = own.split('\n')
    const kernel = lines.findIndex((line) => line.includes('kernel:'))
    expect((await hintsOf(uri)).get(kernel)).toMatch(/^✓ mine\.dtb · /)

    await server.client.change(uri, 2, [{ text: own.replace(/args: "/, 'args: "quiet ') }])
    const stale = await server.client.diagnostics(uri, 2, (all) => all.length > 0)
    expect(stale).toMatchObject([{ code: 'ESM057', severity: 2, message: expect.stringContaining('mine.dtb') }])
    const args = lines.findIndex((line) => line.includes('args:'))
    expect((await hintsOf(uri)).get(args)).toMatch(/^≠ mine\.dtb · /)
    rmSync(join(server.folder, 'mine.dtb'))
  })

  it('has lenses that build, check and debug', async () => {
    const { uri } = await openAt(`${GOOD}|`)
    const lenses = await server.client.ask<CodeLens[]>('codeLens', uri)
    expect(lenses.map(({ command }) => [command!.title, command!.arguments])).toEqual([
      ['Build operand', [uri]],
      ['Check', [uri]],
      ['Debug this image', [uri]],
    ])
  })
})

describe('rename', () => {
  const marked = changed('"rootd"', '"ro|otd"')

  it('of an attachment changes its name', async () => {
    const { uri, position, text } = await openAt(marked)
    const prepared = await server.client.ask<{ placeholder: string }>('prepareRename', uri, { position })
    expect(prepared.placeholder).toBe('rootd')
    const edit = await server.client.ask<WorkspaceEdit>('rename', uri, { position, newName: 'crypttab' })
    expect(applied(text, edit.changes![uri]!)).toBe(changed('"rootd"', '"crypttab"'))
  })

  it('to what is no name says why', async () => {
    const { uri, position } = await openAt(marked)
    await expect(server.client.ask('rename', uri, { position, newName: '1 x' })).rejects.toThrow(
      /no name for an attachment/,
    )
  })

  it('of anything else is not offered', async () => {
    const { uri, position } = await openAt(changed('"machine"', '"ma|chine"'))
    expect(await server.client.ask('prepareRename', uri, { position })).toBeNull()
  })
})

describe('formatting', () => {
  const format = async (text: string) => {
    const { uri } = await openAt(`${text}|`)
    const edits = await server.client.ask<TextEdit[]>('formatting', uri, {
      options: { tabSize: 2, insertSpaces: true },
    })
    return applied(text, edits)
  }

  it('keeps comments and quotation marks', async () => {
    const messy =
      "# first\n-   origin:\n         pubkey:   'keys/origin.pub'   # mine\n         seckey: keys/origin.sec\n\n# end\n"
    expect(await format(messy)).toBe(
      "# first\n- origin:\n    pubkey: 'keys/origin.pub' # mine\n    seckey: keys/origin.sec\n\n# end\n",
    )
  })

  it('leaves alone what is right, and what it cannot read', async () => {
    expect(await format(GOOD)).toBe(GOOD)
    expect(await format('- origin:\n\tpubkey: x\n')).toBe('- origin:\n\tpubkey: x\n')
  })
})

describe('which documents', () => {
  it.each([
    ['yaml', 'file:///a/svm_blob.yml', 'svm-blob'],
    ['yaml', 'file:///a/debian.svm.yaml', 'svm-blob'],
    ['svm-blob', 'untitled:Untitled-1', 'svm-blob'],
    ['yaml', 'file:///a/my_svm_blob.yml', undefined],
    ['yaml', 'file:///a/compose.yml', undefined],
    ['plaintext', 'file:///a/svm_blob.yml', undefined],
    ['json', 'file:///a/pef.json', 'image'],
    ['jsonc', 'file:///a/small.pef.json', 'image'],
    ['jsonc', 'file:///a/.vscode/launch.json', 'launch'],
    ['json', 'file:///a/package.json', undefined],
    ['esm-dts', 'untitled:Untitled-1', 'dts'],
    ['plaintext', 'file:///a/image.esm.dts', 'dts'],
    ['dts', 'file:///a/operand.dts', 'dts', '/dts-v1/; / { compatible = "ibm,esm"; };'],
    ['dts', 'file:///a/board.dts', undefined, '/dts-v1/; / { compatible = "ibm,powernv"; };'],
  ])('%s %s: %s', (languageId, uri, language, text = '') => {
    expect(languageOf({ languageId, uri, getText: () => text })).toBe(language)
  })
})

describe('uris and words', () => {
  it('follow the paths that people write', () => {
    expect(joinUri('file:///a/b', '../c d.pem')).toBe('file:///a/c%20d.pem')
    expect(joinUri('file:///a/b', '/etc/x')).toBe('file:///etc/x')
    expect(joinUri('file:///a', '../../../x')).toBe('file:///x')
    expect(joinUri('vscode-vfs://host/a', './b')).toBe('vscode-vfs://host/a/b')
    expect(joinUri('file:///a', 'C:\\keys\\k.pem')).toBe('file:///C%3A/keys/k.pem')
    expect(isAbsolutePath('keys/x')).toBe(false)
    expect(parentOf('file:///a/b/c.yml')).toBe('file:///a/b')
    expect(nameOf('file:///a/b%20c')).toBe('b c')
  })

  it('are near where a third of the letters differ at most', () => {
    expect(nearest('digests', ['origin', 'digest'])).toBe('digest')
    expect(nearest('VMLINUS', ['vmlinux', 'vmlinuz-old'])).toBe('vmlinux')
    expect(nearest('abc', ['xyz'])).toBeUndefined()
  })
})
