import { nodeCrypto } from '../../../server/esm/crypto/node.ts'
import { type CaseResult, conformanceCases, runCase } from '../../conformance/suite.ts'
import { type OptionSpec, optionHelp, parseOptions, UsageError } from '../options.ts'
import { EXIT } from '../outcome.ts'
import type { Terminal } from '../terminal.ts'

const OPTIONS: readonly OptionSpec[] = [
  { name: 'json', help: 'print the results as JSON' },
  { name: 'junit', help: 'print the results as JUnit XML' },
  { name: 'filter', value: 'TEXT', help: 'only the cases whose id, title or source contains this' },
  { name: 'help', help: 'this text' },
]

export const conformanceHelp = `Usage: pef conformance [OPTIONS]

Runs the conformance suite of PEF's call interface against the emulated machine, and prints one line a case.
The exit code is ${EXIT.ok} when every case passes, ${EXIT.fault} when one fails, ${EXIT.interrupted} after Ctrl-C, which still prints what has run.

Options:
${optionHelp(OPTIONS)}

Example:
  pef conformance --filter UV_SHARE_PAGE`

/** @returns the exit code */
export async function conformance(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, switches, rest } = parseOptions(args, OPTIONS)
  if (switches.has('help')) {
    terminal.out(`${conformanceHelp}\n`)
    return EXIT.ok
  }
  if (rest.length > 0) throw new UsageError(`pef conformance takes no ${rest[0]}; choose cases with --filter`)
  if (switches.has('json') && switches.has('junit')) throw new UsageError('either --json or --junit, not both')
  const filter = (values.get('filter') ?? '').toLowerCase()
  const chosen = conformanceCases.filter(({ id, title, source }) =>
    `${id} ${title} ${source}`.toLowerCase().includes(filter),
  )
  if (chosen.length === 0) throw new UsageError(`--filter ${filter}: no case has this in its id, title or source`)
  const plain = !switches.has('json') && !switches.has('junit')
  const width = Math.max(...chosen.map(({ id }) => id.length))
  const results: CaseResult[] = []
  for (const one of chosen) {
    // A signal is delivered between two cases.
    await new Promise((resolve) => setImmediate(resolve))
    if (terminal.interrupted) break
    const result = runCase(one, nodeCrypto)
    results.push(result)
    if (plain) terminal.out(line(result, width))
  }
  const failed = results.filter(({ result }) => result === 'fail').length
  if (switches.has('json')) terminal.out(`${JSON.stringify({ cases: results }, undefined, 2)}\n`)
  else if (switches.has('junit')) terminal.out(junit(results, failed))
  else terminal.out(`${results.length - failed} passed, ${failed} failed\n`)
  if (results.length < chosen.length) {
    terminal.error(`interrupted: ${chosen.length - results.length} of ${chosen.length} cases were not run\n`)
    return EXIT.interrupted
  }
  return failed === 0 ? EXIT.ok : EXIT.fault
}

function line({ id, result, title, source, detail }: CaseResult, width: number): string {
  const text = `${id.padEnd(width)}  ${result}  ${title} (${source})\n`
  return result === 'pass' ? text : `${text}${' '.repeat(width + 2)}${detail}\n`
}

function junit(results: readonly CaseResult[], failed: number): string {
  const cases = results.map(({ id, title, source, result, detail }) => {
    const start = `  <testcase classname="${escapeXml(source)}" name="${escapeXml(`${id}: ${title}`)}"`
    return result === 'pass' ? `${start}/>` : `${start}><failure message="${escapeXml(detail)}"/></testcase>`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="pef conformance" tests="${results.length}" failures="${failed}">
${cases.join('\n')}
</testsuite>
`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
}
/** Characters that XML 1.0 does not have are left out. */
const escapeXml = (text: string): string =>
  [...text]
    .filter((character) => character >= ' ' || character === '\n')
    .map((character) => ENTITIES[character] ?? character)
    .join('')
