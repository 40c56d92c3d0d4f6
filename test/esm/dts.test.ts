/** Operands from device-tree source: what dtc takes and makes, mistakes by their place, and the one verifier on top. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeCrypto as crypto } from '../../server/esm/crypto/node.ts'
import { bytesAt, readDtsOperand, spanAt, verifyDts, writeDts } from '../../server/esm/dts/operand.ts'
import { type FdtNode, newNode, parseFdt, writeFdt } from '../../server/esm/fdt.ts'
import { verifyImage } from '../../server/esm/verify/image.ts'
import { fixture } from './fixtures.ts'

const folder = fileURLToPath(new URL('../fixtures/esm/', import.meta.url))
/** Every operand of the fixtures that is a sound device tree. */
const operands = ['good', 'bad/blob'].flatMap((of) =>
  readdirSync(`${folder}${of}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.dtb'))
    .map((name) => `${of}/${name}`),
)
const sound = operands.filter((name) => {
  try {
    // What is behind totalsize, or twice in one node, is not in a source.
    return Buffer.compare(writeFdt(parseFdt(fixture(name))), fixture(name)) === 0
  } catch {
    return false
  }
})
const dtc = ['/usr/bin/dtc', '/usr/local/bin/dtc'].find((path) => existsSync(path))
const problems = (text: string) =>
  readDtsOperand(text).findings.map(
    ({ rule, message, range }) => `${range.start.line}:${range.start.character} ${rule} ${message}`,
  )

describe('the source of an operand', () => {
  it('is there for most of the fixtures', () => expect(sound.length).toBeGreaterThan(40))

  it.each(sound)('%s, written as source, is read back to the bit', (name) => {
    const operand = fixture(name)
    const { bytes, findings } = readDtsOperand(writeDts(parseFdt(operand)))
    expect(findings).toEqual([])
    expect(bytes).toEqual(operand)
  })

  it.each(sound)('%s has the rules of its bytes, each at a part of its text', (name) => {
    const operand = fixture(name)
    const text = writeDts(parseFdt(operand))
    const made = readDtsOperand(text)
    const found = verifyDts(made, { crypto })
    const expected = verifyImage({ crypto, operand })
    expect(found.map(({ rule, severity, message }) => [rule, severity, message])).toEqual(
      expected.map(({ rule, severity, message }) => [rule, severity, message]),
    )
    for (const [i, { path, offset }] of expected.entries()) {
      if (offset === undefined || path === undefined) continue
      const { start, end } = found[i]!.range
      const lines = text
        .split('\n')
        .slice(start.line, end.line + 1)
        .join('\n')
      // The last part of the path, or the nested tree that it is in.
      const last = path.split('/').at(-1) || '/'
      expect(lines.includes(last) || lines.includes('files-fdt'), `${path} in ${lines}`).toBe(true)
    }
  })

  it('has a place for each byte of its nodes and properties, and bytes for each place', () => {
    const text = '/dts-v1/;\n/ {\n\tcompatible = "ibm,esm";\n\ta: lockboxes { n = <1 2>; };\n};\n'
    const made = readDtsOperand(text)
    const at = (part: string) => text.indexOf(part)
    const value = bytesAt(made, at('"ibm'))!
    expect(new TextDecoder().decode(made.bytes!.subarray(value.start + 12, value.end))).toBe('ibm,esm\0')
    expect(text.slice(...spanAt(made, value.start + 14))).toBe('compatible = "ibm,esm"')
    expect(text.slice(...spanAt(made, bytesAt(made, at('lockboxes'))!.start))).toBe('lockboxes')
    expect(text.slice(...spanAt(made, undefined))).toBe('/')
  })

  it('takes every way to write a value', () => {
    const text = `/dts-v1/; // comment
      /memreserve/ 0x10000 0x4000;
      /* another */ / {
        empty;
        strings = "a", "b\\"\\\\\\n\\x41\\101";
        cells = <1 0x10 010 'a' 4294967295U>;
        bytes = [0a 0b0C l: 0d];
        wide = /bits/ 64 <0x1122334455667788>, /bits/ 8 <1 2>, /bits/ 16 <0x1234>;
        mixed = "x", <2>, [ff];
        first: second: node@1 { };
        9,odd-name+_?#.* { };
      };`
    const made = readDtsOperand(text)
    expect(problems(text)).toEqual([])
    const { root, reservations } = parseFdt(made.bytes!)
    const hexOf = (name: string) => Buffer.from(root.properties.get(name)!).toString('hex')
    expect(Object.fromEntries([...root.properties.keys()].map((name) => [name, hexOf(name)]))).toEqual({
      empty: '',
      strings: '6100' + '62225c0a414100',
      cells: '00000001' + '00000010' + '00000008' + '00000061' + 'ffffffff',
      bytes: '0a0b0c0d',
      wide: '1122334455667788' + '0102' + '1234',
      mixed: '7800' + '00000002' + 'ff',
    })
    expect(root.children.map(({ name }) => name)).toEqual(['node@1', '9,odd-name+_?#.*'])
    expect(reservations).toEqual([{ address: 0x10000n, size: 0x4000n }])
    if (dtc) expect(parseFdt(withDtc(text))).toEqual(parseFdt(made.bytes!))
  })

  it.each([
    [
      '',
      '0:0 ESM016 the source of the operand cannot be read: expected /dts-v1/; at the beginning, found the end of the text',
    ],
    [
      '/dts-v1/;',
      '0:9 ESM016 the source of the operand cannot be read: expected the root node: / { ... };, found the end of the text',
    ],
    ['/dts-v1/;\n/ {', '1:0 ESM016 the source of the operand cannot be read: expected } that closes the root, found /'],
    ['/dts-v1/;\n/ { a = "x" };', /^1:10 ESM016 .*expected ; behind a, found "$/],
    ['/dts-v1/;\n/ { a = <1 x>; b = "unended; };', /^1:11 .*expected a number, or >, found x$/],
    ['/dts-v1/;\n/ { a = <&b>; };', /^1:9 .*a reference makes a phandle/],
    ['/dts-v1/;\n/ { a = &b; };', /^1:8 .*nothing in an operand refers to a node/],
    ['/dts-v1/;\n/ { a = <(1 + 2)>; };', /^1:9 .*in place of an expression/],
    ['/dts-v1/;\n/ { a = [0]; };', /^1:9 .*two hexadecimal digits a byte/],
    ['/dts-v1/;\n/ { a = <0x100000000>; };', /^1:9 .*a number of 32 bits/],
    ['/dts-v1/;\n/ { a = <08>; };', /^1:9 .*octal/],
    ['/dts-v1/;\n/ { a = /bits/ 7 <1>; };', /^1:8 .*8, 16, 32 or 64/],
    ['/dts-v1/;\n/ { a = /incbin/("f"); };', /^1:8 .*in place of \/incbin\//],
    ['/dts-v1/;\n/ { n { }; a; };', /^1:11 .*properties come first/],
    ['/dts-v1/;\n#include "x"\n/ { };', /^1:0 .*preprocessor/],
    ['/dts-v1/;\n/ { #define X 1\n };', /^1:4 .*preprocessor/],
    ['/dts-v1/;\n/ { };\n/ { };', /^2:0 .*one root node/],
    ['/dts-v1/;\n/ { };\n&x { };', /^2:0 .*the root node/],
    ['/dts-v1/;\n/ { /delete-node/ x; };', /^1:4 .*deletion/],
    ['/dts-v1/;\n/ { a = 1; };', /^1:8 .*a value of a: "text", <cells> or \[bytes\], found 1$/],
    ['/dts-v1/;\n/ { a foo; };', /^1:6 .*= or ; behind a, found foo$/],
  ])('%j is refused at its place', (text, expected) => {
    const [first] = problems(text)
    if (typeof expected === 'string') expect(first).toBe(expected)
    else expect(first).toMatch(expected)
    expect(readDtsOperand(text).bytes).toBeUndefined()
  })

  it('tells of several mistakes at once, and not of more than twenty', () => {
    expect(problems('/dts-v1/;\n/ { a = <x>; b = 1; c foo; d = "ok"; };')).toHaveLength(3)
    expect(problems(`/dts-v1/;\n/ { ${'a = <x>;'.repeat(100)} };`)).toHaveLength(20)
  })

  it('nests as deep as operands are read, and no deeper', () => {
    const nested = (depth: number) => `/dts-v1/;\n/ { ${'n { '.repeat(depth - 1)}${'}; '.repeat(depth - 1)} };`
    expect(problems(nested(64))).toEqual([])
    expect(problems(nested(65))[0]).toMatch(/ESM016 .*nodes nested at most 64 deep/)
    expect(readDtsOperand(nested(65)).bytes).toBeUndefined()
  })

  it('a second property of one name is ESM012 at the second', () => {
    expect(problems('/dts-v1/;\n/ {\n a;\n a;\n};')[0]).toMatch(/^3:1 ESM012 .*a second \/a$/)
  })

  it('any tree, written and read, is the same', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9,._+-]{0,8}$/)
    const properties = fc.dictionary(
      name,
      fc.oneof(
        fc.uint8Array({ maxLength: 80 }),
        fc.string().map((s) => new TextEncoder().encode(`${s}\0`)),
      ),
      { maxKeys: 4 },
    )
    const node = (children: fc.Arbitrary<FdtNode[]>) =>
      fc.record({ name, properties, children }).map((made) => newNode(made.name, made.properties, made.children))
    const leaf = node(fc.constant([]))
    const tree = node(fc.array(node(fc.array(leaf, { maxLength: 3 })), { maxLength: 3 }))
    fc.assert(
      fc.property(tree, (node) => {
        const made = { root: { ...node, name: '' }, reservations: [], bootCpu: 0 }
        expect(readDtsOperand(writeDts(made)).bytes).toEqual(writeFdt(made))
      }),
      { numRuns: 200 },
    )
  })
})

function withDtc(text: string): Uint8Array {
  return new Uint8Array(
    execFileSync(dtc!, ['-q', '-q', '-f', '-I', 'dts', '-O', 'dtb'], {
      input: text,
      stdio: ['pipe', 'pipe', 'ignore'],
    }),
  )
}

describe.skipIf(!dtc)('dtc (package device-tree-compiler)', () => {
  it.each(sound)('makes of the source of %s the same tree', (name) => {
    const text = writeDts(parseFdt(fixture(name)))
    expect(parseFdt(withDtc(text))).toEqual(parseFdt(fixture(name)))
  })

  it.each(sound)('writes a source of %s that is read to the bit', (name) => {
    const text = execFileSync(dtc!, ['-q', '-q', '-f', '-I', 'dtb', '-O', 'dts'], {
      input: fixture(name),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    expect(readDtsOperand(text).findings).toEqual([])
    expect(readDtsOperand(text).bytes).toEqual(fixture(name))
  })
})
