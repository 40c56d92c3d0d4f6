/** Partition tables: MBR (with logical partitions) and GPT (UEFI 2.10, §5). */
import type { ByteSource } from '../../server/esm/reader.ts'
import { bytesAt, window } from './bytes.ts'

export interface Partition {
  /** From 1 on, as Linux counts; 0 for a disk without partitions. */
  readonly number: number
  /** Bytes. */
  readonly start: number
  readonly length: number
  /** What is in it, by its first bytes. */
  readonly holds: string
  readonly content: ByteSource
}

const SECTOR = 512
const EXTENDED = [0x05, 0x0f, 0x85]
const PROTECTIVE = 0xee
const MAX_LOGICAL = 64
const MAX_GPT_ENTRIES = 256

/** @throws DiskError where a table is cut off */
export function partitionsOf(disk: ByteSource): Partition[] {
  const part = (number: number, start: number, length: number): Partition => {
    const content = window(disk, start, length)
    return { number, start, length, holds: contentOf(content), content }
  }
  const whole = part(0, 0, disk.length)
  if (disk.length < SECTOR) return [whole]
  const mbr = bytesAt(disk, 0, SECTOR, 'the boot sector')
  if (whole.holds !== UNKNOWN || mbr.getUint16(510, true) !== 0xaa55) return [whole]
  const primary = mbrEntries(mbr)
  const extents = primary.some(({ type }) => type === PROTECTIVE)
    ? gptEntries(disk)
    : [...primary.filter(({ type }) => !EXTENDED.includes(type)), ...logicalEntries(disk, primary)]
  return extents
    .filter(({ start, length }) => length > 0 && start < disk.length)
    .map(({ number, start, length }) => part(number, start, Math.min(length, disk.length - start)))
}

interface Entry {
  readonly number: number
  readonly type: number
  readonly start: number
  readonly length: number
}

function mbrEntries(sector: DataView): Entry[] {
  return [0, 1, 2, 3]
    .map((i) => ({
      number: i + 1,
      type: sector.getUint8(446 + 16 * i + 4),
      start: sector.getUint32(446 + 16 * i + 8, true) * SECTOR,
      length: sector.getUint32(446 + 16 * i + 12, true) * SECTOR,
    }))
    .filter(({ type }) => type !== 0)
}

/** A chain of boot sectors: the first entry of each is a partition, the second leads on. */
function logicalEntries(disk: ByteSource, primary: readonly Entry[]): Entry[] {
  const extended = primary.find(({ type }) => EXTENDED.includes(type))
  const found: Entry[] = []
  let next = extended?.start
  while (extended && next !== undefined && found.length < MAX_LOGICAL) {
    const entries = mbrEntries(bytesAt(disk, next, SECTOR, 'the table of a logical partition'))
    const [own] = entries.filter(({ type }) => !EXTENDED.includes(type))
    if (own) found.push({ ...own, number: 5 + found.length, start: next + own.start })
    const link = entries.find(({ type }) => EXTENDED.includes(type))
    next = own && link ? extended.start + link.start : undefined
  }
  return found
}

function gptEntries(disk: ByteSource): Entry[] {
  const header = bytesAt(disk, SECTOR, 92, 'the GPT header')
  if (text(header, 0, 8) !== 'EFI PART') return []
  const at = Number(header.getBigUint64(72, true)) * SECTOR
  const count = Math.min(header.getUint32(80, true), MAX_GPT_ENTRIES)
  const size = header.getUint32(84, true)
  return Array.from({ length: count }, (_, i) => {
    const entry = bytesAt(disk, at + i * size, 48, 'an entry of the GPT')
    const [first, last] = [entry.getBigUint64(32, true), entry.getBigUint64(40, true)]
    const used = entry.getBigUint64(0) !== 0n || entry.getBigUint64(8) !== 0n
    const [start, length] = [Number(first) * SECTOR, used ? Number(last - first + 1n) * SECTOR : 0]
    return { number: i + 1, type: 0, start, length }
  })
}

const UNKNOWN = 'nothing known'
/** What ext4.ts reads. */
export const EXT = 'ext2, ext3 or ext4'

/** Where a kind of content has its mark: byte, text, name. */
const MARKS: readonly (readonly [number, string, string])[] = [
  [1080, '\x53\xef', EXT],
  [0, 'XFSB', 'XFS'],
  [0x10040, '_BHRfS_M', 'Btrfs'],
  [512, 'LABELONE', 'LVM'],
  [0, 'LUKS\xba\xbe', 'LUKS'],
  [4086, 'SWAPSPACE2', 'swap of 4 KiB pages'],
  [65526, 'SWAPSPACE2', 'swap of 64 KiB pages'],
  [0, '\x7fELF', 'a boot program (PReP)'],
  [82, 'FAT32', 'FAT'],
  [54, 'FAT', 'FAT'],
  [0x8001, 'CD001', 'ISO 9660'],
]

function contentOf(source: ByteSource): string {
  for (const [at, mark, name] of MARKS) {
    const bytes = source.slice(at, at + mark.length)
    if (String.fromCharCode(...bytes) === mark) return name
  }
  return UNKNOWN
}

function text(view: DataView, at: number, length: number): string {
  return Array.from({ length }, (_, i) => String.fromCharCode(view.getUint8(at + i))).join('')
}
