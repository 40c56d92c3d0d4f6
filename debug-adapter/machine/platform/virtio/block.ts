import { Drive, type DriveConfig, SECTOR_BYTES } from './drive.ts'
import type { VirtioDevice } from './virtio-function.ts'
import { type Chain, type DmaMemory, gather, lengthOf, QUEUE_SIZE, scatter, VirtioError } from './virtqueue.ts'

/** Features, kinds of requests and answers of a block device (virtio 1.2, 5.2). */
const FEATURE = { segMax: 1n << 2n, readonly: 1n << 5n, blockSize: 1n << 6n, flush: 1n << 9n } as const
const REQUEST = { in: 0, out: 1, flush: 4, getId: 8 } as const
const ANSWER = { ok: 0, error: 1, unsupported: 2 } as const
const HEADER_BYTES = 16
const ID_BYTES = 20

export const BLOCK_IDENTITY = { name: 'virtio-blk', vendor: 0x1af4, device: 0x1042, classCode: 0x01_0000 } as const

/** virtio-blk: a disk. */
export class BlockDevice implements VirtioDevice {
  readonly identity = BLOCK_IDENTITY
  readonly queues = 1
  readonly config = new Uint8Array(0x24)
  readonly drive: Drive
  private readonly isReadonly: boolean
  private readonly serial: string

  constructor(config: DriveConfig) {
    this.drive = new Drive(config)
    this.isReadonly = config.readonly ?? false
    this.serial = config.serial ?? ''
    const view = new DataView(this.config.buffer)
    view.setBigUint64(0, BigInt(this.drive.sectors), true)
    // The header and the answer take two of a request's descriptors.
    view.setUint32(12, QUEUE_SIZE - 2, true)
    view.setUint32(20, SECTOR_BYTES, true)
  }

  get features(): bigint {
    return FEATURE.segMax | FEATURE.blockSize | FEATURE.flush | (this.isReadonly ? FEATURE.readonly : 0n)
  }

  handle(_queue: number, { readable, writable }: Chain, memory: DmaMemory): number {
    const room = lengthOf(writable)
    if (lengthOf(readable) < HEADER_BYTES || room < 1)
      throw new VirtioError(`a request of ${lengthOf(readable)} bytes with ${room} for the answer`)
    const request = gather(memory, readable)
    const view = new DataView(request.buffer)
    const start = Number(view.getBigUint64(8, true)) * SECTOR_BYTES
    const result = this.#perform(view.getUint32(0, true), start, request.subarray(HEADER_BYTES), room - 1)
    const answer = new Uint8Array(room)
    if (typeof result === 'number') answer[room - 1] = result
    else answer.set(result.subarray(0, room - 1))
    return scatter(memory, writable, answer)
  }

  /** @returns what is read, or how it ended */
  #perform(kind: number, start: number, data: Uint8Array, room: number): Uint8Array | number {
    try {
      switch (kind) {
        case REQUEST.in:
          return room % SECTOR_BYTES === 0 ? this.drive.read(start, room) : ANSWER.error
        case REQUEST.out:
          if (this.isReadonly || data.length % SECTOR_BYTES !== 0) return ANSWER.error
          this.drive.write(start, data)
          return ANSWER.ok
        case REQUEST.flush:
          return ANSWER.ok
        case REQUEST.getId:
          return new TextEncoder().encode(this.serial).subarray(0, ID_BYTES)
        default:
          return ANSWER.unsupported
      }
    } catch (error) {
      if (error instanceof RangeError) return ANSWER.error
      throw error
    }
  }
}
