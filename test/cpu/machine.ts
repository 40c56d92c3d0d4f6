/** A processor with some memory, and programs for it in assembly: what the tests of this folder work with. */
import { Clock } from '../../debug-adapter/machine/clock/clock.ts'
import { Cpu, type CpuOptions, PROCESSOR_BYTES } from '../../debug-adapter/machine/cpu/cpu.ts'
import { assemble } from '../../debug-adapter/machine/cpu/isa/assemble.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { RealMemory } from '../../debug-adapter/machine/memory/real-memory.ts'
import type { MemoryView } from '../../debug-adapter/machine/memory/view.ts'
import { Trace } from '../../debug-adapter/machine/trace/trace.ts'

export const NORMAL_BYTES = 0x100_0000
export const SECURE_BYTES = 0x20_0000
/** A hypervisor in real mode, 64-bit, little-endian: effective addresses are real ones. */
export const FLAT = MSR.SF | MSR.HV | MSR.LE | MSR.ME

export interface TestMachine {
  readonly cpu: Cpu
  readonly clock: Clock
  readonly trace: Trace
  readonly memory: RealMemory
  /** Everything, unchecked. */
  readonly view: MemoryView
}

export function testMachine(options: CpuOptions = {}): TestMachine {
  const clock = new Clock()
  const trace = new Trace(clock)
  const memory = new RealMemory(PROCESSOR_BYTES, NORMAL_BYTES, SECURE_BYTES, trace)
  const cpu = new Cpu(memory, clock, trace, options)
  cpu.msr = FLAT
  return { cpu, clock, trace, memory, view: memory.as(Actor.Debugger) }
}

/** Writes a program, one instruction a line, at a real address; branch targets are addresses from `ea` on. */
export function write(
  machine: TestMachine,
  address: number | bigint,
  lines: readonly string[],
  littleEndian = true,
  ea = BigInt(address),
): void {
  const bytes = new Uint8Array(4 * lines.length)
  const data = new DataView(bytes.buffer)
  for (const [i, line] of lines.entries()) data.setUint32(4 * i, assemble(line, ea + BigInt(4 * i)), littleEndian)
  machine.view.write(BigInt(address), bytes)
  machine.cpu.codeWritten(BigInt(address), bytes.length)
}

/** Writes a program at 0x1000 and executes as many instructions as it has lines. */
export function execute(machine: TestMachine, lines: readonly string[], count = lines.length): ReturnType<Cpu['run']> {
  write(machine, 0x1000, lines)
  machine.cpu.nia = 0x1000n
  return machine.cpu.run(count)
}
