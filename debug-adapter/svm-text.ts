import type { SvmStatistics } from './machine/api.ts'

/** The pages of an SVM in words: how many are in each state, and what they have been through. */
export function svmText({ states, pageIns, pageOuts, shares, unshares, faults }: SvmStatistics): {
  readonly pages: string
  readonly past: string
} {
  const pages = Object.entries(states).map(([state, count]) => `${count} ${state}`)
  const past = `${pageIns} paged in, ${pageOuts} out, ${shares} shared, ${unshares} unshared, ${faults} faults`
  return { pages: pages.join(', '), past }
}
