/** Writes the smallest static ELF file for ppc64le or ppc64 that Linux, or QEMU's user mode, starts. */
export interface Segment {
  readonly address: number
  readonly bytes: Uint8Array
  readonly flags: 'rwx' | 'rw' | 'rx'
}

const HEADER = 64
const PROGRAM_HEADER = 56
const PAGE = 0x1_0000
const FLAGS = { rwx: 7, rw: 6, rx: 5 } as const

/** @param entry address of the first instruction (ELFv2: no function descriptor) */
export function writeElf(entry: number, segments: readonly Segment[], littleEndian = true): Uint8Array {
  const offsets: number[] = []
  let size = HEADER + PROGRAM_HEADER * segments.length
  for (const { address, bytes } of segments) {
    // File offset and address must agree modulo the page size.
    size = Math.ceil(size / PAGE) * PAGE + (address % PAGE)
    offsets.push(size)
    size += bytes.length
  }
  const file = new Uint8Array(size)
  const data = new DataView(file.buffer)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, littleEndian ? 1 : 2, 1])
  data.setUint16(16, 2, littleEndian) // ET_EXEC
  data.setUint16(18, 21, littleEndian) // EM_PPC64
  data.setUint32(20, 1, littleEndian)
  data.setBigUint64(24, BigInt(entry), littleEndian)
  data.setBigUint64(32, BigInt(HEADER), littleEndian)
  data.setUint32(48, 2, littleEndian) // ELFv2
  data.setUint16(52, HEADER, littleEndian)
  data.setUint16(54, PROGRAM_HEADER, littleEndian)
  data.setUint16(56, segments.length, littleEndian)
  data.setUint16(58, 64, littleEndian)
  for (const [i, { address, bytes, flags }] of segments.entries()) {
    const at = HEADER + PROGRAM_HEADER * i
    data.setUint32(at, 1, littleEndian)
    data.setUint32(at + 4, FLAGS[flags], littleEndian)
    data.setBigUint64(at + 8, BigInt(offsets[i]!), littleEndian)
    data.setBigUint64(at + 16, BigInt(address), littleEndian)
    data.setBigUint64(at + 24, BigInt(address), littleEndian)
    data.setBigUint64(at + 32, BigInt(bytes.length), littleEndian)
    data.setBigUint64(at + 40, BigInt(bytes.length), littleEndian)
    data.setBigUint64(at + 48, BigInt(PAGE), littleEndian)
    file.set(bytes, offsets[i]!)
  }
  return file
}
