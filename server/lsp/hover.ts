import type { Hover, Position } from 'vscode-languageserver'
import { ruleOf } from '../esm/rules.ts'
import type { EntryKind } from '../esm/svm-blob.ts'
import { parseSvmBlob } from '../esm/svm-blob.ts'
import type { TextFinding, TextRange } from '../esm/svm-yaml.ts'

/** What the keys of svm_blob.yml mean (spec/esm-operand.md §10). */
const KINDS: Readonly<Record<EntryKind, string>> = {
  origin: 'The owner of the operand, exactly one. Whoever has `seckey` can extend the operand.',
  recipient:
    "A machine, or a person, that may open the operand. The **first** recipient becomes `lockbox-1`, the only one that the ultravisor opens: it must be the machine's TPM key.",
  digest: 'What the VM boots, exactly one: the ultravisor compares it with what is in memory.',
  file: 'A file for the secure VM, encrypted. The guest reads it with UV_ESMB_GET_FILE. All of them have to fit into 64 KiB.',
}

const VALUES: Readonly<Record<string, string>> = {
  pubkey: "Path of an RSA public key. The fingerprint is over the file's very bytes.",
  seckey: "Path of the owner's RSA private key.",
  comment: 'One line of text. It is stored **in clear**.',
  args: 'The kernel command line, hashed exactly as it stands. It must hold `svm=on`, or the guest never asks for the transition.',
  initramfs: 'Path of the initrd, without an operand in front.',
  kernel: 'Path of vmlinux, an ELF file: not a zImage, not compressed.',
  path: 'Path of the file to attach.',
  name: 'Name that the guest asks for, 1 to 31 characters; default: the last part of the path.',
}

function contains({ start, end }: TextRange, { line, character }: Position): boolean {
  const behindStart = line > start.line || (line === start.line && character >= start.character)
  return behindStart && (line < end.line || (line === end.line && character <= end.character))
}

/** What is to be told about a place: the rules that fire there, else the meaning of the key. */
export function hoverAt(text: string, position: Position, findings: readonly TextFinding[]): Hover | undefined {
  const here = findings.filter(({ range }) => contains(range, position))
  const [found] = here
  if (found)
    return { contents: { kind: 'markdown', value: here.map(explainRule).join('\n\n---\n\n') }, range: found.range }
  for (const { kind, key, values } of parseSvmBlob(text).entries) {
    if (contains(key.range, position)) return { contents: { kind: 'markdown', value: KINDS[kind] }, range: key.range }
    for (const [name, value] of values)
      if (contains(value.range, position))
        return { contents: { kind: 'markdown', value: `**${name}**: ${VALUES[name]}` }, range: value.range }
  }
  return undefined
}

function explainRule({ rule, message }: TextFinding): string {
  const { effect, fix, section } = ruleOf(rule)
  return `**${rule}**: ${message}\n\nWhat happens: ${effect}\n\nTo correct it: ${fix}\n\n_${section}_`
}
