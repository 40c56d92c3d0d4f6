/** Two machines that must agree to the bit at every stop: what the tests of interpreter and compiler share. */
import type { Clock } from '../../debug-adapter/machine/clock/clock.ts'
import type { Cpu } from '../../debug-adapter/machine/cpu/cpu.ts'
import type { RealMemory } from '../../debug-adapter/machine/memory/real-memory.ts'

export interface Stepped {
  readonly cpu: Cpu
  readonly clock: Clock
  readonly memory: RealMemory
}

/** Registers as text, one a line, so that a difference can be read. */
export function registersOf({ cpu, clock }: Stepped): string {
  const { gpr, spr, vsr, ...rest } = cpu.save()
  const lines = Object.entries({ instructions: clock.instructions, ...rest }).map(
    ([name, v]) => `${name} ${v.toString(16)}`,
  )
  for (const [i, value] of gpr.entries()) lines.push(`r${i} ${value.toString(16)}`)
  for (const [i, value] of vsr.entries()) lines.push(`vs${i} ${value.toString(16)}`)
  for (const [number, value] of spr) lines.push(`spr${number} ${value.toString(16)}`)
  return lines.join('\n')
}

/** FNV-1a of a part of real memory, over words of 32 bits. */
export function memoryHash({ memory }: Stepped, from = 0, bytes = memory.normalBytes): number {
  const words = new Uint32Array(memory.wasm.buffer, memory.processorBytes + from, bytes >> 2)
  let hash = 0x811c_9dc5
  for (const word of words) hash = Math.imul(hash ^ word, 0x0100_0193)
  return hash >>> 0
}
