import { type Diagnostic, DiagnosticSeverity, DiagnosticTag } from 'vscode-languageserver'
import { ruleOf, type Severity, verdictOf } from '../esm/rules.ts'
import type { TextFinding } from '../esm/svm-yaml.ts'

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
