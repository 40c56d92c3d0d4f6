/** What a person does to a machine from outside. Together with image and seed it decides a run. */
import type { Debuggee } from '../adapter/debuggee.ts'
import { Actor } from '../machine/memory/actor.ts'

export type CoreRegister = 'nia' | 'msr' | 'lr' | 'ctr' | 'xer' | 'cr'

export type Change =
  /** Typed at the VM's console. */
  | { readonly kind: 'console'; readonly bytes: Uint8Array }
  | { readonly kind: 'gpr'; readonly number: number; readonly value: bigint }
  | { readonly kind: 'spr'; readonly number: number; readonly value: bigint }
  | { readonly kind: 'core'; readonly name: CoreRegister; readonly value: bigint }
  /** Another hypervisor: the name of a scenario; absent for KVM as it is. */
  | { readonly kind: 'scenario'; readonly name?: string }
  /** Bytes of real memory from `ra` on. */
  | { readonly kind: 'memory'; readonly ra: bigint; readonly bytes: Uint8Array }

/** @throws RefusalError where there is no memory, RangeError for a scenario that cannot begin now */
export function applyChange(machine: Debuggee, change: Change): void {
  const { cpu } = machine
  switch (change.kind) {
    case 'console':
      machine.type(change.bytes)
      break
    case 'gpr':
      cpu.setGpr(change.number, change.value)
      break
    case 'spr':
      cpu.setSpr(change.number, change.value)
      break
    case 'core':
      if (change.name === 'cr') cpu.cr = Number(change.value)
      else cpu[change.name] = change.value
      break
    case 'scenario':
      machine.switchScenario(change.name)
      break
    case 'memory':
      machine.memory.as(Actor.Debugger).write(change.ra, change.bytes)
      cpu.codeWritten(change.ra, change.bytes.length)
  }
}
