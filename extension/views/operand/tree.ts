/** A list of parts with their depth, as a tree. */
interface Part {
  readonly depth: number
}

/** How many of the parts behind one are inside it, at any depth. */
export function childrenOf(parts: readonly Part[], index: number): number {
  const { depth } = parts[index]!
  let end = index + 1
  while (end < parts.length && parts[end]!.depth > depth) end++
  return end - index - 1
}

/** Positions of the parts that are in sight where some are folded. */
export function visibleParts(parts: readonly Part[], folded: ReadonlySet<number>): number[] {
  const visible: number[] = []
  for (let index = 0; index < parts.length; index++) {
    visible.push(index)
    if (folded.has(index)) index += childrenOf(parts, index)
  }
  return visible
}
