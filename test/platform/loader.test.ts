import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { MachineConfig } from '../../debug-adapter/machine/config.ts'
import { disassemble } from '../../debug-adapter/machine/cpu/isa/disassemble.ts'
import { BOOT_STUB, bootStubCode } from '../../debug-adapter/machine/platform/boot-stub.ts'
import { loadGuest, prepareGuest } from '../../debug-adapter/machine/platform/loader.ts'
import { locateOperand } from '../../server/esm/cpio.ts'
import { nobleCrypto } from '../../server/esm/crypto/noble.ts'
import { cells, findNode, getBytes, getCells, getString, parseFdt } from '../../server/esm/fdt.ts'
import { makeKernel } from './elf.ts'
import { MiB, TestMemory } from './guest.ts'

const operand = new Uint8Array(readFileSync(new URL('../fixtures/esm/bad/base/blob.dtb', import.meta.url)))
const initrd = Uint8Array.from({ length: 5000 }, (_, i) => (i * 3) & 0xff)
const PAGE = 0x1_0000n

function load(change: Partial<MachineConfig> = {}, memoryBytes = 32 * MiB) {
  const memory = new TestMemory(memoryBytes)
  const config: MachineConfig = {
    kernel: makeKernel({ imageBytes: 0x1_2345, memoryBytes: 0x2_0001 }),
    bootargs: 'console=hvc0 svm=on',
    memoryBytes,
    secureMemoryBytes: 64 * MiB,
    seed: 1,
    esm: 'guest',
    crypto: nobleCrypto,
    ...change,
  }
  const guest = loadGuest(prepareGuest(config), memory)
  const tree = parseFdt(memory.read(guest.fdt, guest.fdtBytes))
  return { memory, guest, tree, chosen: findNode(tree, '/chosen')!, rtas: findNode(tree, '/rtas')! }
}

describe('a VM in memory', () => {
  test('has its kernel at 4 MiB, wherever it is linked', () => {
    const { memory, guest } = load({ kernel: makeKernel({ imageBytes: 0x3000, entryOffset: 0x100 }) })
    expect(guest.kernelBase).toBe(0x40_0000n)
    expect(guest.entry).toBe(0x40_0100n)
    expect(guest.kernelBytes).toBe(0x3000)
    expect(guest.linkBase).toBe(0xc000_0000_0000_0000n)
    expect(memory.read(0x40_0000n, 3)).toEqual(Uint8Array.of(1, 8, 15))
    expect(memory.read(0x40_0000n + 0x3000n, 16)).toEqual(new Uint8Array(16))
  })

  test('has its initrd at the next 64 KiB behind the .bss, and the tree says where', () => {
    const { memory, guest, chosen } = load({ initrd })
    expect(guest.initrd).toEqual({ start: 0x43_0000n, end: 0x43_0000n + 5000n })
    expect(memory.read(0x43_0000n, 5000)).toEqual(initrd)
    expect(getCells(chosen, 'linux,initrd-start')).toBe(0x43_0000n)
    expect(getCells(chosen, 'linux,initrd-end')).toBe(0x43_0000n + 5000n)
  })

  test('has its operand in front of the initrd, or alone', () => {
    const both = load({ initrd, operand })
    const bytes = both.memory.read(both.guest.initrd!.start, Number(both.guest.initrd!.end - both.guest.initrd!.start))
    const found = locateOperand(bytes, both.guest.initrd!.start)
    expect(found.operand!.bytes).toEqual(operand)
    expect(bytes.subarray(found.archiveBytes)).toEqual(initrd)
    const alone = load({ operand })
    expect(alone.guest.initrd!.end - alone.guest.initrd!.start).toBe(BigInt(found.archiveBytes))
  })

  test('has neither where none is given', () => {
    const { guest, chosen } = load()
    expect(guest.initrd).toBeUndefined()
    expect([...chosen.properties.keys()].filter((name) => name.includes('initrd'))).toEqual([])
  })

  test('has RTAS in its last 64 KiB: the 20 bytes that operands are made for', () => {
    const { memory, guest, rtas } = load()
    expect(guest.rtasBase).toBe(BigInt(32 * MiB) - PAGE)
    const code = '7c641b783c6000006063f000440000224e800020'
    expect(Buffer.from(memory.read(guest.rtasBase, 20)).toString('hex')).toBe(code)
    for (const name of ['linux,rtas-base', 'linux,rtas-entry']) expect(getCells(rtas, name)).toBe(guest.rtasBase)
    expect(getCells(rtas, 'slof,rtas-size')).toBe(20n)
    expect(getCells(rtas, 'rtas-size')).toBe(0x82cn)
  })

  test('has its tree below RTAS, on a page, with room for the reservations of the ultravisor', () => {
    const { guest, chosen } = load()
    expect(guest.fdt % PAGE).toBe(0n)
    expect(guest.rtasBase - guest.fdt).toBeGreaterThanOrEqual(BigInt(guest.fdtBytes) + 64n)
    expect(getString(chosen, 'bootargs')).toBe('console=hvc0 svm=on')
  })

  test('enters with the registers of a flat tree: R3 tree, R4 kernel, R5 0', () => {
    const { guest } = load({ initrd })
    expect(Object.fromEntries(guest.registers)).toEqual({ 3: guest.fdt, 4: 0x40_0000n, 5: 0n })
  })

  test.each([true, false])('is in the byte order of its kernel (little-endian: %s)', (littleEndian) => {
    for (const esm of ['guest', 'stub'] as const)
      expect(load({ kernel: makeKernel({ littleEndian }), esm }).guest.littleEndian).toBe(littleEndian)
  })

  test('may have its tree edited, and its initrd moved', () => {
    const { guest, rtas } = load({
      initrd,
      interventions: {
        deviceTree: (tree) => findNode(tree, '/rtas')!.properties.set('slof,rtas-size', cells(24)),
        initrdAddress: 0x100_0202n,
      },
    })
    expect(getCells(rtas, 'slof,rtas-size')).toBe(24n)
    expect(guest.initrd!.start).toBe(0x100_0202n)
  })
})

