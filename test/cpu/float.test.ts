import { describe, expect, it } from 'vitest'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { execute, FLAT, type TestMachine, testMachine, write } from './machine.ts'

const view = new DataView(new ArrayBuffer(8))
const bits = (x: number): bigint => {
  view.setFloat64(0, x)
  return view.getBigUint64(0)
}
const number = (x: bigint): number => {
  view.setBigUint64(0, x)
  return view.getFloat64(0)
}
const QUIET_NAN = 0x7ff8_0000_0000_0000n

/** FPSCR by the names of Power ISA 3.0C I 4.2.2, bits counted from the right. */
const FPSCR = {
  ...{
    FX: 31,
    FEX: 30,
    VX: 29,
    OX: 28,
    UX: 27,
    ZX: 26,
    XX: 25,
    VXSNAN: 24,
    VXISI: 23,
    VXIDI: 22,
    VXZDZ: 21,
    VXIMZ: 20,
  },
  ...{ VXVC: 19, FR: 18, FI: 17, VXSOFT: 10, VXSQRT: 9, VXCVI: 8, VE: 7, OE: 6, UE: 5, ZE: 4, XE: 3 },
} as const
type Name = keyof typeof FPSCR
const flags = (...names: Name[]): bigint => names.reduce((sum, name) => sum | (1n << BigInt(FPSCR[name])), 0n)
const CLASS = { nan: 0x11n, minusInfinity: 9n, minus: 8n, plusZero: 2n, plus: 4n, plusInfinity: 5n } as const
const fprf = (name: keyof typeof CLASS): bigint => CLASS[name] << 12n

/** Executes lines with f1 and f2 given. */
function run(
  lines: readonly string[],
  operands: readonly (number | bigint)[],
  { fpscr = 0n, msr = 0n, prepare = (_: TestMachine): void => {} } = {},
): TestMachine {
  const machine = testMachine()
  const { cpu } = machine
  cpu.msr = FLAT | MSR.FP | msr
  for (const [i, x] of operands.entries()) cpu.setVsr(i + 1, (typeof x === 'bigint' ? x : bits(x)) << 64n)
  cpu.setVsr(4, bits(-7) << 64n)
  cpu.fpscr = fpscr
  prepare(machine)
  execute(machine, lines)
  return machine
}
const fpr = ({ cpu }: TestMachine, n: number): bigint => cpu.vsr(n) >> 64n

describe('a result in FPSCR', () => {
  it.each([
    ['fadd f4,f1,f2', [1, 2], 3, fprf('plus')],
    ['fadd f4,f1,f2', [1, 2 ** -60], 1, fprf('plus') | flags('FX', 'XX', 'FI')],
    ['fsub f4,f1,f2', [1, 2 ** -60], 1, fprf('plus') | flags('FX', 'XX', 'FI', 'FR')],
    ['fsub f4,f1,f2', [1, 1], 0, fprf('plusZero')],
    ['fmul f4,f1,f2', [-3, 5], -15, fprf('minus')],
    ['fdivs f4,f1,f2', [1, 3], Math.fround(1 / 3), fprf('plus') | flags('FX', 'XX', 'FI', 'FR')],
    ['fdiv f4,f1,f2', [-1, 0], -Infinity, fprf('minusInfinity') | flags('FX', 'ZX')],
    ['fmul f4,f1,f2', [1e200, 1e200], Infinity, fprf('plusInfinity') | flags('FX', 'OX', 'XX', 'FI', 'FR')],
    ['fmul f4,f1,f2', [1e-200, 1e-200], 0, fprf('plusZero') | flags('FX', 'UX', 'XX', 'FI')],
    ['frsp f4,f1', [1e-40], Math.fround(1e-40), (0x14n << 12n) | flags('FX', 'UX', 'XX', 'FI')],
  ] as const)('%s of %j', (line, operands, result, fpscr) => {
    const machine = run([line], operands)
    expect(number(fpr(machine, 4))).toBe(result)
    expect(machine.cpu.fpscr.toString(16)).toBe(fpscr.toString(16))
  })

  it.each([
    ['fsub f4,f1,f2', [Infinity, Infinity], 'VXISI'],
    ['fdiv f4,f1,f2', [Infinity, -Infinity], 'VXIDI'],
    ['fdiv f4,f1,f2', [0, 0], 'VXZDZ'],
    ['fmul f4,f1,f2', [Infinity, 0], 'VXIMZ'],
    ['fsqrt f4,f1', [-2], 'VXSQRT'],
  ] as const)('%s of %j is invalid', (line, operands, name) => {
    const machine = run([line], operands)
    expect(fpr(machine, 4)).toBe(QUIET_NAN)
    expect(machine.cpu.fpscr).toBe(flags('FX', 'VX', name) | fprf('nan'))
  })

  it('keeps the payload of a NaN, made quiet', () => {
    const machine = run(['fadd f4,f1,f2'], [1, 0xfff4_0000_0000_1234n])
    expect(fpr(machine, 4)).toBe(0xfffc_0000_0000_1234n)
    expect(machine.cpu.fpscr).toBe(flags('FX', 'VX', 'VXSNAN') | fprf('nan'))
  })

  it('goes to CR1 in a record form', () => {
    expect(run(['fdiv. f4,f1,f2'], [1, 0]).cpu.cr).toBe(0x0800_0000)
    expect(run(['fmul. f4,f1,f2'], [1e200, 1e200]).cpu.cr).toBe(0x0900_0000)
    expect(run(['fsqrt. f4,f1'], [-1], { fpscr: flags('VE') }).cpu.cr).toBe(0x0e00_0000)
  })

  it('sets FX only for an exception that was not there', () => {
    const again = run(['fdiv f4,f1,f2'], [1, 0], { fpscr: flags('ZX') }).cpu.fpscr
    expect(again).toBe(flags('ZX') | fprf('plusInfinity'))
  })

  it.each([
    [0, 1],
    [1, 1],
    [2, 1 + 2 ** -52],
    [3, 1],
  ])('follows rounding mode %i', (mode, sum) => {
    expect(number(fpr(run(['fadd f4,f1,f2'], [1, 2 ** -60], { fpscr: BigInt(mode) }), 4))).toBe(sum)
    expect(number(fpr(run(['fadd f4,f1,f2'], [-1, -(2 ** -60)], { fpscr: BigInt(mode) }), 4))).toBe(
      mode === 3 ? -(1 + 2 ** -52) : -1,
    )
  })
})

