import { describe, expect, it } from 'vitest'
import { compareRandom, HOW_TO_ENABLE, qemuIsThere } from './compare.ts'
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
    `for each instruction alone, %s to %s${skipped}`,
    (_first, _last, insns) => {
      for (let i = 0; i < insns.length; i += IN_PROGRAM) {
        const some = insns.slice(i, i + IN_PROGRAM)
        const cases = CASES_PER_MNEMONIC * some.length
        expect(compareRandom({ seed: SEED + i, cases, length: 1, insns: some }).slice(0, 3)).toEqual([])
      }
    },
  )

  it.skipIf(!there)(`for random sequences${skipped}`, () => {
    expect(compareRandom({ seed: SEED, cases: 2000, length: 8 }).slice(0, 3)).toEqual([])
  })
})
