import { describe, expect, it } from 'vitest'
import { compareRandom, HOW_TO_ENABLE, qemuIsThere, shrink } from './compare.ts'
import { COMPARED } from './program.ts'

const SEED = Number(process.env['CPU_ORACLE_SEED'] ?? 20_260_101)
const CASES_PER_MNEMONIC = 200
const there = qemuIsThere()
const skipped = there ? '' : ` (skipped: ${HOW_TO_ENABLE})`

/** Some instructions in one program keep the number of QEMU starts small. */
const IN_PROGRAM = 5
const groups = Array.from({ length: Math.ceil(COMPARED.length / 50) }, (_, i) => COMPARED.slice(50 * i, 50 * (i + 1)))

describe(`the processor agrees with QEMU (seed ${SEED}; CPU_ORACLE_SEED chooses another)`, () => {
  it('covers the instruction set', () => {
    const mnemonics = new Set(COMPARED.map((insn) => insn.mnemonic))
    expect(mnemonics.size).toBeGreaterThan(900)
  })

  it.skipIf(!there).each(groups.map((insns) => [insns[0]!.mnemonic, insns.at(-1)!.mnemonic, insns] as const))(
    `for each instruction alone, in both byte orders, %s to %s${skipped}`,
    (_first, _last, insns) => {
      for (let i = 0; i < insns.length; i += IN_PROGRAM) {
        const some = insns.slice(i, i + IN_PROGRAM)
        const cases = (CASES_PER_MNEMONIC * some.length) / 2
        for (const littleEndian of [true, false]) {
          const options = { seed: SEED + i + (littleEndian ? 0 : 1), cases, length: 1, insns: some, littleEndian }
          expect(compareRandom(options).slice(0, 3)).toEqual([])
        }
      }
    },
  )

  it.skipIf(!there).each([true, false])(`for random sequences, little-endian: %s${skipped}`, (littleEndian) => {
    expect(compareRandom({ seed: SEED, cases: 1000, length: 8, littleEndian }).slice(0, 3)).toEqual([])
  })
})

it('a sequence that fails is shrunk to what makes it fail', () => {
  const fails = (parts: readonly number[]): boolean => parts.includes(3) && parts.includes(7)
  expect(shrink([1, 3, 2, 7, 7, 5], fails)).toEqual([3, 7])
  expect(shrink([3], (parts) => parts.length > 0)).toEqual([3])
})
