export interface Site {
  /** Names it wherever it stands in its file: file, function, text. */
  readonly key: string
  readonly path: string
  readonly line: number
  readonly kind: 'never' | 'always' | 'skipped'
}
export function mutationSites(): Site[]
export function bundlePool(sites: readonly Site[], outfile: string): Promise<void>
/** Removals that make no difference, by key, and why. */
export const equivalent: Readonly<Record<string, string>>
export class Thread {
  constructor(bundle: string)
  /** @returns the names of the observers */
  start(): Promise<string[]>
  /** @param site the number of the removal, or -1 for none */
  try(site: number, observers: readonly number[]): Promise<{ noticedBy?: number; mattered: number[] }>
  stop(): Promise<void>
}
