import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nobleCrypto as crypto } from '../../server/esm/crypto/noble.ts'
import { parseSvmBlob } from '../../server/esm/svm-blob.ts'
import { inspectSvmBlobFiles, makeFromSvmBlob } from '../../server/esm/svm-blob-files.ts'
import { inspectOperand } from '../../server/esm/verify/operand.ts'
import { fixture, fixtureJson, fixtureText } from './fixtures.ts'

const read = async (path: string, limit = Number.POSITIVE_INFINITY) => {
  try {
    return fixture(path).subarray(0, limit)
  } catch {
    return undefined
  }
}

const ids = (findings: readonly { rule: string }[]) => [...new Set(findings.map((f) => f.rule))].sort()

describe('svm_blob.yml as svm-tool takes it', () => {
  interface YamlCase {
    file: string
    exit: number
    diagnostics: string[]
  }
  const cases: YamlCase[] = fixtureJson('yaml/expected.json').cases
  it('are the 34 of the fixtures', () => expect(cases).toHaveLength(34))

  it.each(cases)('$file', async ({ file, exit, diagnostics }) => {
    const text = fixtureText(`yaml/${file}`)
    const { document, entries, findings } = parseSvmBlob(text)
    const all = [...findings, ...(await inspectSvmBlobFiles(text, entries, read, crypto))]
    expect(ids(all)).toEqual([...diagnostics].sort())
    // ESM117 is an error although svm-tool ends with success: what it leaves behind cannot boot.
    const accepted = exit === 0 && !diagnostics.includes('ESM117')
    expect(all.every((f) => f.severity !== 'E')).toBe(accepted)
    if (accepted) expect(document).toBeDefined()
    const lines = text.split('\n')
    for (const { range, offset, length } of all) {
      expect(range.start.line).toBeLessThan(lines.length)
      expect(offset! + length!).toBeLessThanOrEqual(text.length)
      expect(
        text.split('\n').slice(0, range.start.line).join('\n').length +
          (range.start.line ? 1 : 0) +
          range.start.character,
      ).toBe(offset)
    }
  })

  it.each(['01-one-recipient', '02-three-recipients', '03-files', '05-big-origin-key'])('good/%s', async (name) => {
    const text = fixtureText(`good/${name}/svm_blob.yml`)
    const { document, entries, findings } = parseSvmBlob(text)
    expect(findings.filter((f) => f.rule !== 'ESM059')).toEqual([])
    expect(await inspectSvmBlobFiles(text, entries, read, crypto)).toEqual([])
    const blob = await makeFromSvmBlob(
      document!,
      async (path) => (await read(path))!,
      crypto,
      (n) => new Uint8Array(n).fill(n),
    )
    const boxes = (bytes: Uint8Array) =>
      inspectOperand(bytes).operand!.lockboxes.map((b) => [b.name, b.comment, b.fingerprint])
    expect(boxes(blob)).toEqual(boxes(fixture(`good/${name}/blob.dtb`)))
  })
})

const sound = [
  '- origin: {pubkey: o.pub, seckey: o.sec}',
  '- recipient: {pubkey: t.pem}',
  '- digest: {args: "svm=on", initramfs: i, kernel: k}',
]
const withLine = (...lines: string[]) => parseSvmBlob([...sound, ...lines, ''].join('\n'))
const withDigest = (...lines: string[]) =>
  parseSvmBlob(
    [...sound.slice(0, 2), '- digest:', '    initramfs: i', '    kernel: k', ...lines.map((l) => `    ${l}`), ''].join(
      '\n',
    ),
  )