describe('a multiply-add', () => {
  it.each([
    ['fmadd f4,f1,f2,f3', 2 ** -104],
    ['fmsub f4,f1,f2,f3', 2 + 2 ** -50],
    ['fnmadd f4,f1,f2,f3', -(2 ** -104)],
    ['fnmsub f4,f1,f2,f3', -(2 + 2 ** -50)],
  ])('%s rounds once', (line, expected) => {
    const x = 1 + 2 ** -52
    // x * x is 1 + 2^-51 + 2^-104.
    const machine = run([line], [x, x, -(1 + 2 ** -51)])
    expect(number(fpr(machine, 4))).toBe(expected)
  })

  it('keeps the sign of a NaN, and negates after rounding', () => {
    expect(fpr(run(['fnmadd f4,f1,f2,f3'], [QUIET_NAN, 1, 1]), 4)).toBe(QUIET_NAN)
    const up = run(['fnmadd f4,f1,f2,f3'], [1, 1, 2 ** -60], { fpscr: 2n })
    expect(number(fpr(up, 4))).toBe(-(1 + 2 ** -52))
  })
})

describe('an enabled exception', () => {
  const on = (lines: readonly string[], operands: readonly number[], fpscr: bigint): TestMachine =>
    run(lines, operands, { fpscr, msr: MSR.FE0 | MSR.FE1 })
  const interrupted = ({ cpu }: TestMachine): readonly (bigint | undefined)[] => [
    cpu.nia,
    cpu.spr(SPR.SRR0),
    cpu.spr(SPR.SRR1) & 0x783f_0000n,
  ]
  const PROGRAM = [0x700n, 0x1000n, 0x10_0000n]

  it('leaves the target as it was where the operation is invalid or divides by 0', () => {
    for (const [operands, enable, cause] of [
      [[0, 0], 'VE', 'VXZDZ'],
      [[1, 0], 'ZE', 'ZX'],
    ] as const) {
      const machine = on(['fdiv f4,f1,f2'], operands, flags(enable, 'FR', 'FI') | fprf('minus'))
      expect(number(fpr(machine, 4))).toBe(-7)
      const summary = enable === 'VE' ? flags('VX') : 0n
      expect(machine.cpu.fpscr).toBe(flags('FX', 'FEX', enable, cause) | summary | fprf('minus'))
      expect(interrupted(machine)).toEqual(PROGRAM)
    }
  })

  it.each([
    ['fmul f4,f1,f2', [2 ** 1000, 2 ** 1000], 'OE', 'OX', 2 ** 464],
    ['fmul f4,f1,f2', [2 ** -1000, 2 ** -1000], 'UE', 'UX', 2 ** -464],
    ['fmuls f4,f1,f2', [2 ** 100, 2 ** 100], 'OE', 'OX', 2 ** 8],
    ['fmuls f4,f1,f2', [2 ** -100, 2 ** -100], 'UE', 'UX', 2 ** -8],
  ] as const)('%s of %j wraps the exponent', (line, operands, enable, cause, result) => {
    const machine = on([line], operands, flags(enable))
    expect(number(fpr(machine, 4))).toBe(result)
    expect(machine.cpu.fpscr).toBe(flags('FX', 'FEX', enable, cause) | fprf('plus'))
    expect(interrupted(machine)).toEqual(PROGRAM)
  })

  it('interrupts behind an inexact result', () => {
    const machine = on(['fadd f4,f1,f2'], [1, 2 ** -60], flags('XE'))
    expect(number(fpr(machine, 4))).toBe(1)
    expect(interrupted(machine)).toEqual(PROGRAM)
  })

  it('does not interrupt where MSR ignores it', () => {
    const machine = run(['fdiv f4,f1,f2'], [1, 0], { fpscr: flags('ZE') })
    expect(machine.cpu.nia).toBe(0x1004n)
    expect(machine.cpu.fpscr & flags('FEX')).toBe(flags('FEX'))
  })

  it('interrupts when MSR no longer ignores it', () => {
    const machine = run(['mtmsrd r3'], [], {
      fpscr: flags('FX', 'FEX', 'ZX', 'ZE'),
      prepare: ({ cpu }) => cpu.setGpr(3, FLAT | MSR.FP | MSR.FE0),
    })
    expect(interrupted(machine)).toEqual([0x700n, 0x1004n, 0x11_0000n])
  })

  it('interrupts when FPSCR is written so', () => {
    expect(interrupted(on(['mtfsb1 3'], [], flags('OE')))).toEqual(PROGRAM)
    expect(interrupted(on(['mtfsf 1,f1'], [], flags('ZX')))).not.toEqual(PROGRAM)
    const value = 0x10n
    expect(interrupted(run(['mtfsf 2,f1'], [value], { fpscr: flags('ZX'), msr: MSR.FE1 }))).toEqual(PROGRAM)
  })
})

