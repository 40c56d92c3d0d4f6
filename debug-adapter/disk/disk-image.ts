/** Disk images as users have them: raw or qcow2, opened for reading only. */
import type { ByteSource } from '../../server/esm/reader.ts'
import { DiskError } from './bytes.ts'
import { openQcow2, type Qcow2Access } from './qcow2.ts'

export interface DiskImage extends ByteSource {
  readonly format: 'raw' | 'qcow2'
}

const QCOW2_MAGIC = 0x514649fb

/** @throws DiskError where it is a disk image of another kind, or damaged */
export function openDisk(file: ByteSource, access: Qcow2Access): DiskImage {
  const head = file.slice(0, 16)
  const magic = head.length < 4 ? 0 : new DataView(head.buffer, head.byteOffset).getUint32(0)
  if (magic === QCOW2_MAGIC) return openQcow2(file, access)
  const text = String.fromCharCode(...head)
  const other = OTHERS.find(([start]) => text.startsWith(start))
  if (other)
    throw new DiskError(`${other[1]}: expected a raw or qcow2 image, such as \`qemu-img convert -O qcow2\` makes of it`)
  return { format: 'raw', length: file.length, slice: (start, end) => file.slice(start, end) }
}

const OTHERS: readonly (readonly [string, string])[] = [
  ['KDMV', 'a VMDK image'],
  ['# Disk Descri', 'a VMDK descriptor'],
  ['<<< ', 'a VDI image'],
  ['vhdxfile', 'a VHDX image'],
  ['conectix', 'a VHD image'],
  ['\x1f\x8b', 'a file compressed with gzip'],
  ['\xfd7zXZ', 'a file compressed with xz'],
  ['(\xb5/\xfd', 'a file compressed with zstd'],
]