describe('what does not fit is named, with the memory that it needs', () => {
  test('a kernel', () => {
    const kernel = makeKernel({ imageBytes: 0x1000, memoryBytes: 40 * MiB })
    expect(() => load({ kernel })).toThrow(
      /^the kernel \(41943040 bytes with its \.bss\) at 0x400000 does not fit into 33554432 bytes .*at least 48234496 bytes \(46 MiB\)/,
    )
    expect(() => load({ kernel }, 46 * MiB)).not.toThrow()
    expect(() => load({ kernel }, 44 * MiB)).toThrow(RangeError)
  })

  test('an initrd', () => {
    const large = new Uint8Array(28 * MiB)
    expect(() => load({ initrd: large })).toThrow(/^the initrd \(29360128 bytes\) at 0x430000 does not fit.*34 MiB/)
    expect(() => load({ initrd: large }, 34 * MiB)).not.toThrow()
  })

  test('an initrd that is moved over something else, or out of memory', () => {
    const at = (initrdAddress: bigint) => () => load({ initrd, interventions: { initrdAddress } })
    expect(at(0x41_0000n)).toThrow(/^the kernel .* at 0x400000 to 0x420001 and the initrd .* at 0x410000 overlap/)
    expect(at(0x3f_ff00n)).toThrow(/^the initrd .* at 0x3fff00 .* and the kernel .* overlap/)
    expect(at(BigInt(32 * MiB) - 2n * PAGE)).toThrow(/^the initrd .* does not fit/)
    expect(at(1n << 40n)).toThrow(/^the initrd .* does not fit/)
    expect(at(-1n)).toThrow(/^the initrd .* cannot be at -1/)
    expect(at(0x42_1000n)).not.toThrow()
  })

  test('a stub under an initrd', () => {
    const change = { initrd, interventions: { initrdAddress: 0x1_0800n } }
    expect(() => load({ ...change, esm: 'stub' })).toThrow(/^the boot stub at 0x10000 .* and the initrd/)
    expect(() => load({ ...change, esm: 'guest' })).not.toThrow()
  })

  test('what is no kernel', () => {
    expect(() => load({ kernel: new Uint8Array(100) })).toThrow(/ESM120|ELF/)
  })
})

