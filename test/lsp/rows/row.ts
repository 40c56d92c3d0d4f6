/** The table of every diagnostic: one row a way to meet a rule, over the language server. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DiagnosticSeverity } from 'vscode-languageserver'
import { flattenKernel } from '../../../server/esm/kernel-image.ts'
import { fixture } from '../../esm/fixtures.ts'
import { GOOD } from '../workspace.ts'

export const { Error: E, Warning: W, Information: I, Hint: H } = DiagnosticSeverity

/** A document and the files beside it, each in the case's own folder. */
export interface Document {
  /** `svm_blob.yml`, `pef.json`, `.vscode/launch.json`, or ending in `.esm.dts`. */
  readonly name: string
  readonly text: string
  readonly files?: Readonly<Record<string, Uint8Array | string>>
}

export interface Row {
  readonly rule: string
  readonly severity: DiagnosticSeverity
  /** Triggers the rule. */
  readonly wrong: Document
  /** What stands at the diagnostic, or the line that it begins in, from 0. */
  readonly at: string | number
  /** Nearly the same, and does not. */
  readonly right: Document
  /**
   * `text`: the preferred quick fix changes the text, and the rule is met no more; `pef.…`: a quick fix calls that command. Nothing: there
   * is none, for it takes a person.
   */
  readonly fix?: 'text' | `pef.${string}`
}

/** A rule that nothing in an editor can meet. */
export interface Elsewhere {
  readonly rule: string
  readonly because: string
  /** The test that shows it. */
  readonly shownBy: string
  /** What that test has to name. */
  readonly naming: string
}

/** The language that an editor has a document in. */
export function languageIdOf({ name }: Document): string {
  if (name.endsWith('.dts')) return 'esm-dts'
  return name.endsWith('.json') ? 'jsonc' : 'yaml'
}

/** Writes a document and its files into a folder of the workspace. @returns the document's path there */
export function writeDocument(workspace: string, folder: string, { name, text, files = {} }: Document): string {
  for (const [file, bytes] of Object.entries({ ...files, [name]: text })) {
    const place = join(workspace, folder, file)
    mkdirSync(dirname(place), { recursive: true })
    writeFileSync(place, bytes)
  }
  return join(folder, name)
}

export const recipe = (text: string, files?: Document['files']): Document => ({ name: 'svm_blob.yml', text, files })

/** A row of svm_blob.yml, beside one that nothing is wrong with. */
export function yaml(
  rule: string,
  severity: DiagnosticSeverity,
  text: string,
  at: string | number,
  more: { readonly fix?: Row['fix']; readonly right?: Document; readonly files?: Document['files'] } = {},
): Row {
  const { fix, right = recipe(GOOD), files } = more
  return { rule, severity, at, wrong: recipe(text, files), right, ...(fix && { fix }) }
}

/** The kernel of the fixtures with one byte of its code changed. */
export function otherKernel(): Uint8Array {
  const elf = fixture('inputs/vmlinux')
  const start = Buffer.from(elf).indexOf(flattenKernel(elf).bytes.subarray(0, 64))
  if (start < 0) throw new Error('the flat image is not in one piece')
  elf[start + 8]! ^= 1
  return elf
}

/** The number of the line with a text, from 0. */
export function lineOf(text: string, part: string): number {
  const line = text.split('\n').findIndex((one) => one.includes(part))
  if (line < 0) throw new Error(`no line has ${part}`)
  return line
}
