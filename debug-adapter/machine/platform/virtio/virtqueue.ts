import type { GuestMemory } from '../guest-memory.ts'

/** Flags of a descriptor (virtio 1.2, 2.7.5). */
const DESCRIPTOR = { next: 1, write: 2, indirect: 4 } as const
const DESCRIPTOR_BYTES = 16
/** In the available ring: the driver wants no interrupts (virtio 1.2, 2.7.6). */
const NO_INTERRUPT = 1
export const QUEUE_SIZE = 128
/** Longest chain, in bytes of one direction: what a request of any driver stays far below. */
const MAX_CHAIN_BYTES = 16 << 20

/** Memory as a device reaches it: bus addresses. */
export type DmaMemory = Pick<GuestMemory, 'read' | 'write'>

/** A driver that does not keep to the protocol; the device stops until it is reset. */
export class VirtioError extends Error {}

interface Piece {
  readonly address: bigint
  readonly length: number
}

/** One request of the driver: what the device reads, and what it may write. */
export interface Chain {
  readonly head: number
  readonly readable: readonly Piece[]
  readonly writable: readonly Piece[]
}

/** A split virtqueue (virtio 1.2, 2.7), the device's side. */
export class Virtqueue {
  size = QUEUE_SIZE
  enabled = false
  /** Bus addresses of descriptor table, available ring and used ring. */
  descriptors = 0n
  available = 0n
  used = 0n
  private seen = 0
  private done = 0

  reset(): void {
    this.size = QUEUE_SIZE
    this.enabled = false
    this.descriptors = this.available = this.used = 0n
    this.seen = this.done = 0
  }

  /**
   * The next request that is not answered yet.
   * @throws VirtioError for a chain that is none @throws RefusalError where the device cannot reach it
   */
  next(memory: DmaMemory): Chain | undefined {
    const index = u16(memory.read(this.available + 2n, 2))
    if (index === this.seen) return undefined
    const slot = BigInt(this.seen % this.size)
    const head = u16(memory.read(this.available + 4n + 2n * slot, 2))
    this.seen = (this.seen + 1) & 0xffff
    return this.#chain(memory, head)
  }

  #chain(memory: DmaMemory, head: number): Chain {
    const readable: Piece[] = []
    const writable: Piece[] = []
    let table = { start: this.descriptors, entries: this.size, indirect: false }
    let total = 0
    let steps = 0
    for (let index = head; ; ) {
      if (index >= table.entries) throw new VirtioError(`descriptor ${index} of ${table.entries}`)
      if (++steps > table.entries) throw new VirtioError(`a chain from descriptor ${head} that does not end`)
      const bytes = memory.read(table.start + BigInt(index * DESCRIPTOR_BYTES), DESCRIPTOR_BYTES)
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      const [address, length, flags] = [view.getBigUint64(0, true), view.getUint32(8, true), view.getUint16(12, true)]
      if ((flags & DESCRIPTOR.indirect) !== 0) {
        const entries = length / DESCRIPTOR_BYTES
        if (table.indirect || (flags & DESCRIPTOR.next) !== 0 || !Number.isInteger(entries) || entries > this.size)
          throw new VirtioError(`an indirect descriptor of ${length} bytes`)
        table = { start: address, entries, indirect: true }
        index = 0
        steps = 0
        continue
      }
      total += length
      if (total > MAX_CHAIN_BYTES) throw new VirtioError(`a request of more than ${MAX_CHAIN_BYTES} bytes`)
      if ((flags & DESCRIPTOR.write) !== 0) writable.push({ address, length })
      else if (writable.length === 0) readable.push({ address, length })
      else throw new VirtioError('a piece to read behind one to write')
      if ((flags & DESCRIPTOR.next) === 0) return { head, readable, writable }
      index = view.getUint16(14, true)
    }
  }

  /** The device is done with a chain. @param written bytes that it wrote @returns whether the driver wants an interrupt */
  finish(memory: DmaMemory, { head }: Chain, written: number): boolean {
    const entry = new Uint8Array(8)
    const view = new DataView(entry.buffer)
    view.setUint32(0, head, true)
    view.setUint32(4, written, true)
    memory.write(this.used + 4n + 8n * BigInt(this.done % this.size), entry)
    this.done = (this.done + 1) & 0xffff
    memory.write(this.used + 2n, Uint8Array.of(this.done & 0xff, this.done >> 8))
    return (u16(memory.read(this.available, 2)) & NO_INTERRUPT) === 0
  }
}

const u16 = (bytes: Uint8Array): number => bytes[0]! | (bytes[1]! << 8)

/** All bytes of some pieces, one behind the other. */
export function gather(memory: DmaMemory, pieces: readonly Piece[]): Uint8Array {
  const out = new Uint8Array(lengthOf(pieces))
  let at = 0
  for (const { address, length } of pieces) {
    out.set(memory.read(address, length), at)
    at += length
  }
  return out
}

/** Writes bytes over some pieces, as far as both reach. @returns how many bytes */
export function scatter(memory: DmaMemory, pieces: readonly Piece[], bytes: Uint8Array): number {
  let at = 0
  for (const { address, length } of pieces) {
    if (at >= bytes.length) break
    memory.write(address, bytes.subarray(at, at + length))
    at = Math.min(bytes.length, at + length)
  }
  return at
}

export function lengthOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0)
}
