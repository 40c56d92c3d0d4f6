/**
 * The flat image of a kernel: what `objcopy -O binary -S` makes of vmlinux, what the loader puts into memory, and what the
 * operand's digest covers (spec/esm-operand.md §4.3). Fields: System V ABI, ELF-64 Object File Format 1.5.
 */
import { type Finding, finding } from './findings.ts'
import { hex, latin1, OffsetError, Reader } from './reader.ts'

export interface KernelImage {
  /** From the lowest to the highest load address with contents; holes are zero, a trailing .bss is absent. */
  readonly bytes: Uint8Array
  /** Load (physical) address of the first byte. */
  readonly loadAddress: bigint
  /** Virtual address that the image is linked at: of its first byte. */
  readonly virtualAddress: bigint
  /** Entry point as the ELF header has it. */
  readonly entry: bigint
  /** Of the entry, in bytes from the start of the image. */
  readonly entryOffset: number
  readonly littleEndian: boolean
  /** Bytes that the kernel occupies in memory: the image and the .bss behind it. */
  readonly memoryBytes: number
  /** Owners of the ELF notes, such as `GNU` and `PowerPC`: the latter is in every kernel for this platform. */
  readonly notes: ReadonlySet<string>
}

/** A file that is not a kernel as ELF for ppc64; `finding` is ESM120. */
export class KernelImageError extends Error {
  readonly finding: Finding

  constructor(found: string, offset = 0) {
    const reason = finding('ESM120', { found, offset })
    super(reason.message)
    this.name = 'KernelImageError'
    this.finding = reason
  }
}

const EM_PPC = 20
const EM_PPC64 = 21
const PT_LOAD = 1
const PT_NOTE = 4
const NOTE_HEADER_BYTES = 12
const SHT_NOBITS = 8
const SHF_ALLOC = 2n
/** A larger span is a broken address, not a kernel: bytes. */
const MAX_IMAGE_BYTES = 1 << 30

interface Segment {
  readonly offset: number
  readonly virtual: bigint
  readonly physical: bigint
  readonly fileSize: number
  readonly memorySize: bigint
}

interface Piece {
  readonly address: bigint
  readonly virtual: bigint
  readonly bytes: Uint8Array
}

/**
 * @param elf vmlinux
 * @throws KernelImageError where it is not ELF, for another machine, a zImage, compressed, or broken
 */
export function flattenKernel(elf: Uint8Array): KernelImage {
  try {
    return flatten(elf)
  } catch (error) {
    if (error instanceof OffsetError)
      throw new KernelImageError(`an ELF file that is cut off or broken: ${error.message}`, error.offset)
    throw error
  }
}

function flatten(elf: Uint8Array): KernelImage {
  const littleEndian = checkHeader(elf)
  const reader = new Reader(elf, littleEndian)
  const entry = reader.u64(0x18, 'e_entry')
  const segments = readSegments(reader)
  const pieces = readSections(reader, segments)
  if (pieces.length === 0) throw new KernelImageError('an ELF file with nothing to load')
  const lowest = pieces.reduce((low, piece) => (piece.address < low.address ? piece : low))
  const end = pieces.reduce((high, { address, bytes }) => max(high, address + BigInt(bytes.length)), 0n)
  const span = end - lowest.address
  if (span > BigInt(MAX_IMAGE_BYTES))
    throw new KernelImageError(`load addresses ${hex(lowest.address)} to ${hex(end)}, more than 1 GiB`)
  const bytes = new Uint8Array(Number(span))
  for (const piece of pieces) bytes.set(piece.bytes, Number(piece.address - lowest.address))
  const memoryEnd = segments.reduce((high, { physical, memorySize }) => max(high, physical + memorySize), end)
  const memorySpan = memoryEnd - lowest.address
  if (memorySpan > BigInt(MAX_IMAGE_BYTES))
    throw new KernelImageError(`a kernel of ${memorySpan} bytes in memory, more than 1 GiB`)
  const entryOffset = toLoadAddress(entry, segments) - lowest.address
  if (entryOffset < 0n || entryOffset >= span)
    throw new KernelImageError(`an entry point ${hex(entry)} outside the image`, 0x18)
  return {
    bytes,
    loadAddress: lowest.address,
    virtualAddress: lowest.virtual,
    entry,
    entryOffset: Number(entryOffset),
    littleEndian,
    memoryBytes: Number(memorySpan),
    notes: readNotes(reader),
  }
}

