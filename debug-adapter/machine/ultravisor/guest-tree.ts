import { type FdtNode, type FdtTree, findNode, parseFdt } from '../../../server/esm/fdt.ts'
import { PAGE_BYTES } from '../memory/real-memory.ts'
import { EsmRefused, type EsmRun } from './esm-run.ts'
import { uvRefusal } from './rules.ts'

/** The UV reserves its pages below this, whatever the size of the guest (spec/ultravisor.md §0.1). */
const RMO_CAP = 768n << 20n
/** A tree over 1 MiB does not fit twice into the 2 MiB workspace (spec/ultravisor.md §0.1). */
export const MAX_TREE_BYTES = 1 << 20
export const MAX_VCPUS = 4096
const PAGE = BigInt(PAGE_BYTES)

/** RTAS services that UV_ESM does not go on without (spec/ultravisor.md §6.2). */
export const MANDATORY_RTAS = [
  'stop-self',
  'check-exception',
  'event-scan',
  'ibm,configure-connector',
  'ibm,get-system-parameter',
  'ibm,set-system-parameter',
  'ibm,slot-error-detail',
  'ibm,os-term',
  'nvram-fetch',
  'nvram-store',
  'power-off',
  'start-cpu',
] as const
/** May be missing. Those behind the first take and give plain numbers: nothing of theirs is bounced. */
const OPTIONAL_RTAS = [
  'ibm,nmi-register',
  'get-time-of-day',
  'system-reboot',
  'query-cpu-stopped-state',
  'ibm,set-xive',
  'ibm,get-xive',
  'ibm,int-on',
  'ibm,int-off',
  'ibm,read-pci-config',
  'ibm,write-pci-config',
  'ibm,change-msi',
  'ibm,query-interrupt-source-number',
  'ibm,query-pe-dma-window',
  'ibm,create-pe-dma-window',
  'ibm,remove-pe-dma-window',
] as const

