/**
 * The diagnosing reader of flattened device trees: goes on past an error where that is safe, and says where everything is.
 * {@link parseFdt} is the strict reader on top of it.
 */
import { hex, OffsetError, Reader } from './reader.ts'

/** Numbers of the format (Devicetree Specification 0.4 §5.2, §5.4.1); sizes in bytes. */
export const FDT = {
  magic: 0xd00dfeed,
  headerBytes: 40,
  beginNode: 1,
  endNode: 2,
  property: 3,
  nop: 4,
  end: 9,
  /** Deepest nesting that is read: no operand or guest comes near, and a hostile file cannot exhaust the stack. */
  maxDepth: 64,
} as const

/**
 * What is wrong with the bytes. `structure-cut`: the structure block ends before its END token; `structure-place`: it is not
 * inside the blob, or not aligned to 4.
 */
export type FdtProblemCode =
  | 'short-header'
  | 'magic'
  | 'version'
  | 'truncated'
  | 'structure-place'
  | 'structure-cut'
  | 'strings-place'
  | 'reservations'
  | 'structure'
  | 'property-name'

export interface FdtProblem {
  readonly code: FdtProblemCode
  /** Names what was expected and what was found. */
  readonly message: string
  /** In bytes from the start of the blob. */
  readonly offset: number
}

export interface FdtHeader {
  readonly totalSize: number
  readonly structureOffset: number
  readonly stringsOffset: number
  readonly reservationsOffset: number
  readonly version: number
  readonly lastCompatibleVersion: number
  readonly bootCpu: number
  readonly stringsSize: number
  readonly structureSize: number
}

export interface ScannedProperty {
  readonly name: string
  readonly value: Uint8Array
  /** Of the value, in bytes from the start of the blob. */
  readonly offset: number
}

export interface ScannedNode {
  name: string
  /** Of the BEGIN_NODE token, in bytes from the start of the blob. */
  readonly offset: number
  readonly path: string
  readonly properties: ScannedProperty[]
  readonly children: ScannedNode[]
}

export interface FdtScan {
  readonly header?: FdtHeader
  /** In the order of the blob's parts; empty for a sound tree. */
  readonly problems: FdtProblem[]
  /** Present where the structure block is sound, even if names are not. */
  readonly root?: ScannedNode
  readonly reservations: { address: bigint; size: bigint }[]
  /** Bytes behind totalsize. */
  readonly trailing: number
}

/** Reads as much of a flattened device tree as is safe. Never throws; never reads behind `bytes`. */
export function scanFdt(bytes: Uint8Array): FdtScan {
  const problems: FdtProblem[] = []
  const scan = { problems, reservations: [], trailing: 0 }
  const whole = new Reader(bytes)
  const magic = bytes.length >= 4 ? whole.u32(0, 'magic') : undefined
  if (magic !== undefined && magic !== FDT.magic) {
    problems.push({ code: 'magic', message: `expected the magic number 0xd00dfeed, found ${hex(magic)}`, offset: 0 })
    return scan
  }
  if (bytes.length < FDT.headerBytes) {
    const message = `expected a header of ${FDT.headerBytes} bytes, found ${bytes.length}`
    problems.push({ code: 'short-header', message, offset: 0 })
    return scan
  }
  const header = readHeader(whole)
  const { totalSize } = header
  if (header.version < 16 || header.lastCompatibleVersion > 17) {
    const found = `version ${header.version}, last compatible version ${header.lastCompatibleVersion}`
    const message = `expected a version of 16 or more that is compatible with 17, found ${found}`
    problems.push({ code: 'version', message, offset: 0x14 })
    return { ...scan, header }
  }
  if (totalSize > bytes.length || totalSize < FDT.headerBytes) {
    const message = `expected the ${totalSize} bytes that totalsize tells, found ${bytes.length}`
    problems.push({ code: 'truncated', message, offset: 4 })
    return { ...scan, header }
  }
  const reader = new Reader(bytes.subarray(0, totalSize))
  const reservations = readReservations(reader, header, problems)
  const strings = { ...placeStrings(header, problems) }
  const root = readStructure(reader, header, strings, problems)
  return { header, problems, reservations, root, trailing: bytes.length - totalSize }
}

function readHeader(reader: Reader): FdtHeader {
  const field = (offset: number, name: string) => reader.u32(offset, `header field ${name}`)
  return {
    totalSize: field(0x04, 'totalsize'),
    structureOffset: field(0x08, 'off_dt_struct'),
    stringsOffset: field(0x0c, 'off_dt_strings'),
    reservationsOffset: field(0x10, 'off_mem_rsvmap'),
    version: field(0x14, 'version'),
    lastCompatibleVersion: field(0x18, 'last_comp_version'),
    bootCpu: field(0x1c, 'boot_cpuid_phys'),
    stringsSize: field(0x20, 'size_dt_strings'),
    structureSize: field(0x24, 'size_dt_struct'),
  }
}

function readReservations(reader: Reader, header: FdtHeader, problems: FdtProblem[]) {
  const reservations: { address: bigint; size: bigint }[] = []
  for (let at = header.reservationsOffset; ; at += 16) {
    if (at + 16 > reader.length || at % 8 !== 0) {
      const found = at % 8 ? `one at ${hex(at)}` : `none before the end of the blob at ${hex(reader.length)}`
      const message = `expected an aligned reservation map that an entry of zeros ends, found ${found}`
      problems.push({ code: 'reservations', message, offset: 0x10 })
      return []
    }
    const address = reader.u64(at, 'address of a reservation')
    const size = reader.u64(at + 8, 'size of a reservation')
    if (size === 0n) return reservations
    reservations.push({ address, size })
  }
}

