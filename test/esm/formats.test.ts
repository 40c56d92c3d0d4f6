import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { locateOperand } from '../../server/esm/cpio.ts'
import { nobleCrypto as crypto } from '../../server/esm/crypto/noble.ts'
import {
  addReservation,
  cells,
  ensureChild,
  FdtError,
  type FdtNode,
  findNode,
  getCells,
  getString,
  getStrings,
  getU32,
  getU64,
  newFdt,
  newNode,
  parseFdt,
  setStrings,
  setU32,
  setU64,
  strings,
  writeFdt,
} from '../../server/esm/fdt.ts'
import { scanFdt } from '../../server/esm/fdt-scan.ts'
import { finding, isFatal } from '../../server/esm/findings.ts'
import { flattenKernel, KernelImageError } from '../../server/esm/kernel-image.ts'
import { hexBytes, OffsetError, Reader } from '../../server/esm/reader.ts'
import { RULES } from '../../server/esm/rules.ts'
import { readDigestList } from '../../server/esm/verify/digests.ts'
import { inspectOperand } from '../../server/esm/verify/operand.ts'
import { fixture, fixtureJson } from './fixtures.ts'

const has = (command: string) => spawnSync(command, ['--version']).status === 0

describe('the reader', () => {
  const reader = new Reader(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0x61, 0x62, 0, 0x63))

  it('reads both byte orders', () => {
    const little = new Reader(reader.bytes, true)
    expect([reader.u8(1, 'x'), reader.u16(0, 'x'), reader.u32(0, 'x'), reader.u64(0, 'x')]).toEqual([
      2,
      0x102,
      0x1020304,
      0x102030405060708n,
    ])
    expect([little.u16(0, 'x'), little.u32(0, 'x'), little.u64(0, 'x')]).toEqual([0x201, 0x4030201, 0x807060504030201n])
    expect(reader.cstring(8, 'x')).toBe('ab')
  })

  it('names what, where and how much where bytes are missing', () => {
    const error = (read: () => unknown) => {
      try {
        read()
      } catch (e) {
        return e as OffsetError
      }
      throw new Error('nothing was thrown')
    }
    expect(error(() => reader.u32(10, 'a token'))).toMatchObject({
      what: 'a token',
      offset: 10,
      size: 4,
      available: 12,
    })
    for (const at of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])
      expect(error(() => reader.u8(at, 'x'))).toBeInstanceOf(OffsetError)
    expect(error(() => reader.cstring(11, 'a name')).message).toContain('no NUL')
    expect(error(() => reader.cstring(8, 'a name', 10)).message).toContain('no NUL')
    expect(error(() => reader.size64(0, 'a size'))).toMatchObject({ offset: 0, size: 8 })
    expect(error(() => reader.slice(8, -1, 'x'))).toBeInstanceOf(OffsetError)
  })
})

