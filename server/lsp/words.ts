/** The nearest of `names`: at most a third of its letters differ (Levenshtein, letter case aside). */
export function nearest(name: string, names: readonly string[]): string | undefined {
  let best: { name: string; far: number } | undefined
  for (const candidate of names) {
    const far = distance(name.toLowerCase(), candidate.toLowerCase())
    if (
      far <= Math.max(1, Math.max(candidate.length, name.length) / 3) &&
      far < (best?.far ?? Number.POSITIVE_INFINITY)
    )
      best = { name: candidate, far }
  }
  return best?.name
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
