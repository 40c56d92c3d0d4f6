/** A folder with the keys, kernels and initrds of the fixtures, the private keys with the rights that they should have. */
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const fixtures = fileURLToPath(new URL('../fixtures/esm/', import.meta.url))

export function makeWorkspace(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'pef-lsp-'))
  for (const name of ['keys', 'inputs']) cpSync(join(fixtures, name), join(folder, name), { recursive: true })
  for (const name of readdirSync(join(folder, 'keys')))
    if (/\.sec$|private/.test(name)) chmodSync(join(folder, 'keys', name), 0o600)
  writeFileSync(join(folder, 'keys/shared.sec'), '')
  cpSync(join(folder, 'keys/origin.sec'), join(folder, 'keys/shared.sec'))
  chmodSync(join(folder, 'keys/shared.sec'), 0o644)
  return { folder, remove: () => rmSync(folder, { recursive: true }) }
}

/** An svm_blob.yml that nothing is wrong with. */
export const GOOD = `# made for a test
- origin:
    comment: "owner"
    pubkey: "keys/origin.pub"
    seckey: "keys/origin.sec"
- recipient:
    comment: "machine"
    pubkey: "keys/tpm.pem"
- digest:
    args: "console=hvc0 svm=on"
    initramfs: "inputs/initrd.img"
    kernel: "inputs/vmlinux"
- file:
    name: "rootd"
    path: "inputs/att-rootd.bin"
`

/** {@link GOOD} with a part of it changed. */
export function changed(from: string, to: string): string {
  if (!GOOD.includes(from)) throw new Error(`not in the document: ${from}`)
  return GOOD.replace(from, to)
}