const name = fc.stringMatching(/^[a-z][a-z0-9,._+#?-]{0,20}$/)
const bytes = fc.uint8Array({ maxLength: 40 })
const node = (depth: number): fc.Arbitrary<FdtNode> =>
  fc
    .tuple(
      name,
      fc.array(fc.tuple(name, bytes), { maxLength: 4 }),
      depth > 0 ? fc.array(node(depth - 1), { maxLength: 3 }) : fc.constant<FdtNode[]>([]),
    )
    .map(([own, properties, children]) => newNode(own, Object.fromEntries(properties), children))

describe('device trees', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(
        node(3),
        fc.array(fc.tuple(fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(1n, 2n ** 64n - 1n))),
        fc.nat(),
        (root, reservations, bootCpu) => {
          const tree = { root: { ...root, name: '' }, reservations: [] as { address: bigint; size: bigint }[], bootCpu }
          for (const [address, size] of reservations) addReservation(tree, address, size)
          const written = writeFdt(tree)
          expect(parseFdt(written)).toEqual(tree)
          expect(parseFdt(writeFdt(tree, { padTo: written.length + 100 }))).toEqual(tree)
          expect(() => writeFdt(tree, { padTo: written.length - 1 })).toThrow(RangeError)
        },
      ),
    )
  })

  it('never make the reader throw anything but its own error, whatever the bytes', () => {
    const base = fixture('bad/base/blob.dtb')
    const change = fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(change, fc.nat(base.length), (changes, length) => {
        const altered = base.slice(0, length)
        for (const [at, value] of changes) if (at < length) altered[at] = value
        inspectOperand(altered)
        readDigestList(altered)
        locateOperand(altered)
        try {
          parseFdt(altered)
        } catch (error) {
          expect(error).toBeInstanceOf(FdtError)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('are looked up by the rules of libfdt', () => {
    const tree = newFdt()
    tree.root.children.push(
      newNode('memory@0', { reg: cells(1) }),
      newNode('memory', { reg: cells(2) }),
      newNode('a', {}, [newNode('b@7')]),
    )
    expect(getU32(findNode(tree, '/memory')!, 'reg')).toBe(1)
    expect(findNode(tree, '/memory@1')).toBeUndefined()
    expect(findNode(tree, '/a/b')!.name).toBe('b@7')
    expect(findNode(tree, '/a//b@7/')!.name).toBe('b@7')
    expect(findNode(tree, '/')).toBe(tree.root)
    expect(findNode(tree, '/a/b/c')).toBeUndefined()
    expect(ensureChild(tree.root, 'memory').properties.get('reg')).toEqual(cells(2))
    expect(ensureChild(tree.root, 'new')).toBe(findNode(tree, '/new'))
  })

  it('have typed properties', () => {
    const chosen = newNode('chosen')
    setU32(chosen, 'one', 0xffffffff)
    setU64(chosen, 'two', 0xdeadbeefcafef00dn)
    setStrings(chosen, 'list', 'a', 'bc', '')
    setStrings(chosen, 'text', 'grün')
    expect([getU32(chosen, 'one'), getCells(chosen, 'one'), getU64(chosen, 'two'), getCells(chosen, 'two')]).toEqual([
      0xffffffff,
      0xffffffffn,
      0xdeadbeefcafef00dn,
      0xdeadbeefcafef00dn,
    ])
    expect(getStrings(chosen, 'list')).toEqual(['a', 'bc', ''])
    expect(getString(chosen, 'text')).toBe('grün')
    expect(() => getString(chosen, 'list')).toThrow(/list of node chosen: expected one string, found 3/)
    expect(() => getU32(chosen, 'two')).toThrow(/expected 4 bytes, found 8 bytes/)
    expect(() => getU32(chosen, 'none')).toThrow(/no such property/)
    expect(() => getString(newNode('n', { p: Uint8Array.of(0x61) }), 'p')).toThrow(/NUL/)
  })

  it('with one fault each have one problem each', () => {
    const base = writeFdt({
      ...newFdt(),
      root: newNode('', { compatible: strings('x') }, [newNode('n', { p: cells(1) })]),
    })
    const word = (at: number, value: number) => {
      const altered = base.slice()
      new DataView(altered.buffer).setUint32(at, value)
      return scanFdt(altered).problems.map((problem) => problem.code)
    }
    expect(scanFdt(base).problems).toEqual([])
    expect(word(0, 0xd00dfeee)).toEqual(['magic'])
    expect(word(4, base.length + 1)).toEqual(['truncated'])
    expect(word(4, 20)).toEqual(['truncated'])
    expect(word(8, 0x1000)).toEqual(['structure-place'])
    expect(word(8, 0x3a)).toEqual(['structure-place'])
    expect(word(0x0c, 0x1000)[0]).toBe('strings-place')
    expect(word(0x10, 0x1000)).toEqual(['reservations'])
    expect(word(0x14, 15)).toEqual(['version'])
    expect(word(0x18, 18)).toEqual(['version'])
    expect(word(0x24, 8)).toEqual(['structure-cut'])
    expect(word(0x38, 2)).toEqual(['structure'])
    expect(word(0x38, 7)).toEqual(['structure'])
    expect(word(0x48, 0x1000)).toEqual(['property-name'])
    expect(scanFdt(base.subarray(0, 39)).problems.map((p) => p.code)).toEqual(['short-header'])
    let deep = newNode('n')
    for (let i = 0; i < 100; i++) deep = newNode('n', {}, [deep])
    expect(scanFdt(writeFdt({ ...newFdt(), root: deep })).problems.map((p) => p.code)).toEqual(['structure'])
  })

  it.skipIf(!has('dtc'))('are what dtc reads and writes (needs dtc: apt install device-tree-compiler)', () => {
    const tree = newFdt()
    tree.root.properties.set('compatible', strings('ibm,esm', 'x'))
    tree.root.children.push(newNode('memory@0', { reg: cells(0, 0, 0, 0x4000000), empty: new Uint8Array(0) }))
    addReservation(tree, 0x1000n, 0x2000n)
    const run = (from: string, to: string, input: Uint8Array) =>
      new Uint8Array(execFileSync('dtc', ['-q', '-I', from, '-O', to], { input }))
    const text = run('dtb', 'dts', writeFdt(tree))
    expect(parseFdt(run('dts', 'dtb', text))).toEqual(tree)
  })
})

describe('flat kernels', () => {
  const vmlinux = fixture('inputs/vmlinux')
  const { kernelFlat } = fixtureJson('inputs/inputs.json')

  it('are what svm-tool hashes', () => {
    const image = flattenKernel(vmlinux)
    expect(image.bytes).toHaveLength(kernelFlat.bytes)
    expect(hexBytes(crypto.sha512(image.bytes))).toBe(kernelFlat.sha512)
    expect(image).toMatchObject({
      loadAddress: 0n,
      virtualAddress: 0xc000000000000000n,
      entryOffset: 0,
      littleEndian: true,
      memoryBytes: 0x5f40,
    })
  })

  it('do not need section headers', () => {
    const stripped = vmlinux.slice()
    stripped.fill(0, 0x28, 0x30)
    stripped.fill(0, 0x3c, 0x40)
    expect(flattenKernel(stripped).bytes).toEqual(flattenKernel(vmlinux).bytes)
  })

  const found = (bytes: Uint8Array) => {
    try {
      flattenKernel(bytes)
    } catch (error) {
      expect(error).toBeInstanceOf(KernelImageError)
      expect((error as KernelImageError).finding.rule).toBe('ESM120')
      return (error as Error).message
    }
    throw new Error('was taken')
  }
  const head = (...values: number[]) => Uint8Array.of(...values, ...new Array(64).fill(0))
  const changed = (at: number, ...values: number[]) => {
    const altered = vmlinux.slice()
    altered.set(values, at)
    return altered
  }

  it('come from ELF for ppc64 only, and the message says what it is instead', () => {
    expect(found(new Uint8Array(0))).toMatch(/empty/)
    expect(found(head(0x1f, 0x8b))).toMatch(/gzip.*decompress/)
    expect(found(head(0xfd, 0x37, 0x7a, 0x58, 0x5a))).toMatch(/xz/)
    expect(found(fixture('inputs/plain-name'))).toMatch(/7f 45 4c 46/)
    expect(found(fixture('good/03-files/esmb-initrd.img'))).toMatch(/cpio/)
    expect(found(fixture('good/03-files/blob.dtb'))).toMatch(/device tree/)
    expect(found(changed(0x12, 62, 0))).toMatch(/machine 62/)
    expect(found(changed(4, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 20, 0))).toMatch(/zImage/)
    expect(found(vmlinux.subarray(0, 60))).toMatch(/cut off/)
    expect(found(vmlinux.subarray(0, 0x2000))).toMatch(/cut off/)
    expect(found(changed(0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))).toMatch(/entry point/)
    expect(found(changed(0x36, 8, 0))).toMatch(/program headers of 8 bytes/)
  })

  it('never throw anything else, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(511), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        (changes, tail) => {
          const altered = vmlinux.slice()
          const base = tail ? vmlinux.length - 512 : 0
          for (const [at, value] of changes) altered[base + at] = value
          try {
            flattenKernel(altered)
          } catch (error) {
            expect(error).toBeInstanceOf(KernelImageError)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  describe.each([
    ['little-endian', 'powerpc64le-linux-gnu', []],
    ['big-endian', 'powerpc64le-linux-gnu', ['-mbig']],
  ] as const)('%s', (order, prefix, options) => {
    it.skipIf(!has(`${prefix}-objcopy`))(`are what objcopy -O binary -S gives (needs ${prefix}-gcc)`, () => {
      const folder = mkdtempSync(join(tmpdir(), 'flat-kernel-'))
      const at = (file: string) => join(folder, file)
      try {
        writeFileSync(
          at('k.s'),
          '.section .text,"ax"\n.globl _start\n_start: nop\n.zero 100\n.section .early,"aw",@nobits\n.zero 64\n.section .data,"aw"\n.long 1,2,3\n' +
            '.section .far,"a"\n.quad 7\n.section .bss,"aw",@nobits\n.zero 4096\n.section .comment,"",@progbits\n.ascii "not loaded"\n',
        )
        writeFileSync(
          at('k.ld'),
          'ENTRY(_start) SECTIONS { . = 0xc000000000008000; .text : AT(0x8000) { *(.text) } .early : { *(.early) } .data : { *(.data) }' +
            ' .far 0xc000000000020000 : AT(0x11000) { *(.far) } .bss : { *(.bss) } }',
        )
        execFileSync(`${prefix}-as`, [...options, '-o', at('k.o'), at('k.s')])
        const emulation = order === 'big-endian' ? 'elf64ppc' : 'elf64lppc'
        execFileSync(`${prefix}-ld`, ['-m', emulation, '-T', at('k.ld'), '-o', at('k'), at('k.o')], { stdio: 'pipe' })
        execFileSync(`${prefix}-objcopy`, ['-O', 'binary', '-S', at('k'), at('flat')])
        const image = flattenKernel(new Uint8Array(readFileSync(at('k'))))
        expect(hexBytes(image.bytes)).toBe(hexBytes(new Uint8Array(readFileSync(at('flat')))))
        expect(image).toMatchObject({ loadAddress: 0x8000n, entryOffset: 0, littleEndian: order === 'little-endian' })
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  })
})

describe('rules', () => {
  it('are all there, each with its sentence', () => {
    expect(RULES.size).toBe(117)
    for (const [id, rule] of RULES) {
      expect(id).toMatch(/^ESM[01][0-9]{2}$/)
      for (const text of [rule.condition, rule.expected, rule.effect, rule.fix]) expect(text).toMatch(/^\S.*[^.\s]$/)
    }
    expect(() => finding('ESM999')).toThrow(RangeError)
    expect(isFatal(finding('ESM022'))).toBe(true)
    expect(isFatal(finding('ESM061'))).toBe(false)
    expect(isFatal(finding('ESM104'))).toBe(false)
  })
})
