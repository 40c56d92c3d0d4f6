import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { placeOf, variablesOf } from '../../debug-adapter/symbols/dwarf/activation.ts'
import { DebugInfo } from '../../debug-adapter/symbols/dwarf/debug-info.ts'
import { evaluateLocation, type FrameAccess } from '../../debug-adapter/symbols/dwarf/location.ts'
import { sizeOf, strip, typeName } from '../../debug-adapter/symbols/dwarf/types.ts'
import { parseElf } from '../../debug-adapter/symbols/elf.ts'
import { explore } from './explore.ts'

const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/symbols/${name}`, import.meta.url)))
const open = (name: string) => parseElf(bytesOf(name)).inflateSections()
const gdb = JSON.parse(new TextDecoder().decode(bytesOf('types-gdb.json'))) as Record<
  string,
  { offsets: Record<string, string>; values: Record<string, string> }
>
const variants: readonly [string, ...string[]][] = [
  ['types-O0-dwarf4.elf'],
  ['types-O0-dwarf5-be.elf'],
  ['types-O2-dwarf5.elf'],
  ['types-O2-dwarf4-packed.elf'],
  ['types-O2-dwarf5-split.elf', 'types-O2-dwarf5-split.dwo'],
  ['types-O2-dwarf4-split.elf', 'types-O2-dwarf4-split.elf.dwp'],
]

async function load([program, ...split]: readonly [string, ...string[]]) {
  const elf = await open(program)
  const info = new DebugInfo(elf, await Promise.all(split.map(open)))
  const symbol = (name: string) => elf.symbols().find((one) => one.name === name)!
  return { elf, info, symbol }
}

const nowhere: FrameAccess = {
  pc: 0n,
  delta: 0n,
  register: () => undefined,
  read: () => undefined,
  cfa: () => undefined,
}

describe.each(variants)('%s', (...variant) => {
  it('has the types of the source', async () => {
    const { info } = await load(variant)
    const variable = info.find('plain', 'first')!
    const type = info.types.of(variable)
    expect(typeName(type)).toBe('node_t')
    expect(sizeOf(type)).toBe(104)
    const node = strip(type)
    if (node.kind !== 'struct') throw new Error(`${node.kind}: expected a struct`)
    expect(node.members.map((one) => `${one.offset} ${typeName(one.type, one.name)}`)).toEqual([
      '0 char name[16]',
      '16 int count',
      '20 enum color color',
      '24 struct node *next',
      '32 union number number',
      '40 struct flags flags',
      '48 struct {...}',
      '56 long int (*handler)(struct node *, int)',
      '64 const char *title',
      '72 short int grid[2][3]',
      '88 double weight',
      '96 _Bool ready',
    ])
    const color = strip(node.members[3 - 1]!.type)
    expect(color.kind === 'enum' && color.values).toEqual([
      { name: 'RED', value: 0n },
      { name: 'GREEN', value: 5n },
      { name: 'BLUE', value: 6n },
    ])
    // Circles close: the node that `next` points to is this type again.
    const next = node.members[3]!.type
    expect(next.kind === 'pointer' && strip(next.to)).toBe(node)
  })

  it('knows the functions at an address, inlined ones with the line of their call', async () => {
    const { info, symbol } = await load(variant)
    const work = symbol('work')
    const optimised = variant[0].includes('O2')
    const chains = new Set<string>()
    for (let pc = work.address; pc < work.address + work.size; pc += 4n)
      chains.add(
        info
          .activationsAt(pc)
          .map(({ name, call }) => (call ? `${name}@${call.line}` : name))
          .join(' < '),
      )
    expect(chains).toContain('twice@43 < chain@52 < work')
    expect(chains).toContain('work')
    const [inner] = info.activationsAt(symbol('outer').address + 16n)
    const names = variablesOf(inner!).map(({ name, isParameter }) => `${isParameter ? 'parameter' : 'local'} ${name}`)
    expect(names).toEqual(['parameter seed', 'local local', 'local result'])
    expect(info.activationsAt(symbol('first').address)).toEqual([])
    expect(optimised || inner!.blocks.length === 0).toBe(true)
  })

  it('places globals by their symbols, parameters by register or frame', async () => {
    const { info, symbol } = await load(variant)
    const unit = info.unitOf(symbol('work').address)!
    const globals = Object.fromEntries(info.globalsOf(unit).map((die) => [die.name, die]))
    expect(Object.keys(globals)).toEqual(expect.arrayContaining(['first', 'second', 'numbers', 'sign', 'sink']))
    const work = symbol('work')
    const pc = work.address + 8n
    const activation = info.activationsAt(pc).at(-1)
    const node = variablesOf(activation!).find(({ name }) => name === 'node')!
    const frame: FrameAccess = { ...nowhere, pc, register: (n) => (n === 3 ? 0x1234n : 0x8000n), cfa: () => 0x9000n }
    const place = placeOf(node, frame)
    if (variant[0].includes('O2')) expect(place).toEqual({ kind: 'register', number: 3 })
    else expect(place.kind).toBe('memory')
  })

  it('knows the way to the caller at each instruction', async () => {
    const { info, symbol } = await load(variant)
    const outer = symbol('outer')
    const first = info.callFrames.rulesAt(outer.address)!
    expect(first).toMatchObject({ cfa: { register: 1, offset: 0n }, returnColumn: 65 })
    expect(first.registers.get(65) ?? { kind: 'same' }).toEqual({ kind: 'same' })
    const inside = info.callFrames.rulesAt(outer.address + 40n)!
    expect(inside.cfa.offset > 0n || inside.cfa.register === 31).toBe(true)
    expect(inside.registers.get(65)).toEqual({ kind: 'saved', offset: 16n })
    expect(info.callFrames.rulesAt(outer.address + 0x100000n)).toBeUndefined()
  })
})

it.each(Object.keys(gdb))('%s: offsets and sizes are those that gdb gives', async (name) => {
  const { info } = await load([name])
  for (const [asked, said] of Object.entries(gdb[name]!.offsets)) {
    const [keyword, tag] = asked.split(' ') as ['struct' | 'union' | 'enum', string]
    if (keyword === 'enum') continue
    const type = info.types.make(info.find(keyword, tag)!)
    const rows = [...said.matchAll(/^\/\* +(\d+)(?:: *(\d+))? +\| +(\d+) \*\/ {4}(\S.*);$/gm)]
    if (type.kind !== 'struct') throw new Error(`${asked} is no struct`)
    for (const [, offset, bit, , text] of rows) {
      const member = text!.replace(/ : \d+$/, '').match(/(\w+)(?:\[.*|\)\(.*)?$/)![1]!
      const found = type.members.find((one) => one.name === member)!
      expect(found, `${asked} ${member}`).toBeDefined()
      if (!found.bits) expect(found.offset).toBe(Number(offset))
      else if (!name.includes('-be')) expect(found.offset * 8 + found.bits.shift).toBe(Number(offset) * 8 + Number(bit))
    }
    expect(Number(/total size \(bytes\): +(\d+) \*\/\n *}\s*$/.exec(said)?.[1] ?? type.size)).toBe(type.size)
  }
})

describe('location expressions', () => {
  it('work out, and name what they lack', async () => {
    const { info, symbol } = await load(['types-O0-dwarf4.elf'])
    const unit = info.unitOf(symbol('work').address)!
    const frame: FrameAccess = {
      ...nowhere,
      register: (n) => (n < 32 ? BigInt(n) * 0x100n : undefined),
      read: (address, bytes) => (bytes === 8 ? address + 1n : 7n),
      cfa: () => 0x5000n,
    }
    const place = (...bytes: number[]) => evaluateLocation(unit, Uint8Array.from(bytes), frame, () => 0x2000n)
    expect(place(0x53)).toEqual({ kind: 'register', number: 3 })
    expect(place(0x73, 0x08)).toEqual({ kind: 'memory', address: 0x308n })
    expect(place(0x91, 0x70)).toEqual({ kind: 'memory', address: 0x1ff0n })
    expect(place(0x9c, 0x23, 0x10, 0x9f)).toEqual({ kind: 'value', value: 0x5010n })
    expect(place(0x32, 0x33, 0x17, 0x9f)).toMatchObject({ kind: 'absent' })
    expect(place(0x31, 0x32, 0x33, 0x17, 0x1c, 0x9f)).toEqual({ kind: 'value', value: 2n ** 64n - 1n })
    expect(place(0x38, 0x06)).toEqual({ kind: 'memory', address: 9n })
    expect(place(0x53, 0x93, 4, 0x93, 4)).toEqual({
      kind: 'pieces',
      pieces: [
        { place: { kind: 'register', number: 3 }, bytes: 4 },
        { place: { kind: 'absent', why: 'the compiler dropped this part of it' }, bytes: 4 },
      ],
    })
    expect(place(0xa3, 1, 0x53, 0x9f)).toMatchObject({ why: expect.stringContaining('when the function was entered') })
    expect(place(0x92, 65, 0)).toMatchObject({ why: 'lr of this frame was not kept' })
    expect(place(0x2f, 0xfd, 0xff)).toMatchObject({ why: 'its location is worked out in a circle' })
    expect(place(...Array<number>(300).fill(0x31))).toMatchObject({ why: 'its location needs too deep a stack' })
    expect(place(0x31, 0x30, 0x1b)).toMatchObject({ why: 'its location divides by zero' })
    expect(place(0x22)).toMatchObject({ kind: 'absent' })
    expect(place(0x03, 1)).toMatchObject({ why: expect.stringContaining('cannot be read') })
    expect(place(0xee)).toMatchObject({ why: expect.stringContaining('operation 0xee') })
  })
})

describe('hostile DWARF', () => {
  const corpus = readdirSync(new URL('../fixtures/symbols/hostile/', import.meta.url))
  it.each(corpus)('%s, a file that is cut off, is refused in words', (name) => {
    const open = () => {
      const elf = parseElf(bytesOf(`hostile/${name}`))
      explore(new DebugInfo(elf, elf.section('.debug_info.dwo') ? [elf] : []))
    }
    expect(open).toThrow(/^ELF /)
  })

  const targets = ['types-O0-dwarf4.elf', 'types-O2-dwarf5.elf'] as const
  it.each(targets)('%s ends in an answer or in none, never in a loop or an exception', async (name) => {
    const good = bytesOf(name)
    const sections = parseElf(good).sections.filter(
      (one) => one.name.startsWith('.debug_') && one.name !== '.debug_str',
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(sections.length - 1), fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 12 }),
        (edits) => {
          const bytes = good.slice()
          for (const [section, at, value] of edits) {
            const { offset, size } = sections[section]!
            bytes[Number(offset) + (at % Number(size))] = value
          }
          explore(new DebugInfo(parseElf(bytes)))
        },
      ),
      { numRuns: 100 },
    )
  })
})
