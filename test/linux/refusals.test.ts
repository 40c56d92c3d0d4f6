/** Linux asks for UV_ESM and stays out: a hostile hypervisor, another machine, another image; each by its rule, and Linux hears of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadMachineConfig } from '../../debug-adapter/files.ts'
import { Machine } from '../../debug-adapter/machine/machine.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'

const linux = (name: string): string => fileURLToPath(new URL(`../fixtures/linux/${name}`, import.meta.url))
const sample = (name: string): string => fileURLToPath(new URL(`../guests/hello-svm/${name}`, import.meta.url))
const BOOTARGS = 'console=hvc0 svm=on swiotlb=4096,force autohalt'
const LIMIT = 20_000_000

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pef-refused-'))
  const yaml = (kernel: string) => `- origin:
    pubkey: "${sample('origin.pub')}"
    seckey: "${sample('origin.sec')}"
- recipient:
    pubkey: "${sample('tpm.pem')}"
- digest:
    args: "${BOOTARGS}"
    initramfs: "${linux('initramfs.cpio.gz')}"
    kernel: "${kernel}"
`
  // As svm-tool, the recipe wants the kernel as it is loaded.
  writeFileSync(join(folder, 'vmlinux'), gunzipSync(readFileSync(linux('vmlinux-svm.gz'))))
  writeFileSync(join(folder, 'svm_blob.yml'), yaml(join(folder, 'vmlinux')))
  writeFileSync(join(folder, 'other-kernel.yml'), yaml(sample('hello-svm.elf')))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs until UV_ESM is decided and Linux has said what it makes of it. */
async function refused(change: Record<string, unknown>): Promise<Machine> {
  const attributes = {
    kernel: linux('vmlinux-svm.gz'),
    initrd: linux('initramfs.cpio.gz'),
    bootargs: BOOTARGS,
    operand: join(folder, 'svm_blob.yml'),
    memory: '256M',
    ...change,
  }
  const readFile = async (path: string) => new Uint8Array(readFileSync(path))
  const machine = new Machine(await loadMachineConfig(attributes, { readFile, cwd: folder, crypto: nodeCrypto }))
  while (machine.clock.instructions < LIMIT) {
    if (machine.advance(1_000_000).kind === 'end') return machine
    if (machine.esm?.outcome === 'secure') return machine
  }
  throw new Error(`no end after ${LIMIT} instructions`)
}

const CASES: readonly (readonly [what: string, rule: string, change: Record<string, unknown>])[] = [
  ['another command line', 'ESM057', { bootargs: `${BOOTARGS} debug` }],
  ['another kernel than was hashed', 'ESM054', { operand: 'other-kernel.yml' }],
  ['no operand', 'ESM070', { operand: undefined }],
  ['a machine with another TPM', 'ESM026', { seed: 2 }],
  ['a hypervisor that adds an argument', 'ESM057', { hypervisor: { scenario: 'alter-bootargs' } }],
  ['a hypervisor that patches the kernel', 'ESM054', { hypervisor: { scenario: 'patch-kernel' } }],
  ['a hypervisor that cuts the initrd off', 'ESM056', { hypervisor: { scenario: 'truncate-initrd' } }],
  ['a hypervisor that pages nothing in', 'UV-ESM-007', { hypervisor: { scenario: 'never-page-in' } }],
  ['a hypervisor that pretends to page in', 'UV-ESM-007', { hypervisor: { scenario: 'pretend-page-in' } }],
  ['a hypervisor that refuses the end', 'UV-ESM-015', { hypervisor: { scenario: 'refuse-done' } }],
  ['a hypervisor that alters what the TPM says', 'ESM131', { hypervisor: { scenario: 'alter-tpm-response' } }],
  ['a hypervisor that swallows what the TPM says', 'ESM135', { hypervisor: { scenario: 'drop-tpm-response' } }],
]

describe('Linux stays a normal VM', { timeout: 120_000 }, () => {
  test.each(CASES)('%s: %s', async (_what, rule, change) => {
    const machine = await refused(change)
    expect(machine.esm).toMatchObject({ outcome: 'refused', returnCode: -4n })
    expect(machine.esm!.rules).toContain(rule)
    expect(machine.vmState).not.toBe('secure')
    expect(machine.platform.console.text).toContain('Returned -4 from switching to secure mode')
    expect(machine.end?.reason).toContain('Switch to secure mode failed')
  })
})
