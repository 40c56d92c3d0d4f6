/** ext2, ext3 and ext4 file systems, read only (Linux, Documentation/filesystems/ext4). The journal is not replayed. */
import type { ByteSource } from '../../server/esm/reader.ts'
import { bytesAt, DiskError } from './bytes.ts'

const SUPERBLOCK = 1024
const ROOT_INODE = 2
const [DIRECTORY, LINK, FILE] = [0x4000, 0xa000, 0x8000]
const EXTENTS_FLAG = 0x80000
const INLINE_FLAG = 0x1000_0000
const ENCRYPTED_FLAG = 0x800
const EXTENT_MAGIC = 0xf30a
const UNWRITTEN = 0x8000
const MAX_DEPTH = 5
const MAX_LINKS = 16
/** A file in a boot folder is not larger. Bytes. */
const MAX_FILE_BYTES = 2 ** 30

/** Features that change how files are found: what is not here and not among the known is refused by its name. */
const FEATURE_NAMES: ReadonlyMap<number, string> = new Map([
  [0x1, 'compression'],
  [0x8, 'a journal device'],
  [0x10, 'meta_bg'],
  [0x8000, 'inline_data'],
])
const FEATURE_64BIT = 0x80
const KNOWN_FEATURES = 0x2 | 0x4 | 0x40 | FEATURE_64BIT | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x10000 | 0x20000

interface Inode {
  readonly kind: number
  readonly size: number
  readonly flags: number
  /** The 60 bytes that lead to the content. */
  readonly map: DataView
}

interface Run {
  readonly first: number
  readonly count: number
  /** Block on the disk; undefined for zeros. */
  readonly at: number | undefined
}

export class Ext4 {
  readonly label: string
  readonly #blockBytes: number
  readonly #inodesPerGroup: number
  readonly #inodeBytes: number
  readonly #groups: number
  readonly #groupBytes: number
  readonly #inodes: number