/** A number of one or two cells. */
export function cells(bytes: Uint8Array | undefined): bigint | undefined {
  if (bytes === undefined || (bytes.length !== 4 && bytes.length !== 8)) return undefined
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

export function property(tree: FdtTree, path: string, name: string): Uint8Array | undefined {
  return findNode(tree, path)?.properties.get(name)
}

/** The device tree of the guest, parsed. It is untrusted: whatever does not parse refuses UV_ESM. */
export function parseGuestTree(bytes: Uint8Array): FdtTree {
  try {
    return parseFdt(bytes)
  } catch (error) {
    throw new EsmRefused(uvRefusal('UV-ESM-008', error instanceof Error ? error.message : String(error)))
  }
}

/** Top of the real-mode area that pages are reserved below (spec/ultravisor.md §4.2 step 9). */
export function rmoTop(tree: FdtTree): bigint {
  const reg = property(tree, '/memory@0', 'reg')
  if (!reg || reg.length < 16)
    throw new EsmRefused(uvRefusal('UV-ESM-010', reg ? `reg of ${reg.length} bytes` : 'no /memory@0 with reg'))
  const base = cells(reg.slice(0, 8))!
  const size = cells(reg.slice(8, 16))!
  if (base !== 0n) throw new EsmRefused(uvRefusal('UV-ESM-010', `a base of 0x${base.toString(16)}`))
  return size < RMO_CAP ? size : RMO_CAP
}

/**
 * Reserves whole pages for the ultravisor inside the guest's memory: the highest free range below the top, added to
 * the memory reservations of the tree, so that the guest keeps off (spec/ultravisor.md §6.4).
 */
export function reservePages(run: EsmRun, purpose: string, pages: number): bigint {
  const tree = run.tree!
  const bytes = BigInt(pages) * PAGE
  const taken = [...tree.reservations.map((r) => ({ start: r.address, end: r.address + r.size })), ...guestRanges(run)]
  // The search goes by whole pages; with Q43 the place that it found is rounded up instead, into whatever lies there.
  const late = run.uv.quirk('Q43')
  const below = (end: bigint): bigint => (late ? end - bytes : (end - bytes) & -PAGE)
  let start = below(run.top)
  for (;;) {
    const clash = taken.filter((r) => start < r.end && r.start < start + bytes)
    if (clash.length === 0) break
    start = below(clash[0]!.start)
  }
  if (late) start = (start + PAGE - 1n) & -PAGE
  if (start < 0n) throw new EsmRefused(uvRefusal('UV-ESM-011', `no ${pages} free pages for: ${purpose}`))
  tree.reservations.push({ address: start, size: bytes })
  run.svm.reserved.set(purpose, { gpa: start, pages })
  for (let gpa = start; gpa < start + bytes; gpa += PAGE) emptyPage(run, gpa)
  return start
}

/** What the hypervisor put there, or took away, before it could know that the page is the ultravisor's, is gone. */
function emptyPage({ uv, svm }: EsmRun, gpa: bigint): void {
  const gfn = gpa / PAGE
  const page = svm.securePage(gfn)
  if (page === undefined) throw new EsmRefused(uvRefusal('UV-ESM-011', `gpa 0x${gpa.toString(16)} in no memory slot`))
  uv.clear(page, PAGE_BYTES)
  svm.pagedIn.delete(gfn)
  svm.setState(gfn, 'SECURE')
  svm.table.map(gpa, page)
}

/** Ranges that the tree names without reserving them: the pages must not land on them either. */
function guestRanges(run: EsmRun): { start: bigint; end: bigint }[] {
  const tree = run.tree!
  const ranges = [{ start: run.fdt, end: run.fdt + BigInt(run.treeBytes) }]
  const rtas = cells(property(tree, '/rtas', 'linux,rtas-base'))
  const rtasSize = cells(property(tree, '/rtas', 'rtas-size'))
  if (rtas !== undefined && rtasSize !== undefined) ranges.push({ start: rtas, end: rtas + rtasSize })
  for (const name of ['linux,initrd', 'linux,esm-blob']) {
    const start = cells(property(tree, '/chosen', `${name}-start`))
    const end = cells(property(tree, '/chosen', `${name}-end`))
    if (start !== undefined && end !== undefined && end > start) ranges.push({ start, end })
  }
  return ranges
}

/** Tokens of the RTAS services; a mandatory one that is missing refuses UV_ESM. */
export function readRtasTokens(run: EsmRun): void {
  const tree = run.tree!
  const missing: string[] = []
  for (const name of [...MANDATORY_RTAS, ...OPTIONAL_RTAS]) {
    const token = cells(property(tree, '/rtas', name))
    if (token !== undefined) run.svm.rtasTokens.set(name, Number(token))
    else if ((MANDATORY_RTAS as readonly string[]).includes(name)) missing.push(name)
  }
  if (!findNode(tree, '/rtas')) return // named by the step that looks for the RTAS code (ESM082)
  if (missing.length > 0) throw new EsmRefused(uvRefusal('UV-ESM-012', `no ${missing.join(', ')}`))
}

/** Most virtual processors that the VM may have: cores of ibm,lrdr-capacity times threads of a core. */
export function maxVcpus(tree: FdtTree): number {
  const capacity = property(tree, '/rtas', 'ibm,lrdr-capacity')
  // Two cells of address, two of size, then the number of cores (PAPR, ibm,lrdr-capacity).
  const cores = capacity && capacity.length >= 20 ? Number(cells(capacity.slice(16, 20))) : 1
  const cpu = firstCpu(tree.root)
  const threads = (cpu?.properties.get('ibm,ppc-interrupt-server#s')?.length ?? 4) / 4
  const count = cores * threads
  if (count > MAX_VCPUS) throw new EsmRefused(uvRefusal('UV-ESM-013', `${cores} cores of ${threads} threads`))
  return count
}

function firstCpu(node: FdtNode): FdtNode | undefined {
  const type = node.properties.get('device_type')
  if (type && new TextDecoder().decode(type) === 'cpu\0') return node
  for (const child of node.children) {
    const found = firstCpu(child)
    if (found) return found
  }
  return undefined
}