/** Owners of the notes in the PT_NOTE segments. What is cut off or odd there ends the list and is no error: it is not loaded. */
function readNotes(reader: Reader): Set<string> {
  const owners = new Set<string>()
  for (const { at } of programHeaders(reader, PT_NOTE)) {
    let next = reader.size64(at + 8, 'p_offset')
    const end = Math.min(next + reader.size64(at + 32, 'p_filesz'), reader.bytes.length)
    while (next + NOTE_HEADER_BYTES <= end) {
      const [nameBytes, valueBytes] = [reader.u32(next, 'n_namesz'), reader.u32(next + 4, 'n_descsz')]
      const name = next + NOTE_HEADER_BYTES
      if (name + nameBytes > end) break
      owners.add(latin1(reader.bytes.subarray(name, name + nameBytes)).replace(/\0.*$/, ''))
      next = name + roundUp4(nameBytes) + roundUp4(valueBytes)
    }
  }
  return owners
}

const roundUp4 = (value: number): number => (value + 3) & ~3

/**
 * Whether the beginning of a file can be that of a kernel: for whoever does not want to read 40 MB at each key stroke.
 * @param head the first 64 bytes or more
 * @returns ESM120, or undefined
 */
export function inspectKernelHead(head: Uint8Array): Finding | undefined {
  try {
    checkHeader(head)
    return undefined
  } catch (error) {
    if (error instanceof KernelImageError) return error.finding
    if (error instanceof OffsetError) return new KernelImageError('an ELF file that is cut off').finding
    throw error
  }
}

/** How compressed files begin (Latin-1), and what they are. */
export const COMPRESSED: readonly (readonly [magic: string, name: string])[] = [
  ['\x1f\x8b', 'a gzip file'],
  ['\xfd7zXZ', 'an xz file'],
  ['\x28\xb5\x2f\xfd', 'a zstd file'],
  ['BZh', 'a bzip2 file'],
  ['\x04\x22\x4d\x18', 'an lz4 file'],
  ['\x02\x21\x4c\x18', 'an lz4 file'],
  ['\x5d\x00\x00', 'an lzma file'],
  ['\x89LZO', 'an lzo file'],
]

/** @returns true for little-endian */
function checkHeader(elf: Uint8Array): boolean {
  const head = latin1(elf.subarray(0, 16))
  if (!head.startsWith('\x7fELF')) {
    const compressed = COMPRESSED.find(([magic]) => head.startsWith(magic))
    if (compressed) throw new KernelImageError(`${compressed[1]}: decompress it first`)
    if (head.startsWith('070701')) throw new KernelImageError('a cpio archive: is this the initrd?')
    if (head.startsWith('\xd0\x0d\xfe\xed')) throw new KernelImageError('a device tree: is this the operand?')
    throw new KernelImageError(elf.length === 0 ? 'an empty file' : 'a file that does not begin with 7f 45 4c 46')
  }
  const reader = new Reader(elf)
  const wordSize = reader.u8(4, 'EI_CLASS')
  const order = reader.u8(5, 'EI_DATA')
  if (order !== 1 && order !== 2) throw new KernelImageError(`byte order ${order}`, 5)
  const littleEndian = order === 1
  const machine = new Reader(elf, littleEndian).u16(0x12, 'e_machine')
  if (wordSize === 1 && machine === EM_PPC)
    throw new KernelImageError('a 32-bit PowerPC ELF file, as a zImage is: name the vmlinux inside')
  if (wordSize !== 2) throw new KernelImageError('an ELF file that is not 64-bit', 4)
  if (machine !== EM_PPC64)
    throw new KernelImageError(`an ELF file for machine ${machine}, not ${EM_PPC64} (ppc64)`, 0x12)
  return littleEndian
}

