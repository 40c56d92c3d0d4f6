/**
 * The archive that carries an operand in front of an initrd: cpio "newc", as svm-tool writes it and as the ultravisor looks for
 * it (spec/esm-operand.md §7).
 */
import { concat } from './fdt.ts'
import { FDT } from './fdt-scan.ts'
import { type Finding, finding } from './findings.ts'
import { type ByteSource, hex, latin1, Reader, sourceOf } from './reader.ts'

/** Folder of the operand in the archive; the ultravisor compares these 11 characters only. */
const FOLDER = 'opt/ibm/pef'
const TRAILER = 'TRAILER!!!'
const MAGIC = '070701'
const HEADER_BYTES = 110
/** The archive is padded to this. */
const BLOCK = 512
/** Bytes of a page of the ultravisor: the archive is read through one pointer, which holds inside such a page only. */
const UV_PAGE_BYTES = 2 * 1024 * 1024

/** As much of a name is read: a hostile header may tell any size. */
const NAME_LIMIT = 4096
/** Bytes that are looked through at once; a multiple of 4. */
const SCAN_BYTES = 1 << 16

const DIRECTORY_MODE = 0o040755
const FILE_MODE = 0o100600

interface Member {
  readonly name: string
  readonly mode: number
  readonly links: number
  readonly data: Uint8Array
}

/**
 * The archive of an operand, as `svm-tool svm add` lays it out, in whole blocks of 512 bytes. The same operand gives the same
 * bytes: times, owners and device numbers are zero, inode numbers count from 1.
 * @param name file name without folders
 */
export function operandArchive(operand: Uint8Array, name = 'esmb'): Uint8Array {
  if (!/^[^/\0]+$/.test(name))
    throw new RangeError(`the name of an operand in its archive has no slash or NUL: ${JSON.stringify(name)}`)
  const none = new Uint8Array(0)
  const parts = FOLDER.split('/')
  const folders = ['.', ...parts.map((_, i) => parts.slice(0, i + 1).join('/'))]
  const members: Member[] = folders.map((folder, i) => {
    const links = i === folders.length - 1 ? 2 : 3
    return { name: folder, mode: DIRECTORY_MODE, links, data: none }
  })
  members.push({ name: `${FOLDER}/${name}`, mode: FILE_MODE, links: 1, data: operand })
  const bytes = members.flatMap((member, i) => memberBytes(member, i + 1))
  bytes.push(...memberBytes({ name: TRAILER, mode: 0, links: 1, data: none }, 0))
  return padded(concat(bytes), BLOCK)
}

/** The operand's archive followed by the initrd: what `svm-tool svm add` makes, and what QEMU takes as -initrd. */
export function attachOperand(initrd: Uint8Array, operand: Uint8Array, name?: string): Uint8Array {
  return concat([operandArchive(operand, name), initrd])
}

/**
 * Whether an initrd begins with an archive that has the operand's folder, of which the beginning tells: the operand may be of any
 * size.
 * @param head 1024 bytes or more
 */
export function beginsWithOperand(head: Uint8Array): boolean {
  const text = latin1(head.subarray(0, 1024))
  return text.startsWith(MAGIC) && text.includes(`${FOLDER}/`)
}

function memberBytes({ name, mode, links, data }: Member, inode: number): Uint8Array[] {
  const nameBytes = new TextEncoder().encode(`${name}\0`)
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, 0, 0, nameBytes.length, 0]
  const header = MAGIC + fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('')
  return [padded(concat([new TextEncoder().encode(header), nameBytes]), 4), padded(data, 4)]
}

function padded(bytes: Uint8Array, multiple: number): Uint8Array {
  const rest = bytes.length % multiple
  return rest === 0 ? bytes : concat([bytes, new Uint8Array(multiple - rest)])
}

export interface LocatedOperand {
  /** From the magic number to the end of the file in the archive: it may be cut off, or followed by something. */
  readonly bytes: Uint8Array
  /** In bytes from the start of the initrd. */
  readonly offset: number
  /** Name of the file in the archive. */
  readonly name: string
}

