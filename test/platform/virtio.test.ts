import { describe, expect, test } from 'vitest'
import { SOURCE } from '../../debug-adapter/machine/platform/interrupts/sources.ts'
import { BlockDevice } from '../../debug-adapter/machine/platform/virtio/block.ts'
import { Drive } from '../../debug-adapter/machine/platform/virtio/drive.ts'
import { NetworkDevice, VirtualSwitch } from '../../debug-adapter/machine/platform/virtio/network.ts'
import { RandomDevice } from '../../debug-adapter/machine/platform/virtio/random.ts'
import { SavedState } from '../../debug-adapter/machine/saved-state.ts'
import { sourceOf } from '../../server/esm/reader.ts'
import { MiB, TestMemory, text } from './guest.ts'
import { BUS, Driver } from './virtio-driver.ts'

const content = () => sourceOf(Uint8Array.from({ length: 64 * 512 + 100 }, (_, i) => (i >> 9) & 0xff))
const [HEADER, DATA, ANSWER] = [0x8000, 0x9000, 0x7000]

function block(driver: Driver, kind: number, sector: number, length: number): number | undefined {
  const view = new DataView(driver.memory.data.buffer)
  view.setUint32(HEADER, kind, true)
  view.setBigUint64(HEADER + 8, BigInt(sector), true)
  view.setUint8(ANSWER, 0xee)
  const data = { at: DATA, length, write: kind !== 1 }
  driver.request([{ at: HEADER, length: 16 }, ...(length > 0 ? [data] : []), { at: ANSWER, length: 1, write: true }])
  const answer = view.getUint8(ANSWER)
  return answer === 0xee ? undefined : answer
}

function started(drive = { content: content(), serial: 'abc' }, memory = new TestMemory(MiB)): Driver {
  const driver = new Driver(new BlockDevice(drive), memory)
  driver.start()
  return driver
}

describe('a block device', () => {
  test('reads and writes sectors, and the file stays as it is', () => {
    const file = Uint8Array.from({ length: 64 * 512 }, (_, i) => (i >> 9) & 0xff)
    const before = file.slice()
    const driver = started({ content: sourceOf(file), serial: '' })
    expect(driver.read(0x2000)).toBe(64)
    expect(block(driver, 0, 3, 1024)).toBe(0)
    expect([...driver.memory.read(BigInt(DATA), 1024)]).toEqual([...Array(512).fill(3), ...Array(512).fill(4)])
    driver.memory.write(BigInt(DATA), new Uint8Array(1024).fill(0xaa))
    expect(block(driver, 1, 7, 1024)).toBe(0)
    expect(block(driver, 4, 0, 0)).toBe(0)
    expect(block(driver, 0, 6, 512 * 4)).toBe(0)
    const read = driver.memory.read(BigInt(DATA), 2048)
    expect([0, 512, 1024, 1536].map((at) => read[at])).toEqual([6, 0xaa, 0xaa, 9])
    expect(file).toEqual(before)
  })

  test('refuses what is outside of the disk, parts of sectors and unknown requests', () => {
    const driver = started()
    expect(block(driver, 0, 63, 1024)).toBe(1)
    expect(block(driver, 1, 64, 512)).toBe(1)
    expect(block(driver, 0, 0, 100)).toBe(1)
    expect(block(driver, 1, 0, 100)).toBe(1)
    expect(block(driver, 99, 0, 512)).toBe(2)
    expect(block(driver, 8, 0, 20)).toBe(0)
    expect([...driver.memory.read(BigInt(DATA), 4)]).toEqual([...text('abc'), 0])
    expect(driver.rules).toEqual([])
  })

  test('that is read-only refuses writes', () => {
    const driver = new Driver(new BlockDevice({ content: content(), readonly: true }))
    driver.start()
    expect(block(driver, 1, 0, 512)).toBe(1)
    driver.write(0, 0)
    expect(driver.read(4) & (1 << 5)).not.toBe(0)
  })

  test('takes indirect descriptors', () => {
    const driver = started()
    const view = new DataView(driver.memory.data.buffer)
    view.setUint32(HEADER, 0, true)
    view.setBigUint64(HEADER + 8, 5n, true)
    driver.table(0x4000, [
      { at: HEADER, length: 16 },
      { at: DATA, length: 512, write: true },
      { at: ANSWER, length: 1, write: true },
    ])
    driver.table(0x1000, [{ at: 0x4000, length: 48 }])
    view.setUint16(0x1000 + 12, 4, true)
    expect(driver.ring(0)).toBe(513)
    expect(driver.memory.data[DATA]).toBe(5)
  })
})