describe('FPSCR', () => {
  const moved = (line: string, fpscr: bigint, f1 = 0n): readonly bigint[] => {
    const machine = run([line], [f1], { fpscr })
    return [fpr(machine, 4), machine.cpu.fpscr]
  }
  it('is read, wholly or in part, with the enables or the rounding modes written', () => {
    const fpscr = 0x3_8200_30f1n
    expect(moved('mffs f4', fpscr)).toEqual([fpscr, fpscr])
    expect(moved('mffsl f4', fpscr)).toEqual([0x3_0000_30f1n, fpscr])
    expect(moved('mffsce f4', fpscr)).toEqual([fpscr, 0x3_8200_3001n])
    expect(moved('mffscrn f4,f1', 0x3_0000_00f1n, 0xffff_fffen)).toEqual([0x3_0000_00f1n, 0x3_0000_00f2n])
    expect(moved('mffscrni f4,3', 0x3_0000_00f1n)).toEqual([0x3_0000_00f1n, 0x3_0000_00f3n])
    expect(moved('mffscdrn f4,f1', 0x3_0000_00f1n, 0x5_ffff_ffffn)).toEqual([0x3_0000_00f1n, 0x5_0000_00f1n])
    expect(moved('mffscdrni f4,6', 0x3_0000_00f1n)).toEqual([0x3_0000_00f1n, 0x6_0000_00f1n])
  })

  it('is written by bits, by fields and wholly; its summaries follow', () => {
    expect(moved('mtfsb1 31', 0n)[1]).toBe(1n)
    expect(moved('mtfsb1 7', 0n)[1]).toBe(flags('FX', 'VX', 'VXSNAN'))
    expect(moved('mtfsb0 7', flags('FX', 'VX', 'VXSNAN'))[1]).toBe(flags('FX'))
    expect(moved('mtfsb1 2', 0n)[1]).toBe(0n)
    expect(moved('mtfsfi 7,3', 0xf0n)[1]).toBe(0xf3n)
    expect(moved('mtfsfi 7,5,1', 0n)[1]).toBe(0x5_0000_0000n)
    expect(moved('mtfsf 1,f1', 0xf0n, 0xffff_fff2n)[1]).toBe(0xf2n)
    expect(moved('mtfsf 128,f1', 0n, 0x9000_0000n)[1]).toBe(flags('FX', 'OX'))
    expect(moved('mtfsf 1,f1,0,1', 0n, 4n)[1]).toBe(0x4_0000_0000n)
    expect(moved('mtfsf 0,f1,1,0', 0n, (1n << 64n) - 1n)[1]).toBe(0x7_ffff_f7ffn)
  })

  it('gives a field to the condition register and clears its exceptions', () => {
    const machine = run(['mcrfs cr3,1'], [], { fpscr: flags('FX', 'VX', 'VXSNAN', 'XX') })
    expect(machine.cpu.cr).toBe(0x0003_0000)
    expect(machine.cpu.fpscr).toBe(flags('FX'))
    expect(run(['mcrfs cr3,4'], [], { fpscr: fprf('plus') }).cpu.fpscr).toBe(fprf('plus'))
  })
})

