import { readFileSync } from 'node:fs'
import type { MachineConfig } from '../../debug-adapter/machine/config.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { Machine } from '../../debug-adapter/machine/machine.ts'
import { runToEnd } from '../../debug-adapter/machine/steps.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'

const guest = (name: string) => readFileSync(new URL(`../guests/hello-svm/${name}`, import.meta.url))

/** The sample image on a machine of its own. */
export function sampleMachine(change: Partial<MachineConfig> = {}): Machine {
  return new Machine({
    kernel: guest('hello-svm.elf'),
    initrd: guest('initrd-esmb.img'),
    bootargs: 'console=hvc0 svm=on',
    memoryBytes: 64 << 20,
    secureMemoryBytes: 128 << 20,
    seed: 1,
    esm: 'guest',
    crypto: nodeCrypto,
    ...change,
  })
}

/** Goes on until the console holds `text` and the guest runs, or the machine ends. */
export function until(machine: Machine, text: string): Machine {
  while (machine.advance(50).kind !== 'end') if (machine.inGuest && machine.platform.console.text.includes(text)) break
  return machine
}

/** What the hypervisor gets for an ultracall that it makes now; the guest does not notice. */
export function ultracall(machine: Machine, number: number, ...args: bigint[]): bigint {
  const saved = machine.cpu.save()
  machine.cpu.msr = MSR.SF | MSR.HV | MSR.ME
  const code = runToEnd(machine.hypervisor.ultracall(number, args))
  machine.cpu.load(saved)
  return code
}

export const lastRefusal = (machine: Machine): string | undefined => machine.trace.of('refusal').at(-1)?.rule

/** Whether the bytes lie anywhere in a range of real memory, looked at as a debugger. */
export function holds(machine: Machine, from: 'normal' | 'secure', wanted: Uint8Array): boolean {
  const { memory } = machine
  const start = memory.processorBytes + (from === 'secure' ? memory.normalBytes : 0)
  const size = from === 'secure' ? memory.secureBytes : memory.normalBytes
  return Buffer.from(memory.bytes.buffer, start, size).includes(Buffer.from(wanted))
}
