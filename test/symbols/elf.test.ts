import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader } from '../../debug-adapter/symbols/byte-reader.ts'
import { parseElf } from '../../debug-adapter/symbols/elf.ts'
import { LineTable, samePath } from '../../debug-adapter/symbols/line-table.ts'
import { SymbolTable } from '../../debug-adapter/symbols/symbol-table.ts'
import { parseSystemMap } from '../../debug-adapter/symbols/system-map.ts'
import { OffsetError } from '../../server/esm/reader.ts'

const file = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/symbols/${name}`, import.meta.url)))
const variants = ['demo-le-dwarf5.elf', 'demo-le-dwarf4.elf', 'demo-be-dwarf4.elf']

describe.each(variants)('%s', (name) => {
  const elf = parseElf(file(name))
  const table = new SymbolTable(elf.symbols())

  it('has the functions of the source with sizes and local entry points', () => {
    expect(elf.littleEndian).toBe(name.includes('-le-'))
    expect(table.functions.map((symbol) => symbol.name)).toEqual(['leaf', 'middle', '_start'])
    expect(table.find('middle')).toMatchObject({ address: 0x400040n, size: 92n, kind: 'function', localEntryOffset: 8 })
    expect(table.find('counter')?.kind).toBe('object')
  })

  it('finds symbols by address, and none between them', () => {
    expect(table.at(0x400064n)).toMatchObject({ name: 'middle', offset: 0x24n })
    expect(table.at(0x400040n)).toMatchObject({ name: 'middle', offset: 0n })
    expect(table.at(0x40009cn)).toBeUndefined()
    expect(table.at(0x3fffffn)).toBeUndefined()
  })

  it('knows the line of each address and the addresses of each line', () => {
    const lines = LineTable.fromElf(elf)
    expect(lines.files.every((path) => path.endsWith('demo.c'))).toBe(true)
    expect(lines.at(0x400000n)).toMatchObject({ line: 4, isStatement: true })
    expect(lines.at(0x400064n)).toMatchObject({ line: 11, isStatement: false })
    expect(lines.at(0x40006cn)?.line).toBe(12)
    expect(lines.at(0x500000n)).toBeUndefined()
    expect(lines.addressesOf('/elsewhere/other.c', 12)).toBeUndefined()
    expect(lines.addressesOf('demo.c', 12)).toEqual({ line: 12, addresses: [0x40006cn] })
    expect(lines.addressesOf('demo.c', 8)?.line).toBe(10)
    expect(lines.addressesOf('demo.c', 99)).toBeUndefined()
  })
})

describe('hostile ELF files', () => {
  it('are refused with a reason', () => {
    const good = file('demo-le-dwarf5.elf')
    expect(() => parseElf(new Uint8Array(100))).toThrow('not an ELF file')
    expect(() => parseElf(good.subarray(0, 40))).toThrow('not an ELF file')
    expect(() => parseElf(good.with(4, 1))).toThrow('ELF class 1')
    expect(() => parseElf(good.with(18, 62))).toThrow('machine 62: expected 21')
    expect(() => parseElf(good.subarray(0, 3000))).toThrow(OffsetError)
  })

  it('end in an error or a result, never in a loop or another exception', () => {
    const good = file('demo-le-dwarf5.elf').slice()
    const start = parseElf(good).section('.debug_line')!.offset
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        (edits, lines) => {
          const bytes = good.slice()
          for (const [at, value] of edits) bytes[lines ? Number(start) + (at % 400) : at % bytes.length] = value
          try {
            const elf = parseElf(bytes)
            new SymbolTable(elf.symbols()).at(0x400040n)
            LineTable.fromElf(elf).at(0x400040n)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
            expect((error as Error).message.length).toBeGreaterThan(5)
          }
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('ByteReader', () => {
  it('reads LEB128 as DWARF 5 §7.6 has it', () => {
    const reader = (...bytes: number[]) => new ByteReader(Uint8Array.from(bytes), true, 'test')
    expect(reader(0xe5, 0x8e, 0x26).uleb()).toBe(624485n)
    expect(reader(0x7f).sleb()).toBe(-1n)
    expect(reader(0x80, 0x7f).sleb()).toBe(-128n)
    expect(reader(0xff, 0x00).sleb()).toBe(127n)
    expect(() => reader(...Array<number>(11).fill(0x80)).uleb()).toThrow('more than 64 bits')
    expect(() => reader(0x80).uleb()).toThrow('test: 1 bytes at offset 0x1')
  })
})

describe('System.map', () => {
  it('gives symbols that reach to the next', () => {
    const table = new SymbolTable(
      parseSystemMap(
        new TextEncoder().encode(
          'c000000000000000 T _text\nc000000000000100 t local_one\nc000000000010000 D data\n                 U missing\n',
        ),
      ),
    )
    expect(table.at(0xc000000000000104n)).toMatchObject({ name: 'local_one', offset: 4n })
    expect(table.find('_text')?.address).toBe(0xc000000000000000n)
    expect(table.functions.map((symbol) => symbol.name)).toEqual(['_text', 'local_one'])
    expect(table.find('missing')).toBeUndefined()
  })

  it('names the line that is none', () => {
    expect(() => parseSystemMap(new TextEncoder().encode('c000000000000000 T ok\nhello\n'))).toThrow('line 2')
  })
})

describe('samePath', () => {
  it('compares whole names from the end', () => {
    expect(samePath('./src/a.c', '/home/me/src/a.c')).toBe(true)
    expect(samePath('a.c', '/home/me/ba.c')).toBe(false)
    expect(samePath('src/../a.c', 'C:\\x\\a.c')).toBe(true)
  })
})
