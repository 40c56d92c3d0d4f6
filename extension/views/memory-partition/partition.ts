/** Runs of pages: which changed between two stops, and where they are drawn. Everything is counted in pages of 64 KiB. */
import type { PageRun } from '../../../debug-adapter/adapter/protocol.ts'
import type { MemoryMap } from './messages.ts'

export const PAGE_BYTES = 0x10000
/** Secure memory has bit 15 of the real address set (spec/ultravisor.md §1): 2^48 bytes, in pages. */
const SECURE_PAGE = 2 ** 32

/** A run with its first page as a number: real addresses have at most 56 bits, their pages 40. */
export interface Run {
  readonly first: number
  readonly pages: number
  readonly run: PageRun
}

/** Pages that are not as they were: either side is undefined where the pages were or are free. */
export interface Change {
  readonly first: number
  readonly pages: number
  readonly before: PageRun | undefined
  readonly after: PageRun | undefined
}

export function isSecure(page: number): boolean {
  return page >= SECURE_PAGE
}

export function pageOf(ra: string): number {
  return Number(BigInt(ra) >> 16n)
}

export function realAddress(page: number): string {
  return `0x${(BigInt(page) << 16n).toString(16)}`
}

export function toRuns(runs: readonly PageRun[]): Run[] {
  return runs.map((run) => ({ first: pageOf(run.ra), pages: run.pages, run })).sort((a, b) => a.first - b.first)
}

/**
 * What changed from one partition to another, by ascending page. A run that was only cut or joined did not change: pages
 * are compared by owner, use, VM, guest address and state.
 */
export function changes(before: readonly Run[], after: readonly Run[]): Change[] {
  const edges = new Set<number>()
  for (const { first, pages } of [...before, ...after]) edges.add(first).add(first + pages)
  const sorted = [...edges].sort((a, b) => a - b)
  const found: Change[] = []
  let b = 0
  let a = 0
  for (let i = 0; i + 1 < sorted.length; i++) {
    const first = sorted[i]!
    const end = sorted[i + 1]!
    while (b < before.length && before[b]!.first + before[b]!.pages <= first) b++
    while (a < after.length && after[a]!.first + after[a]!.pages <= first) a++
    const was = before[b] && before[b]!.first <= first ? before[b]! : undefined
    const is = after[a] && after[a]!.first <= first ? after[a]! : undefined
    if (samePage(was, is, first)) continue
    const last = found.at(-1)
    if (last && last.first + last.pages === first && last.before === was?.run && last.after === is?.run)
      found[found.length - 1] = { ...last, pages: last.pages + end - first }
    else found.push({ first, pages: end - first, before: was?.run, after: is?.run })
  }
  return found
}

function samePage(was: Run | undefined, is: Run | undefined, page: number): boolean {
  if (!was || !is) return was === is
  const { run: x } = was
  const { run: y } = is
  if (x.owner !== y.owner || x.use !== y.use || x.lpid !== y.lpid || x.state !== y.state) return false
  return guestPage(was, page) === guestPage(is, page)
}

function guestPage({ first, run }: Run, page: number): number | undefined {
  return run.gpa === undefined ? undefined : pageOf(run.gpa) + page - first
}

/** One half of real memory. */
export interface Half {
  readonly secure: boolean
  /** First page and size of the bar. */
  readonly first: number
  readonly pages: number
  readonly runs: readonly Run[]
  readonly freePages: number
}

export function halves(map: MemoryMap): { normal: Half; secure: Half } {
  const runs = toRuns(map.runs)
  const half = (secure: boolean, bytes: number): Half => {
    const own = runs.filter(({ first }) => isSecure(first) === secure)
    const pages = bytes / PAGE_BYTES
    const owned = own.reduce((sum, run) => sum + run.pages, 0)
    return { secure, first: secure ? SECURE_PAGE : 0, pages, runs: own, freePages: pages - owned }
  }
  return { normal: half(false, map.normalBytes), secure: half(true, map.secureBytes) }
}

/** A part of a bar, in pixels from its left end. */
export interface Box<T> {
  readonly x: number
  readonly width: number
  readonly item: T
}

/** Where a thing that is too small for the scale is still drawn. */
const LEAST_WIDTH = 2

/**
 * Places runs on a bar to scale. Those narrower than {@link LEAST_WIDTH} pixels are widened to it, and left out where the
 * one before is on the same spot already and looks the same.
 * @param looks tells whether two items would be drawn alike
 */
export function layOut<T extends { readonly first: number; readonly pages: number }>(
  items: readonly T[],
  bar: { readonly first: number; readonly pages: number },
  width: number,
  looks: (item: T) => string,
): Box<T>[] {
  const boxes: Box<T>[] = []
  const scale = bar.pages > 0 ? width / bar.pages : 0
  for (const item of items) {
    const wide = Math.min(width, Math.max(LEAST_WIDTH, item.pages * scale))
    const x = Math.min((item.first - bar.first) * scale, width - wide)
    const last = boxes.at(-1)
    if (wide === LEAST_WIDTH && last && x < last.x + 1 && looks(last.item) === looks(item)) continue
    boxes.push({ x, width: wide, item })
  }
  return boxes
}
