/** The interpreter and the compiler of hot code in lock step: registers, memory and the count of instructions at every stop. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { type BenchMachine, benchMachine } from '../bench/guest.ts'
import { memoryHash, registersOf } from './lockstep.ts'
import { testMachine } from './machine.ts'
import { CASE_BYTES, CODE, DATA } from './oracle/layout.ts'
import { COMPARED, isBigEndianOnly, makeProgram, randomCase } from './oracle/program.ts'
import { Random } from './oracle/random.ts'

/** Hypervisor in real mode, all facilities. */
const STATE = MSR.SF | MSR.HV | MSR.FP | MSR.VEC | MSR.VSX
/** Multiples and strings are interrupts in one byte order, and written out in the other. */
const INSNS = COMPARED.filter((insn) => !isBigEndianOnly(insn))
const CASES = 400
const DATA_BYTES = CASES * CASE_BYTES

describe('random instructions', () => {
  for (const seed of [1, 2, 3, 4])
    it(`seed ${seed}`, () => {
      const littleEndian = seed !== 4
      const random = new Random(seed)
      const cases = Array.from({ length: CASES }, (_, i) =>
        randomCase(
          random,
          DATA + i * CASE_BYTES,
          Array.from({ length: 3 }, () => random.pick(INSNS)),
        ),
      )
      const program = makeProgram(cases, littleEndian)
      const machines = [testMachine(), testMachine({ jit: { threshold: 1 } })] as const
      for (const { cpu, view } of machines) {
        view.write(BigInt(CODE), program.code)
        view.write(BigInt(DATA), program.data)
        cpu.codeWritten(BigInt(CODE), program.code.length)
      }
      // The third time everything has been compiled, from its pages' beginnings at least.
      for (let round = 0; round < 8; round++) {
        for (const { cpu } of machines) {
          cpu.nia = BigInt(CODE)
          cpu.msr = littleEndian ? STATE | MSR.LE : STATE
          for (let r = 0; r < 32; r++) cpu.setGpr(r, 0n)
        }
        for (let ended = false; !ended; ) {
          const budget = 900 + random.below(60_000)
          const [a, b] = machines.map(({ cpu }) => cpu.run(budget)) as [unknown, { kind: string }]
          expect(b).toEqual(a)
          expect(registersOf(machines[1])).toBe(registersOf(machines[0]))
          ended = b.kind !== 'budget'
        }
        expect(memoryHash(machines[1], DATA, DATA_BYTES)).toBe(memoryHash(machines[0], DATA, DATA_BYTES))
      }
      expect(machines[1].cpu.jitStatistics.instructions).toBeGreaterThan(1000)
    })
})

/** How a program is cut into pieces: whole slices, pieces around the least that enters compiled code, single steps among them. */
const PIECES: readonly ((random: Random) => number)[] = [
  () => 200_000,
  (random) => 900 + random.below(400),
  (random) => (random.below(3) === 0 ? 1 : 1 + random.below(5000)),
]

describe('compiled programs', () => {
  for (const name of ['sieve', 'sha256', 'list', 'copy', 'branchy', 'matrix', 'aes'])
    it(name, () => {
      const elf = readFileSync(new URL(`../bench/programs/${name}.elf`, import.meta.url))
      const random = new Random(7)
      const interpreted = benchMachine(elf)
      const machines: readonly BenchMachine[] = [
        benchMachine(elf, { jit: { threshold: 50 } }),
        benchMachine(elf, { jit: true }),
      ]
      for (let done = 0; done < 3_000_000; ) {
        const budget = random.pick(PIECES)(random)
        done += budget
        const exit = interpreted.cpu.run(budget)
        const expected = registersOf(interpreted)
        for (const machine of machines) {
          expect(machine.cpu.run(budget)).toEqual(exit)
          expect(registersOf(machine)).toBe(expected)
        }
        if (exit.kind !== 'budget') break
      }
      const hash = memoryHash(interpreted)
      for (const machine of machines) expect(memoryHash(machine)).toBe(hash)
      expect(machines[0]!.cpu.jitStatistics.pages).toBeGreaterThan(0)
    })
})
