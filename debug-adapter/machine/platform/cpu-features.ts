/** What `ibm,pa-features` says of the processor (PAPR, ibm,pa-features; spec/pseries.md §4.8). */

/** Bytes of the attributes of a POWER9 in its native mode. */
const ATTRIBUTE_BYTES = 66

/** Byte, bits of it (IBM numbering: 0 is the most significant), and what they say. */
// biome-ignore format: a table
const FEATURES: readonly (readonly [byte: number, bits: readonly number[], what: string])[] = [
  [0, [0, 1, 3, 6], 'MMU, floating point, run latch, no-execute'],
  [5, [0, 1, 2, 3], 'little-endian, CFAR, event-based branches, load and store quadword'],
  [16, [0], 'vector (VMX)'],
  [18, [0], 'vector-scalar (VSX)'],
  [20, [0], 'vector logical operations of 2.07'],
  [26, [0], '64-bit'],
  [32, [0], 'little-endian atomic'],
  [34, [0, 1], 'event-based branch facility'],
  [40, [0], 'radix MMU'],
]

/**
 * Value of `ibm,pa-features`: size, type 0, then the attributes. Only what the guest decides by is said; there is no
 * transactional memory (byte 22) and no hash MMU to tell details of.
 */
export function paFeatures(): Uint8Array {
  const value = new Uint8Array(2 + ATTRIBUTE_BYTES)
  value[0] = ATTRIBUTE_BYTES
  for (const [byte, bits] of FEATURES) for (const bit of bits) value[2 + byte]! |= 0x80 >> bit
  return value
}

/** Bytes of `ibm,architecture-vec-5` that matter (spec/pseries.md §4.3). */
const VEC5_BYTES = 27
const VEC5 = { interruptMode: 23, mmu: 24, radixOptions: 26 } as const

/** What client-architecture-support would have negotiated: XICS, radix, TLB invalidation by the guest itself. */
export function architectureVector5(): Uint8Array {
  const value = new Uint8Array(VEC5_BYTES)
  // The first byte is the number of bytes behind it, less one (PAPR, option vectors).
  value[0] = VEC5_BYTES - 2
  value[VEC5.interruptMode] = 0x00
  value[VEC5.mmu] = 0x40
  value[VEC5.radixOptions] = 0x40
  return value
}
