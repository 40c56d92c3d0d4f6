import { type Diagnostic, DiagnosticSeverity } from 'vscode-languageserver'
import type { CryptoProvider } from '../esm/crypto/provider.ts'
import { bySeverity } from '../esm/findings.ts'
import { ruleOf, type Severity } from '../esm/rules.ts'
import { parseSvmBlob } from '../esm/svm-blob.ts'
import { type FileReader, inspectSvmBlobFiles } from '../esm/svm-blob-files.ts'
import type { TextFinding } from '../esm/svm-yaml.ts'

/** What diagnostics are called after. */
export const SOURCE = 'pef'

/** Whether this is a text that the server knows: by its language, or as YAML by its name. */
export function isSvmBlob(languageId: string, uri: string): boolean {
  if (languageId === 'svm-blob') return true
  return languageId === 'yaml' && /(\/svm_blob|\.svm)\.ya?ml$/.test(uri.replace(/[?#].*$/, ''))
}

/** Everything that is wrong with an svm_blob.yml and the files that it names, the most severe first. */
export async function inspectText(text: string, read: FileReader, crypto: CryptoProvider): Promise<TextFinding[]> {
  const { entries, findings } = parseSvmBlob(text)
  const told = new Set(findings.map(key))
  const fromFiles = await inspectSvmBlobFiles(text, entries, read, crypto)
  return bySeverity([...findings, ...fromFiles.filter((found) => !told.has(key(found)))]) as TextFinding[]
}

/** The text alone and its files may tell the same, e.g. ESM116 for a path that is there twice. */
function key({ rule, offset }: TextFinding): string {
  return `${rule} ${offset}`
}

const SEVERITIES: Readonly<Record<Severity, DiagnosticSeverity>> = {
  X: DiagnosticSeverity.Error,
  E: DiagnosticSeverity.Error,
  W: DiagnosticSeverity.Warning,
  I: DiagnosticSeverity.Information,
  H: DiagnosticSeverity.Hint,
}

export function toDiagnostic({ rule, severity, message, range }: TextFinding): Diagnostic {
  const { start, end } = range
  const text = `${message.charAt(0).toUpperCase()}${message.slice(1)}. To correct it: ${ruleOf(rule).fix}.`
  return { range: { start, end }, severity: SEVERITIES[severity], code: rule, source: SOURCE, message: text }
}
