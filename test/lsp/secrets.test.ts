/** What is secret never leaves the server, whatever it is asked about documents that name or hold it. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Diagnostic } from 'vscode-languageserver'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { fixtures } from '../cli/esm-tool.ts'
import { leaksIn, type Secret, secretsOfKey } from '../cli/secrets.ts'
import { LspClient } from './client.ts'
import { SOURCE } from './rows/dts-rows.ts'
import { changed, GOOD, makeWorkspace } from './workspace.ts'

it('no private key, master key or attachment is in anything that a session says', { timeout: 120_000 }, async () => {
  const workspace = makeWorkspace()
  const { masterKey } = JSON.parse(readFileSync(join(fixtures, 'good/03-files/expected.json'), 'utf8'))
  const secrets: Secret[] = [
    { name: 'master key', bytes: Buffer.from(masterKey, 'hex') },
    { name: 'attachment', bytes: readFileSync(join(fixtures, 'inputs/att-crypttab.bin')) },
    ...secretsOfKey('keys/origin.sec'),
    ...secretsOfKey('keys/origin-enc.sec', 'correct horse'),
    ...secretsOfKey('keys/tpm-private-for-replay.pem'),
    { name: 'pass phrase', bytes: Buffer.from('correct horse'), texts: ['correct horse'] },
  ]
  for (const [from, to] of [
    ['good/03-files/blob.dtb', 'files.esmb'],
    ['bad/blob/digest-mac-flip.dtb', 'flip.esmb'],
  ])
    copyFileSync(join(fixtures, from!), join(workspace.folder, to!))
  writeFileSync(join(workspace.folder, 'svm_blob.yml'), GOOD)
  const tpm = { key: 'keys/tpm-private-for-replay.pem' }
  const image = { kernel: 'inputs/vmlinux', initrd: 'inputs/initrd.img', operand: 'flip.esmb', bootargs: 'x', tpm }
  writeFileSync(join(workspace.folder, 'pef.json'), JSON.stringify(image, undefined, 2))
  const key = readFileSync(join(fixtures, 'keys/origin.sec'), 'utf8').trimEnd().replaceAll('\n', '\n    ')
  const documents: readonly (readonly [name: string, text: string, language: string])[] = [
    ['svm_blob.yml', GOOD, 'svm-blob'],
    ['encrypted.svm.yml', changed('keys/origin.sec', 'keys/origin-enc.sec'), 'svm-blob'],
    // Keys where they do not belong.
    ['public.svm.yml', changed('keys/origin.pub', 'keys/origin.sec'), 'svm-blob'],
    ['recipient.svm.yml', changed('keys/tpm.pem', 'keys/tpm-private-for-replay.pem'), 'svm-blob'],
    ['kernel.svm.yml', changed('inputs/vmlinux', 'keys/origin.sec'), 'svm-blob'],
    ['attached.svm.yml', changed('inputs/att-rootd.bin', 'keys/origin.sec'), 'svm-blob'],
    ['shared.svm.yml', changed('keys/origin.sec', 'keys/shared.sec'), 'svm-blob'],
    ['pef.json', JSON.stringify(image, undefined, 2), 'jsonc'],
    ['wrong.pef.json', JSON.stringify({ ...image, kernel: 'keys/origin.sec' }, undefined, 2), 'jsonc'],
    ['image.esm.dts', SOURCE, 'esm-dts'],
  ]
  const client = await LspClient.start(workspace.folder)
  for (const [name, text, language] of documents) {
    const uri = await client.open(name, text, language)
    const diagnostics: Diagnostic[] = await client.diagnostics(uri)
    const document = TextDocument.create(uri, language, 1, text)
    const range = { start: { line: 0, character: 0 }, end: document.positionAt(text.length) }
    for (const method of ['documentSymbol', 'foldingRange', 'codeLens', 'semanticTokens/full'])
      await client.ask(method, uri)
    await client.ask('inlayHint', uri, { range })
    await client.ask('codeAction', uri, { range, context: { diagnostics } })
    for (let offset = 0; offset < text.length; offset += 9) {
      const position = document.positionAt(offset)
      for (const method of ['hover', 'completion', 'definition']) await client.ask(method, uri, { position })
    }
  }
  for (const name of ['files.esmb', 'flip.esmb']) {
    const uri = client.uri(name)
    await client.connection.sendRequest('pef/operand', { uri })
    for (const [file, passphrase] of [
      ['keys/origin-enc.sec', 'correct horse'],
      ['keys/origin-enc.sec', 'wrong horse'],
      ['keys/tpm-private-for-replay.pem'],
      ['keys/tpm.pem'],
    ])
      await client.connection
        .sendRequest('pef/operand', { uri, key: { uri: client.uri(file!), passphrase } })
        .catch(() => undefined)
  }
  await client.connection.sendRequest('pef/operand', { uri: client.uri('keys/origin.sec') }).catch(() => undefined)
  // A key that somebody pasted into the text is in the text, and nowhere else.
  const pasted = `- origin: |\n    ${key}\n- recipient:\n    comment: |\n      ${key.replaceAll('\n', '\n  ')}\n`
  const uri = await client.open('pasted.svm.yml', pasted)
  await client.diagnostics(uri)
  const said = client.said()
  await client.stop()
  workspace.remove()
  expect(said).toMatch(/opened with|openedWith/)
  expect(said).toContain('ESM045')
  expect(leaksIn(said, secrets)).toEqual([])
})
