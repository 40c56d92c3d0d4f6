import { deviceAccess, fetchAddress, orderedValue, reverseBytes, wordOf } from '../cpu/device-access.ts'
import { MSR } from '../cpu/msr.ts'
import { ASDR_ADDRESS, SPR } from '../cpu/spr.ts'
import { Actor } from '../memory/actor.ts'
import type { Hypervisor } from './hypervisor.ts'
import type { Vm } from './vm.ts'

/**
 * An access of a normal VM to a device, as KVM does it: the instruction is fetched, and done here (Linux
 * arch/powerpc/kvm/emulate_loadstore.c). Those of a secure VM come as H_LOGICAL_CI_LOAD and H_LOGICAL_CI_STORE.
 * @returns false where no device is at that address, or the instruction is none that devices take; then nothing has happened
 */
export function emulateAccess(hv: Hypervisor, vm: Vm): boolean {
  const { cpu, memory } = hv.parts
  const msr = cpu.spr(SPR.HSRR1)
  if ((msr & MSR.S) !== 0n) return false
  const ea = cpu.spr(SPR.HDAR)
  const gpa = (cpu.spr(SPR.ASDR) & ASDR_ADDRESS) | (ea & 0xfffn)
  const { bridge } = vm.platform
  if (!bridge.covers(gpa)) return false
  const nia = cpu.spr(SPR.HSRR0)
  const little = (msr & MSR.LE) !== 0n
  const code = fetchAddress(cpu, nia, msr)
  if (code === undefined) return false
  const access = deviceAccess(wordOf(memory, Actor.Hypervisor, code, msr))
  if (!access || access.size > 8 || gpa % BigInt(access.size) !== 0n) return false
  const { size, register } = access
  if (access.store) bridge.write(gpa, size, reverseBytes(orderedValue(access, cpu.gpr(register), little), size))
  else cpu.setGpr(register, orderedValue(access, reverseBytes(bridge.read(gpa, size), size), little))
  if (access.update) cpu.setGpr(access.base, ea)
  cpu.setSpr(SPR.HSRR0, nia + 4n)
  cpu.returnFromInterrupt('hrfid')
  return true
}
