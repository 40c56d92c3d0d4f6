import type { ConformanceCase } from '../../debug-adapter/conformance/case.ts'
import type { matrix } from './matrix.ts'

const cell = (text: string): string => text.replaceAll('|', '\\|')
const line = (...cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`

/** The page that lists the suite: the rows of the matrix with what each expects, then the cases that were added. */
export function suiteTable(rows: typeof matrix, cases: readonly ConformanceCase[]): string {
  const quirked = (id: string): string =>
    cases.flatMap(({ id: one, quirks }) => (one.startsWith(`${id}-`) ? quirks : [])).join(', ')
  const body = rows.map(([row, input, real, sane, source]) => {
    const id = `T${String(row).padStart(3, '0')}`
    return line(id, input, sane === '—' ? real : sane, sane === '—' ? '' : real, quirked(id), source)
  })
  const added = cases.filter(({ id }) => id.startsWith('X-'))
  return `# The conformance suite of PEF's call interface

\`pef conformance\` runs it. Each case has a machine of its own. What a guest does is a program that executes \`sc 2\`, \`sc 1\`, loads and
stores; what the hypervisor does is \`sc 2\` with its registers; interrupts that no program raises begin at their vector: rows 8 and 9 (the
processor sends neither to the ultravisor), 71 (no device of this machine raises an external interrupt) and 74 (machine checks). This page is
made by \`npx vitest run test/conformance -u\`, and a test keeps it equal to the suite.

## The matrix

"expected" is what this machine does; "released code" is what differs there, and is what the machine does with the quirk of the
fifth column switched on. An empty fifth column: no switch, or no case for it.

| case | input | expected | released code | quirk | source |
| --- | --- | --- | --- | --- | --- |
${body.join('\n')}

## More cases

| case | what | starts as | quirks | source |
| --- | --- | --- | --- | --- |
${added.map(({ id, title, start, quirks, source }) => line(id, title, `${start} VM`, quirks.join(', '), source)).join('\n')}
`
}
