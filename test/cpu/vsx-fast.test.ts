import { describe, expect, it, vi } from 'vitest'
import { assemble } from '../../debug-adapter/machine/cpu/isa/assemble.ts'
import type { Insn } from '../../debug-adapter/machine/cpu/isa/insn.ts'
import { vsx } from '../../debug-adapter/machine/cpu/isa/vsx/vsx.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { PROCEDURES } from '../../debug-adapter/machine/cpu/procedures.ts'
import { FLAT, type TestMachine, testMachine } from './machine.ts'
import { Random } from './oracle/random.ts'

/**
 * Instructions with a fast path for common operands and a written-out procedure for all of them: both must leave the same.
 * FPSCR[NI], which the procedures do not look at, keeps an instruction from its fast path.
 */
const CASES = Number(process.env['VSX_FAST_CASES'] ?? 2000)
const NI = 4n
const XX = 1n << 25n
const FX = 1n << 31n
const FR_FI_FPRF = 0x7_f000n

const bits = new DataView(new ArrayBuffer(8))
const bitsOf = (x: number): bigint => {
  bits.setFloat64(0, x)
  return bits.getBigUint64(0)
}
const doubleOf = (x: bigint): number => {
  bits.setBigUint64(0, x)
  return bits.getFloat64(0)
}
const singleBits = (x: number): bigint => {
  bits.setFloat32(0, x)
  return BigInt(bits.getUint32(0))
}
/** Numbers near 1 with few or many bits set, which a fast path takes, among others that it does not. */
function double(random: Random, single: boolean): bigint {
  if (random.below(6) === 0) return random.double()
  const sign = BigInt(random.below(2)) << 63n
  const spread = random.pick([1, 4, 30, 60, 120, 400])
  const exponent = BigInt(1023 + random.below(2 * spread) - spread)
  let fraction = ((BigInt(random.word()) << 32n) | BigInt(random.word())) & 0xf_ffff_ffff_ffffn
  if (random.below(3) === 0) fraction &= ~((1n << BigInt(random.below(53))) - 1n)
  if (random.below(12) === 0) fraction = random.pick([0n, 1n, 0xf_ffff_ffff_ffffn])
  const value = sign | (exponent << 52n) | fraction
  return single ? value & ~0x1fff_ffffn : value
}

/** Two operands and a third one, often so that they nearly cancel. */
function related(random: Random, single: boolean): [bigint, bigint, bigint] {
  const [a, b] = [double(random, single), double(random, single)]
  const round = (x: number): bigint => bitsOf(single ? Math.fround(x) : x)
  const near = (x: bigint): bigint =>
    BigInt.asUintN(64, x + (BigInt(random.below(3)) - 1n) * (single ? 0x2000_0000n : 1n))
  switch (random.below(5)) {
    case 0:
      return [a, near(a ^ (1n << 63n)), double(random, single)]
    case 1:
      return [a, b, near(round(-doubleOf(a) * doubleOf(b)))]
    case 2:
      return [near(round(doubleOf(a) * doubleOf(b))), b, a]
  }
  return [a, b, double(random, single)]
}

function registers(random: Random, insn: Insn): bigint[] {
  const one = (): bigint[] => {
    if (/^x[sv]cv[su]x/.test(insn.mnemonic)) return [0, 1, 2].map(() => random.value())
    const wide = /^xs/.test(insn.mnemonic) ? random.below(3) > 0 : false
    return related(random, wide ? insn.mnemonic.includes('sp') : false)
  }
  const [x, y] = [one(), one()]
  if (
    !/^xv.*(sp\.?|spdp|spsx.s|spux.s)$/.test(insn.mnemonic) ||
    /dpsp/.test(insn.mnemonic) ||
    /^xvcv[su]x/.test(insn.mnemonic)
  )
    return x.map((value, i) => (value << 64n) | y[i]!)
  // Singles that are related as the doubles are.
  const four = [0, 1, 2, 3].map(() => related(random, true).map((value) => singleBits(doubleOf(value))))
  return [0, 1, 2].map((i) => four.reduce((sum, values) => (sum << 32n) | values[i]!, 0n))
}

/** The instruction with VSR 3 or CR field 6 as its target, VSR 1 and 2 as its sources. */
function lineOf({ mnemonic, operands }: Insn): string {
  const names = operands.map(({ field }, i) => (field.kind === 'crf' ? 'cr6' : ['vs3', 'vs1', 'vs2'][i]))
  return `${mnemonic} ${names.join()}`
}

const FAST = vsx.filter(({ effects }) => effects.some(({ op }) => op === 'attempt'))

function prepare(machine: TestMachine, line: string): void {
  const word = new Uint8Array(4)
  new DataView(word.buffer).setUint32(0, assemble(line, 0n), true)
  machine.view.write(0x1000n, word)
  machine.cpu.codeWritten(0x1000n, 4)
  machine.cpu.msr = FLAT | MSR.FP | MSR.VEC | MSR.VSX
}

/** Target, CR and FPSCR after the instruction. */
function run({ cpu }: TestMachine, values: readonly bigint[], fpscr: bigint): string {
  for (const [i, value] of values.entries()) cpu.setVsr(i + 1, value)
  cpu.fpscr = fpscr
  cpu.cr = 0
  cpu.nia = 0x1000n
  cpu.run(1)
  return [cpu.vsr(3), BigInt(cpu.cr), cpu.fpscr & ~NI].map((value) => value.toString(16)).join(' ')
}

describe('fast paths', () => {
  const machine = testMachine()
  it('are there for what compilers use most', () => {
    expect(FAST.length).toBeGreaterThan(80)
  })

  it.each(FAST.map((insn) => [insn.mnemonic, insn] as const))('%s leaves the same as its procedure', (_, insn) => {
    const random = new Random(1)
    prepare(machine, lineOf(insn))
    const wrong: string[] = []
    for (let i = 0; i < CASES && wrong.length < 3; i++) {
      const values = registers(random, insn)
      const fpscr = random.pick([0n, XX, FX | XX, FR_FI_FPRF, FX])
      const [fast, exact] = [run(machine, values, fpscr), run(machine, values, fpscr | NI)]
      if (fast !== exact)
        wrong.push(
          `${values.map((value) => value.toString(16)).join(' ')} ${fpscr.toString(16)}: ${fast}, not ${exact}`,
        )
    }
    expect(wrong).toEqual([])
  })

  it.each(FAST.map((insn) => [insn.mnemonic, insn] as const))(
    '%s needs no procedure for ordinary numbers',
    (_, insn) => {
      const name = insn.effects.flatMap((effect) => (effect.op === 'attempt' ? [effect.name] : []))[0]!
      const procedure = vi.spyOn(PROCEDURES as Record<string, () => boolean>, name)
      prepare(machine, lineOf(insn))
      // 1.5, 3 and 2.25 as doubles; as singles numbers of that kind in every word.
      const words = /^xv.*sp\.?$/.test(insn.mnemonic) ? [112n, 80n, 48n, 16n] : [112n, 48n]
      const values = [0x3ff8n, 0x4008n, 0x4002n].map((value) => words.reduce((sum, at) => sum | (value << at), 0n))
      run(machine, values, XX)
      run(machine, values, 0n)
      const calls = procedure.mock.calls.length
      procedure.mockRestore()
      expect(calls).toBe(0)
    },
  )
})