describe('the transport', () => {
  test('is refused by a driver without version 1 or the IOMMU', () => {
    const driver = new Driver(new BlockDevice({ content: content() }))
    expect(driver.negotiate(1n << 32n)).toBe(false)
    expect(driver.negotiate(1n << 33n)).toBe(false)
    expect(driver.negotiate((1n << 32n) | (1n << 33n) | (1n << 40n))).toBe(false)
    expect(driver.negotiate((1n << 32n) | (1n << 33n))).toBe(true)
  })

  test('raises its interrupt until the driver has read why', () => {
    const driver = started()
    const { presenter } = driver
    presenter.setPriority(0xffn)
    presenter.configure(presenter.source(SOURCE.pciLevel)!, { priority: 5 })
    block(driver, 0, 0, 512)
    expect(presenter.pending).toBe(true)
    expect(driver.read(0x1000, 1)).toBe(1)
    expect(presenter.pending).toBe(false)
    // A driver that polls asks for none.
    new DataView(driver.memory.data.buffer).setUint16(0x2000, 1, true)
    block(driver, 0, 0, 512)
    expect(presenter.pending).toBe(false)
  })

  test('names the page that was not shared, and stops until it is reset', () => {
    let secret = (gpa: bigint) => gpa >= BigInt(DATA) && gpa < BigInt(DATA + 0x1000)
    const driver = started(undefined, new TestMemory(MiB, (gpa) => secret(gpa)))
    expect(block(driver, 0, 0, 512)).toBeUndefined()
    expect(driver.trace.of('refusal')[0]).toMatchObject({
      rule: 'DMA-001',
      found: `virtio-blk in slot 0, queue 0, to write 512 bytes at gpa 0x${DATA.toString(16)}, whose content is in secure memory`,
    })
    expect(driver.read(0x14, 1) & 0x40).toBe(0x40)
    secret = () => false
    expect(block(driver, 0, 0, 512)).toBeUndefined()
    driver.start()
    expect(block(driver, 0, 0, 512)).toBe(0)
  })

  test('refuses bus addresses that are not mapped, or not for writing', () => {
    const driver = started()
    const put = (page: number, entry: bigint) =>
      driver.bridge.windows.put(0x8000_0000n, BUS + BigInt(page * 4096), entry)
    put(DATA >> 12, BigInt(DATA) | 1n)
    expect(block(driver, 0, 0, 512)).toBeUndefined()
    driver.start()
    put(DATA >> 12, 0n)
    expect(block(driver, 0, 0, 512)).toBeUndefined()
    expect(driver.rules).toEqual(['DMA-002', 'DMA-002'])
  })

  test.each([
    [
      'a chain that does not end',
      (d: Driver) => new DataView(d.memory.data.buffer).setUint16(0x1000 + 16 + 14, 0, true),
    ],
    [
      'a descriptor that there is not',
      (d: Driver) => new DataView(d.memory.data.buffer).setUint16(0x1000 + 14, 500, true),
    ],
    ['an endless length', (d: Driver) => new DataView(d.memory.data.buffer).setUint32(0x1000 + 8, 0xffff_ffff, true)],
  ] as const)('stops at %s', (_, damage) => {
    const driver = started()
    driver.table(0x1000, [
      { at: HEADER, length: 16 },
      { at: DATA, length: 16 },
      { at: DATA, length: 512 },
      { at: ANSWER, length: 1, write: true },
    ])
    damage(driver)
    expect(driver.ring(0)).toBeUndefined()
    expect(driver.rules).toEqual(['VIRTIO-001'])
    expect(driver.read(0x14, 1) & 0x40).toBe(0x40)
  })
})