describe('what the fixtures do not have', () => {
  it('the smallest file', () => {
    const { document, findings } = withLine()
    expect(findings).toEqual([])
    expect(document).toEqual({
      origin: { pubkey: 'o.pub', seckey: 'o.sec', comment: '' },
      recipients: [{ pubkey: 't.pem', comment: '' }],
      digest: { args: 'svm=on', initramfs: 'i', kernel: 'k', comment: '' },
      files: [],
    })
  })

  it.each([
    ['ESM105', [sound[0]!.replaceAll('o.', 'p.')]],
    ['ESM119', [sound[2]!]],
    ['ESM116', ['- recipient: {pubkey: ./t.pem}']],
    ['ESM116', ['- recipient: {pubkey: o.pub}']],
    ['ESM103', ['- receipient: {pubkey: a}']],
    ['ESM106', ['- file: {path: a, rename: b}']],
    ['ESM108', ['- file: {path: a, name: 77}']],
    ['ESM108', ['- file: [a]']],
    ['ESM102', ['- ']],
    ['ESM102', ['- [a, b]']],
    ['ESM124', ['- file: {path: dir/1bad}']],
    ['ESM124', ['- file: {path: a, name: ""}']],
    ['ESM064', ['- file: {path: x/a}', '- file: {path: y/a}']],
    ['ESM068', ['- file: {path: a, comment: "password: hunter2"}']],
    ['ESM125', ['- file: {path: a, path: b}']],
    ['ESM100', ['- file: !!python/object:os.system {path: a}']],
    ['ESM100', ['- file: {path: a']],
    ['ESM100', ['- file:', '    path:\ta']],
    ['ESM128', ['---', '- a']],
  ])('%s for %j', (rule, lines) => {
    expect(ids(withLine(...lines).findings)).toEqual([rule])
  })

  it.each([
    ['args: >\n      svm=on', ['ESM122']],
    ['args: >-\n      svm=on', []],
    ['args: |\n      svm=on', ['ESM122']],
    ["args: ' svm=on'", ['ESM058']],
    ['args: svm=on  ro', ['ESM058']],
    ['args: ro', ['ESM059']],
    ['args: svm=off', ['ESM059']],
    ['args: svm=1 # a comment', ['ESM123']],
    ['args: a:b: c', ['ESM100']],
    ['args: 1234', ['ESM108']],
    ['args: 1:30', ['ESM108']],
    ['args: 2024-01-01', ['ESM108']],
    ['args: 1.5', ['ESM108']],
    ['args: off', ['ESM108']],
    ['args: ~', ['ESM108']],
    ['args:', ['ESM108']],
    ['args: !!int "5"', ['ESM108']],
    ['args: !!str 5', ['ESM059']],
    ['args: y', ['ESM059']],
    ['args: 1e3', ['ESM059']],
    ['cmdline: svm=on', ['ESM106']],
    ['other: svm=on', ['ESM106', 'ESM107']],
  ])('types of YAML 1.1: %j', (line, rules) => {
    expect(ids(withDigest(line).findings)).toEqual(rules)
  })

  it('merge keys and anchors work, and a collection may hold itself', () => {
    const merged = parseSvmBlob(
      [
        '- origin: {pubkey: o.pub, seckey: o.sec}',
        '- recipient: &r {pubkey: t.pem, comment: a}',
        '- recipient:',
        '    <<: *r',
        '    pubkey: u.pem',
        sound[2],
        '',
      ].join('\n'),
    )
    expect(merged.findings).toEqual([])
    expect(merged.document!.recipients).toEqual([
      { pubkey: 't.pem', comment: 'a' },
      { pubkey: 'u.pem', comment: 'a' },
    ])
    expect(ids(parseSvmBlob('&a\n- *a\n').findings)).toEqual(['ESM102'])
    expect(ids(parseSvmBlob('- <<: 5\n').findings)).toContain('ESM100')
  })

  it('points at the very place', () => {
    const { findings } = withLine('- file: {path: "ä", name: "1bad"}')
    expect(findings.map(({ range }) => range)).toEqual([
      { start: { line: 3, character: 26 }, end: { line: 3, character: 32 } },
    ])
  })

  it('never throws, whatever the text', () => {
    const piece = fc.constantFrom(
      '- ',
      'origin',
      'digest',
      'args',
      ':',
      ' ',
      '\n',
      '    ',
      '&a',
      '*a',
      '!!str',
      '"',
      "'",
      '[',
      ']',
      '{',
      '}',
      '|',
      '>',
      '#',
      '---',
      '\t',
      'x',
      '5',
      '<<',
      ',',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const { findings } = parseSvmBlob(pieces.join(''))
        for (const { message } of findings) expect(message).toMatch(/expected/)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('files that the YAML names', () => {
  const check = async (files: Record<string, Uint8Array>, ...extra: string[]) => {
    const text = [...sound, ...extra, ''].join('\n')
    const base: Record<string, Uint8Array> = {
      'o.pub': fixture('keys/origin.pub'),
      'o.sec': fixture('keys/origin.sec'),
      't.pem': fixture('keys/tpm.pem'),
      i: fixture('inputs/initrd.img'),
      k: fixture('inputs/vmlinux'),
    }
    const at = async (path: string, limit: number) => ({ ...base, ...files })[path]?.subarray(0, limit)
    return ids(await inspectSvmBlobFiles(text, parseSvmBlob(text).entries, at, crypto, fixture('keys/tpm.pem')))
  }
  const crlf = new TextEncoder().encode(new TextDecoder().decode(fixture('keys/origin.pub')).replaceAll('\n', '\r\n'))

  it('are what svm-tool wants', async () => {
    expect(await check({})).toEqual([])
    expect(await check({ 'o.pub': crlf })).toEqual(['ESM115'])
    expect(await check({ 'o.pub': fixture('keys/origin.pub').subarray(0, -1) })).toEqual(['ESM115'])
    expect(await check({ 'o.sec': fixture('keys/recipient-2.sec') })).toEqual(['ESM114'])
    expect(await check({ 'o.sec': fixture('keys/origin-enc.sec'), 'o.pub': fixture('keys/origin-enc.pub') })).toEqual([
      'ESM126',
    ])
    expect(await check({ 't.pem': fixture('keys/recipient-2.sec') })).toEqual(['ESM113', 'ESM129'])
    expect(await check({ 't.pem': fixture('keys/recipient-2.pem') })).toEqual(['ESM129'])
    expect(await check({ 't.pem': fixture('keys/origin.pub') })).toEqual(['ESM116', 'ESM129'])
    expect(await check({ 't.pem': fixture('inputs/plain-name') })).toEqual(['ESM111', 'ESM129'])
    expect(await check({ k: fixture('inputs/initrd-cpio.gz') })).toEqual(['ESM120'])
    expect(await check({ i: fixture('good/03-files/esmb-initrd.img') })).toEqual(['ESM121'])
    expect(await check({ i: fixture('good/09-attachment-too-big/esmb-initrd.img') })).toEqual(['ESM121'])
    expect(await check({}, '- file: {path: gone}')).toEqual(['ESM110'])
  })
})
