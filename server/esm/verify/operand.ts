import { childNode, nodeAt } from '../fdt.ts'
import { type FdtProblem, type ScannedNode, scanFdt } from '../fdt-scan.ts'
import { type Finding, finding, shifted } from '../findings.ts'
import { inspectAttachments } from './attachments.ts'
import { inspectDigestNode } from './digests.ts'
import { inspectLockboxes, type Lockbox, readLockboxes } from './lockboxes.ts'
import { isText, propertyOf, readSealed, type Sealed, showValue } from './sealed.ts'

/** What the bytes of an operand say without any key. Everything is found as the ultravisor finds it. */
export interface Operand {
  /** The bytes, without those behind totalsize. */
  readonly bytes: Uint8Array
  readonly root: ScannedNode
  /** In file order, all of them. */
  readonly lockboxes: readonly Lockbox[]
  /** The one that the ultravisor opens. */
  readonly lockbox1?: Lockbox
  /** The owner's. */
  readonly originLockbox?: Lockbox
  /** The encrypted list of digests; parts of it may be missing. */
  readonly digestsFdt?: Sealed
  /** The nested device tree of attachments, as it is. */
  readonly filesFdt?: Uint8Array
  /** Of it, in bytes from the start of the operand. */
  readonly filesOffset?: number
}

export interface Inspection {
  /** Absent where the bytes are not a device tree that can be walked safely. */
  readonly operand?: Operand
  readonly findings: readonly Finding[]
}

/**
 * All that can be said about an operand from its bytes alone: spec/esm-operand.md §12, level 1. Never throws.
 * @param blob the operand; bytes behind its totalsize are reported (ESM005) and ignored
 */
export function inspectOperand(blob: Uint8Array): Inspection {
  const scan = scanFdt(blob)
  const findings = scan.problems.flatMap(containerFindings)
  if (!scan.root || findings.length > 0) return { findings }
  if (scan.trailing > 0)
    findings.push(
      finding('ESM005', {
        found: `${scan.trailing} bytes`,
        offset: blob.length - scan.trailing,
        length: scan.trailing,
      }),
    )
  const { root } = scan
  if (isText(propertyOf(root, 'compatible'), 'ibm,esm-file')) {
    const found = 'the nested device tree of attachments: the first word of the operand before it is damaged'
    return { findings: [finding('ESM001', { found, offset: 0 })] }
  }
  const lockboxes = nodeAt(root, '/lockboxes')
  const digests = nodeAt(root, '/digest/digests-fdt')
  const file = nodeAt(root, '/file')
  const files = file?.properties.find(({ name }) => name === 'files-fdt')
  const boxes = lockboxes ? readLockboxes(lockboxes) : []
  const boxNamed = (name: string) => {
    const node = lockboxes && childNode(lockboxes, name)
    return node && boxes.find((box) => box.node === node)
  }
  const operand: Operand = {
    bytes: blob.subarray(0, blob.length - scan.trailing),
    root,
    lockboxes: boxes,
    lockbox1: boxNamed('lockbox-1'),
    originLockbox: boxNamed('origin-lockbox'),
    digestsFdt: digests && readSealed(digests),
    filesFdt: files?.value,
    filesOffset: files?.offset,
  }
  // No spread into a call: a hostile operand has more findings than a stack has room.
  const all = [
    ...findings,
    ...duplicates(root),
    ...shadowed(root),
    ...inspectRoot(root),
    ...inspectLockboxes(operand, lockboxes !== undefined),
    ...inspectDigestNode(operand.digestsFdt, digests && propertyOf(digests, 'untrusted-comment')),
    ...inspectAttachments(operand.filesFdt).map((found) => shifted(found, files?.offset ?? 0)),
  ]
  return { operand, findings: all }
}

/** Which rule an unreadable container breaks. */
function containerFindings({ code, message, offset }: FdtProblem): Finding[] {
  const found = message.slice(message.indexOf('found ') + 'found '.length)
  const make = (rule: string) => finding(rule, { found, offset })
  switch (code) {
    case 'magic':
      return [make('ESM001')]
    case 'short-header':
      return [make('ESM002')]
    case 'version':
      return [make('ESM003')]
    case 'truncated':
      return [make('ESM004')]
    case 'structure-place':
      return [make('ESM006')]
    case 'structure-cut':
      return [make('ESM006'), make('ESM009')]
    case 'strings-place':
      return [make('ESM007')]
    case 'reservations':
      return [make('ESM008')]
    case 'structure':
      return [make('ESM009')]
    case 'property-name':
      return [make('ESM010')]
  }
}

function eachNode(root: ScannedNode, visit: (node: ScannedNode) => void): void {
  const open = [root]
  for (let node = open.pop(); node; node = open.pop()) {
    visit(node)
    for (const child of node.children) open.push(child)
  }
}

/** The second of one name; that there is a third one says no more. */
function duplicates(root: ScannedNode): Finding[] {
  const findings: Finding[] = []
  eachNode(root, (node) => {
    const nodes = new Repeats()
    for (const child of node.children)
      if (nodes.isSecond(child.name))
        findings.push(finding('ESM011', { found: `a second ${child.path}`, offset: child.offset, path: child.path }))
    const properties = new Repeats()
    for (const { name, offset, value } of node.properties) {
      if (!properties.isSecond(name)) continue
      const path = `${node.path === '/' ? '' : node.path}/${name}`
      findings.push(finding('ESM012', { found: `a second ${path}`, offset, length: value.length, path }))
    }
  })
  return findings
}

class Repeats {
  readonly #counts = new Map<string, number>()

  isSecond(name: string): boolean {
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    return count === 2
  }
}

/** Paths that the ultravisor looks up. */
const WANTED = ['/lockboxes', '/lockboxes/lockbox-1', '/digest', '/digest/digests-fdt', '/file'] as const

function shadowed(root: ScannedNode): Finding[] {
  return WANTED.flatMap((path) => {
    const node = nodeAt(root, path)
    const wanted = path.slice(path.lastIndexOf('/') + 1)
    if (!node || node.name === wanted) return []
    return [finding('ESM013', { expected: wanted, found: node.name, offset: node.offset, path: node.path })]
  })
}

const ROOT_NODES = ['lockboxes', 'digest', 'file']

function inspectRoot(root: ScannedNode): Finding[] {
  const findings: Finding[] = []
  const compatible = root.properties.find((property) => property.name === 'compatible')
  if (!isText(compatible?.value, 'ibm,esm'))
    findings.push(
      finding('ESM014', { found: showValue(compatible?.value), offset: compatible?.offset, path: '/compatible' }),
    )
  for (const { name, offset, value } of root.properties)
    if (name !== 'compatible')
      findings.push(
        finding('ESM015', { found: `the property ${name}`, offset, length: value.length, path: `/${name}` }),
      )
  for (const { name, offset, path } of root.children)
    if (!ROOT_NODES.includes(name)) findings.push(finding('ESM015', { found: `the node ${name}`, offset, path }))
  // That lockboxes and digest are missing has rules of its own.
  if (!childNode(root, 'file')) findings.push(finding('ESM015', { found: 'no node file', path: '/file' }))
  return findings
}
