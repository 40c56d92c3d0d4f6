import { ByteReader } from './byte-reader.ts'
import type { CodeSymbol } from './symbol-table.ts'

export interface ElfSection {
  readonly name: string
  readonly type: number
  readonly flags: bigint
  readonly address: bigint
  readonly offset: bigint
  readonly size: bigint
  readonly link: number
}

export interface ElfSegment {
  readonly type: 'load' | 'other'
  readonly virtualAddress: bigint
  readonly physicalAddress: bigint
  readonly fileOffset: bigint
  readonly fileSize: bigint
  readonly memorySize: bigint
}

const EM_PPC64 = 21
const PT_LOAD = 1
const SHT_SYMTAB = 2
const SHT_NOBITS = 8
const SHF_ALLOC = 2n
const SHF_COMPRESSED = 0x800n
const ELFCOMPRESS_ZLIB = 1
const MAX_INFLATED = 1 << 30
const STT_NOTYPE = 0
const STT_OBJECT = 1
const STT_FUNC = 2
const SHN_UNDEF = 0
const SHN_XINDEX = 0xffff
const SHN_LORESERVE = 0xff00

/** A 64-bit ELF file for PowerPC of either byte order: sections, segments, symbols. */
export class ElfImage {
  readonly #bytes: Uint8Array

  constructor(
    bytes: Uint8Array,
    readonly littleEndian: boolean,
    readonly entry: bigint,
    readonly sections: readonly ElfSection[],
    readonly segments: readonly ElfSegment[],
    /** What compressed sections hold, by name; see {@link inflateSections}. */
    private readonly inflated: ReadonlyMap<string, Uint8Array> = new Map(),
  ) {
    this.#bytes = bytes
  }

