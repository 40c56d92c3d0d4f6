/**
 * Flattened device trees, version 17 (Devicetree Specification 0.4, chapter 5): read, edit, write.
 *
 * Names are Latin-1 (one character a byte). Look-ups follow libfdt as the ultravisor has it, spec/esm-operand.md §1.3: of two
 * equal names the first is found, and a name without `@` finds a node with any unit address.
 */
import { FDT, type FdtProblem, type ScannedNode, scanFdt } from './fdt-scan.ts'

export interface FdtNode {
  /** With its unit address (`memory@0`); empty for the root. */
  name: string
  /** In file order. Of two properties with one name the first is kept. */
  readonly properties: Map<string, Uint8Array>
  /** In file order. */
  readonly children: FdtNode[]
}

export interface FdtTree {
  readonly root: FdtNode
  /** The memory reservation map: address and size in bytes. */
  readonly reservations: { address: bigint; size: bigint }[]
  /** boot_cpuid_phys. */
  bootCpu: number
}

/** Bytes that are not a flattened device tree, and which rule of the format they break. */
export class FdtError extends Error {
  constructor(readonly problem: FdtProblem) {
    super(`device tree: ${problem.message}`)
    this.name = 'FdtError'
  }

  get code(): FdtProblem['code'] {
    return this.problem.code
  }

  /** In bytes from the start of the blob. */
  get offset(): number {
    return this.problem.offset
  }
}

/**
 * Reads a flattened device tree. Bytes behind totalsize are ignored; everything else is checked.
 * @throws FdtError with the first problem
 */
export function parseFdt(bytes: Uint8Array): FdtTree {
  const scan = scanFdt(bytes)
  const problem = scan.problems[0]
  if (problem || !scan.root) throw new FdtError(problem ?? { code: 'structure', message: 'no root node', offset: 0 })
  return { root: fromScan(scan.root), reservations: scan.reservations, bootCpu: scan.header!.bootCpu }
}

function fromScan(node: ScannedNode): FdtNode {
  const properties = new Map<string, Uint8Array>()
  for (const { name, value } of node.properties) if (!properties.has(name)) properties.set(name, value)
  return { name: node.name, properties, children: node.children.map(fromScan) }
}

/** An empty tree: a root without properties. */
export function newFdt(): FdtTree {
  return { root: newNode(''), reservations: [], bootCpu: 0 }
}

export function newNode(name: string, properties: Record<string, Uint8Array> = {}, children: FdtNode[] = []): FdtNode {
  return { name, properties: new Map(Object.entries(properties)), children }
}

/** libfdt's rule: equal, or `wanted` has no `@` and `actual` is `wanted@...`. */
export function nodeNameMatches(actual: string, wanted: string): boolean {
  return actual === wanted || (!wanted.includes('@') && actual.startsWith(`${wanted}@`))
}

/** The first child that a look-up of `name` finds. */
export function childNode<N extends { name: string; children: readonly N[] }>(node: N, name: string): N | undefined {
  return node.children.find((child) => nodeNameMatches(child.name, name))
}

/** The node at an absolute path such as `/lockboxes/lockbox-1`; `/` is the root. Empty components are skipped. */
export function nodeAt<N extends { name: string; children: N[] }>(root: N, path: string): N | undefined {
  let node: N | undefined = root
  for (const name of path.split('/')) if (name !== '' && node) node = childNode(node, name)
  return node
}

/** The node at an absolute path of a tree; see {@link nodeAt}. */
export function findNode(tree: FdtTree, path: string): FdtNode | undefined {
  return nodeAt(tree.root, path)
}

/** The child of that very name, made at the end where there is none. */
export function ensureChild(node: FdtNode, name: string): FdtNode {
  const found = node.children.find((child) => child.name === name)
  if (found) return found
  const made = newNode(name)
  node.children.push(made)
  return made
}

/** Thrown where a property is missing or has a size that its type cannot have. */
export class FdtPropertyError extends Error {
  constructor(node: FdtNode, property: string, expected: string, found: string) {
    super(`property ${property} of node ${node.name === '' ? '/' : node.name}: expected ${expected}, found ${found}`)
    this.name = 'FdtPropertyError'
  }
}

/** @throws FdtPropertyError where it is missing */
export function getBytes(node: FdtNode, property: string): Uint8Array {
  const value = node.properties.get(property)
  if (!value) throw new FdtPropertyError(node, property, 'a value', 'no such property')
  return value
}

/** One cell. @throws FdtPropertyError unless it has exactly 4 bytes */
export function getU32(node: FdtNode, property: string): number {
  const value = sized(node, property, 4)
  return new DataView(value.buffer, value.byteOffset).getUint32(0)
}

/** Two cells. @throws FdtPropertyError unless it has exactly 8 bytes */
export function getU64(node: FdtNode, property: string): bigint {
  const value = sized(node, property, 8)
  return new DataView(value.buffer, value.byteOffset).getBigUint64(0)
}

/** One cell or two. @throws FdtPropertyError for any other size */
export function getCells(node: FdtNode, property: string): bigint {
  return getBytes(node, property).length === 4 ? BigInt(getU32(node, property)) : getU64(node, property)
}

