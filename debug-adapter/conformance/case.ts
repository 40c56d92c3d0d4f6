import type { MachineConfig } from '../machine/config.ts'
import type { Quirk } from '../machine/ultravisor/quirks.ts'
import type { Bench } from './bench.ts'

/** One case of the suite: a row of spec/ultravisor.md §10, or one that was added to them. */
export interface ConformanceCase {
  /** `T028` for row 28, sane behaviour; `T028-Q14` for what the released firmware does with that quirk; `X...` for added ones. */
  readonly id: string
  readonly title: string
  /** The function of the released firmware or of KVM, or section of the specification. */
  readonly source: string
  readonly start: 'secure' | 'normal'
  readonly quirks: readonly Quirk[]
  readonly config?: Partial<MachineConfig>
  readonly run: (bench: Bench) => void
}

interface Options {
  readonly start?: 'secure' | 'normal'
  readonly config?: Partial<MachineConfig>
}

/** A row of the matrix with the sane behaviour, in a VM that is secure unless `options` say otherwise. */
export function row(
  number: number,
  title: string,
  source: string,
  run: (bench: Bench) => void,
  options: Options = {},
): ConformanceCase {
  return { id: `T${String(number).padStart(3, '0')}`, title, source, start: 'secure', quirks: [], run, ...options }
}

/** The same row as the released firmware has it, with the quirk switched on. */
export function real(
  number: number,
  quirk: Quirk,
  title: string,
  source: string,
  run: (bench: Bench) => void,
  options: Options = {},
): ConformanceCase {
  return {
    ...row(number, title, source, run, options),
    id: `T${String(number).padStart(3, '0')}-${quirk}`,
    quirks: [quirk],
  }
}

/** A case that the matrix does not have. */
export function extra(
  name: string,
  title: string,
  source: string,
  run: (bench: Bench) => void,
  options: Options & { readonly quirks?: readonly Quirk[] } = {},
): ConformanceCase {
  return { id: `X-${name}`, title, source, start: 'secure', quirks: [], run, ...options }
}
