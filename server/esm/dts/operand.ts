/** An operand from its source, with the place in the text of each of its bytes; and the source of an operand. */
import { childNode, type FdtNode, type FdtTree, newNode, writeFdt } from '../fdt.ts'
import { type ScannedNode, scanFdt } from '../fdt-scan.ts'
import { bySeverity, type Finding } from '../findings.ts'
import { hexBytes, latin1 } from '../reader.ts'
import type { TextFinding } from '../svm-yaml.ts'
import { type ImageParts, verifyImage } from '../verify/image.ts'
import { type DtsNode, type DtsProperty, type ParsedDts, parseDts, type Span } from './parse.ts'

/** What bytes of the operand, from the start of it, a part of the text is. */
interface Place {
  readonly start: number
  /** Behind the last byte. */
  readonly end: number
  readonly span: Span
}

export interface DtsOperand {
  readonly text: string
  readonly parsed: ParsedDts
  /** Absent where the text has mistakes. */
  readonly bytes?: Uint8Array
  /** What is wrong with the text itself. */
  readonly findings: readonly TextFinding[]
  /** From the whole to the parts. */
  readonly places: readonly Place[]
}

/** Makes the operand that a source is of. Never throws. */
export function readDtsOperand(text: string): DtsOperand {
  const parsed = parseDts(text)
  const { root, findings, reservations } = parsed
  if (!root || findings.list.length > 0) return { text, parsed, findings: findings.list, places: [] }
  const tree: FdtTree = { root: toFdt(root, findings), reservations: [...reservations], bootCpu: 0 }
  const bytes = writeFdt(tree)
  const places: Place[] = []
  const scanned = scanFdt(bytes).root
  if (scanned) collectPlaces(root, scanned, places)
  return { text, parsed, bytes, findings: findings.list, places }
}

/** Of properties with one name the first counts. */
function firstOfEach({ properties }: DtsNode): Map<string, DtsProperty> {
  const first = new Map<string, DtsProperty>()
  for (const property of properties) if (!first.has(property.name)) first.set(property.name, property)
  return first
}

function toFdt(node: DtsNode, findings: ParsedDts['findings'], path = ''): FdtNode {
  const first = firstOfEach(node)
  const made = newNode(node.name)
  for (const property of node.properties) {
    const { name, nameSpan, value } = property
    if (first.get(name) === property) made.properties.set(name, value)
    else findings.add('ESM012', findings.at(...nameSpan), { found: `a second ${path}/${name}` })
  }
  for (const child of node.children) made.children.push(toFdt(child, findings, `${path}/${child.name}`))
  return made
}

function collectPlaces(node: DtsNode, scanned: ScannedNode, places: Place[]): void {
  // A node is found by its beginning: what is missing in it is told there.
  places.push({
    start: scanned.offset,
    end: scanned.offset + 4 + ((scanned.name.length + 4) & ~3),
    span: node.nameSpan,
  })
  for (const [i, { nameSpan, span }] of [...firstOfEach(node).values()].entries()) {
    const { offset, value } = scanned.properties[i]!
    // Token, size and name stand in front of a value.
    places.push({ start: offset - 12, end: offset + Math.max(1, value.length), span: [nameSpan[0], span[1]] })
  }
  for (const [i, child] of node.children.entries()) collectPlaces(child, scanned.children[i]!, places)
}

/** The part of the text that a byte of the operand is from; the root where it is from none. */
export function spanAt({ places }: DtsOperand, offset: number | undefined): Span {
  const found = offset === undefined ? undefined : places.find(({ start, end }) => offset >= start && offset < end)
  return found?.span ?? places[0]?.span ?? [0, 0]
}

/** The bytes of the operand that a part of the text is, if any. */
export function bytesAt({ places }: DtsOperand, textOffset: number): { start: number; end: number } | undefined {
  return places.find(({ span: [from, to] }) => textOffset >= from && textOffset <= to)
}

/** Everything that is wrong with a source and with the operand that it makes, each at its part of the text. */
export function verifyDts(operand: DtsOperand, parts: Omit<ImageParts, 'operand'>): TextFinding[] {
  const { bytes, findings } = operand
  if (!bytes) return [...findings]
  const inBytes = verifyImage({ ...parts, operand: bytes }).map((found) => inSource(operand, found))
  return bySeverity([...findings, ...inBytes]) as TextFinding[]
}

/** What was found in the bytes of an operand, at its part of the source; what is missing, at the node that it is missing in. */
export function inSource(operand: DtsOperand, found: Finding): TextFinding {
  const isHere = found.part === undefined || found.part === 'operand'
  const [start, end] =
    isHere && found.offset === undefined
      ? nearestNode(operand, found.path)
      : spanAt(operand, isHere ? found.offset : undefined)
  return { ...found, offset: start, length: end - start, range: operand.parsed.findings.range(start, end) }
}

/** The name of the last node on a path that there is. */
function nearestNode(operand: DtsOperand, path = '/'): Span {
  let node = operand.parsed.root
  for (const name of path.split('/').filter(Boolean)) {
    const next: DtsNode | undefined = node && childNode(node, name)
    if (!next) break
    node = next
  }
  return node?.nameSpan ?? spanAt(operand, undefined)
}

const LINE_BYTES = 32

/** The source of a tree: what {@link readDtsOperand} takes back, as dtc does. */
export function writeDts({ root, reservations }: FdtTree): string {
  const lines = ['/dts-v1/;', '']
  for (const { address, size } of reservations)
    lines.push(`/memreserve/ 0x${address.toString(16)} 0x${size.toString(16)};`)
  const node = (name: string, { properties, children }: FdtNode, indent: string) => {
    lines.push(`${indent}${name} {`)
    for (const [property, value] of properties) lines.push(...propertyLines(property, value, `${indent}\t`))
    for (const child of children) node(child.name, child, `${indent}\t`)
    lines.push(`${indent}};`)
  }
  node('/', root, '')
  return `${lines.join('\n')}\n`
}

function propertyLines(name: string, value: Uint8Array, indent: string): string[] {
  if (value.length === 0) return [`${indent}${name};`]
  const text = latin1(value)
  // Strings, each with its NUL and none empty; anything else as bytes.
  if (/^(?:[\x20-\x7e]+\0)+$/.test(text)) {
    const strings = text.slice(0, -1).split('\0')
    return [`${indent}${name} = ${strings.map((one) => `"${one.replace(/["\\]/g, '\\$&')}"`).join(', ')};`]
  }
  const rows: string[] = []
  for (let at = 0; at < value.length; at += LINE_BYTES) rows.push(hexBytes(value.subarray(at, at + LINE_BYTES)))
  if (rows.length === 1) return [`${indent}${name} = [${rows[0]}];`]
  return [`${indent}${name} = [`, ...rows.map((row) => `${indent}\t${row}`), `${indent}];`]
}