export interface Location {
  /** Absent where the ultravisor finds none, or where looking for it is not safe. */
  readonly operand?: LocatedOperand
  /** How much initrd-start moves up: what is behind is the initrd that is hashed. 0 where the archive does not end. */
  readonly archiveBytes: number
  readonly findings: readonly Finding[]
}

/**
 * Looks for an operand in front of an initrd exactly as the ultravisor does (spec/esm-operand.md §7.2), but never outside
 * `initrd`. Never throws.
 * @param initrd      all bytes from linux,initrd-start to linux,initrd-end
 * @param loadAddress linux,initrd-start: the ultravisor rounds absolute addresses
 */
export function locateOperand(initrd: Uint8Array | ByteSource, loadAddress: number | bigint = 0): Location {
  return new Scan(sourceOf(initrd), BigInt(loadAddress)).run()
}

interface Header {
  readonly name: string
  readonly isTrailer: boolean
  readonly dataOffset: number
  readonly size: number
  readonly next: number
}

/** One walk through the archive. Offsets are into the initrd. */
class Scan {
  readonly #findings: Finding[] = []
  /** The load address modulo 2 MiB: all that rounding needs, and small enough for number arithmetic. */
  readonly #phase: number
  #operand: LocatedOperand | undefined

  constructor(
    readonly initrd: ByteSource,
    loadAddress: bigint,
  ) {
    this.#phase = Number(loadAddress & BigInt(UV_PAGE_BYTES - 1))
  }

