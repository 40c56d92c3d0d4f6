import type { DebugProtocol } from '@vscode/debugprotocol'
import { Procedure } from '../machine/steps.ts'

/**
 * The read-only step listings of firmware procedures, as DAP sources. The number of a listing is the position of its
 * procedure among all that the program declares: the same in every session of one version, so that a breakpoint that
 * the editor remembers finds its listing again.
 */
export function allProcedures(): readonly Procedure[] {
  return Procedure.declared
}

/** `UV_ESM` -> `ultravisor/UV_ESM.steps`: what the editor shows as the path of a listing. */
function listingPath(procedure: Procedure): string {
  return `${procedure.layer}/${procedure.name}.steps`
}

export function listingSource(procedure: Procedure): DebugProtocol.Source {
  return {
    name: `${procedure.name}.steps`,
    path: listingPath(procedure),
    sourceReference: allProcedures().indexOf(procedure) + 1,
    origin: `steps of the ${procedure.layer}, ${procedure.source}`,
  }
}

/** The procedure whose listing a source names: by its path first, which outlives a session, then by its reference. */
export function procedureOfSource(source: DebugProtocol.Source | undefined, reference = 0): Procedure | undefined {
  const path = source?.path
  const byPath = path && allProcedures().find((procedure) => path.endsWith(listingPath(procedure)))
  return byPath || allProcedures()[(source?.sourceReference || reference) - 1]
}

/** Line numbers of a procedure's listing that hold a step. */
export function stepLines(procedure: Procedure): { readonly first: number; readonly last: number } {
  const count = Object.keys(procedure.steps).length
  return { first: Procedure.headerLines + 1, last: Procedure.headerLines + count }
}
