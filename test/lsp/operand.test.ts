/** What the server tells about an operand for its read-only editor. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OperandModel } from '../../server/lsp/protocol.ts'
import { LspClient } from './client.ts'
import { makeWorkspace } from './workspace.ts'

const fixtures = fileURLToPath(new URL('../fixtures/esm/', import.meta.url))
const workspace = makeWorkspace()
let client: LspClient

beforeAll(async () => {
  for (const [from, to] of [
    ['good/03-files/blob.dtb', 'files.esmb'],
    ['good/03-files/svm_blob.yml', 'files.svm.yml'],
    ['good/03-files/esmb-initrd.img', 'initrd/esmb.img'],
    ['good/03-files/blob.dtb', 'alone/files.esmb'],
  ])
    cpSync(join(fixtures, from!), join(workspace.folder, to!))
  const cut = readFileSync(join(fixtures, 'good/03-files/blob.dtb')).subarray(0, 900)
  writeFileSync(join(workspace.folder, 'alone/cut.esmb'), cut)
  client = await LspClient.start(workspace.folder)
})
afterAll(async () => {
  await client.stop()
  workspace.remove()
})

const operand = (path: string, key?: { path: string; passphrase?: string }) =>
  client.connection.sendRequest<OperandModel>('pef/operand', {
    uri: client.uri(path),
    ...(key && { key: { uri: client.uri(key.path), passphrase: key.passphrase } }),
  })
const names = ({ parts }: OperandModel) => parts.map(({ name }) => name)

describe('an operand', () => {
  it('is told part by part, with every byte and its place', async () => {
    const model = await operand('alone/files.esmb')
    expect(names(model)).toEqual(
      expect.arrayContaining(['lockboxes/', 'lockbox-1/', 'encrypted-symkey', 'files/', 'rootd/']),
    )
    const bytes = readFileSync(join(workspace.folder, 'alone/files.esmb'))
    expect(model.hex).toBe(bytes.toString('hex'))
    const compatible = model.parts.find(({ name }) => name === 'compatible')!
    expect(bytes.subarray(compatible.offset, compatible.offset! + compatible.length!).toString()).toBe('ibm,esm\0')
  })

  it('without a key says what was not looked at', async () => {
    const model = await operand('alone/files.esmb')
    expect(model.openedWith).toBeUndefined()
    expect(model.protection.map(({ part }) => part)).toEqual([
      'Structure of the device tree',
      'Lockboxes',
      'List of digests',
      'Attachments',
    ])
    expect(model.protection[2]!.here).toMatch(/^Not checked here/)
  })

  it('opens with the key that the recipe beside it names', async () => {
    const model = await operand('files.esmb')
    expect(model.openedWith).toBe('keys/origin.sec')
    expect(model.protection[2]!.here).toBe('Checked here with keys/origin.sec: the tag matches.')
    const kernel = model.parts.findLast(({ name }) => name === 'kernel')
    expect(kernel?.value).toMatch(/^[0-9a-f]{128}$/)
    expect(names(model)).toContain('attachment rootd')
  })

  it('opens with a key that a person names, and never tells what is in it', async () => {
    const model = await operand('alone/files.esmb', { path: 'keys/tpm-private-for-replay.pem' })
    expect(model.openedWith).toBe('tpm-private-for-replay.pem')
    const told = JSON.stringify({ ...model, hex: '' })
    const secret = readFileSync(join(workspace.folder, 'keys/tpm-private-for-replay.pem'), 'utf8')
    for (const line of secret.split('\n').slice(1, -2)) expect(told).not.toContain(line)
  })

  it('does not open with the key of somebody else, and a wrong passphrase is named', async () => {
    expect((await operand('alone/files.esmb', { path: 'keys/recipient-2.sec' })).openedWith).toBeUndefined()
    const encrypted = { path: 'keys/origin-enc.sec', passphrase: 'wrong' }
    await expect(operand('alone/files.esmb', encrypted)).rejects.toThrow(/origin-enc\.sec: the passphrase/)
  })

  it('in front of an initrd has its places in that file', async () => {
    const model = await operand('initrd/esmb.img')
    expect(model.offset).toBeGreaterThan(0)
    const file = readFileSync(join(workspace.folder, 'initrd/esmb.img'))
    const compatible = model.parts.find(({ name }) => name === 'compatible')!
    expect(file.subarray(compatible.offset, compatible.offset! + compatible.length!).toString()).toBe('ibm,esm\0')
  })

  it('that is damaged is told as far as it goes, with what is wrong', async () => {
    const model = await operand('alone/cut.esmb')
    expect(model.findings).toMatchObject([{ rule: 'ESM004', severity: 'error', fix: expect.any(String) }])
    expect(model.parts.length).toBeGreaterThan(10)
    expect(model.protection[0]!.how).toBe('Not readable as an operand.')
  })

  it('has its diagnostics at the file, until nobody looks at it any more', async () => {
    const uri = client.uri('initrd/damaged.img')
    const file = readFileSync(join(workspace.folder, 'initrd/esmb.img'))
    const { offset } = await operand('initrd/esmb.img')
    const compatible = file.indexOf('ibm,esm', offset)
    file[compatible]! ^= 1
    writeFileSync(join(workspace.folder, 'initrd/damaged.img'), file)
    await operand('initrd/damaged.img')
    const [found] = await client.diagnostics(uri, 'none', (list) => list.length > 0)
    expect(found).toMatchObject({
      code: 'ESM014',
      severity: 2,
      source: 'pef',
      range: { start: { line: 0, character: 0 } },
    })
    expect(found!.message).toContain(`(at 0x${compatible.toString(16)})`)
    expect(found!.message).toMatch(/\nUV_ESM goes on\.\nTo correct it: /)
    await client.connection.sendRequest('pef/operandClosed', { uri })
    expect(client.published(uri).map((list) => list.length)).toEqual([1, 0])
  })

  it.each([
    ['none.esmb', /There is no file none\.esmb/],
    ['inputs/esmb-none.img', /There is no file/],
  ])('%s is refused', async (path, message) => {
    await expect(operand(path)).rejects.toThrow(message)
  })
})
