/** Quick fixes, whatever the language of the document. */
import type { CodeAction, Command, Diagnostic, TextEdit } from 'vscode-languageserver'
import type { TextFinding } from '../esm/svm-yaml.ts'
import type { Files } from './files.ts'
import { nameOf, parentOf } from './uris.ts'
import { nearest } from './words.ts'

export interface Fix {
  readonly title: string
  readonly edits?: readonly TextEdit[]
  /** A command of the extension, where the text alone does not do it. */
  readonly command?: Command
  /** The one to take where there are several. */
  readonly preferred?: boolean
}

/** The finding that a diagnostic of the editor came from. */
export function findingOf(diagnostic: Diagnostic, findings: readonly TextFinding[]): TextFinding | undefined {
  const { line, character } = diagnostic.range.start
  return findings.find(
    ({ rule, range: { start } }) => rule === diagnostic.code && start.line === line && start.character === character,
  )
}

export function toAction({ title, edits, command, preferred }: Fix, diagnostic: Diagnostic, uri: string): CodeAction {
  return {
    title,
    kind: 'quickfix',
    diagnostics: [diagnostic],
    ...(preferred && { isPreferred: true }),
    ...(edits && { edit: { changes: { [uri]: [...edits] } } }),
    ...(command && { command }),
  }
}

/** A path to a file of nearly that name in the same folder; undefined where there is none. */
export async function nearestPath(path: string, places: readonly string[], files: Files): Promise<string | undefined> {
  const names = new Set<string>()
  for (const uri of places)
    for (const name of await files.host.list(parentOf(uri))) if (!name.endsWith('/')) names.add(name)
  const near = nearest(nameOf(path), [...names])
  return near && path.slice(0, path.lastIndexOf('/') + 1) + near
}
