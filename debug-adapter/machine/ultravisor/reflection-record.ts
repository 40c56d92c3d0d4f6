import { sprName } from '../cpu/spr.ts'
import type { RegisterFile } from '../cpu/types.ts'
import type { CrossedRegister } from '../trace/records.ts'

/** Every register of a file by the name that a person knows it by. */
export function namedRegisters(file: RegisterFile): Map<string, bigint> {
  const out = new Map<string, bigint>()
  for (const [i, value] of file.gpr.entries()) out.set(`R${i}`, value)
  out.set('NIA', file.nia)
  out.set('MSR', file.msr)
  out.set('CR', BigInt(file.cr))
  out.set('LR', file.lr)
  out.set('CTR', file.ctr)
  out.set('XER', file.xer)
  for (const [number, value] of file.spr) out.set(sprName(number), value)
  for (const [i, value] of file.vsr.entries()) out.set(`VSR${i}`, value)
  out.set('FPSCR', file.fpscr)
  return out
}

/**
 * Both sides of a crossing, register by register; those that are 0 on both sides are left out.
 * @param how what became of a register that is not simply different: `kept` and `synthesised` by name
 */
export function crossedRegisters(
  guest: RegisterFile,
  hypervisor: RegisterFile,
  kept: ReadonlySet<string>,
  synthesised: ReadonlySet<string>,
): CrossedRegister[] {
  const hypervisorSide = namedRegisters(hypervisor)
  const out: CrossedRegister[] = []
  for (const [name, value] of namedRegisters(guest)) {
    const shown = hypervisorSide.get(name) ?? 0n
    if (value === 0n && shown === 0n) continue
    const how = synthesised.has(name) ? 'synthesised' : kept.has(name) ? 'kept' : 'scrubbed'
    out.push({ name, guest: value, hypervisor: shown, how })
  }
  return out
}

/** What came back: registers that the guest takes over from the hypervisor, and those that are restored as they were. */
export function returnedRegisters(
  guest: RegisterFile,
  hypervisor: RegisterFile,
  taken: ReadonlySet<string>,
): CrossedRegister[] {
  const hypervisorSide = namedRegisters(hypervisor)
  const out: CrossedRegister[] = []
  for (const [name, value] of namedRegisters(guest)) {
    const was = hypervisorSide.get(name) ?? 0n
    if (value === 0n && was === 0n) continue
    out.push({ name, guest: value, hypervisor: was, how: taken.has(name) ? 'kept' : 'restored' })
  }
  return out
}
