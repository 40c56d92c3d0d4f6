import { describe, expect, test } from 'vitest'
import { H } from '../../debug-adapter/machine/platform/hcall-table.ts'
import { PHB } from '../../debug-adapter/machine/platform/pci/addresses.ts'
import { DmaWindows, DYNAMIC_WINDOW } from '../../debug-adapter/machine/platform/pci/dma-windows.ts'
import { RTAS_TOKENS as T } from '../../debug-adapter/machine/platform/rtas-tokens.ts'
import { BlockDevice } from '../../debug-adapter/machine/platform/virtio/block.ts'
import { VirtioFunction } from '../../debug-adapter/machine/platform/virtio/virtio-function.ts'
import { sourceOf } from '../../server/esm/reader.ts'
import { RtasBench, TestMemory } from './guest.ts'

const BUID = [Number(PHB.buid >> 32n), Number(PHB.buid & 0xffff_ffffn)] as const
const gpas = (windows: DmaWindows, bus: bigint, length: number) => [...windows.translate(bus, length, 'read')]

describe('DMA windows', () => {
  test('lead page by page to what was put', () => {
    const windows = new DmaWindows()
    expect(windows.put(0x8000_0000n, 0x1000n, 0x5003n)).toBe(H.SUCCESS)
    expect(windows.put(0x8000_0000n, 0x2000n, 0x9001n)).toBe(H.SUCCESS)
    expect(gpas(windows, 0x1ff0n, 32)).toEqual([
      { gpa: 0x5ff0n, length: 16 },
      { gpa: 0x9000n, length: 16 },
    ])
    expect(() => [...windows.translate(0x1ff0n, 32, 'write')]).toThrow(/0x2000/)
    expect(windows.get(0x8000_0000n, 0x2000n)).toBe(0x9001n)
    expect(windows.put(0x8000_0000n, 0n, 0n, 512n)).toBe(H.SUCCESS)
    expect(() => gpas(windows, 0x1ff0n, 1)).toThrow(/DMA-002/)
  })

  test('refuse what lies outside of them', () => {
    const windows = new DmaWindows()
    expect(windows.put(0x8000_0001n, 0n, 3n)).toBe(H.PARAMETER)
    expect(windows.put(0x8000_0000n, 1n << 30n, 3n)).toBe(H.PARAMETER)
    expect(windows.put(0x8000_0000n, (1n << 30n) - 0x1000n, 3n, 2n)).toBe(H.PARAMETER)
    expect(windows.put(0x8000_0000n, 0n, 3n, 513n)).toBe(H.PARAMETER)
    expect(windows.get(0x8000_0000n, 1n << 30n)).toBeUndefined()
  })

  test('take lists', () => {
    const windows = new DmaWindows()
    const memory = new TestMemory(0x3000)
    memory.setU32(0x1000, 0, 0x7003, 0, 0x8003)
    expect(windows.putList(memory, 0x8000_0000n, 0n, 0x1000n, 2n)).toBe(H.SUCCESS)
    expect(gpas(windows, 0n, 0x2000).map(({ gpa }) => gpa)).toEqual([0x7000n, 0x8000n])
    expect(windows.putList(memory, 0x8000_0000n, 0n, 0x1000n, 1000n)).toBe(H.PARAMETER)
    expect(() => windows.putList(memory, 0x8000_0000n, 0n, 0x3000n, 1n)).toThrow(/MEM-004/)
  })

  test('a dynamic one covers memory in large pages', () => {
    const bench = new RtasBench()
    const query = () => bench.call(T['ibm,query-pe-dma-window'], [0, ...BUID], 5)
    expect(query()).toMatchObject({ status: 0, results: [1, 0x10_0000, 0x107, 0] })
    expect(bench.call(T['ibm,create-pe-dma-window'], [0, ...BUID, 13, 29], 4).status).toBe(-3)
    // As many pages as it says, and no more.
    expect(bench.call(T['ibm,create-pe-dma-window'], [0, ...BUID, 12, 33], 4).status).toBe(-3)
    const made = bench.call(T['ibm,create-pe-dma-window'], [0, ...BUID, 24, 29], 4)
    expect(made).toMatchObject({ status: 0, results: [0x8000_0001, 0x0800_0000, 0] })
    expect(query().results[0]).toBe(0)
    expect(bench.call(T['ibm,create-pe-dma-window'], [0, ...BUID, 24, 29], 4).status).toBe(-3)
    const { windows } = bench.bridge
    expect(windows.put(0x8000_0001n, DYNAMIC_WINDOW.start, 3n)).toBe(H.SUCCESS)
    expect(gpas(windows, DYNAMIC_WINDOW.start + 0x12345n, 4)).toEqual([{ gpa: 0x12345n, length: 4 }])
    expect(bench.call(T['ibm,remove-pe-dma-window'], [0x8000_0000]).status).toBe(-3)
    expect(bench.call(T['ibm,remove-pe-dma-window'], [0x8000_0001]).status).toBe(0)
    expect(() => gpas(windows, DYNAMIC_WINDOW.start, 4)).toThrow(/in no window/)
  })
})

describe('configuration space', () => {
  function withDisk() {
    const rtas = new RtasBench()
    const device = new BlockDevice({ content: sourceOf(new Uint8Array(512)) })
    rtas.bridge.functions.push(new VirtioFunction(device, 0, rtas.bridge, rtas.memory, rtas.trace))
    const read = (address: number, size: number) => rtas.call(T['ibm,read-pci-config'], [address, ...BUID, size], 2)
    const write = (address: number, size: number, value: number) =>
      rtas.call(T['ibm,write-pci-config'], [address, ...BUID, size, value])
    return { rtas, read, write }
  }

  test('says what a device is, and where its registers are', () => {
    const { rtas, read, write } = withDisk()
    expect(read(0, 4)).toMatchObject({ status: 0, results: [0x1042_1af4] })
    expect(read(0x34, 1).results[0]).toBe(0x40)
    write(0x20, 4, 0xffff_ffff)
    expect(read(0x20, 4).results[0]).toBe(0xffff_c00c)
    write(0x20, 4, 0x10_0000)
    write(0x24, 4, 0x2100)
    // No device answers while its registers are off.
    expect(rtas.bridge.read(PHB.memory64.start + 0x10_0012n, 2)).toBe(0xffffn)
    write(4, 2, 2)
    expect(rtas.bridge.read(PHB.memory64.start + 0x10_0012n, 2)).toBe(1n)
    write(0, 2, 0x1234)
    expect(read(0, 2).results[0]).toBe(0x1af4)
  })

  test('is not there for other slots, buses and bridges', () => {
    const { rtas, read } = withDisk()
    expect(read(1 << 11, 4).status).toBe(-1)
    expect(read(1 << 16, 4).status).toBe(-1)
    expect(read(1 << 8, 4).status).toBe(-1)
    expect(read(0, 3).status).toBe(-3)
    expect(read(2, 4).status).toBe(-3)
    expect(rtas.call(T['ibm,read-pci-config'], [0, 0, 0, 4], 2).status).toBe(-3)
  })
})
