/** Device-tree source of an operand on the command line. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseFdt } from '../../server/esm/fdt.ts'
import { fixtures, pefHere } from './esm-tool.ts'

const BASE = join(fixtures, 'bad/base/blob.dtb')
let folder: string
let source: string
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pef-dts-'))
  const { code, out } = await pefHere(['esm', 'explain', '--format', 'dts', BASE])
  expect(code).toBe(0)
  source = out
  writeFileSync(at('good.esm.dts'), source)
  writeFileSync(at('odd.dts'), source.replace('lockbox-1 {', 'lockbox-3 {'))
  writeFileSync(at('broken.dts'), source.replace('"ibm,esm"', 'ibm'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the source of an operand', () => {
  test('compiled again it is the same operand', async () => {
    expect(await pefHere(['esm', 'compile', '-b', at('again.esmb'), at('good.esm.dts')])).toMatchObject({
      code: 0,
      out: '',
      error: '',
    })
    const tree = (path: string) => parseFdt(new Uint8Array(readFileSync(path)))
    expect(tree(at('again.esmb'))).toEqual(tree(BASE))
  })

  test('diff and explain take it in place of the operand', async () => {
    expect(await pefHere(['esm', 'diff', at('good.esm.dts'), BASE])).toMatchObject({ code: 0, out: '' })
    const { out } = await pefHere(['esm', 'explain', at('good.esm.dts')])
    expect(out).toBe((await pefHere(['esm', 'explain', BASE])).out)
  })

  test('check tells each finding at its line and column, with the key those of what is encrypted', async () => {
    const { code, out } = await pefHere(['esm', 'check', at('odd.dts')])
    expect(code).toBe(1)
    const line = source.split('\n').findIndex((text) => text.includes('lockboxes {')) + 1
    expect(out).toContain(`odd.dts:${line}:2: error ESM021: `)
    const key = ['--tpm-key', join(fixtures, 'keys/tpm-private-for-replay.pem'), '--append', 'other']
    const image = await pefHere(['esm', 'check', '--format', 'json', at('good.esm.dts'), ...key])
    expect(image.code).toBe(1)
    const { diagnostics } = JSON.parse(image.out) as { diagnostics: { id: string; range: object }[] }
    expect(diagnostics.map(({ id }) => id)).toContain('ESM057')
    for (const { range } of diagnostics) expect(range).toHaveProperty('start.line')
  })

  test('a mistake in the text is told by line and column, and nothing is written', async () => {
    const { code, error } = await pefHere(['esm', 'compile', '-b', at('none.esmb'), at('broken.dts')])
    expect(code).toBe(1)
    expect(error).toMatch(/broken\.dts:4:15: error ESM016: .*"text", <cells> or \[bytes\], found ibm/)
    expect(existsSync(at('none.esmb'))).toBe(false)
    expect((await pefHere(['esm', 'explain', at('broken.dts')])).error).toMatch(/line 4: ESM016/)
  })

  test('what is no source is named', async () => {
    writeFileSync(at('binary.dts'), Uint8Array.of(0xff, 0xfe, 0, 1))
    const compile = (name: string) => pefHere(['esm', 'compile', '-b', at('x'), at(name)])
    expect((await compile('binary.dts')).error).toMatch(/expected device-tree source, found bytes that are not UTF-8/)
    expect((await compile('missing.dts')).error).toMatch(/No such file/)
    writeFileSync(at('key.dts'), readFileSync(join(fixtures, 'keys/origin.sec')))
    expect((await compile('key.dts')).error).toMatch(/found a key file \(RSA PRIVATE KEY\)/)
    expect(
      (await pefHere(['esm', 'explain', '--format', 'dts', join(fixtures, 'bad/blob/truncated-half.dtb')])).code,
    ).toBe(1)
  })
})
