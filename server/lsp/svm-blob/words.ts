/** What the entries and keys of svm_blob.yml mean (spec/esm-operand.md §10). */
import type { EntryKind } from '../../esm/svm-blob.ts'

export const KINDS: Readonly<Record<EntryKind, string>> = {
  origin: 'The owner of the operand, exactly one. Whoever has `seckey` can extend the operand.',
  recipient:
    "A machine, or a person, that may open the operand. The **first** recipient becomes `lockbox-1`, the only one that the ultravisor opens: it must be the machine's TPM key.",
  digest: 'What the VM boots, exactly one: the ultravisor compares it with what is in memory.',
  file: 'A file for the secure VM, encrypted. The guest reads it with UV_ESMB_GET_FILE. All of them have to fit into 64 KiB.',
}

export const KEYS: Readonly<Record<string, string>> = {
  pubkey: "Path of an RSA public key. The fingerprint is over the file's very bytes.",
  seckey: "Path of the owner's RSA private key.",
  comment: 'One line of text. It is stored **in clear**.',
  args: 'The kernel command line, hashed exactly as it stands. It must hold `svm=on`, or the guest never asks for the transition.',
  initramfs: 'Path of the initrd, without an operand in front.',
  kernel: 'Path of vmlinux, an ELF file: not a zImage, not compressed.',
  path: 'Path of the file to attach.',
  name: 'Name that the guest asks for, 1 to 31 characters; default: the last part of the path.',
}

/** The keys that an entry is begun with, and what stands there until a person writes something else. */
const TEMPLATES: Readonly<Record<EntryKind, readonly (readonly [key: string, value: string])[]>> = {
  origin: [
    ['comment', 'owner'],
    ['pubkey', 'owner.pub'],
    ['seckey', 'owner.key'],
  ],
  recipient: [
    ['comment', 'TPM of the machine'],
    ['pubkey', 'tpm.pem'],
  ],
  digest: [
    ['args', 'console=hvc0 svm=on'],
    ['initramfs', 'initrd.img'],
    ['kernel', 'vmlinux'],
  ],
  file: [
    ['comment', ''],
    ['name', 'rootd'],
    ['path', 'rootd'],
  ],
}

/** The line of a key in a new entry. */
export function templateLine(kind: EntryKind, key: string): string {
  const value = TEMPLATES[kind].find(([name]) => name === key)?.[1] ?? ''
  return `${key}: "${value}"`
}

/** A new entry, without the dash in front. */
export function plainTemplate(kind: EntryKind): string[] {
  return [`${kind}:`, ...TEMPLATES[kind].map(([key]) => `    ${templateLine(kind, key)}`)]
}

/** The same as a snippet: each value is a place to fill in. */
export function snippetTemplate(kind: EntryKind): string[] {
  return [`${kind}:`, ...TEMPLATES[kind].map(([key, value], i) => `    ${key}: "\${${i + 1}:${value}}"`)]
}
