/** What stands behind values and above entries without being in the text. */
import { type CodeLens, type InlayHint, InlayHintKind } from 'vscode-languageserver'
import { sameBytes } from '../../esm/reader.ts'
import type { ParsedSvmBlob } from '../../esm/svm-blob.ts'
import type { TextRange } from '../../esm/svm-yaml.ts'
import type { Files } from '../files.ts'
import { inLine } from '../ranges.ts'
import { factsOf } from './facts.ts'
import { digestEntry, type OwnOperand, ownOperands, presentDigests } from './inspect.ts'

/** Behind each file: key size and fingerprint, or the digest and whether the operand beside the YAML has it. */
export async function inlayHints(
  parsed: ParsedSvmBlob,
  within: TextRange,
  document: string,
  files: Files,
): Promise<InlayHint[]> {
  const matches = await matchTexts(parsed, document, files)
  const orders = new Map<string, number>()
  const hints: InlayHint[] = []
  for (const entry of parsed.entries) {
    const order = orders.get(entry.kind) ?? 0
    orders.set(entry.kind, order + 1)
    for (const [name, { range }] of entry.values) {
      if (range.end.line < within.start.line || range.start.line > within.end.line) continue
      const facts = await factsOf(entry, name, order, document, files)
      if (!facts?.hint) continue
      const match = entry.kind === 'digest' ? matches.get(name) : undefined
      hints.push({
        position: range.end,
        label: [match, facts.hint].filter(Boolean).join(' · '),
        kind: InlayHintKind.Parameter,
        paddingLeft: true,
        tooltip: { kind: 'markdown', value: facts.lines.map((line) => `- ${line}`).join('\n') },
      })
    }
  }
  return hints
}

/** `✓ x.esmb` or `≠ y.esmb` for each value of the digest entry. */
async function matchTexts(parsed: ParsedSvmBlob, document: string, files: Files): Promise<Map<string, string>> {
  const texts = new Map<string, string>()
  const operands = await ownOperands(parsed, document, files)
  if (operands.length === 0) return texts
  const present = await presentDigests(digestEntry(parsed.entries), document, files)
  const tell = (name: string, has: Uint8Array | undefined, had: (operand: OwnOperand) => Uint8Array) => {
    if (!has) return
    const parts = operands.map((operand) => `${sameBytes(had(operand), has) ? '✓' : '≠'} ${operand.name}`)
    texts.set(name, parts.join(', '))
  }
  tell('kernel', present.kernel, ({ digests }) => digests.kernel)
  tell('initramfs', present.initrd, ({ digests }) => digests.initrd)
  tell('args', present.bootargs, ({ digests }) => digests.bootargs)
  return texts
}

/** Commands of the extension. */
export function codeLenses(document: string): CodeLens[] {
  return [...dtsLenses(document), lens(document, 'Debug this image', 'pef.debugWithOperand')]
}

/** Those that the source of an operand has as well. */
export function dtsLenses(document: string): CodeLens[] {
  return [lens(document, 'Build operand', 'pef.buildOperand'), lens(document, 'Check', 'pef.checkOperand')]
}

function lens(document: string, title: string, command: string): CodeLens {
  return { range: inLine(0, 0, 0), command: { title, command, arguments: [document] } }
}