  /** @throws DiskError where it is no such file system, or one with a feature that is not supported */
  constructor(readonly source: ByteSource) {
    const sb = bytesAt(source, SUPERBLOCK, 1024, 'the superblock')
    if (sb.getUint16(56, true) !== 0xef53) throw new DiskError('no ext2, ext3 or ext4 file system')
    const features = sb.getUint32(76, true) === 0 ? 0 : sb.getUint32(96, true)
    const foreign = features & ~KNOWN_FEATURES
    if (foreign !== 0) {
      const names = [...FEATURE_NAMES].filter(([bit]) => (foreign & bit) !== 0).map(([, name]) => name)
      throw new DiskError(
        `an ext4 file system with ${names.join(', ') || `features 0x${foreign.toString(16)}`}: not supported`,
      )
    }
    const logBlock = sb.getUint32(24, true)
    if (logBlock > 6) throw new DiskError(`blocks of 2^${10 + logBlock} bytes: expected at most 64 KiB`)
    this.#blockBytes = 1024 << logBlock
    this.#inodes = sb.getUint32(0, true)
    this.#inodesPerGroup = sb.getUint32(40, true)
    this.#inodeBytes = sb.getUint32(76, true) === 0 ? 128 : sb.getUint16(88, true)
    this.#groupBytes = (features & FEATURE_64BIT) !== 0 ? Math.max(32, sb.getUint16(254, true)) : 32
    this.#groups = (sb.getUint32(20, true) + 1) * this.#blockBytes
    if (this.#inodesPerGroup === 0 || this.#inodeBytes < 128)
      throw new DiskError('a superblock without inodes: damaged')
    const label = new Uint8Array(sb.buffer, sb.byteOffset + 120, 16)
    this.label = new TextDecoder().decode(label).replace(/\0.*$/s, '')
  }

  /** Names in a folder; empty where there is no such folder. @throws DiskError where it is damaged */
  list(path: string): string[] {
    const inode = this.#find(path)
    return inode?.kind === DIRECTORY ? [...this.#entries(inode)].map(([name]) => name) : []
  }

  /** A whole file; undefined where there is none. Follows links. @throws DiskError where it is damaged or over 1 GiB */
  read(path: string): Uint8Array | undefined {
    const inode = this.#find(path)
    return inode?.kind === FILE ? this.#content(inode, path) : undefined
  }

  #find(path: string): Inode | undefined {
    let names = path.split('/').filter((name) => name !== '' && name !== '.')
    const folders: Inode[] = [this.#inode(ROOT_INODE)]
    let links = 0
    while (names.length > 0) {
      const [name, ...rest] = names as [string, ...string[]]
      const here = folders.at(-1)!
      names = rest
      if (name === '..') {
        if (folders.length > 1) folders.pop()
        continue
      }
      if (here.kind !== DIRECTORY) return undefined
      const number = [...this.#entries(here)].find(([entry]) => entry === name)?.[1]
      if (number === undefined) return undefined
      const inode = this.#inode(number)
      if (inode.kind !== LINK) {
        folders.push(inode)
        continue
      }
      if (++links > MAX_LINKS) throw new DiskError(`${path}: more than ${MAX_LINKS} links`)
      const target = this.#linkTarget(inode)
      if (target.startsWith('/')) folders.length = 1
      names = [...target.split('/').filter((part) => part !== '' && part !== '.'), ...names]
    }
    return folders.at(-1)
  }

  #linkTarget(inode: Inode): string {
    const bytes =
      inode.size < 60 && (inode.flags & EXTENTS_FLAG) === 0
        ? new Uint8Array(inode.map.buffer, inode.map.byteOffset, inode.size)
        : this.#content(inode, 'a link')
    return new TextDecoder().decode(bytes)
  }

  #inode(number: number): Inode {
    if (number < 1 || number > this.#inodes) throw new DiskError(`inode ${number} of ${this.#inodes}: damaged`)
    const group = Math.floor((number - 1) / this.#inodesPerGroup)
    const descriptor = bytesAt(this.source, this.#groups + group * this.#groupBytes, this.#groupBytes, 'a block group')
    const high = this.#groupBytes >= 64 ? descriptor.getUint32(40, true) : 0
    const table = (descriptor.getUint32(8, true) + high * 2 ** 32) * this.#blockBytes
    const at = table + ((number - 1) % this.#inodesPerGroup) * this.#inodeBytes
    const inode = bytesAt(this.source, at, 128, `inode ${number}`)
    return {
      kind: inode.getUint16(0, true) & 0xf000,
      size: inode.getUint32(4, true) + inode.getUint32(108, true) * 2 ** 32,
      flags: inode.getUint32(32, true),
      map: new DataView(inode.buffer, inode.byteOffset + 40, 60),
    }
  }

  #content(inode: Inode, what: string): Uint8Array {
    if (inode.size > MAX_FILE_BYTES) throw new DiskError(`${what}: ${inode.size} bytes, more than ${MAX_FILE_BYTES}`)
    if ((inode.flags & INLINE_FLAG) !== 0) throw new DiskError(`${what}: its content is inline, which is not supported`)
    if ((inode.flags & ENCRYPTED_FLAG) !== 0) throw new DiskError(`${what}: an encrypted file`)
    const out = new Uint8Array(inode.size)
    for (const { first, count, at } of this.#runs(inode)) {
      const start = first * this.#blockBytes
      const length = Math.min(count * this.#blockBytes, inode.size - start)
      if (at === undefined || length <= 0) continue
      const { buffer, byteOffset } = bytesAt(this.source, at * this.#blockBytes, length, what)
      out.set(new Uint8Array(buffer, byteOffset, length), start)
    }
    return out
  }

  *#entries(directory: Inode): Generator<readonly [name: string, inode: number]> {
    const bytes = this.#content(directory, 'a folder')
    const view = new DataView(bytes.buffer)
    for (let at = 0; at + 8 <= bytes.length; ) {
      const length = view.getUint16(at + 4, true)
      if (length < 8 || at + length > bytes.length)
        throw new DiskError(`an entry of ${length} bytes in a folder: damaged`)
      const inode = view.getUint32(at, true)
      const nameBytes = view.getUint8(at + 6)
      if (inode !== 0) yield [new TextDecoder().decode(bytes.subarray(at + 8, at + 8 + nameBytes)), inode]
      at += length
    }
  }

  *#runs(inode: Inode): Generator<Run> {
    if ((inode.flags & EXTENTS_FLAG) !== 0) yield* this.#extents(inode.map, 0)
    else yield* this.#blocks(inode)
  }

  *#extents(node: DataView, depth: number): Generator<Run> {
    if (node.getUint16(0, true) !== EXTENT_MAGIC || depth > MAX_DEPTH) throw new DiskError('a damaged tree of extents')
    const [entries, levels] = [node.getUint16(2, true), node.getUint16(6, true)]
    if (12 + entries * 12 > node.byteLength)
      throw new DiskError(`${entries} extents in ${node.byteLength} bytes: damaged`)
    for (let at = 12; at < 12 + entries * 12; at += 12) {
      if (levels > 0) {
        const child = node.getUint32(at + 4, true) + node.getUint16(at + 8, true) * 2 ** 32
        yield* this.#extents(bytesAt(this.source, child * this.#blockBytes, this.#blockBytes, 'extents'), depth + 1)
        continue
      }
      const length = node.getUint16(at + 4, true)
      const start = node.getUint32(at + 8, true) + node.getUint16(at + 6, true) * 2 ** 32
      const written = length <= UNWRITTEN
      const count = written ? length : length - UNWRITTEN
      yield { first: node.getUint32(at, true), count, at: written ? start : undefined }
    }
  }

  /** The map of ext2 and ext3: 12 blocks, then one, two and three levels of tables. */
  *#blocks({ map, size }: Inode): Generator<Run> {
    const total = Math.ceil(size / this.#blockBytes)
    const perTable = this.#blockBytes / 4
    let first = 0
    for (let i = 0; i < 15 && first < total; i++) {
      const level = Math.max(0, i - 11)
      const covers = perTable ** level
      yield* this.#indirect(map.getUint32(4 * i, true), level, first, total)
      first += covers
    }
  }

  *#indirect(block: number, level: number, first: number, total: number): Generator<Run> {
    if (block === 0 || first >= total) return
    if (level === 0) {
      yield { first, count: 1, at: block }
      return
    }
    const table = bytesAt(this.source, block * this.#blockBytes, this.#blockBytes, 'a table of blocks')
    const covers = (this.#blockBytes / 4) ** (level - 1)
    for (let i = 0; i < this.#blockBytes / 4 && first + i * covers < total; i++)
      yield* this.#indirect(table.getUint32(4 * i, true), level - 1, first + i * covers, total)
  }
}
