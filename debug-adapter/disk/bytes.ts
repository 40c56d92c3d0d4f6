/** Looking into disks: every read says what it wanted where there is nothing. */
import type { ByteSource } from '../../server/esm/reader.ts'

/** A disk that cannot be read, or holds what is not understood: says what was found and what would be right. */
export class DiskError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DiskError'
  }
}

/** A part of a disk. */
export function window(source: ByteSource, start: number, length: number): ByteSource {
  return {
    length,
    slice: (from, to) => source.slice(start + Math.max(0, from), start + Math.min(to, length)),
  }
}

/** Exactly these bytes. @throws DiskError where the disk ends before */
export function bytesAt(source: ByteSource, start: number, length: number, what: string): DataView {
  const bytes = start < 0 || length < 0 ? new Uint8Array(0) : source.slice(start, start + length)
  if (bytes.length !== length || start < 0)
    throw new DiskError(`${what} at byte ${start} is outside of the disk (${source.length} bytes): cut off or damaged`)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