/** Offsets of the program headers of one type. */
function programHeaders(reader: Reader, type: number): { readonly at: number }[] {
  const table = reader.size64(0x20, 'e_phoff')
  const size = reader.u16(0x36, 'e_phentsize')
  const count = reader.u16(0x38, 'e_phnum')
  if (count > 0 && size < 56) throw new KernelImageError(`program headers of ${size} bytes, not 56`, 0x36)
  return Array.from({ length: count }, (_, i) => ({ at: table + i * size })).filter(
    ({ at }) => reader.u32(at, 'p_type') === type,
  )
}

function readSegments(reader: Reader): Segment[] {
  return programHeaders(reader, PT_LOAD).map(({ at }) => ({
    offset: reader.size64(at + 8, 'p_offset'),
    virtual: reader.u64(at + 16, 'p_vaddr'),
    physical: reader.u64(at + 24, 'p_paddr'),
    fileSize: reader.size64(at + 32, 'p_filesz'),
    memorySize: reader.u64(at + 40, 'p_memsz'),
  }))
}

/** Sections that are allocated and have contents, at their load addresses; without section headers, the segments. */
function readSections(reader: Reader, segments: readonly Segment[]): Piece[] {
  const table = reader.size64(0x28, 'e_shoff')
  const size = reader.u16(0x3a, 'e_shentsize')
  const count = reader.u16(0x3c, 'e_shnum')
  if (table === 0 || count === 0)
    return segments.filter(({ fileSize }) => fileSize > 0).map((segment) => wholeSegment(reader, segment))
  if (size < 64) throw new KernelImageError(`section headers of ${size} bytes, not 64`, 0x3a)
  const names = sectionNames(reader, table, size)
  const pieces: Piece[] = []
  for (let i = 0; i < count; i++) {
    const at = table + i * size
    const name = names(reader.u32(at, 'sh_name'))
    if (name.startsWith('.kernel:vmlinux'))
      throw new KernelImageError(`a zImage (section ${name}): name the vmlinux inside`)
    const flags = reader.u64(at + 8, 'sh_flags')
    const length = reader.size64(at + 32, 'sh_size')
    if (reader.u32(at + 4, 'sh_type') === SHT_NOBITS || (flags & SHF_ALLOC) === 0n || length === 0) continue
    const virtual = reader.u64(at + 16, 'sh_addr')
    const offset = reader.size64(at + 24, 'sh_offset')
    const bytes = reader.slice(offset, length, `the section ${name}`)
    const segment = segments.find(
      (s) => offset >= s.offset && offset + length <= s.offset + s.fileSize && covers(s, virtual),
    )
    // As objcopy has it: by place in the file, for a section with contents.
    const address = segment ? segment.physical + BigInt(offset - segment.offset) : virtual
    pieces.push({ address, virtual, bytes })
  }
  return pieces
}

function wholeSegment(reader: Reader, { offset, fileSize, physical, virtual }: Segment): Piece {
  return { address: physical, virtual, bytes: reader.slice(offset, fileSize, 'a segment') }
}

/** Looks up names in the section header string table; without one every name is empty. */
function sectionNames(reader: Reader, table: number, size: number): (offset: number) => string {
  const index = reader.u16(0x3e, 'e_shstrndx')
  if (index === 0) return () => ''
  const at = table + index * size
  const bytes = reader.slice(
    reader.size64(at + 24, 'sh_offset'),
    reader.size64(at + 32, 'sh_size'),
    'the section names',
  )
  const strings = new Reader(bytes)
  return (offset) => strings.cstring(offset, 'the name of a section')
}

function covers({ virtual, memorySize }: Segment, address: bigint): boolean {
  return address >= virtual && address < virtual + memorySize
}

function toLoadAddress(address: bigint, segments: readonly Segment[]): bigint {
  const segment = segments.find((s) => covers(s, address))
  return segment ? segment.physical + (address - segment.virtual) : address
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