/** The strings of a string list, each without its NUL. @throws FdtPropertyError where the last has none */
export function getStrings(node: FdtNode, property: string): string[] {
  const value = getBytes(node, property)
  if (value.length === 0) return []
  if (value.at(-1) !== 0) throw new FdtPropertyError(node, property, 'text that ends in a NUL', 'no NUL at its end')
  return new TextDecoder().decode(value.subarray(0, -1)).split('\0')
}

/** @throws FdtPropertyError unless it is one string with its NUL */
export function getString(node: FdtNode, property: string): string {
  const strings = getStrings(node, property)
  if (strings.length !== 1) throw new FdtPropertyError(node, property, 'one string', `${strings.length} strings`)
  return strings[0]!
}

function sized(node: FdtNode, property: string, size: number): Uint8Array {
  const value = getBytes(node, property)
  if (value.length !== size) throw new FdtPropertyError(node, property, `${size} bytes`, `${value.length} bytes`)
  return value
}

/** Big-endian cells of 4 bytes. */
export function cells(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  values.forEach((value, i) => {
    view.setUint32(i * 4, value)
  })
  return bytes
}

/** Big-endian doublewords of 8 bytes. */
export function cells64(...values: bigint[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8)
  const view = new DataView(bytes.buffer)
  values.forEach((value, i) => {
    view.setBigUint64(i * 8, value)
  })
  return bytes
}

/** UTF-8 text, each string with its NUL. */
export function strings(...values: string[]): Uint8Array {
  return new TextEncoder().encode(values.map((value) => `${value}\0`).join(''))
}

export function setBytes(node: FdtNode, property: string, value: Uint8Array): void {
  node.properties.set(property, value)
}
export function setU32(node: FdtNode, property: string, ...values: number[]): void {
  node.properties.set(property, cells(...values))
}
export function setU64(node: FdtNode, property: string, ...values: bigint[]): void {
  node.properties.set(property, cells64(...values))
}
export function setStrings(node: FdtNode, property: string, ...values: string[]): void {
  node.properties.set(property, strings(...values))
}

export function addReservation(tree: FdtTree, address: bigint, size: bigint): void {
  if (size === 0n) throw new RangeError('a reservation of size 0 would end the reservation map')
  tree.reservations.push({ address, size })
}

/** What {@link writeFdt} may be told; sizes in bytes. */
export interface WriteFdtOptions {
  /** totalsize, with zeros behind the strings block: room for an editor in place. Must not be less than the tree needs. */
  readonly padTo?: number
  /** Names that the strings block begins with, in this order, whether or not they are used. */
  readonly stringOrder?: readonly string[]
}

/**
 * Writes version 17, last compatible version 16: header, reservation map, structure block, strings block, without slack
 * unless `padTo` asks for it. Each name is in the strings block once, in the order of its first use.
 * @throws RangeError where `padTo` is too small, or a name holds a NUL or is too long
 */
export function writeFdt(tree: FdtTree, options: WriteFdtOptions = {}): Uint8Array {
  const names = new Map<string, number>()
  let stringsSize = 0
  const nameOffset = (name: string) => {
    const known = names.get(name)
    if (known !== undefined) return known
    const offset = stringsSize
    names.set(name, offset)
    stringsSize += nameBytes(name).length
    return offset
  }
  for (const name of options.stringOrder ?? []) nameOffset(name)

  const structure: Uint8Array[] = []
  const aligned = (bytes: Uint8Array) => {
    structure.push(bytes)
    if (bytes.length % 4) structure.push(new Uint8Array(4 - (bytes.length % 4)))
  }
  const writeNode = (node: FdtNode) => {
    aligned(cells(FDT.beginNode))
    aligned(nameBytes(node.name))
    for (const [name, value] of node.properties) {
      aligned(cells(FDT.property, value.length, nameOffset(name)))
      aligned(value)
    }
    for (const child of node.children) writeNode(child)
    aligned(cells(FDT.endNode))
  }
  writeNode(tree.root)
  aligned(cells(FDT.end))

  const reservations = cells64(...tree.reservations.flatMap(({ address, size }) => [address, size]), 0n, 0n)
  const stringsBlock = concat([...names.keys()].map(nameBytes))
  const structureBlock = concat(structure)
  const structureOffset = FDT.headerBytes + reservations.length
  const stringsOffset = structureOffset + structureBlock.length
  const needed = stringsOffset + stringsBlock.length
  const total = options.padTo ?? needed
  if (total < needed) throw new RangeError(`the device tree needs ${needed} bytes, and padTo is ${total}`)
  const header = cells(
    FDT.magic,
    total,
    structureOffset,
    stringsOffset,
    FDT.headerBytes,
    17,
    16,
    tree.bootCpu,
    stringsBlock.length,
    structureBlock.length,
  )
  return concat([header, reservations, structureBlock, stringsBlock, new Uint8Array(total - needed)])
}

function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(name.length + 1)
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code === 0 || code > 0xff)
      throw new RangeError(`a device tree name holds Latin-1 and no NUL: ${JSON.stringify(name)}`)
    bytes[i] = code
  }
  return bytes
}

/** The parts one behind the other. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
