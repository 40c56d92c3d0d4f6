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
stores; what the hypervisor does is \`sc 2\` with its registers; interrupts of the hardware itself (machine checks, hypervisor doorbells) are
raised in the processor where the guest stands. Two rows begin at the ultravisor's vector, since no processor leads there: row 8 (\`sc 1\` with
S=0 goes to the hypervisor) and row 9 (the ultravisor here is no guest code, and takes no interrupt of its own). This page is made by
\`npx vitest run test/conformance -u\`, and a test keeps it equal to the suite.

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
