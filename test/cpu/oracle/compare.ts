/** Runs a program in this processor and in QEMU's user mode, and says where they differ. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Clock } from '../../../debug-adapter/machine/clock/clock.ts'
import { Cpu, PROCESSOR_BYTES } from '../../../debug-adapter/machine/cpu/cpu.ts'
import { disassemble } from '../../../debug-adapter/machine/cpu/isa/disassemble.ts'
import type { Insn } from '../../../debug-adapter/machine/cpu/isa/insn.ts'
import { MSR } from '../../../debug-adapter/machine/cpu/msr.ts'
import { Actor } from '../../../debug-adapter/machine/memory/actor.ts'
import { RealMemory } from '../../../debug-adapter/machine/memory/real-memory.ts'
import { Trace } from '../../../debug-adapter/machine/trace/trace.ts'
import { writeElf } from './elf.ts'
import { CASE_BYTES, CODE, DATA, SAVED, VECTORS } from './layout.ts'
import {
  beforeOf,
  type Case,
  COMPARED,
  inOtherOrder,
  isBigEndianOnly,
  makeProgram,
  type Program,
  randomCase,
  savedRegister,
  savedVector,
  standsAlone,
  vectorBefore,
  windowOf,
  withoutReservedXer,
  withoutUndefined,
} from './program.ts'
import { Random } from './random.ts'

export const QEMU = process.env['QEMU_PPC64LE'] ?? 'qemu-ppc64le'
const QEMU_BIG_ENDIAN = process.env['QEMU_PPC64'] ?? 'qemu-ppc64'

/** Whether QEMU's user mode can be started here, for both byte orders. */
export function qemuIsThere(): boolean {
  try {
    for (const qemu of [QEMU, QEMU_BIG_ENDIAN]) execFileSync(qemu, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export const HOW_TO_ENABLE =
  'install QEMU user mode (Debian: apt-get install qemu-user), or set QEMU_PPC64LE and QEMU_PPC64 to their paths'

/** @returns the data of all cases as QEMU leaves it */
export function runInQemu(program: Program): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'cpu-oracle-'))
  try {
    const file = join(folder, 'program.elf')
    const segments = [
      { address: CODE, bytes: program.code, flags: 'rx' },
      { address: DATA, bytes: program.data, flags: 'rw' },
    ] as const
    writeFileSync(file, writeElf(CODE, segments, program.littleEndian), { mode: 0o755 })
    const qemu = program.littleEndian ? QEMU : QEMU_BIG_ENDIAN
    return execFileSync(qemu, ['-cpu', 'power9', file], { maxBuffer: 1 << 28 })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

let shared: { cpu: Cpu; memory: RealMemory } | undefined
const MEMORY_BYTES = 0x100_0000

/** @returns the data of all cases as this processor leaves it */
export function runHere(program: Program): Uint8Array {
  if (!shared) {
    const clock = new Clock()
    const trace = new Trace(clock)
    const memory = new RealMemory(PROCESSOR_BYTES, MEMORY_BYTES, 0, trace)
    shared = { memory, cpu: new Cpu(memory, clock, trace) }
  }
  const { cpu, memory } = shared
  const view = memory.as(Actor.Debugger)
  view.write(BigInt(CODE), program.code)
  view.write(BigInt(DATA), program.data)
  cpu.codeWritten(BigInt(CODE), program.code.length)
  cpu.msr = MSR.SF | MSR.HV | MSR.FP | MSR.VEC | MSR.VSX | (program.littleEndian ? MSR.LE : 0n)
  cpu.nia = BigInt(CODE)
  const exit = cpu.run(1000 * program.code.length)
  if (exit.kind !== 'interrupt' || exit.vector !== 0xc00)
    throw new Error(`the program ended at 0x${cpu.nia.toString(16)} by ${JSON.stringify(exit)}: ${cpu.lastFault}`)
  return view.read(BigInt(DATA), program.data.length)
}

const hex = (value: bigint, digits = 16): string => value.toString(16).padStart(digits, '0')

interface Difference {
  readonly one: Case
  /** What differs, readable. */
  readonly text: string
}

/** The cases that end differently in the two. */
function differences(program: Program): Difference[] {
  const found: Difference[] = []
  const ends = [runHere(program), runInQemu(program)].map((data) => (program.littleEndian ? data : inOtherOrder(data)))
  for (const [i, one] of program.cases.entries()) {
    const [a, b] = ends.map((data) => data.subarray(i * CASE_BYTES, (i + 1) * CASE_BYTES)) as [Uint8Array, Uint8Array]
    withoutReservedXer(a)
    withoutReservedXer(b)
    for (const data of [a, b]) withoutUndefined(data, one.words)
    if (Buffer.compare(a, b) === 0) continue
    const lines = one.words.map((word) => `  ${disassemble(word, 0n).text}`)
    const name = (r: number): string => (r < 32 ? `r${r}` : SAVED[r - 32]!)
    for (let r = 0; r < 32 + SAVED.length; r++) {
      const [ours, theirs] = [savedRegister(a, r), savedRegister(b, r)]
      if (ours !== theirs)
        lines.push(`  ${name(r)}: here ${hex(ours)}, QEMU ${hex(theirs)}, before ${hex(beforeOf(one.data, r))}`)
    }
    if (one.vectors)
      for (let v = 0; v < VECTORS; v++) {
        const [ours, theirs] = [savedVector(a, v), savedVector(b, v)]
        const name = ['vscr', 'fpscr'][v - 64] ?? `vs${v}`
        if (ours !== theirs)
          lines.push(
            `  ${name}: here ${hex(ours, 32)}, QEMU ${hex(theirs, 32)}, before ${hex(vectorBefore(one.data, v), 32)}`,
          )
      }
    const names = one.words.map((word) => disassemble(word, 0n).text).join(' ')
    for (const v of new Set(
      [...names.matchAll(/\b(v|vs|f)(\d+)\b/g)].map(([, kind, n]) => Number(n) + (kind === 'v' ? 32 : 0)),
    ))
      lines.push(`  before: vs${v} = ${hex(vectorBefore(one.data, v), 32)}`)
    const used = new Set(lines.join(' ').match(/\br\d+\b/g) ?? [])
    for (const register of used)
      lines.push(`  before: ${register} = ${hex(beforeOf(one.data, Number(register.slice(1))))}`)
    lines.push(`  before: xer = ${hex(beforeOf(one.data, 33))}`)
    if (Buffer.compare(windowOf(a), windowOf(b)) !== 0) lines.push('  memory differs')
    found.push({ one, text: [`case ${i}${program.littleEndian ? '' : ', big-endian'}`, ...lines].join('\n') })
  }
  return found
}

/** Leaves parts out of what fails, one after the other, as long as it still fails. */
export function shrink<T>(parts: readonly T[], fails: (parts: readonly T[]) => boolean): readonly T[] {
  let least = parts
  for (let i = 0; i < least.length; ) {
    const without = least.toSpliced(i, 1)
    if (without.length > 0 && fails(without)) least = without
    else i++
  }
  return least
}

/** A difference with as few instructions as show it. */
function smallest({ one, text }: Difference, littleEndian: boolean): string {
  const compare = (groups: Case['groups']): Difference | undefined =>
    differences(makeProgram([{ ...one, groups, words: groups.flat() }], littleEndian))[0]
  // The data of a case know where they are: alone it stands elsewhere, and may not fail there.
  if (one.groups.length < 2 || !compare(one.groups)) return text
  return compare(shrink(one.groups, (groups) => compare(groups) !== undefined))!.text
}

const CASES_IN_PROGRAM = 1000
/** Shrinking takes a few runs of QEMU for each. */
const SHRUNK = 5

/**
 * Compares random programs.
 * @param insns what the cases are made of; default everything that can be compared
 * @param length instructions in a case
 */
export function compareRandom(options: {
  seed: number
  cases: number
  length: number
  insns?: readonly Insn[]
  littleEndian?: boolean
}): string[] {
  const random = new Random(options.seed)
  const { littleEndian = true } = options
  const insns = (options.insns ?? COMPARED.filter((insn) => !standsAlone(insn))).filter(
    (insn) => !littleEndian || !isBigEndianOnly(insn),
  )
  if (insns.length === 0) return []
  const found: string[] = []
  for (let done = 0; done < options.cases; done += CASES_IN_PROGRAM) {
    const count = Math.min(CASES_IN_PROGRAM, options.cases - done)
    const cases = Array.from({ length: count }, (_, i) =>
      randomCase(
        random,
        DATA + i * CASE_BYTES,
        Array.from({ length: options.length }, () => random.pick(insns)),
      ),
    )
    for (const difference of differences(makeProgram(cases, littleEndian)))
      found.push(found.length < SHRUNK ? smallest(difference, littleEndian) : difference.text)
  }
  return found
}
