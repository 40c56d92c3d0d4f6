import { describe, expect, it, vi } from 'vitest'
import { assemble } from '../../debug-adapter/machine/cpu/isa/assemble.ts'
import { float } from '../../debug-adapter/machine/cpu/isa/float/float.ts'
import type { Insn } from '../../debug-adapter/machine/cpu/isa/insn.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { PROCEDURES } from '../../debug-adapter/machine/cpu/procedures.ts'
import { FLAT, type TestMachine, testMachine } from './machine.ts'
import { Random } from './oracle/random.ts'

/**
 * Floating-point instructions with a fast path leave what their procedures leave, bit for bit in the register and in FPSCR.
 * FPSCR[NI] keeps an instruction from its fast path. FLOAT_FAST_CASES=100000 makes it a long run.
 */
const CASES = Number(process.env['FLOAT_FAST_CASES'] ?? 2000)
const NI = 4n
const FX_XX = 0x8200_0000n
const FR_FI_FPRF = 0x7_f000n
const SIGN = 1n << 63n
const LAST = { double: 1n, single: 0x2000_0000n } as const

const FAST = float.filter(({ effects }) => effects.some(({ op }) => op === 'attempt'))
/** Sources of an instruction; a comparison has no target register. */
const sourcesOf = (insn: Insn): string[] =>
  insn.operands.filter(({ field }) => field.kind === 'fpr' && field.name !== 'frt').map(({ field }) => field.name)
const lineOf = (insn: Insn): string =>
  [
    insn.mnemonic,
    [insn.operands[0]!.field.kind === 'crf' ? 'cr5' : 'f4', 'f1', 'f2', 'f3']
      .slice(0, sourcesOf(insn).length + 1)
      .join(),
  ].join(' ')

const view = new DataView(new ArrayBuffer(8))
const asNumber = (bits: bigint): number => {
  view.setBigUint64(0, bits)
  return view.getFloat64(0)
}
const asBits = (x: number): bigint => {
  view.setFloat64(0, x)
  return view.getBigUint64(0)
}

/** A number near 1, with all its bits used or few of them. */
function ordinary(random: Random, last: bigint): bigint {
  const bits = (BigInt(random.word()) << 32n) | BigInt(random.word())
  const spread = random.pick([2, 30, 60, 130])
  const exponent = BigInt(1023 + random.below(2 * spread) - spread)
  const few = random.below(2) === 0 ? (1n << BigInt(random.below(52))) - 1n : 0n
  return (bits & SIGN) | (exponent << 52n) | (bits & 0xf_ffff_ffff_ffffn & ~few & ~(last - 1n))
}

/** Three operands: unrelated ones, sums and products that nearly cancel, quotients and roots that are nearly exact. */
function operands(random: Random, single: boolean): readonly [bigint, bigint, bigint] {
  const last = LAST[single ? 'single' : 'double']
  const one = (): bigint => (random.below(8) === 0 ? random.double() : ordinary(random, last))
  const near = (bits: bigint): bigint => BigInt.asUintN(64, bits + BigInt(random.below(3) - 1) * last)
  const rounded = (x: number): bigint => asBits(single ? Math.fround(x) : x)
  const [a, b, c] = [one(), one(), one()]
  const product = near(rounded(asNumber(a) * asNumber(b)))
  switch (random.below(6)) {
    case 0:
      return [a, near(a ^ SIGN), c]
    case 1:
      return [product, b, c]
    case 2:
      // A * C + B: the third field of the word is the second operand as it is written.
      return [a, b, product ^ (BigInt(random.below(2)) << 63n)]
    case 3:
      return [near(rounded(asNumber(a) ** 2)), a, b]
  }
  return [a, b, c]
}

function prepare({ cpu, view: memory }: TestMachine, insn: Insn): void {
  const word = new Uint8Array(4)
  new DataView(word.buffer).setUint32(0, assemble(lineOf(insn), 0n), true)
  memory.write(0x1000n, word)
  cpu.codeWritten(0x1000n, 4)
  cpu.msr = FLAT | MSR.FP
}

/** Target with both doublewords, CR and FPSCR. */
function run({ cpu }: TestMachine, values: readonly bigint[], fpscr: bigint): string {
  for (const [i, bits] of values.entries()) cpu.setVsr(i + 1, (bits << 64n) | 0x1234n)
  cpu.setVsr(4, 0n)
  cpu.fpscr = fpscr
  cpu.cr = 0
  cpu.nia = 0x1000n
  cpu.run(1)
  return [cpu.vsr(4), BigInt(cpu.cr), cpu.fpscr & ~NI].map((value) => value.toString(16)).join(' ')
}

describe('floating-point fast paths', () => {
  const machine = testMachine()

  it('are there for arithmetic, conversions and comparisons', () => {
    const names = FAST.map(({ mnemonic }) => mnemonic)
    for (const name of [
      'fadd',
      'fsubs',
      'fmul',
      'fdiv',
      'fsqrts',
      'fmadd',
      'fnmsubs',
      'frsp',
      'fctiwz',
      'fcfid',
      'fcmpu',
    ])
      expect(names).toContain(name)
  })

  it.each(FAST.map((insn) => [insn.mnemonic, insn] as const))(
    '%s leaves what its procedure leaves',
    (mnemonic, insn) => {
      const random = new Random(7)
      prepare(machine, insn)
      const wrong: string[] = []
      for (let i = 0; i < CASES && wrong.length < 3; i++) {
        const single = /s$/.test(mnemonic) && random.below(4) > 0
        const values = mnemonic.startsWith('fcf') ? [random.value()] : operands(random, single)
        const fpscr = random.pick([0n, FX_XX, FR_FI_FPRF])
        const [fast, exact] = [run(machine, values, fpscr), run(machine, values, fpscr | NI)]
        if (fast !== exact)
          wrong.push(`${values.map((x) => x.toString(16)).join(' ')}: ${fast}, its procedure ${exact}`)
      }
      expect(wrong).toEqual([])
    },
  )

  it.each(FAST.map((insn) => [insn.mnemonic, insn] as const))('%s needs no procedure for 9, 1.5 and 3', (_, insn) => {
    const name = insn.effects.flatMap((effect) => (effect.op === 'attempt' ? [effect.name] : []))[0]!
    const procedure = vi.spyOn(PROCEDURES as Record<string, () => boolean>, name)
    prepare(machine, insn)
    run(machine, [9, 1.5, 3].map(asBits), 0n)
    run(machine, [9, 1.5, 3].map(asBits), FX_XX)
    const calls = procedure.mock.calls.length
    procedure.mockRestore()
    expect(calls).toBe(0)
  })
})
