/**
 * A refusal explains itself: a stable rule id, one sentence on what was expected, one on what was found, and the place
 * that the rule comes from. There is no bare "failed" anywhere in the machine.
 */
export interface Refusal {
  /** `ESM021`, `UV-ESM-003`, `MEM-001`, ... stable for ever: other people's scripts look for it. */
  readonly rule: string
  readonly expected: string
  readonly found: string
  /** Book and section, or page of the specification. */
  readonly source: string
}

export function refusalText(refusal: Refusal): string {
  return `${refusal.rule}: expected ${refusal.expected}; found ${refusal.found} (${refusal.source})`
}

/** Thrown where a refusal has to cross several callers, e.g. out of a memory access. */
export class RefusalError extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusalText(refusal))
    this.name = 'RefusalError'
  }
}
