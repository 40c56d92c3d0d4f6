/** Where the PCI host bridge is, for the device tree and for accesses (spec/pseries.md §7). */
export const PHB = {
  buid: 0x0800_0000_2000_0000n,
  /** Guest physical addresses; bus addresses are the same but for the 32-bit window. */
  io: { start: 0x2000_0000_0000n, bytes: 0x1_0000n },
  memory32: { start: 0x2000_8000_0000n, bus: 0x8000_0000n, bytes: 0x8000_0000n },
  memory64: { start: 0x2100_0000_0000n, bytes: 0x100_0000_0000n },
} as const

/** Bytes of a virtio function's registers: BAR 4. */
export const BAR_BYTES = 0x4000
export const BAR_OFFSET = 0x20

/** What the device tree says of one function. */
export interface PciIdentity {
  readonly name: string
  readonly vendor: number
  readonly device: number
  /** 24 bits. */
  readonly classCode: number
}

/** @returns the bus address behind a guest physical one; undefined where the bridge has no memory window */
export function busAddress(gpa: bigint): bigint | undefined {
  const { memory32, memory64 } = PHB
  if (gpa >= memory32.start && gpa < memory32.start + memory32.bytes) return gpa - memory32.start + memory32.bus
  return gpa >= memory64.start && gpa < memory64.start + memory64.bytes ? gpa : undefined
}
