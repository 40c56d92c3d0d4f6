import { type Diagnostic, DiagnosticSeverity, DiagnosticTag } from 'vscode-languageserver'
import { finding } from '../esm/findings.ts'
import { ruleOf, type Severity, verdictOf } from '../esm/rules.ts'
import type { TextFinding } from '../esm/svm-yaml.ts'
import type { OperandModel } from './protocol.ts'
import { inLine } from './ranges.ts'

/** What diagnostics are called after. */
export const SOURCE = 'pef'

const SEVERITIES: Readonly<Record<Severity, DiagnosticSeverity>> = {
  X: DiagnosticSeverity.Error,
  E: DiagnosticSeverity.Error,
  W: DiagnosticSeverity.Warning,
  I: DiagnosticSeverity.Information,
  H: DiagnosticSeverity.Hint,
}

/** Rules about what is of no use where it is. */
const UNUSED = new Set(['ESM005', 'ESM034', 'ESM125'])

/**
 * What is wrong, what a tool and UV_ESM do about it, and how to correct it; the id leads to the rule's page.
 * @param rulePages uri of the folder with the pages
 */
export function toDiagnostic({ rule, severity, message, range }: TextFinding, rulePages?: string): Diagnostic {
  const { effect, fix } = ruleOf(rule)
  return {
    range: { start: range.start, end: range.end },
    severity: SEVERITIES[severity],
    code: rule,
    source: SOURCE,
    message: [
      `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
      `What happens: ${effect}.`,
      `UV_ESM ${verdictOf(rule, severity)}.`,
      `To correct it: ${fix}.`,
    ].join('\n'),
    ...(rulePages && { codeDescription: { href: `${rulePages}/${rule}.md` } }),
    ...(UNUSED.has(rule) && { tags: [DiagnosticTag.Unnecessary] }),
  }
}

const LETTERS: Readonly<Record<OperandModel['findings'][number]['severity'], Severity>> = {
  error: 'E',
  warning: 'W',
  information: 'I',
}

/** What is wrong with an operand, at its file as a whole: bytes have no lines, so the message tells the place. */
export function operandDiagnostics({ findings }: OperandModel, rulePages?: string): Diagnostic[] {
  return findings.map(({ rule, severity, message, offset }) => {
    const place = offset === undefined ? '' : ` (at 0x${offset.toString(16)})`
    const found = { ...finding(rule, { severity: LETTERS[severity] }), message: `${message}${place}` }
    return toDiagnostic({ ...found, range: inLine(0, 0, 0) }, rulePages)
  })
}
