/** Linux on the machine's devices: as a normal VM, and as a secure one with and without bounce buffers. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Machine } from '../../debug-adapter/machine/machine.ts'
import type { BlockDevice } from '../../debug-adapter/machine/platform/virtio/block.ts'
import type { VirtioFunction } from '../../debug-adapter/machine/platform/virtio/virtio-function.ts'
import { sourceOf } from '../../server/esm/reader.ts'
import { linux, secureLinux, shell, until } from './guest.ts'

const disk = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 7 + (i >> 9)) & 0xff)
const drives = [{ content: sourceOf(disk), serial: 'sample' }]
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const dmaRefusals = (machine: Machine) => machine.trace.of('refusal').filter(({ rule }) => rule.startsWith('DMA-'))

async function useDisk(machine: Machine): Promise<void> {
  await until(machine, '@@READY@@')
  expect(await shell(machine, 'sha256sum /dev/vda')).toContain(sha256(disk))
  expect(await shell(machine, 'cat /sys/block/vda/serial')).toContain('sample')
  const before = sha256(disk)
  await shell(machine, 'dd if=/bin/busybox of=/dev/vda bs=4096 count=32 seek=64 conv=fsync')
  const written = await shell(machine, 'dd if=/dev/vda bs=4096 count=32 skip=64 | cmp - /bin/busybox 2>&1')
  expect(written).toContain('EOF on -')
  // What the guest wrote is the machine's own, and not in a cache of the kernel only.
  const [device] = machine.platform.bridge.functions
  const { drive } = (device as VirtioFunction).device as BlockDevice
  expect(String.fromCharCode(...drive.read(64 * 4096 + 1, 3))).toBe('ELF')
  expect(sha256(disk)).toBe(before)
  expect(await shell(machine, 'cat /proc/interrupts')).toMatch(/[1-9]\d*\s+XICS\s+\d+\s+\w+\s+virtio0/)
}

test('a normal VM reads and writes a disk', { timeout: 180_000 }, async () => {
  const machine = linux('console=hvc0', { drives })
  await useDisk(machine)
  expect(dmaRefusals(machine)).toEqual([])
})

test('a secure VM does with bounce buffers', { timeout: 180_000 }, async () => {
  const machine = await secureLinux('console=hvc0 svm=on swiotlb=4096,force', { drives })
  await useDisk(machine)
  expect(machine.vmState).toBe('secure')
  expect(dmaRefusals(machine)).toEqual([])
})

test('without them its devices are handed secure memory, and it is said why they do nothing', {
  timeout: 180_000,
}, async () => {
  const machine = await secureLinux('console=hvc0 svm=on', { drives })
  const end = machine.clock.instructions + 200_000_000
  while (dmaRefusals(machine).length === 0 && machine.clock.instructions < end) {
    if (machine.advance(200_000).kind === 'end') throw new Error(machine.end?.reason)
    if (machine.inGuest) await new Promise((done) => setImmediate(done))
  }
  expect(dmaRefusals(machine)[0]).toMatchObject({
    rule: 'DMA-001',
    expected: expect.stringContaining('swiotlb=force'),
    found: expect.stringMatching(
      /^virtio-blk in slot 0, queue 0, to read \d+ bytes at gpa 0x[0-9a-f]+, whose content is in secure memory$/,
    ),
  })
})