describe('loads and stores', () => {
  const DATA = 0x2000n
  const memory = (lines: readonly string[], littleEndian = true): TestMachine => {
    const machine = testMachine()
    machine.cpu.msr = (littleEndian ? FLAT : FLAT & ~MSR.LE) | MSR.FP
    machine.cpu.setGpr(4, DATA)
    machine.cpu.setGpr(5, 8n)
    machine.view.write(DATA, Uint8Array.from([0xc0, 0x49, 0x0f, 0xdb, 1, 2, 3, 4, 0x80, 0, 0, 1, 5, 6, 7, 8]))
    write(machine, 0x1000, lines, littleEndian)
    machine.cpu.nia = 0x1000n
    machine.cpu.run(lines.length)
    return machine
  }

  it('take the byte order of the mode', () => {
    expect(number(fpr(memory(['lfs f1,0(r4)'], false), 1))).toBe(Math.fround(-Math.PI))
    expect(fpr(memory(['lfd f1,0(r4)'], false), 1)).toBe(0xc049_0fdb_0102_0304n)
    expect(fpr(memory(['lfd f1,0(r4)']), 1)).toBe(0x0403_0201_db0f_49c0n)
    expect(fpr(memory(['lfiwax f1,r4,r5'], false), 1)).toBe(0xffff_ffff_8000_0001n)
    expect(fpr(memory(['lfiwzx f1,r4,r5'], false), 1)).toBe(0x8000_0001n)
  })

  it('update the base register', () => {
    const machine = memory(['lfdux f1,r4,r5', 'stfsu f1,-8(r4)'], false)
    expect(machine.cpu.gpr(4)).toBe(DATA)
    expect(fpr(machine, 1)).toBe(0x8000_0001_0506_0708n)
  })

  it('keep a single that is denormal or a signalling NaN', () => {
    for (const single of [0x0000_0001, 0x807f_ffff, 0x7f80_0001, 0xffff_ffff, 0x7f7f_ffff]) {
      const machine = run(['lfs f1,0(r4)', 'stfs f1,4(r4)'], [], {
        prepare: ({ cpu, view: data }) => {
          cpu.setGpr(4, DATA)
          data.setU32(DATA, single)
        },
      })
      expect(machine.view.u32(DATA + 4n).toString(16)).toBe(single.toString(16))
    }
  })

  it('store a word and nothing more', () => {
    const machine = memory(['lfd f1,0(r4)', 'stfiwx f1,r4,r5'], false)
    expect([...machine.view.read(DATA + 8n, 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('need the facility', () => {
    for (const line of ['lfd f1,0(r4)', 'fadd f1,f2,f3', 'fadd. f1,f2,f3', 'mffs f1', 'dadd f1,f2,f3']) {
      const machine = testMachine()
      machine.cpu.msr = FLAT | MSR.VSX | MSR.VEC
      execute(machine, [line])
      expect(machine.cpu.nia, line).toBe(0x800n)
    }
  })
})

describe('estimates', () => {
  // Power ISA 3.0C I 4.6.6.1: within 1/256 of the reciprocal, within 1/32 of that of the root.
  it.each([0.3, 1, 7, 1e100, 3e-100, -2.5])('of %d are near enough', (x) => {
    for (const suffix of Math.abs(x) < 1e30 && Math.abs(x) > 1e-30 ? ['', 's'] : ['']) {
      const reciprocal = number(fpr(run([`fre${suffix} f4,f1`], [x]), 4))
      expect(Math.abs(reciprocal * x - 1)).toBeLessThanOrEqual(1 / 256)
      if (x < 0) continue
      const root = number(fpr(run([`frsqrte${suffix} f4,f1`], [x]), 4))
      expect(Math.abs(root * Math.sqrt(x) - 1)).toBeLessThanOrEqual(1 / 32)
    }
  })

  it('of 0, infinity and negative numbers are what the book says', () => {
    const cases = [
      ['fre', -0, -Infinity, flags('FX', 'ZX')],
      ['fre', -Infinity, -0, 0n],
      ['frsqrte', 0, Infinity, flags('FX', 'ZX')],
      ['frsqrte', Infinity, 0, 0n],
    ] as const
    for (const [name, x, result, raised] of cases) {
      const machine = run([`${name} f4,f1`], [x])
      expect(number(fpr(machine, 4))).toBe(result)
      expect(machine.cpu.fpscr & 0xfff8_0700n).toBe(raised)
    }
    expect(run(['frsqrte f4,f1'], [-1]).cpu.fpscr & 0xfff8_0700n).toBe(flags('FX', 'VX', 'VXSQRT'))
  })
})
