/** The driver's side of a virtio device, as a kernel has it, for tests of the device's. */

import { Clock } from '../../debug-adapter/machine/clock/clock.ts'
import { InterruptPresenter } from '../../debug-adapter/machine/platform/interrupts/presenter.ts'
import { DEFAULT_WINDOW } from '../../debug-adapter/machine/platform/pci/dma-windows.ts'
import { PciHostBridge } from '../../debug-adapter/machine/platform/pci/host-bridge.ts'
import { type VirtioDevice, VirtioFunction } from '../../debug-adapter/machine/platform/virtio/virtio-function.ts'
import { Trace } from '../../debug-adapter/machine/trace/trace.ts'
import { MiB, TestMemory } from './guest.ts'

export const BAR = 0x2100_0000_0000n
const [TABLE, AVAILABLE, USED] = [0x1000, 0x2000, 0x3000]
/** Bus address 0x10_0000 + n is guest address n. */
export const BUS = 0x10_0000n

export interface Part {
  readonly at: number
  readonly length: number
  readonly write?: boolean
}

export class Driver {
  readonly presenter = new InterruptPresenter()
  readonly bridge = new PciHostBridge(this.presenter)
  readonly trace = new Trace(new Clock())
  readonly device: VirtioFunction
  private offered = 0
  private queue = 0

  constructor(
    device: VirtioDevice,
    readonly memory = new TestMemory(MiB),
  ) {
    this.device = new VirtioFunction(device, 0, this.bridge, memory, this.trace)
    this.bridge.functions.push(this.device)
    for (let page = 0; page < 256; page++)
      this.bridge.windows.put(BigInt(DEFAULT_WINDOW.liobn), BUS + BigInt(page * 4096), BigInt(page * 4096) | 3n)
    this.device.writeConfig(0x20, 4, Number(BAR & 0xffff_ffffn))
    this.device.writeConfig(0x24, 4, Number(BAR >> 32n))
    this.device.writeConfig(4, 2, 6)
  }

  read(offset: number, size = 4): number {
    return Number(this.bridge.read(BAR + BigInt(offset), size))
  }

  write(offset: number, value: number, size = 4): void {
    this.bridge.write(BAR + BigInt(offset), size, BigInt(value))
  }

  /** Resets the device and takes features of it. @returns whether it agreed */
  negotiate(features: bigint): boolean {
    this.write(0x14, 0, 1)
    this.write(0x14, 3, 1)
    for (const which of [0, 1]) {
      this.write(8, which)
      this.write(12, Number((features >> BigInt(32 * which)) & 0xffff_ffffn))
    }
    this.write(0x14, 0xb, 1)
    return (this.read(0x14, 1) & 8) !== 0
  }

  /** Negotiates what every device has, and switches one queue on. */
  start(queue = 0): void {
    this.queue = queue
    this.offered = 0
    this.negotiate((1n << 28n) | (1n << 32n) | (1n << 33n))
    this.write(0x16, queue, 2)
    for (const [at, where] of [
      [0x20, TABLE],
      [0x28, AVAILABLE],
      [0x30, USED],
    ] as const) {
      this.write(at, where + Number(BUS))
      this.write(at + 4, 0)
    }
    this.write(0x1c, 1, 2)
    this.write(0x14, 0xf, 1)
  }

  /** Offers one request and rings. @returns bytes that the device wrote, or undefined where it did not answer */
  request(parts: readonly Part[]): number | undefined {
    this.table(TABLE, parts)
    return this.ring(0)
  }

  /** Descriptors for parts, linked one behind the other. */
  table(at: number, parts: readonly Part[]): void {
    const view = new DataView(this.memory.data.buffer)
    for (const [i, part] of parts.entries()) {
      const entry = at + i * 16
      view.setBigUint64(entry, BUS + BigInt(part.at), true)
      view.setUint32(entry + 8, part.length, true)
      view.setUint16(entry + 12, (part.write ? 2 : 0) | (i + 1 < parts.length ? 1 : 0), true)
      view.setUint16(entry + 14, i + 1, true)
    }
  }

  /** Offers the chain from a descriptor on. */
  ring(head: number): number | undefined {
    const view = new DataView(this.memory.data.buffer)
    view.setUint16(AVAILABLE + 4 + 2 * (this.offered % 128), head, true)
    const slot = this.offered++
    view.setUint16(AVAILABLE + 2, this.offered & 0xffff, true)
    this.write(0x3000 + 4 * this.queue, 0, 2)
    return view.getUint16(USED + 2, true) === (this.offered & 0xffff)
      ? view.getUint32(USED + 4 + 8 * (slot % 128) + 4, true)
      : undefined
  }

  get rules(): string[] {
    return this.trace.of('refusal').map(({ rule }) => rule)
  }
}
