import { type Refusal, RefusalError } from '../../refusal.ts'
import type { Trace } from '../../trace/trace.ts'
import type { GuestMemory } from '../guest-memory.ts'
import { BAR_BYTES, BAR_OFFSET, type PciIdentity } from '../pci/addresses.ts'
import type { PciFunction, PciHostBridge } from '../pci/host-bridge.ts'
import { type Chain, type DmaMemory, lengthOf, scatter, VirtioError, Virtqueue } from './virtqueue.ts'

/** Feature bits of every device (virtio 1.2, 6). */
const FEATURE = { indirect: 1n << 28n, version1: 1n << 32n, accessPlatform: 1n << 33n } as const
const STATUS = { featuresOk: 8, needsReset: 0x40 } as const
/** Parts of BAR 4; what the driver learns from the capabilities. */
const REGION = { common: 0, isr: 0x1000, device: 0x2000, notify: 0x3000 } as const
const REGION_BYTES = 0x1000
const NOTIFY_MULTIPLIER = 4
const ISR_QUEUE = 1

/** What distinguishes one kind of device from another. */
export interface VirtioDevice {
  readonly identity: PciIdentity
  /** Feature bits of its own kind. */
  readonly features: bigint
  readonly queues: number
  /** Its configuration, as the driver reads it; little-endian. */
  readonly config: Uint8Array
  /** A queue whose buffers wait until the device has something to give ({@link VirtioFunction.give}). */
  readonly waiting?: number
  /** Is told where it is plugged in. */
  attached?(port: VirtioFunction): void
  /** Does what a request asks for. @returns how many bytes it wrote @throws VirtioError for a request that is none */
  handle(queue: number, chain: Chain, memory: DmaMemory): number
}

/** A virtio 1.x device behind a PCI function: virtio 1.2, 4.1. It has level interrupts. */
export class VirtioFunction implements PciFunction {
  private readonly space = new Uint8Array(256)
  private readonly queues: Virtqueue[]
  private features = 0n
  private deviceSelect = 0
  private driverSelect = 0
  private queueSelect = 0
  private status = 0
  private interruptStatus = 0

  /** @param memory the guest's as devices reach it, by guest physical address */
  constructor(
    readonly device: VirtioDevice,
    readonly slot: number,
    readonly bridge: PciHostBridge,
    readonly memory: GuestMemory,
    readonly trace: Trace,
  ) {
    this.queues = Array.from({ length: device.queues }, () => new Virtqueue())
    this.#layOut()
    device.attached?.(this)
  }

