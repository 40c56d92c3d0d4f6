/** The page of documentation of each rule: server/rule-pages/ESMnnn.md, made of the one table of rules. */
import { RULES, type Rule, type Severity, verdictOf } from '../esm/rules.ts'

const SEVERITIES: Readonly<Record<Severity, string>> = {
  E: 'error',
  X: 'error; the real ultravisor may crash or corrupt memory, so UV_ESM refuses here',
  W: 'warning',
  I: 'information',
  H: 'hint',
}

/** Rules of which some findings are milder than the rule. */
const MILDER = new Set(['ESM025', 'ESM027', 'ESM043', 'ESM044', 'ESM062', 'ESM072', 'ESM081'])

const STAGES: Readonly<Record<Rule['stage'], string>> = {
  esm: 'in UV_ESM, when the VM asks to become secure',
  make: 'when the operand is made',
  use: 'when the secure VM reads an attachment; UV_ESM itself goes on',
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

/** The page of one rule, as Markdown. */
export function rulePage({ id, severity, stage, condition, expected, effect, fix, section }: Rule): string {
  return `# ${id}: ${condition}

| | |
| --- | --- |
| Severity | ${SEVERITIES[severity]} |
| It matters | ${STAGES[stage]} |
| Source | ${section} |

**Expected:** ${expected}.

**What happens:** ${effect}.

**UV_ESM** ${verdictOf(id, severity)}${MILDER.has(id) ? '; where this is a warning or less, it goes on' : ''}.

**To correct it:** ${fix}.

[All rules](README.md)
`
}

/** The list of all rules, as Markdown. */
export function ruleIndex(): string {
  const rows = [...RULES.values()].map(
    ({ id, severity, condition, fix }) =>
      `| [${id}](${id}.md) | ${severity} | ${sentence(condition)} | ${sentence(fix)} |`,
  )
  return `# Rules about an ESM operand

Each has one id, which is a diagnostic in the editor and in \`pef esm check\`, a reason of UV_ESM in the debugger, and a field in the log.
E: UV_ESM refuses, or the operand cannot be made. X: so too, where the real ultravisor may crash. W: it boots, but something is lost or another tool
refuses. I: information. H: hint.

| Rule | | What is wrong | To correct it |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}
