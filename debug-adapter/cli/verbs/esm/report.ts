/** Findings as text, as JSON that scripts read, and as SARIF 2.1.0 for code scanning. */
import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Finding } from '../../../../server/esm/findings.ts'
import { hex } from '../../../../server/esm/reader.ts'
import { RULES, type Rule, ruleOf, type Severity } from '../../../../server/esm/rules.ts'
import type { TextRange } from '../../../../server/esm/svm-yaml.ts'

/** A finding, the file that it is in, and where in a text. */
export interface Located {
  readonly finding: Finding
  readonly file: string
  readonly range?: TextRange
}

/** Text from an untrusted file for a terminal: control characters, which might do something there, as their numbers. */
export function printable(text: string): string {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0)!
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ? `\\x${code.toString(16).padStart(2, '0')}` : character
  }).join('')
}

const LEVELS = { E: 'error', X: 'error', W: 'warning', I: 'information', H: 'hint' } as const satisfies Record<
  Severity,
  string
>

export const levelOf = ({ severity }: Finding): (typeof LEVELS)[Severity] => LEVELS[severity]

/** What `--format json` and `pef run --json` print a finding as; `offset` is in bytes, a range has lines and characters (UTF-16) from 0. */
export interface Diagnostic {
  readonly id: string
  readonly severity: string
  readonly message: string
  /** Absent where it is about a machine as a whole. */
  readonly file?: string
  readonly offset?: number
  readonly length?: number
  readonly range?: TextRange
  /** Of the node or property in the device tree. */
  readonly path?: string
  /** What UV_ESM, or the tool that makes operands, does. */
  readonly effect: string
  readonly fix: string
}

/** A finding without its place. */
export function toDiagnostic(finding: Finding): Diagnostic {
  const { effect, fix } = ruleOf(finding.rule)
  const { rule: id, message, path } = finding
  return { id, severity: levelOf(finding), message, ...(path !== undefined && { path }), effect, fix }
}

export function toJson(found: readonly Located[]): string {
  const diagnostics = found.map(({ finding, file, range }): Diagnostic => {
    const { offset = 0, length } = finding
    const place = range ? { range } : { offset, ...(length !== undefined && { length }) }
    return { ...toDiagnostic(finding), file, ...place }
  })
  return `${JSON.stringify({ diagnostics }, undefined, 2)}\n`
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

export function toText(found: readonly Located[]): string {
  const lines = found.flatMap(({ finding, file, range }) => {
    const { effect, fix } = ruleOf(finding.rule)
    const place = range
      ? `${file}:${range.start.line + 1}:${range.start.character + 1}`
      : finding.offset === undefined
        ? file
        : `${file}:${hex(finding.offset)}`
    const where = finding.path === undefined ? '' : ` (${finding.path})`
    return [
      `${place}: ${levelOf(finding)} ${finding.rule}: ${finding.message}${where}`,
      `    effect: ${effect}`,
      `    fix: ${fix}`,
    ]
  })
  const count = (...levels: string[]) => found.filter(({ finding }) => levels.includes(levelOf(finding))).length
  const summary = [
    plural(count('error'), 'error'),
    plural(count('warning'), 'warning'),
    plural(count('information', 'hint'), 'note'),
  ]
  return [...lines, summary.join(', ')].map((line) => `${printable(line)}\n`).join('')
}

const SARIF_LEVELS = { error: 'error', warning: 'warning', information: 'note', hint: 'note' } as const

/** SARIF 2.1.0: one run, with every rule. @param version of pef */
export function toSarif(found: readonly Located[], version: string): string {
  const rules = [...RULES.values()]
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'pef esm check', version, rules: rules.map(sarifRule) } },
        columnKind: 'utf16CodeUnits',
        results: found.map(({ finding, file, range }) => ({
          ruleId: finding.rule,
          ruleIndex: rules.findIndex(({ id }) => id === finding.rule),
          level: SARIF_LEVELS[levelOf(finding)],
          message: { text: `${finding.message}. To fix it: ${ruleOf(finding.rule).fix}.` },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: artifactUri(file) },
                region: range ? textRegion(range) : byteRegion(finding),
              },
              ...(finding.path !== undefined && { logicalLocations: [{ fullyQualifiedName: finding.path }] }),
            },
          ],
        })),
      },
    ],
  }
  return `${JSON.stringify(log, undefined, 2)}\n`
}

function sarifRule({ id, severity, condition, expected, effect, fix, section }: Rule) {
  return {
    id,
    shortDescription: { text: `${condition}.` },
    fullDescription: { text: `${condition}: expected ${expected}. ${effect}.` },
    help: { text: `${fix} (${section})` },
    defaultConfiguration: { level: SARIF_LEVELS[LEVELS[severity]] },
  }
}

/** Relative where the file is below the working directory, so that a code scanner finds it in its checkout. */
function artifactUri(file: string): string {
  const below = relative(process.cwd(), file)
  if (below === '' || below.startsWith('..') || /^([A-Za-z]:|\/)/.test(below)) return pathToFileURL(file).href
  return below.split(/[\\/]/).map(encodeURIComponent).join('/')
}

const textRegion = ({ start, end }: TextRange) => ({
  startLine: start.line + 1,
  startColumn: start.character + 1,
  endLine: end.line + 1,
  endColumn: end.character + 1,
})

const byteRegion = ({ offset = 0, length }: Finding) => ({
  byteOffset: offset,
  ...(length !== undefined && { byteLength: length }),
})