  #layOut(): void {
    const { identity } = this.device
    const view = this.#view
    const vendorSpecific = (at: number, next: number, bytes: number, type: number, offset: number) => {
      this.space.set([9, next, bytes, type, BAR], at)
      view.setUint32(at + 8, offset, true)
      view.setUint32(at + 12, REGION_BYTES, true)
    }
    view.setUint16(0, identity.vendor, true)
    view.setUint16(2, identity.device, true)
    view.setUint16(6, HAS_CAPABILITIES, true)
    view.setUint32(8, (identity.classCode << 8) | 1, true)
    view.setUint16(0x2c, identity.vendor, true)
    view.setUint16(0x2e, identity.device, true)
    this.space[0x34] = 0x40
    this.space[0x3d] = 1
    vendorSpecific(0x40, 0x50, 16, 1, REGION.common)
    vendorSpecific(0x50, 0x64, 20, 2, REGION.notify)
    view.setUint32(0x60, NOTIFY_MULTIPLIER, true)
    vendorSpecific(0x64, 0x74, 16, 3, REGION.isr)
    vendorSpecific(0x74, 0, 16, 4, REGION.device)
    view.setUint32(BAR_OFFSET, BAR_TYPE, true)
  }

  get #view(): DataView {
    return new DataView(this.space.buffer)
  }

  readConfig(offset: number, size: number): number {
    if (offset + size > this.space.length) return 0
    const view = this.#view
    return size === 4 ? view.getUint32(offset, true) : size === 2 ? view.getUint16(offset, true) : view.getUint8(offset)
  }

  writeConfig(offset: number, size: number, value: number): void {
    for (let i = 0; i < size; i++) {
      const at = offset + i
      const byte = (value >>> (8 * i)) & 0xff
      if (at === COMMAND || at === COMMAND + 1 || at === INTERRUPT_LINE) this.space[at] = byte
      // The low bits of a base address say what it is, and how much it covers by not being there.
      else if (at >= BAR_OFFSET && at < BAR_OFFSET + 8) this.space[at] = byte
    }
    const view = this.#view
    view.setUint32(BAR_OFFSET, (view.getUint32(BAR_OFFSET, true) & -BAR_BYTES) | BAR_TYPE, true)
  }

  get registers(): { readonly start: bigint; readonly bytes: number } | undefined {
    if ((this.space[COMMAND]! & COMMAND_MEMORY) === 0) return undefined
    return { start: this.#view.getBigUint64(BAR_OFFSET, true) & BigInt(-BAR_BYTES), bytes: BAR_BYTES }
  }

  read(offset: number, size: number): bigint {
    const inside = offset % REGION_BYTES
    switch (offset - inside) {
      case REGION.common:
        return this.#readCommon(inside)
      case REGION.isr: {
        const isr = this.interruptStatus
        this.#interrupt(0)
        return BigInt(isr)
      }
      case REGION.device: {
        let value = 0n
        for (let i = 0; i < size; i++) value |= BigInt(this.device.config[inside + i] ?? 0) << BigInt(8 * i)
        return value
      }
      default:
        return 0n
    }
  }

  write(offset: number, size: number, value: bigint): void {
    const inside = offset % REGION_BYTES
    const region = offset - inside
    if (region === REGION.common) this.#writeCommon(inside, size, value)
    else if (region === REGION.notify) this.#notified(inside / NOTIFY_MULTIPLIER)
  }

  get #offered(): bigint {
    return this.device.features | FEATURE.indirect | FEATURE.version1 | FEATURE.accessPlatform
  }

  get #queue(): Virtqueue | undefined {
    return this.queues[this.queueSelect]
  }

  /** Registers of the common configuration (virtio 1.2, 4.1.4.3), by offset. */
  #readCommon(offset: number): bigint {
    const queue = this.#queue
    switch (offset) {
      case 0x00:
        return BigInt(this.deviceSelect)
      case 0x04:
        return half(this.#offered, this.deviceSelect)
      case 0x08:
        return BigInt(this.driverSelect)
      case 0x0c:
        return half(this.features, this.driverSelect)
      case 0x10:
      case 0x1a:
        return NO_VECTOR
      case 0x12:
        return BigInt(this.queues.length)
      case 0x14:
        return BigInt(this.status)
      case 0x16:
        return BigInt(this.queueSelect)
      case 0x18:
        return BigInt(queue?.size ?? 0)
      case 0x1c:
        return queue?.enabled ? 1n : 0n
      case 0x1e:
        return BigInt(this.queueSelect)
    }
    const field = RING_FIELDS[(offset - 0x20) >> 3]
    return field && queue ? half(queue[field], (offset >> 2) & 1) : 0n
  }

  #writeCommon(offset: number, size: number, value: bigint): void {
    const queue = this.#queue
    const number = Number(value & 0xffff_ffffn)
    switch (offset) {
      case 0x00:
        this.deviceSelect = number
        return
      case 0x08:
        this.driverSelect = number
        return
      case 0x0c:
        if (this.driverSelect < 2) this.features = withHalf(this.features, this.driverSelect, value)
        return
      case 0x14:
        return this.#setStatus(number & 0xff)
      case 0x16:
        this.queueSelect = number & 0xffff
        return
    }
    if (!queue) return
    if (offset === 0x18 && isPowerOfTwo(number) && number <= queue.size) queue.size = number
    else if (offset === 0x1c) queue.enabled = number === 1
    const field = RING_FIELDS[(offset - 0x20) >> 3]
    if (field) queue[field] = size === 8 ? value : withHalf(queue[field], (offset >> 2) & 1, value)
  }

  #setStatus(status: number): void {
    if (status === 0) {
      this.status = 0
      this.features = 0n
      for (const queue of this.queues) queue.reset()
      return this.#interrupt(0)
    }
    // A driver that does without the IOMMU, or of before version 1, is not one for this device.
    const needed = FEATURE.version1 | FEATURE.accessPlatform
    const acceptable = (this.features & ~this.#offered) === 0n && (this.features & needed) === needed
    this.status = acceptable ? status : status & ~STATUS.featuresOk
  }

  #interrupt(isr: number): void {
    this.interruptStatus = isr
    this.bridge.setInterrupt(this.slot, isr !== 0)
  }

  #notified(index: number): void {
    if (index === this.device.waiting) return
    this.#work(index, (queue, memory) => {
      let wanted = false
      for (let chain = queue.next(memory); chain; chain = queue.next(memory))
        wanted = queue.finish(memory, chain, this.device.handle(index, chain, memory)) || wanted
      return wanted
    })
  }

  /** Puts bytes into the next buffer that the driver left in a queue; without one they are lost. */
  give(index: number, bytes: Uint8Array): void {
    this.#work(index, (queue, memory) => {
      const chain = queue.next(memory)
      if (!chain) return false
      const room = lengthOf(chain.writable)
      if (room < bytes.length) throw new VirtioError(`a buffer of ${room} bytes for ${bytes.length}`)
      return queue.finish(memory, chain, scatter(memory, chain.writable, bytes))
    })
  }

  /** @param work on a queue that is switched on; says whether the driver wants an interrupt */
  #work(index: number, work: (queue: Virtqueue, memory: DmaMemory) => boolean): void {
    const queue = this.queues[index]
    if (!queue?.enabled || (this.status & STATUS.needsReset) !== 0) return
    try {
      if (work(queue, this.#dma(index))) this.#interrupt(this.interruptStatus | ISR_QUEUE)
    } catch (error) {
      if (error instanceof RefusalError) this.#refused(error.refusal)
      else if (error instanceof VirtioError)
        this.#refused({
          rule: 'VIRTIO-001',
          expected: 'a request as virtio 1.x has it',
          found: `${this.#name}, queue ${index}: ${error.message}`,
          source: 'virtio 1.2, 2.7',
        })
      else throw error
    }
  }

  /** The device goes no further until its driver resets it (virtio 1.2, 2.1.2). */
  #refused(refusal: Refusal): void {
    this.trace.add({ type: 'refusal', by: 'hypervisor', ...refusal })
    this.status |= STATUS.needsReset
  }

  get #name(): string {
    return `${this.device.identity.name} in slot ${this.slot}`
  }

  /** Memory as this device reaches it: through the IOMMU, and never what is in secure memory. */
  #dma(queue: number): DmaMemory {
    const each = (
      access: 'read' | 'write',
      bus: bigint,
      length: number,
      visit: (gpa: bigint, at: number, length: number) => void,
    ) => {
      let at = 0
      for (const piece of this.bridge.windows.translate(bus, length, access)) {
        try {
          visit(piece.gpa, at, piece.length)
        } catch (error) {
          if (!(error instanceof RefusalError) || error.refusal.rule !== 'MEM-003') throw error
          throw new RefusalError({
            rule: 'DMA-001',
            expected:
              'a page that the VM shares (UV_SHARE_PAGE); Linux hands its devices shared pages only with swiotlb=force on its command line',
            found: `${this.#name}, queue ${queue}, to ${access} ${length} bytes at gpa 0x${piece.gpa.toString(16)}, whose content is in secure memory`,
            source: 'spec/pseries.md §6.4',
          })
        }
        at += piece.length
      }
    }
    return {
      read: (bus, length) => {
        const out = new Uint8Array(length)
        each('read', bus, length, (gpa, at, size) => out.set(this.memory.read(gpa, size), at))
        return out
      },
      write: (bus, bytes) =>
        each('write', bus, bytes.length, (gpa, at, size) => this.memory.write(gpa, bytes.subarray(at, at + size))),
    }
  }
}

const BAR = 4
/** 64 bits, prefetchable. */
const BAR_TYPE = 0xc
const COMMAND = 4
const COMMAND_MEMORY = 2
const INTERRUPT_LINE = 0x3c
const HAS_CAPABILITIES = 0x10
const NO_VECTOR = 0xffffn
const RING_FIELDS = ['descriptors', 'available', 'used'] as const

const half = (value: bigint, which: number): bigint => (which > 1 ? 0n : (value >> BigInt(32 * which)) & 0xffff_ffffn)

function withHalf(value: bigint, which: number, part: bigint): bigint {
  const shift = BigInt(32 * which)
  return (value & ~(0xffff_ffffn << shift)) | ((part & 0xffff_ffffn) << shift)
}

const isPowerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0
