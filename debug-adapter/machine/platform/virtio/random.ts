import type { RandomSource } from '../../../../server/esm/crypto/provider.ts'
import type { VirtioDevice } from './virtio-function.ts'
import { type Chain, type DmaMemory, lengthOf, scatter } from './virtqueue.ts'

export const RANDOM_IDENTITY = { name: 'virtio-rng', vendor: 0x1af4, device: 0x1044, classCode: 0xff_0000 } as const
/** Bytes that one request gets at most; the driver asks again. */
const MOST_BYTES = 4096

/** virtio-rng: random bytes from the machine's own source, so that a run can be repeated (virtio 1.2, 5.4). */
export class RandomDevice implements VirtioDevice {
  readonly identity = RANDOM_IDENTITY
  readonly features = 0n
  readonly queues = 1
  readonly config = new Uint8Array(0)

  constructor(readonly random: RandomSource) {}

  handle(_queue: number, { writable }: Chain, memory: DmaMemory): number {
    return scatter(memory, writable, this.random(Math.min(MOST_BYTES, lengthOf(writable))))
  }
}