test('a random device gives what the machine draws', () => {
  const driver = new Driver(new RandomDevice((length) => Uint8Array.from({ length }, (_, i) => i + 1)))
  driver.start()
  expect(driver.request([{ at: DATA, length: 8, write: true }])).toBe(8)
  expect([...driver.memory.read(BigInt(DATA), 9)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 0])
})

test('what was written to a drive goes back with the machine', () => {
  const drive = new Drive({ content: content() })
  drive.write(512, new Uint8Array(512).fill(1))
  const saved = new SavedState([drive], new Set())
  drive.write(700, new Uint8Array(9000).fill(2))
  saved.restore()
  expect(drive.read(512, 512)).toEqual(new Uint8Array(512).fill(1))
  expect(drive.read(5000, 1)[0]).toBe(5000 >> 9)
  expect(() => drive.read(64 * 512, 1)).toThrow(RangeError)
})

describe('network devices', () => {
  const mac = (driver: Driver) => Uint8Array.from({ length: 6 }, (_, i) => driver.read(0x2000 + i, 1))
  const frameOf = (to: Uint8Array, from: Uint8Array) => Uint8Array.from([...to, ...from, 8, 0, 1, 2, 3])

  test('a switch does not remember everybody who ever sent', () => {
    const network = new VirtualSwitch(() => 0)
    const seen: Uint8Array[] = []
    const [sender, other] = [new NetworkDevice(network), new NetworkDevice(network)]
    const watcher = new NetworkDevice(network)
    watcher.receive = (frame) => void seen.push(frame)
    const address = (i: number) => Uint8Array.of(2, 0, 0, i >> 16, i >> 8, i)
    network.send(other, frameOf(address(1), address(2)))
    seen.length = 0
    // Known: the frame goes to one port. After thousands of others it is not any more, and goes to all.
    network.send(sender, frameOf(address(2), address(3)))
    expect(seen).toHaveLength(0)
    for (let i = 0x1000; i < 0x2000; i++) network.send(sender, frameOf(address(3), address(i)))
    seen.length = 0
    network.send(sender, frameOf(address(2), address(3)))
    expect(seen).toHaveLength(1)
  })

  test('reach each other through the switch, which keeps a capture', () => {
    const network = new VirtualSwitch(() => 1500)
    const [sender, receiver] = [new Driver(new NetworkDevice(network)), new Driver(new NetworkDevice(network))]
    sender.start(1)
    receiver.start(0)
    expect(mac(sender)).not.toEqual(mac(receiver))
    const frame = frameOf(mac(receiver), mac(sender))
    sender.memory.write(BigInt(DATA), Uint8Array.from([...new Uint8Array(12), ...frame]))
    const send = () => sender.request([{ at: DATA, length: 12 + frame.length }])
    // Nobody waits for it: it is lost.
    expect(send()).toBe(0)
    expect(receiver.request([{ at: DATA, length: 1526, write: true }])).toBeUndefined()
    expect(send()).toBe(0)
    expect(receiver.memory.read(BigInt(DATA) + 10n, 2 + frame.length)).toEqual(Uint8Array.from([1, 0, ...frame]))
    const capture = network.pcap()
    expect(capture).toHaveLength(24 + 2 * (16 + frame.length))
    expect(new DataView(capture.buffer).getUint32(24)).toBe(1)
    expect(capture.subarray(-frame.length)).toEqual(frame)
  })

  test('send no frame that is too short', () => {
    const sender = new Driver(new NetworkDevice(new VirtualSwitch(() => 0)))
    sender.start(1)
    expect(sender.request([{ at: DATA, length: 12 }])).toBeUndefined()
    expect(sender.rules).toEqual(['VIRTIO-001'])
  })
})
