/** Quick fixes for the source of an operand. */
import type { TextFinding } from '../../esm/svm-yaml.ts'
import type { Fix } from '../fix.ts'
import type { DtsAnalysis } from './language.ts'

const MARK = 'compatible = "ibm,esm";'

/** What corrects a finding by the text alone; what is encrypted or made of a key is made again with svm_blob.yml. */
export function dtsFixes({ operand, text }: DtsAnalysis, finding: TextFinding): readonly Fix[] {
  const { findings, root } = operand.parsed
  const replace = (title: string, start: number, end: number, newText: string): Fix => ({
    title,
    edits: [{ range: findings.range(start, end), newText }],
    preferred: true,
  })
  const at = finding.offset ?? 0
  switch (finding.rule) {
    case 'ESM012':
    case 'ESM014': {
      const property = root?.properties.find(({ nameSpan }) => nameSpan[0] === at)
      if (finding.rule === 'ESM012') return removal(text, at, replace)
      if (property) return [replace(`Change it to ${MARK}`, property.span[0], property.span[1], MARK.slice(0, -1))]
      const open = root ? text.indexOf('{', root.nameSpan[1]) + 1 : 0
      return open > 0 ? [replace(`Add ${MARK}`, open, open, `\n\t${MARK}`)] : []
    }
    case 'ESM016': {
      if (!finding.expected.startsWith('; behind ')) return []
      const end = at + (finding.length ?? 1)
      return [replace(`Add ${finding.expected.replace('; behind', 'a semicolon behind')}`, end, end, ';')]
    }
  }
  return []
}

/** Takes the property that begins at a place out of the text, with its line where it has one of its own. */
function removal(
  text: string,
  start: number,
  replace: (title: string, ...edit: [number, number, string]) => Fix,
): Fix[] {
  const end = text.indexOf(';', start) + 1
  if (end === 0) return []
  const lineStart = text.lastIndexOf('\n', start - 1) + 1
  const isAlone = text.slice(lineStart, start).trim() === '' && text[end] === '\n'
  return [replace('Delete it', isAlone ? lineStart : start, isAlone ? end + 1 : end, '')]
}
