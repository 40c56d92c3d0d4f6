import { describe, expect, it } from 'vitest'
import { compareRandom, HOW_TO_ENABLE, qemuIsThere } from './compare.ts'
import { COMPARED } from './program.ts'

const SEED = Number(process.env['CPU_ORACLE_SEED'] ?? 20_260_101)
const there = qemuIsThere()

describe(`the processor agrees with QEMU (seed ${SEED}; CPU_ORACLE_SEED chooses another)`, () => {
  it('covers the integer instruction set', () => {
    const mnemonics = new Set(COMPARED.map((insn) => insn.mnemonic))
    expect(mnemonics.size).toBeGreaterThan(250)
  })

  it.skipIf(!there)(`for each instruction alone${there ? '' : ` (skipped: ${HOW_TO_ENABLE})`}`, () => {
    // Eight instructions a program run keeps the number of QEMU starts small; each gets about 25 cases.
    for (let i = 0; i < COMPARED.length; i += 8) {
      const insns = COMPARED.slice(i, i + 8)
      expect(compareRandom({ seed: SEED + i, cases: 200, length: 1, insns }).slice(0, 3)).toEqual([])
    }
  })

  it.skipIf(!there)(`for random sequences${there ? '' : ` (skipped: ${HOW_TO_ENABLE})`}`, () => {
    expect(compareRandom({ seed: SEED, cases: 1000, length: 8 }).slice(0, 3)).toEqual([])
  })
})
