/** qcow2 images, versions 2 and 3 (QEMU, docs/interop/qcow2.txt): read only, with backing files and compressed clusters. */
import type { ByteSource } from '../../server/esm/reader.ts'
import { bytesAt, DiskError } from './bytes.ts'

export interface Qcow2Access {
  /** Opens the disk that an image is based on; the name is the image's own, relative to its folder. */
  backing(name: string): ByteSource
  /** Unpacks raw deflate, with anything behind it; `size` bytes come out. @throws where it is damaged */
  inflate(bytes: Uint8Array, size: number): Uint8Array
}

const OFFSET = 0x00ff_ffff_ffff_fe00n
const COMPRESSED = 1n << 62n
const ZERO = 1n
const SECTOR = 512
const [DIRTY, CORRUPT, EXTERNAL, COMPRESSION_TYPE] = [1n, 2n, 4n, 8n]
const MAX_L1_BYTES = 32 << 20

/** @throws DiskError where it needs what is not supported, or is damaged */
export function openQcow2(file: ByteSource, access: Qcow2Access): ByteSource & { readonly format: 'qcow2' } {
  const header = bytesAt(file, 0, 72, 'the header')
  const version = header.getUint32(4)
  if (version !== 2 && version !== 3) throw new DiskError(`qcow2 version ${version}: expected 2 or 3`)
  const clusterBits = header.getUint32(20)
  if (clusterBits < 9 || clusterBits > 21)
    throw new DiskError(`clusters of 2^${clusterBits} bytes: expected 2^9 to 2^21`)
  if (header.getUint32(32) !== 0) throw new DiskError('an encrypted qcow2 image: decrypt it first')
  if (version === 3) checkFeatures(file)
  const clusterBytes = 1 << clusterBits
  const length = Number(header.getBigUint64(24))
  const l1Entries = header.getUint32(36)
  const l2Entries = clusterBytes / 8
  if (!Number.isSafeInteger(length) || l1Entries * 8 > MAX_L1_BYTES || l1Entries * l2Entries * clusterBytes < length)
    throw new DiskError(`a first table of ${l1Entries} entries for a disk of ${length} bytes: damaged`)
  const l1 = bytesAt(file, Number(header.getBigUint64(40)), l1Entries * 8, 'the first table')
  const base = openBacking(file, header, access)
  const tables = new Map<number, DataView | undefined>()

  const secondTable = (index: number): DataView | undefined => {
    if (!tables.has(index)) {
      const offset = l1.getBigUint64(index * 8) & OFFSET
      tables.set(index, offset === 0n ? undefined : bytesAt(file, Number(offset), clusterBytes, 'a second table'))
    }
    return tables.get(index)
  }
  const unpack = (entry: bigint): Uint8Array => {
    const offsetBits = BigInt(62 - (clusterBits - 8))
    const offset = Number(entry & ((1n << offsetBits) - 1n))
    const sectors = Number((entry & (COMPRESSED - 1n)) >> offsetBits) + 1
    const end = (Math.floor(offset / SECTOR) + sectors) * SECTOR
    try {
      return access.inflate(file.slice(offset, end), clusterBytes)
    } catch (error) {
      throw new DiskError(`the compressed cluster at byte ${offset} is damaged (${(error as Error).message})`)
    }
  }
  /** `start` to `end` lie in one cluster. */
  const read = (start: number, end: number): Uint8Array => {
    const cluster = Math.floor(start / clusterBytes)
    const inside = start % clusterBytes
    const entry = secondTable(Math.floor(cluster / l2Entries))?.getBigUint64((cluster % l2Entries) * 8) ?? 0n
    if ((entry & COMPRESSED) !== 0n) return unpack(entry).subarray(inside, inside + end - start)
    if (version === 3 && (entry & ZERO) !== 0n) return new Uint8Array(end - start)
    const offset = Number(entry & OFFSET)
    if (offset !== 0) {
      const { buffer, byteOffset } = bytesAt(file, offset + inside, end - start, 'a cluster')
      return new Uint8Array(buffer, byteOffset, end - start)
    }
    const out = new Uint8Array(end - start)
    if (base) out.set(base.slice(start, Math.min(end, base.length)))
    return out
  }
  return {
    format: 'qcow2',
    length,
    slice(start, end) {
      const stop = Math.min(end, length)
      const out = new Uint8Array(Math.max(0, stop - start))
      for (let at = start; at < stop; ) {
        const next = Math.min(stop, (Math.floor(at / clusterBytes) + 1) * clusterBytes)
        out.set(read(at, next), at - start)
        at = next
      }
      return out
    },
  }
}

function checkFeatures(file: ByteSource): void {
  const features = bytesAt(file, 72, 8, 'the features').getBigUint64(0)
  if ((features & CORRUPT) !== 0n)
    throw new DiskError('the image is marked as corrupt: mend it with `qemu-img check -r`')
  if ((features & EXTERNAL) !== 0n)
    throw new DiskError('the data is in another file: flatten it with `qemu-img convert`')
  if ((features & COMPRESSION_TYPE) !== 0n && bytesAt(file, 104, 1, 'the compression type').getUint8(0) !== 0)
    throw new DiskError('clusters compressed with zstd: expected deflate, as `qemu-img convert -c` makes by default')
  const unknown = features & ~(DIRTY | COMPRESSION_TYPE)
  if (unknown !== 0n) throw new DiskError(`features 0x${unknown.toString(16)} of the image are not supported`)
}

function openBacking(file: ByteSource, header: DataView, access: Qcow2Access): ByteSource | undefined {
  const offset = Number(header.getBigUint64(8))
  const length = header.getUint32(16)
  if (offset === 0 || length === 0) return undefined
  if (length > 1023) throw new DiskError(`a name of ${length} bytes for the file below: damaged`)
  const name = new TextDecoder().decode(bytesAt(file, offset, length, 'the name of the file below'))
  return access.backing(name)
}
