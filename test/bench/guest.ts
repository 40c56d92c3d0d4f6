/**
 * A machine with a program of the benchmark: problem state of a guest under radix translation of both kinds, so every access
 * goes through the MMU. A system call leaves it.
 */
import { Clock } from '../../debug-adapter/machine/clock/clock.ts'
import { Cpu, type CpuOptions, PROCESSOR_BYTES } from '../../debug-adapter/machine/cpu/cpu.ts'
import { LPCR } from '../../debug-adapter/machine/cpu/interrupts.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { HFSCR_GUEST } from '../../debug-adapter/machine/hypervisor/vcpu.ts'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { Pool } from '../../debug-adapter/machine/memory/pool.ts'
import { RadixTable } from '../../debug-adapter/machine/memory/radix-table.ts'
import { RealMemory } from '../../debug-adapter/machine/memory/real-memory.ts'
import type { MemoryView } from '../../debug-adapter/machine/memory/view.ts'
import { Trace } from '../../debug-adapter/machine/trace/trace.ts'

const MEMORY_BYTES = 0x800_0000
const PAGE = 0x1_0000n
const LPID = 1n
/** Real addresses: tables, the stack that the program is given, the page of the vectors. */
const PARTITION_TABLE = 0x10_0000n
const PROCESS_TABLE = 0x11_0000n
const TABLES = { from: 0x20_0000n, to: 0x80_0000n }
/** At the vector of system calls: SRR0 to r6, SRR1 to r7, then `sc 1` out to the hypervisor. */
const VECTOR = [0x7cda_02a6, 0x7cfb_02a6, 0x4400_0022]

export interface BenchMachine {
  readonly cpu: Cpu
  readonly clock: Clock
  readonly memory: RealMemory
  readonly view: MemoryView
}

/**
 * Makes the machine and loads the program.
 * @param elf a 64-bit little-endian ELF file with PT_LOAD segments between 64 and 128 MiB
 */
export function benchMachine(elf: Uint8Array, options: CpuOptions = {}): BenchMachine {
  const clock = new Clock()
  const trace = new Trace(clock)
  const memory = new RealMemory(PROCESSOR_BYTES, MEMORY_BYTES, 0, trace)
  const cpu = new Cpu(memory, clock, trace, options)
  const view = memory.as(Actor.Debugger)
  const pool = new Pool('tables', TABLES.from, TABLES.to)
  const partition = new RadixTable(view, pool)
  const process = new RadixTable(view, pool)
  for (let at = 0n; at < MEMORY_BYTES; at += PAGE) {
    partition.map(at, at)
    process.map(at, at)
  }
  view.setU64(PARTITION_TABLE + LPID * 16n, partition.pateDoubleword0)
  view.setU64(PARTITION_TABLE + LPID * 16n + 8n, PROCESS_TABLE)
  view.setU64(PROCESS_TABLE, process.pateDoubleword0 & ~(1n << 63n))
  for (const [i, word] of VECTOR.entries()) view.setU32(0xc00n + BigInt(4 * i), swap32(word))
  cpu.setSpr(SPR.PTCR, PARTITION_TABLE | 4n)
  cpu.setSpr(SPR.LPIDR, LPID)
  cpu.setSpr(SPR.LPCR, LPCR.HR | LPCR.ILE)
  cpu.setSpr(SPR.HFSCR, HFSCR_GUEST)
  cpu.msr = MSR.SF | MSR.LE | MSR.PR | MSR.IR | MSR.DR | MSR.EE | MSR.ME | MSR.RI | MSR.FP | MSR.VEC | MSR.VSX
  cpu.nia = loadElf(elf, view)
  return { cpu, clock, memory, view }
}

const swap32 = (word: number): number =>
  (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0

/** @returns the entry address */
function loadElf(elf: Uint8Array, view: MemoryView): bigint {
  const data = new DataView(elf.buffer, elf.byteOffset, elf.byteLength)
  const headers = Number(data.getBigUint64(32, true))
  for (let i = 0; i < data.getUint16(56, true); i++) {
    const at = headers + i * data.getUint16(54, true)
    if (data.getUint32(at, true) !== 1) continue
    const [offset, address, bytes] = [8, 16, 32].map((field) => Number(data.getBigUint64(at + field, true))) as [
      number,
      number,
      number,
    ]
    view.write(BigInt(address), elf.subarray(offset, offset + bytes))
  }
  return data.getBigUint64(24, true)
}

/** What a program printed, and how many instructions it took. */
export interface Outcome {
  readonly output: string
  readonly instructions: number
}

/**
 * Runs a program to its end.
 * @param slice instructions in one call of `Cpu.run`
 * @throws Error where it ends in another way
 */
export function runProgram(machine: BenchMachine, slice = 1_000_000): Outcome {
  const { cpu, clock, view } = machine
  let output = ''
  for (;;) {
    const exit = cpu.run(slice)
    if (exit.kind === 'budget') continue
    if (exit.kind !== 'interrupt' || exit.level !== 1)
      throw new Error(`the program ended by ${exit.kind} at 0x${cpu.nia.toString(16)}: ${cpu.lastFault ?? ''}`)
    const number = cpu.gpr(0)
    if (number === 1n) return { output, instructions: clock.instructions }
    if (number !== 4n) throw new Error(`system call ${number}: the programs use write and exit`)
    output += new TextDecoder().decode(view.read(cpu.gpr(4), Number(cpu.gpr(5))))
    cpu.nia = cpu.gpr(6)
    cpu.msr = cpu.gpr(7)
  }
}