function placeStrings(header: FdtHeader, problems: FdtProblem[]): { start: number; end: number } {
  const start = header.stringsOffset
  const end = start + header.stringsSize
  if (end > header.totalSize) {
    const found = `${hex(start)} to ${hex(end)}`
    const message = `expected the strings block inside the blob of ${hex(header.totalSize)} bytes, found it at ${found}`
    problems.push({ code: 'strings-place', message, offset: 0x0c })
  }
  return { start, end: Math.min(end, header.totalSize) }
}

function readStructure(
  reader: Reader,
  header: FdtHeader,
  strings: { start: number; end: number },
  problems: FdtProblem[],
): ScannedNode | undefined {
  const start = header.structureOffset
  // Version 16 has no size_dt_struct: its block may reach to the end of the blob.
  const size = header.version >= 17 ? header.structureSize : header.totalSize - start
  const end = start + size
  if (start % 4 !== 0 || start < FDT.headerBytes || end > header.totalSize) {
    const message =
      `expected the structure block inside the blob of ${hex(header.totalSize)} bytes and aligned to 4, ` +
      `found it at ${hex(start)} to ${hex(end)}`
    problems.push({ code: 'structure-place', message, offset: 0x08 })
    return undefined
  }
  const block = new Reader(reader.bytes.subarray(0, end))
  try {
    return new StructureWalk(block, start, new Reader(reader.bytes), strings, problems).run()
  } catch (error) {
    if (error instanceof OffsetError) {
      const message = `expected an END token before the structure block ends at ${hex(end)}, found ${error.what} cut off`
      problems.push({ code: 'structure-cut', message, offset: Math.min(error.offset, end) })
    } else if (error instanceof BadToken)
      problems.push({ code: 'structure', message: error.message, offset: error.offset })
    else throw error
    return undefined
  }
}

class BadToken extends Error {
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message)
  }
}

/** One pass over the structure block, without recursion. */
class StructureWalk {
  readonly #open: ScannedNode[] = []
  #namesReported = false

  constructor(
    readonly block: Reader,
    readonly start: number,
    readonly whole: Reader,
    readonly strings: { start: number; end: number },
    readonly problems: FdtProblem[],
  ) {}

  run(): ScannedNode {
    let root: ScannedNode | undefined
    let at = this.start
    for (;;) {
      const token = this.block.u32(at, 'a token')
      const node = this.#open.at(-1)
      if (token === FDT.beginNode) {
        if (root && !node) throw new BadToken(`expected END behind the root node, found a second root`, at)
        const opened = this.#begin(at, node)
        root ??= opened.node
        at = opened.next
      } else if (token === FDT.endNode) {
        if (!this.#open.pop())
          throw new BadToken('expected BEGIN_NODE or END, found END_NODE without a node to end', at)
        at += 4
      } else if (token === FDT.property) {
        if (!node) throw new BadToken('expected BEGIN_NODE or END, found a property outside every node', at)
        at = this.#property(at, node)
      } else if (token === FDT.nop) at += 4
      else if (token === FDT.end) {
        if (node) throw new BadToken(`expected END_NODE of ${node.path}, found END`, at)
        if (!root) throw new BadToken('expected a root node, found END', at)
        return root
      } else throw new BadToken(`expected a token of 1, 2, 3, 4 or 9, found ${hex(token)}`, at)
    }
  }

  #begin(at: number, parent: ScannedNode | undefined): { node: ScannedNode; next: number } {
    const name = this.block.cstring(at + 4, 'the name of a node')
    if (this.#open.length >= FDT.maxDepth)
      throw new BadToken(`expected at most ${FDT.maxDepth} nested nodes, found more`, at)
    const path = parent ? `${parent.path === '/' ? '' : parent.path}/${name}` : '/'
    const node: ScannedNode = { name, offset: at, path, properties: [], children: [] }
    parent?.children.push(node)
    this.#open.push(node)
    return { node, next: align4(at + 4 + name.length + 1) }
  }

  #property(at: number, node: ScannedNode): number {
    const size = this.block.u32(at + 4, 'the size of a property')
    const nameOffset = this.block.u32(at + 8, 'the name offset of a property')
    const value = this.block.slice(at + 12, size, 'the value of a property')
    const name = this.#propertyName(nameOffset, at + 8)
    if (name !== undefined) node.properties.push({ name, value, offset: at + 12 })
    return align4(at + 12 + size)
  }

  #propertyName(nameOffset: number, at: number): string | undefined {
    const offset = this.strings.start + nameOffset
    let found = `offset ${hex(nameOffset)}`
    if (offset < this.strings.end) {
      const nul = this.whole.bytes.subarray(0, this.strings.end).indexOf(0, offset)
      if (nul > offset) return this.whole.cstring(offset, 'the name of a property', this.strings.end)
      found += nul < 0 ? ', where no name ends' : ', where the name is empty'
    }
    // One report is enough: where one name is off, all are.
    if (!this.#namesReported) {
      const message = `expected the offset of a name in the strings block of ${hex(this.strings.end - this.strings.start)} bytes, found ${found}`
      this.problems.push({ code: 'property-name', message, offset: at })
    }
    this.#namesReported = true
    return undefined
  }
}

function align4(offset: number): number {
  return (offset + 3) & ~3
}
