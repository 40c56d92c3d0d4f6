/** A Linux kernel that nobody here changed: as a normal VM, through UV_ESM by itself, and refused. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadMachineConfig } from '../../debug-adapter/files.ts'
import { Machine } from '../../debug-adapter/machine/machine.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { elfFile } from '../esm/elf-file.ts'

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/linux/${name}`, import.meta.url))
const sample = (name: string): string => fileURLToPath(new URL(`../guests/hello-svm/${name}`, import.meta.url))
const MIB = 1 << 20
const LIMIT = 120_000_000
const SECURE = 'console=hvc0 svm=on swiotlb=4096,force autohalt'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pef-linux-'))
  writeFileSync(join(folder, 'vmlinux.gz'), fixture('vmlinux-svm.gz'))
  writeFileSync(join(folder, 'vmlinux'), gunzipSync(fixture('vmlinux-svm.gz')))
  writeFileSync(join(folder, 'initramfs.cpio'), gunzipSync(fixture('initramfs.cpio.gz')))
  // The sample's keys: tpm.pem is the wrapping key of the machine with seed 1.
  writeFileSync(
    join(folder, 'svm_blob.yml'),
    [
      '- origin:',
      `    pubkey: "${sample('origin.pub')}"`,
      `    seckey: "${sample('origin.sec')}"`,
      '- recipient:',
      '    comment: "emulated TPM"',
      `    pubkey: "${sample('tpm.pem')}"`,
      '- digest:',
      `    args: "${SECURE}"`,
      '    initramfs: "initramfs.cpio"',
      '    kernel: "vmlinux"',
      '',
    ].join('\n'),
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs to the end, or to a limit that no boot comes near. */
async function boot(bootargs: string, more: Record<string, unknown> = {}): Promise<Machine> {
  const attributes = { kernel: 'vmlinux', initrd: 'initramfs.cpio', bootargs, memory: '256M', ...more }
  const readFile = async (path: string) => new Uint8Array(readFileSync(path))
  const machine = new Machine(await loadMachineConfig(attributes, { readFile, cwd: folder, crypto: nodeCrypto }))
  while (machine.clock.instructions < LIMIT) {
    if (machine.advance(1_000_000).kind === 'end') return machine
    // Long runs must not starve the test runner.
    if (machine.inGuest) await new Promise((done) => setImmediate(done))
  }
  throw new Error(`no end after ${LIMIT} instructions: ${machine.platform.console.text.slice(-2000)}`)
}

describe('Linux', { timeout: 300_000 }, () => {
  test('boots as a normal VM to a shell and switches itself off', async () => {
    const machine = await boot('console=hvc0 autohalt', { kernel: 'vmlinux.gz' })
    const { text } = machine.platform.console
    expect(text).toContain('@@BANNER@@')
    expect(text).toMatch(/^svm: 0\r?$/m)
    expect(text).toContain('@@READY@@')
    expect(text).toContain('reboot: Power down')
    expect(text).not.toMatch(/Oops|WARNING|BUG/)
    expect(machine.end).toMatchObject({ how: 'halted' })
    expect(machine.esm).toBeUndefined()
  })

  test('calls UV_ESM by itself, is verified by its own digests, and goes on as a secure VM', async () => {
    const machine = await boot(SECURE, { operand: 'svm_blob.yml' })
    const { text } = machine.platform.console
    expect(machine.esm).toMatchObject({ outcome: 'secure', returnCode: 0n })
    expect(machine.trace.of('digest').map(({ what, expected, found }) => [what, expected === found])).toEqual([
      ['rtas', true],
      ['kernel', true],
      ['initrd', true],
      ['bootargs', true],
    ])
    expect(machine.vmState).toBe('secure')
    expect(text).toContain('Switching to secure mode.')
    expect(text).toMatch(/^svm: 1\r?$/m)
    expect(text).toContain('@@READY@@')
    expect(text).toContain('reboot: Power down')
    expect(text).not.toMatch(/Oops|WARNING|BUG/)
    // The bounce buffer: 4096 slots of 2 KiB.
    const shared = machine.trace
      .of('ultracall')
      .filter(({ name, phase }) => name === 'UV_SHARE_PAGE' && phase === 'call')
    expect(shared.map(({ args }) => args['num'])).toContain(128n)
    // Nothing of the guest's memory but what it shared was within the hypervisor's reach.
    expect(machine.trace.of('refusal').filter(({ by }) => by === 'hypervisor')).toEqual([])
    // Nor was anything of its device tree left out.
    expect(machine.trace.of('refusal').filter(({ rule }) => rule === 'UV-ESM-019')).toEqual([])
    expect(machine.config.memoryBytes).toBe(256 * MIB)
  })

  test('boots from a zImage around the compressed kernel, with the operand that was attached to it', async () => {
    const readFile = async (path: string) => new Uint8Array(readFileSync(path))
    const operand = await loadMachineConfig(
      { kernel: 'vmlinux', operand: 'svm_blob.yml' },
      { readFile, cwd: folder, crypto: nodeCrypto },
    )
    // As the kernel's boot wrapper makes it: 32-bit, big-endian.
    const zImage = elfFile(false, false, [
      ['.kernel:vmlinux.strip', fixture('vmlinux-svm.gz')],
      ['.kernel:esm_blob', Buffer.from(operand.operand!)],
    ])
    writeFileSync(join(folder, 'zImage'), zImage)
    const machine = await boot(SECURE, { kernel: 'zImage' })
    expect(machine.esm).toMatchObject({ outcome: 'secure', returnCode: 0n })
    expect(machine.platform.console.text).toMatch(/^svm: 1\r?$/m)
  })

  test('stays out with another command line than was hashed, and says why', async () => {
    const machine = await boot(`${SECURE} debug`, { operand: 'svm_blob.yml' })
    expect(machine.esm).toMatchObject({ outcome: 'refused', returnCode: -4n })
    expect(machine.esm!.rules).toContain('ESM057')
    expect(machine.platform.console.text).toContain('Returned -4 from switching to secure mode')
    expect(machine.end?.reason).toContain('Switch to secure mode failed')
  })
})
