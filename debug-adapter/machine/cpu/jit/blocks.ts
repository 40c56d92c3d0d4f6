/**
 * What of a page is compiled: basic blocks of the instructions that have been executed, and the loops among them
 * (spec/cpu-performance.md §7). Positions are numbers of words in the page, 0 to 1023.
 */
import type { Effect, Expr } from '../isa/expr.ts'
import type { Insn } from '../isa/insn.ts'
import { RECORDS } from '../layout.ts'

/** One instruction, with its effects for this word. */
export interface Decoded {
  readonly insn: Insn
  /** Of the instruction in the table. */
  readonly number: number
  readonly word: number
  readonly effects: readonly Effect[]
}

export interface Block {
  readonly start: number
  /** Behind its last instruction. */
  readonly end: number
}

/** Where a branch leads: a position in the page, which may be outside it, or not known before it is executed. */
export function staticTarget(at: number, target: Expr): number | undefined {
  if (target.op !== 'binary' || target.name !== 'add' || target.args[0].op !== 'cia' || target.args[1].op !== 'const')
    return undefined
  return at + Number(BigInt.asIntN(64, target.args[1].value) >> 2n)
}

export interface Branch {
  readonly target: Expr
  readonly condition?: Expr
}

export const branchOf = (effects: readonly Effect[]): Branch | undefined =>
  effects.find((f): f is Effect & { op: 'branch' } => f.op === 'branch')

/**
 * Finds the blocks that can be reached from `entries` by branches in the page.
 * @param at the instruction at a position, undefined where it has not been executed or cannot be compiled
 */
export function findBlocks(entries: Iterable<number>, at: (position: number) => Decoded | undefined): Block[] {
  const leaders = new Set<number>()
  const ends = new Map<number, number>()
  const pending: number[] = []
  const lead = (position: number): void => {
    if (position < 0 || position >= RECORDS || leaders.has(position) || !at(position)) return
    leaders.add(position)
    pending.push(position)
  }
  for (const entry of entries) lead(entry)
  for (let start = pending.pop(); start !== undefined; start = pending.pop()) {
    let position = start
    for (; position < RECORDS; position++) {
      const decoded = at(position)
      if (!decoded) break
      const branch = branchOf(decoded.effects)
      if (!branch) continue
      position++
      const target = staticTarget(position - 1, branch.target)
      if (target !== undefined) lead(target)
      // Behind a call as well, where the return leads.
      if (branch.condition || decoded.effects.length > 1) lead(position)
      break
    }
    ends.set(start, position)
  }
  const starts = [...leaders].sort((a, b) => a - b)
  return starts.map((start, i) => ({ start, end: Math.min(ends.get(start)!, starts[i + 1] ?? RECORDS) }))
}

/** A range of blocks (numbers in the list) that is entered again at its first one. */
export interface Loop {
  readonly first: number
  last: number
}

/** The targets of a block in the page, as numbers of blocks: of its branch, and of going on behind it. */
export interface Edges {
  readonly branch: number | undefined
  readonly next: number | undefined
}

/** @returns the edges of each block */
export function findEdges(blocks: readonly Block[], at: (position: number) => Decoded | undefined): Edges[] {
  const byStart = new Map(blocks.map(({ start }, i) => [start, i]))
  return blocks.map(({ end }) => {
    const branch = branchOf(at(end - 1)!.effects)
    const target = branch && staticTarget(end - 1, branch.target)
    return {
      branch: target === undefined ? undefined : byStart.get(target),
      next: branch && !branch.condition ? undefined : byStart.get(end),
    }
  })
}

/**
 * Loops in the order of the code: a branch back makes one of everything from its target to itself. Where two would overlap, the
 * outer one grows, so they are nested; sorted by their first block, outer before inner.
 */
export function findLoops(edges: readonly Edges[]): Loop[] {
  const byFirst = new Map<number, Loop>()
  for (const [i, { branch }] of edges.entries()) {
    if (branch === undefined || branch > i) continue
    const loop = byFirst.get(branch)
    if (!loop) byFirst.set(branch, { first: branch, last: i })
    else loop.last = Math.max(loop.last, i)
  }
  const loops = [...byFirst.values()].sort((a, b) => a.first - b.first)
  for (let changed = true; changed; ) {
    changed = false
    for (const outer of loops)
      for (const inner of loops)
        if (inner.first > outer.first && inner.first <= outer.last && inner.last > outer.last) {
          outer.last = inner.last
          changed = true
        }
  }
  return loops
}

/** The loops around each block, outermost first. */
export function loopsAround(blocks: number, loops: readonly Loop[]): Loop[][] {
  return Array.from({ length: blocks }, (_, i) => loops.filter(({ first, last }) => first <= i && i <= last))
}