  /**
   * The same file, whose compressed sections (SHF_COMPRESSED, zlib) can be opened. One that is damaged stays closed.
   * A section is taken to hold at most 1 GiB.
   */
  async inflateSections(): Promise<ElfImage> {
    const inflated = new Map<string, Uint8Array>()
    for (const section of this.sections) {
      if ((section.flags & SHF_COMPRESSED) === 0n || section.type === SHT_NOBITS) continue
      const bytes = await inflate(new ByteReader(this.#bytes, this.littleEndian, section.name), section)
      if (bytes) inflated.set(section.name, bytes)
    }
    if (inflated.size === 0) return this
    return new ElfImage(this.#bytes, this.littleEndian, this.entry, this.sections, this.segments, inflated)
  }

  section(name: string): ElfSection | undefined {
    return this.sections.find((section) => section.name === name)
  }

  /**
   * Addresses of the image as it is linked, from the first section that a flat binary would hold to the end of what is
   * reserved behind it; undefined where there is none. A loader puts `start` where it loads the kernel.
   */
  imageExtent(): { readonly start: bigint; readonly end: bigint } | undefined {
    const allocated = this.sections.filter((section) => (section.flags & SHF_ALLOC) !== 0n && section.size > 0n)
    const starts = allocated.filter((section) => section.type !== SHT_NOBITS).map((section) => section.address)
    const ends = allocated.map((section) => section.address + section.size)
    const loads = this.segments.filter((segment) => segment.type === 'load' && segment.fileSize > 0n)
    // A file without a section table still has segments.
    if (starts.length === 0) starts.push(...loads.map((segment) => segment.virtualAddress))
    if (ends.length === 0) ends.push(...loads.map((segment) => segment.virtualAddress + segment.memorySize))
    const start = starts.sort(ascending)[0]
    const end = ends.sort(ascending).at(-1)
    return start === undefined || end === undefined ? undefined : { start, end }
  }

  /**
   * A reader over the bytes of a section; undefined where the file has no such section, or holds it compressed
   * and {@link inflateSections} was not asked.
   * @throws OffsetError where the section reaches past the end of the file
   */
  open(name: string): ByteReader | undefined {
    const section = this.section(name)
    const inflated = this.inflated.get(name)
    if (inflated) return new ByteReader(inflated, this.littleEndian, name)
    if (!section || section.type === SHT_NOBITS || (section.flags & SHF_COMPRESSED) !== 0n) return undefined
    return new ByteReader(this.#bytes, this.littleEndian, name).slice(Number(section.offset), Number(section.size))
  }

  /** Symbols with an address: functions, objects and labels of code, not sections, files nor what is undefined. */
  symbols(): CodeSymbol[] {
    const table = this.sections.find((section) => section.type === SHT_SYMTAB)
    const names = table && this.sections[table.link]
    if (!table || !names) return []
    const reader = new ByteReader(this.#bytes, this.littleEndian, table.name).slice(
      Number(table.offset),
      Number(table.size),
    )
    const strings = new ByteReader(this.#bytes, this.littleEndian, names.name).slice(
      Number(names.offset),
      Number(names.size),
    )
    const symbols: CodeSymbol[] = []
    while (reader.remaining >= 24) {
      const name = reader.u32()
      const info = reader.u8()
      const other = reader.u8()
      const sectionIndex = reader.u16()
      const address = reader.u64()
      const size = reader.u64()
      const type = info & 15
      if (name === 0 || sectionIndex === SHN_UNDEF) continue
      if (sectionIndex >= SHN_LORESERVE && sectionIndex !== SHN_XINDEX) continue
      if (type !== STT_FUNC && type !== STT_OBJECT && type !== STT_NOTYPE) continue
      const text = strings.cstringAt(name)
      // The anchor of the table of contents is a number for the linker, no place.
      if (text === '.TOC.') continue
      symbols.push({
        name: text,
        address,
        size,
        kind: type === STT_FUNC ? 'function' : type === STT_OBJECT ? 'object' : 'label',
        localEntryOffset: localEntryOffset(other),
      })
    }
    return symbols
  }
}

/** Contents of a section that begins with a compression header (ELF gABI, Elf64_Chdr); undefined where they are damaged. */
async function inflate(file: ByteReader, section: ElfSection): Promise<Uint8Array | undefined> {
  try {
    const reader = file.slice(Number(section.offset), Number(section.size))
    const type = reader.u32()
    reader.skip(4)
    const size = reader.size64()
    reader.skip(8)
    if (type !== ELFCOMPRESS_ZLIB || size > MAX_INFLATED) return undefined
    const packed = reader.take(reader.remaining) as Uint8Array<ArrayBuffer>
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'))
    const bytes = new Uint8Array(size)
    let at = 0
    for (const parts = stream.getReader(); ; ) {
      const { done, value } = await parts.read()
      if (done) return at === size ? bytes : undefined
      if (at + value.length > size) {
        await parts.cancel()
        return undefined
      }
      bytes.set(value, at)
      at += value.length
    }
  } catch {
    return undefined
  }
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

/** Bytes from the global to the local entry point (64-bit ELF V2 ABI §3.4.1: bits 5 to 7 of st_other). */
function localEntryOffset(other: number): number {
  const code = other >> 5
  return code < 2 || code === 7 ? 0 : 1 << code
}

/** @throws Error naming what is wrong: not ELF, not 64-bit, another processor, tables outside the file */
export function parseElf(bytes: Uint8Array): ElfImage {
  const magic = new ByteReader(bytes, false, 'ELF header')
  if (bytes.length < 64 || magic.u32() !== 0x7f454c46) throw new Error('not an ELF file')
  if (bytes[4] !== 2) throw new Error(`ELF class ${bytes[4]}: expected 2, a 64-bit file`)
  if (bytes[5] !== 1 && bytes[5] !== 2) throw new Error(`ELF byte order ${bytes[5]}: expected 1 (little) or 2 (big)`)
  const littleEndian = bytes[5] === 1
  const file = new ByteReader(bytes, littleEndian, 'ELF header')
  const machine = file.slice(18, 2).u16()
  if (machine !== EM_PPC64) throw new Error(`ELF machine ${machine}: expected ${EM_PPC64}, 64-bit PowerPC`)
  const header = file.slice(24, 40)
  const entry = header.u64()
  const segmentOffset = Number(header.u64())
  const sectionOffset = Number(header.u64())
  header.skip(6)
  const segmentSize = header.u16()
  const segmentCount = header.u16()
  const sectionSize = header.u16()
  const sectionCount = header.u16()
  const namesIndex = header.u16()
  // Entries that overlap would be read 65535 times over.
  if (segmentCount > 0 && segmentSize < 56) throw new Error(`ELF program headers of ${segmentSize} bytes: expected 56`)
  if (sectionCount > 0 && sectionSize < 64) throw new Error(`ELF section headers of ${sectionSize} bytes: expected 64`)

  const segments: ElfSegment[] = []
  for (let i = 0; i < segmentCount; i++) {
    const at = file.slice(segmentOffset + i * segmentSize, 56)
    const type = at.u32()
    at.skip(4)
    const [fileOffset, virtualAddress, physicalAddress, fileSize, memorySize] = [
      at.u64(),
      at.u64(),
      at.u64(),
      at.u64(),
      at.u64(),
    ]
    segments.push({
      type: type === PT_LOAD ? 'load' : 'other',
      virtualAddress,
      physicalAddress,
      fileOffset,
      fileSize,
      memorySize,
    })
  }

  const raw: (Omit<ElfSection, 'name'> & { nameOffset: number })[] = []
  for (let i = 0; i < sectionCount; i++) {
    const at = file.slice(sectionOffset + i * sectionSize, 64)
    const nameOffset = at.u32()
    const type = at.u32()
    const [flags, address, offset, size] = [at.u64(), at.u64(), at.u64(), at.u64()]
    raw.push({ nameOffset, type, flags, address, offset, size, link: at.u32() })
  }
  const names = raw[namesIndex]
  const strings = names && file.slice(Number(names.offset), Number(names.size))
  const sections = raw.map(({ nameOffset, ...section }) => ({
    ...section,
    name: strings ? strings.cstringAt(nameOffset) : '',
  }))
  return new ElfImage(bytes, littleEndian, entry, sections, segments)
}
