/** Linux in a machine, with somebody at its console. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { MachineConfig } from '../../debug-adapter/machine/config.ts'
import { Machine } from '../../debug-adapter/machine/machine.ts'
import type { Platform } from '../../debug-adapter/machine/platform/platform.ts'
import { operandFromYaml } from '../../debug-adapter/operand-file.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'

const fixture = (name: string): Uint8Array =>
  gunzipSync(readFileSync(new URL(`../fixtures/linux/${name}.gz`, import.meta.url)))
const sample = (name: string): URL => new URL(`../guests/hello-svm/${name}`, import.meta.url)
const LIMIT = 300_000_000

export function linux(bootargs: string, more: Partial<MachineConfig> = {}): Machine {
  return new Machine({
    kernel: fixture('vmlinux-svm'),
    initrd: fixture('initramfs.cpio'),
    bootargs,
    memoryBytes: 256 << 20,
    secureMemoryBytes: 320 << 20,
    seed: 1,
    esm: 'guest',
    crypto: nodeCrypto,
    ...more,
  })
}

/** The same as a secure VM: with an operand for exactly these bootargs. */
export async function secureLinux(bootargs: string, more: Partial<MachineConfig> = {}): Promise<Machine> {
  const yaml = [
    '- origin:',
    '    pubkey: "origin.pub"',
    '    seckey: "origin.sec"',
    '- recipient:',
    '    comment: "emulated TPM"',
    '    pubkey: "tpm.pem"',
    '- digest:',
    `    args: "${bootargs}"`,
    '    initramfs: "initramfs.cpio"',
    '    kernel: "vmlinux-svm"',
    '',
  ].join('\n')
  const readFile = async (name: string) =>
    name === 'initramfs.cpio' || name === 'vmlinux-svm' ? fixture(name) : new Uint8Array(readFileSync(sample(name)))
  let drawn = 0
  const random = (length: number) => Uint8Array.from({ length }, () => drawn++)
  const operand = await operandFromYaml(new TextEncoder().encode(yaml), { readFile, crypto: nodeCrypto, random })
  return linux(bootargs, { operand, ...more })
}

/** Runs until the console has `text` behind place `from`, and the processor waits. @returns what was printed from there on */
export async function until(
  machine: Machine,
  text: string,
  from = 0,
  { console }: Platform = machine.platform,
): Promise<string> {
  const end = machine.clock.instructions + LIMIT
  while (!console.text.slice(from).includes(text)) {
    if (machine.clock.instructions > end || machine.advance(200_000).kind === 'end')
      throw new Error(`no ${text}: ${machine.end?.reason ?? 'too long'}: ${console.text.slice(-2000)}`)
    // Long runs must not starve the test runner.
    if (machine.inGuest) await new Promise((done) => setImmediate(done))
  }
  return console.text.slice(from)
}

/** Types a line at the shell's prompt. @returns what it printed */
export async function shell(machine: Machine, line: string, platform = machine.platform): Promise<string> {
  const from = platform.console.text.length
  platform.type(new TextEncoder().encode(`${line}; echo @@"DONE"@@\n`))
  return await until(machine, '@@DONE@@', from, platform)
}
