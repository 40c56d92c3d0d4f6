/** Two Linux kernels on one switch. */
import { expect, test } from 'vitest'
import { linux, shell, until } from './guest.ts'

test('two VMs ping each other, and the log has their frames', { timeout: 240_000 }, async () => {
  const machine = linux('console=hvc0', { virtualMachines: 2, memoryBytes: 128 << 20, network: true })
  await until(machine, '@@READY@@')
  const other = machine.hypervisor.vms.get(2)!.platform
  await until(machine, '@@READY@@', 0, other)
  await shell(machine, 'ifconfig eth0 10.0.2.1 up')
  await shell(machine, 'ifconfig eth0 10.0.2.2 up', other)
  expect(await shell(machine, 'ping -c 2 -W 2 10.0.2.2')).toContain('2 packets received, 0% packet loss')
  const capture = machine.network!.pcap()
  const view = new DataView(capture.buffer)
  expect(view.getUint32(0)).toBe(0xa1b2c3d4)
  const types = machine.network!.frames.map(({ bytes }) => (bytes[12]! << 8) | bytes[13]!)
  expect(types).toContain(0x0806)
  expect(types.filter((type) => type === 0x0800).length).toBeGreaterThanOrEqual(4)
})