  #roundUp(offset: number, multiple: number): number {
    const address = this.#phase + offset
    return Math.ceil(address / multiple) * multiple - this.#phase
  }

  #report(rule: string, details: Parameters<typeof finding>[1]): void {
    this.#findings.push(finding(rule, details))
  }

  run(): Location {
    const misplaced = this.#phase % BLOCK !== 0
    if (misplaced) this.#report('ESM077', { found: `an address that ends in ${hex(this.#phase % BLOCK)} of 512` })
    const start = this.#roundUp(0, 4)
    let at = start
    let archiveBytes = 0
    for (;;) {
      const header = this.#header(at)
      if (!header) {
        this.#reportEnd(at, start)
        break
      }
      if (header.isTrailer) {
        archiveBytes = this.#end(header, misplaced)
        at = header.next
        break
      }
      if (header.size > 0 && !this.#operand && !this.#member(header)) break
      at = header.next
    }
    const first = Math.floor((this.#phase + start) / UV_PAGE_BYTES)
    const last = Math.floor((this.#phase + Math.max(at, 1) - 1) / UV_PAGE_BYTES)
    if (this.#operand && first !== last) {
      this.#report('ESM083', { found: `an archive of ${at} bytes across one`, offset: 0, length: at })
      return { archiveBytes: 0, findings: this.#findings }
    }
    return { operand: this.#operand, archiveBytes, findings: this.#findings }
  }

  /** The header at an offset, or undefined where there is none. */
  #header(at: number): Header | undefined {
    const text = latin1(this.initrd.slice(at, at + HEADER_BYTES))
    if (text.length < HEADER_BYTES || !text.startsWith(MAGIC)) return undefined
    const field = (index: number) => {
      const digits = text.slice(6 + 8 * index, 14 + 8 * index)
      return /^[0-9a-fA-F]{8}$/.test(digits) ? Number.parseInt(digits, 16) : undefined
    }
    const size = field(6)
    const nameSize = field(11)
    if (size === undefined || nameSize === undefined || nameSize === 0) return undefined
    const nameEnd = at + HEADER_BYTES + nameSize
    if (nameEnd > this.initrd.length) return undefined
    const name = latin1(this.initrd.slice(at + HEADER_BYTES, Math.min(nameEnd - 1, at + HEADER_BYTES + NAME_LIMIT)))
    const dataOffset = this.#roundUp(nameEnd, 4)
    const isTrailer = nameSize === TRAILER.length + 1 && name === TRAILER
    return { name, isTrailer, dataOffset, size, next: this.#roundUp(dataOffset + size, 4) }
  }

  /** The bytes at `at` are no header: what that means. */
  #reportEnd(at: number, start: number): void {
    const found = showMagic(this.initrd.slice(at, at + 6))
    const length = Math.min(6, Math.max(0, this.initrd.length - at))
    if (this.#operand) this.#report('ESM074', { found, offset: at, length })
    else if (at > start)
      this.#report('ESM070', { found: `an archive without an operand, then ${found}`, offset: at, length })
    // At an odd address the header may well be there, two bytes before the ultravisor looks: ESM077 has said so.
    else if (this.#phase % 4 === 0)
      this.#report(isOtherCpio(this.initrd.slice(at, at + 6)) ? 'ESM071' : 'ESM070', { found, offset: at, length })
  }

  /** The trailer ends the archive. @returns where the initrd begins */
  #end(header: Header, misplaced: boolean): number {
    const end = this.#roundUp(header.next, BLOCK)
    const told = this.#findings.some(({ rule }) => rule === 'ESM075')
    if (!this.#operand && !told)
      this.#report('ESM070', { found: 'an archive without an operand', offset: 0, length: end })
    const padding = this.initrd.slice(header.next, end)
    // At an odd address the block ends elsewhere, and what looks like padding is not: ESM077 has said so.
    const isPadded = padding.length === end - header.next && padding.every((byte) => byte === 0)
    if (this.#operand && !misplaced && !isPadded) {
      const found = `${padding.length} bytes that are not all zero, of ${end - header.next}`
      this.#report('ESM076', { found, offset: header.next, length: padding.length })
    }
    return Math.min(end, this.initrd.length)
  }

  /** Looks into a file that is not empty. @returns false where the ultravisor gives up */
  #member(header: Header): boolean {
    const { name, dataOffset, size } = header
    const inPlace = this.#magicIn(header)
    if (!name.startsWith(FOLDER)) {
      const later = this.#laterOperand(header.next)
      if (inPlace !== undefined)
        this.#report('ESM072', { found: JSON.stringify(name), offset: dataOffset, length: size })
      else if (later)
        this.#report('ESM073', { found: `${JSON.stringify(name)} before ${JSON.stringify(later)}`, offset: dataOffset })
      else
        this.#report('ESM070', { found: `an archive whose first file is ${JSON.stringify(name)}`, offset: dataOffset })
      return false
    }
    if (!name.startsWith(`${FOLDER}/`))
      this.#report('ESM072', {
        found: `${JSON.stringify(name)}, which passes`,
        severity: 'W',
        offset: dataOffset,
        length: size,
      })
    if (inPlace !== undefined) {
      const bytes = this.initrd.slice(inPlace, dataOffset + size)
      this.#operand = { bytes, offset: inPlace, name }
      return true
    }
    const found = `no magic number in ${JSON.stringify(name)} of ${size} bytes`
    // The real scan counts down in fours: from any other size it never reaches zero.
    this.#report('ESM075', { found, severity: size % 4 === 0 ? 'E' : 'X', offset: dataOffset, length: size })
    return size % 4 === 0
  }

  #magicIn({ dataOffset, size }: Header): number | undefined {
    const end = Math.min(dataOffset + size, this.initrd.length)
    for (let at = dataOffset; at < end; at += SCAN_BYTES) {
      const words = new Reader(this.initrd.slice(at, Math.min(at + SCAN_BYTES, end)))
      for (let i = 0; i + 4 <= words.length; i += 4) if (words.u32(i, 'a word') === FDT.magic) return at + i
    }
    return undefined
  }

  /** Name of a file further on that would have been found. */
  #laterOperand(at: number): string | undefined {
    for (let header = this.#header(at); header && !header.isTrailer; header = this.#header(header.next))
      if (header.name.startsWith(FOLDER) && this.#magicIn(header) !== undefined) return header.name
    return undefined
  }
}

function isOtherCpio(bytes: Uint8Array): boolean {
  const magic = latin1(bytes.subarray(0, 6))
  return magic === '070702' || magic === '070707'
}

function showMagic(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'the end of the initrd'
  const head = bytes.subarray(0, 6)
  const text = latin1(head)
  return /^[\x20-\x7e]+$/.test(text)
    ? JSON.stringify(text)
    : `the bytes ${Array.from(head, (b) => b.toString(16).padStart(2, '0')).join(' ')}`
}