describe('the boot stub', () => {
  const targets = {
    kernelBase: 0x40_0000n,
    kernelEntry: 0x40_0100n,
    fdt: 0x1_8fff_0000n & 0xffff_ffffn,
    littleEndian: true,
  }

  test('calls UV_ESM, goes on at the kernel, or ends the VM by ibm,os-term', () => {
    const lines = bootStubCode(targets).map((word, i) => {
      const { text } = disassemble(word >>> 0, BOOT_STUB.start + BigInt(i * 4))
      return text.replace(/\s+/g, ' ')
    })
    expect(lines.map((line) => line.replace(/,0+,/, ',0,'))).toEqual([
      'li r4,0',
      'oris r4,r4,64',
      'ori r4,r4,0',
      'li r5,0',
      'oris r5,r5,36863',
      'ori r5,r5,0',
      'li r3,0',
      'oris r3,r3,0',
      'ori r3,r3,61712',
      'sc 2',
      'cmpdi r3,0',
      expect.stringMatching(/^bne (0x)?10060$/),
      'li r3,0',
      'oris r3,r3,36863',
      'ori r3,r3,0',
      'li r4,0',
      'oris r4,r4,64',
      'ori r4,r4,0',
      'li r5,0',
      'li r12,0',
      'oris r12,r12,64',
      'ori r12,r12,256',
      'mtctr r12',
      'bctr',
      'li r4,0',
      'oris r4,r4,1',
      'ori r4,r4,512',
      'li r3,0',
      'oris r3,r3,0',
      'ori r3,r3,61440',
      'sc 1',
      expect.stringMatching(/^b (0x)?1007c$/),
    ])
  })

  test.each([true, false])('lies in memory in the byte order of the kernel (little-endian: %s)', (littleEndian) => {
    const { memory, guest } = load({ kernel: makeKernel({ littleEndian, entryOffset: 0x40 }), esm: 'stub' })
    expect(guest.entry).toBe(BOOT_STUB.start)
    const code = bootStubCode({ kernelBase: 0x40_0000n, kernelEntry: 0x40_0040n, fdt: guest.fdt, littleEndian })
    const view = new DataView(memory.data.buffer, Number(BOOT_STUB.start))
    expect(code.map((_, i) => view.getUint32(i * 4, littleEndian))).toEqual(code.map((word) => word >>> 0))
    expect(code.length * 4).toBeLessThanOrEqual(Number(BOOT_STUB.args - BOOT_STUB.start))
  })

  test('is not there for a kernel that calls by itself', () => {
    expect(load().memory.read(BOOT_STUB.start, Number(BOOT_STUB.bytes))).toEqual(
      new Uint8Array(Number(BOOT_STUB.bytes)),
    )
  })
})

describe('the device tree of the VM', () => {
  test('has all that the ultravisor asks for', () => {
    const { tree, rtas } = load({ initrd })
    const mandatory = [
      'stop-self check-exception event-scan ibm,configure-connector ibm,get-system-parameter ibm,set-system-parameter',
      'ibm,slot-error-detail ibm,os-term nvram-fetch nvram-store power-off start-cpu ibm,nmi-register',
    ].flatMap((line) => line.split(' '))
    expect(mandatory).toHaveLength(13)
    for (const name of mandatory) expect(getBytes(rtas, name), name).toHaveLength(4)
    expect(getBytes(rtas, 'ibm,lrdr-capacity')).toHaveLength(20)
    const reg = getBytes(findNode(tree, '/memory@0')!, 'reg')
    expect(Buffer.from(reg).toString('hex')).toBe('00000000000000000000000002000000')
    expect(getBytes(findNode(tree, '/cpus/PowerPC,POWER9@0')!, 'ibm,ppc-interrupt-server#s')).toHaveLength(4)
    expect(tree.bootCpu).toBe(0)
  })
})
