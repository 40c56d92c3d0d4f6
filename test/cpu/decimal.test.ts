import { describe, expect, it } from 'vitest'
import { fromDeclet, toDeclet } from '../../debug-adapter/machine/cpu/float/decimal/declet.ts'
import {
  type DecimalFormat,
  decode,
  EXTENDED,
  encode,
  LONG,
  SHORT,
} from '../../debug-adapter/machine/cpu/float/decimal/format.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { execute, FLAT, type TestMachine, testMachine } from './machine.ts'

/** A number as people write it, its digits behind the point and its exponent kept: `-1.50`, `1e370`, `inf`, `nan`, `snan`. */
function bits(f: DecimalFormat, text: string): bigint {
  const negative = text.startsWith('-')
  const body = negative ? text.slice(1) : text
  const special = ({ inf: 'infinite', nan: 'quiet', snan: 'signalling' } as const)[body]
  if (special) return encode(f, { kind: special, negative, coefficient: 0n, exponent: 0 })
  const [, whole, fraction = '', exponent = '0'] = /^(\d+)(?:\.(\d+))?(?:e(-?\d+))?$/.exec(body)!
  return encode(f, {
    kind: 'finite',
    negative,
    coefficient: BigInt(whole + fraction),
    exponent: Number(exponent) - fraction.length,
  })
}
function text(f: DecimalFormat, value: bigint): string {
  const { kind, negative, coefficient, exponent } = decode(f, value)
  const sign = negative ? '-' : ''
  if (kind !== 'finite') return `${sign}${{ infinite: 'inf', quiet: 'nan', signalling: 'snan' }[kind]}`
  return `${sign}${coefficient}${exponent ? `e${exponent}` : ''}`
}

const [VE, OE, UE] = [0x80n, 0x40n, 0x20n]
const FX = 1n << 31n
const FEX = 1n << 30n
const VX = 1n << 29n
const XX = 1n << 25n
const [FR, FI] = [0x4_0000n, 0x2_0000n]
const fprf = (value: number): bigint => BigInt(value) << 12n
const [NORMAL, NAN, SIGNALLING] = [fprf(0b00100), fprf(0b10001), fprf(0b00001)]

/** Executes lines on f1, f2 and so on, 4 being -7; extended ones are in f2, f4 and so on. */
function run(
  lines: readonly string[],
  operands: readonly string[],
  { fpscr = 0n, msr = 0n, extended = false, prepare = (_: TestMachine): void => {} } = {},
): TestMachine {
  const machine = testMachine()
  const { cpu } = machine
  cpu.msr = FLAT | MSR.FP | msr
  const set = (n: number, value: bigint): void => cpu.setVsr(n, value << 64n)
  set(4, bits(LONG, '-7'))
  for (const [i, operand] of operands.entries()) {
    const value = bits(extended ? EXTENDED : LONG, operand)
    if (!extended) set(i + 1, value)
    else {
      set(2 * i + 2, value >> 64n)
      set(2 * i + 3, BigInt.asUintN(64, value))
    }
  }
  cpu.fpscr = fpscr
  prepare(machine)
  execute(machine, lines)
  return machine
}
const fpr = ({ cpu }: TestMachine, n: number): bigint => cpu.vsr(n) >> 64n
const long = (machine: TestMachine, n = 4): string => text(LONG, fpr(machine, n))
const wide = (machine: TestMachine, n: number): string => text(EXTENDED, (fpr(machine, n) << 64n) | fpr(machine, n + 1))

describe('decimal formats', () => {
  it.each([
    [LONG, '0', 0x2238_0000_0000_0000n],
    [LONG, '1', 0x2238_0000_0000_0001n],
    [LONG, '-1.5', 0xa234_0000_0000_0015n],
    [LONG, '9999999999999999e369', 0x77fc_ff3f_cff3_fcffn],
    [LONG, 'inf', 0x7800_0000_0000_0000n],
    [LONG, 'nan', 0x7c00_0000_0000_0000n],
    [LONG, '-snan', 0xfe00_0000_0000_0000n],
    [SHORT, '1', 0x2250_0001n],
    [EXTENDED, '1', 0x2208_0000_0000_0000_0000_0000_0000_0001n],
  ] as const)('%o: %s', (f, number, expected) => {
    expect(bits(f, number).toString(16)).toBe(expected.toString(16))
    expect(bits(f, text(f, expected))).toBe(expected)
  })

  it('put three digits in ten bits, 24 of them in more than one way', () => {
    const others = Array.from({ length: 1024 }, (_, declet) => declet).filter((d) => toDeclet(fromDeclet(d)) !== d)
    expect(others.length).toBe(24)
    expect(others.every((declet) => (declet & 0x6e) === 0x6e && fromDeclet(declet) === fromDeclet(declet & 0xff))).toBe(
      true,
    )
    for (let number = 0; number < 1000; number++) expect(fromDeclet(toDeclet(number))).toBe(number)
    expect([5, 79, 80, 99, 555, 999].map(toDeclet)).toEqual([5, 0x79, 0x0a, 0x5f, 0x2d5, 0xff])
  })
})

describe('decimal arithmetic', () => {
  it.each([
    ['dadd f4,f1,f2', ['1.10', '2.2'], '330e-2'],
    ['dsub f4,f1,f2', ['1.10', '1.10'], '0e-2'],
    ['dmul f4,f1,f2', ['1.20', '3'], '360e-2'],
    ['ddiv f4,f1,f2', ['6', '2'], '3'],
    ['ddiv f4,f1,f2', ['1', '8'], '125e-3'],
    ['ddiv f4,f1,f2', ['2', '3'], '6666666666666667e-16'],
    ['dadd f4,f1,f2', ['9999999999999999', '1'], '1000000000000000e1'],
    ['dadd f4,f1,f2', ['1e369', '0'], '1000000000000000e354'],
    ['dmul f4,f1,f2', ['1e200', '1e200'], 'inf'],
    ['dmul f4,f1,f2', ['1e-200', '25e-199'], '2e-398'],
    ['dadd f4,f1,f2', ['nan', 'snan'], 'nan'],
  ] as const)('%s of %j is %s', (line, operands, expected) => {
    expect(long(run([line], operands))).toBe(expected)
  })

  it.each([
    // FPSCR[DRN], then 2.5, -2.5, 3.5, 1.1, 10.1 and 15.1 as integers.
    [0, ['2', '-2', '4', '1', '10', '15']],
    [1, ['2', '-2', '3', '1', '10', '15']],
    [2, ['3', '-2', '4', '2', '11', '16']],
    [3, ['2', '-3', '3', '1', '10', '15']],
    [4, ['3', '-3', '4', '1', '10', '15']],
    [5, ['2', '-2', '3', '1', '10', '15']],
    [6, ['3', '-3', '4', '2', '11', '16']],
    [7, ['2', '-2', '3', '1', '11', '16']],
  ] as const)('rounds by mode %i', (mode, expected) => {
    const numbers = ['2.5', '-2.5', '3.5', '1.1', '10.1', '15.1']
    const rounded = numbers.map((number) => long(run(['drintx 0,f4,f1,3'], [number], { fpscr: BigInt(mode) << 32n })))
    expect(rounded).toEqual(expected)
  })

  it('records the result', () => {
    const machine = run(['ddiv. f4,f1,f2'], ['2', '3'])
    expect(machine.cpu.fpscr).toBe(FX | XX | FR | FI | NORMAL)
    expect(machine.cpu.cr).toBe(0x0800_0000)
    expect(run(['dadd f4,f1,f2'], ['1', '2']).cpu.fpscr).toBe(NORMAL)
  })

  it('of extended numbers uses pairs, and refuses an odd one', () => {
    const machine = run(['ddivq f8,f2,f4'], ['1', '3'], { extended: true })
    expect(wide(machine, 8)).toBe(`${'3'.repeat(34)}e-34`)
    const word = new Uint8Array([0x04, 0x18, 0x22, 0xfc]) // daddq f1,f2,f3
    const odd = testMachine()
    odd.cpu.msr = FLAT | MSR.FP
    odd.view.write(0x1000n, word)
    odd.cpu.nia = 0x1000n
    odd.cpu.run(1)
    expect(odd.cpu.nia).toBe(0xe40n)
  })
})

describe('enabled exceptions of decimal instructions', () => {
  const interrupts = MSR.FE0 | MSR.FE1
  it.each([
    ['dmul f4,f1,f2', ['5e200', '3e200'], OE, '15e-176', 1n << 28n],
    ['dmul f4,f1,f2', ['5e-200', '3e-201'], UE, '15e175', 1n << 27n],
  ] as const)('%s of %j wraps the exponent', (line, operands, enable, expected, cause) => {
    const machine = run([line], operands, { fpscr: enable, msr: interrupts })
    expect(long(machine)).toBe(expected)
    expect(machine.cpu.fpscr).toBe(FX | FEX | cause | enable | NORMAL)
    expect(machine.cpu.nia).toBe(0x700n)
    expect(machine.cpu.spr(SPR.SRR1) & 0x783f_0000n).toBe(0x10_0000n)
  })

  it('leave the target as it was where the operation is invalid', () => {
    const machine = run(['ddiv f4,f1,f2'], ['0', '0'], { fpscr: VE, msr: interrupts })
    expect(long(machine)).toBe('-7')
    expect(machine.cpu.fpscr).toBe(FX | FEX | VX | (1n << 21n) | VE)
    expect(machine.cpu.nia).toBe(0x700n)
  })
})

describe('quantum', () => {
  it.each([
    ['dqua f4,f1,f2,0', ['1.00', '2.345'], '234e-2'],
    ['dqua f4,f1,f2,2', ['1.00', '2.345'], '235e-2'],
    ['dqua f4,f1,f2,0', ['inf', '-inf'], '-inf'],
    ['dqua f4,f1,f2,0', ['inf', '1'], 'nan'],
    ['dquai -3,f4,f1,0', ['7'], '7000e-3'],
    ['dquai 2,f4,f1,0', ['350'], '4e2'],
    ['dquai -1,f4,f1,0', ['9999999999999999'], 'nan'],
    ['dquai 0,f4,f1,0', ['inf'], 'nan'],
    ['drintx 1,f4,f1,0', ['1.0001'], '2'],
    ['drintn 0,f4,f1,1', ['-0.9'], '-0'],
    ['drintx 0,f4,f1,0', ['12e5'], '12e5'],
  ] as const)('%s of %j is %s', (line, operands, expected) => {
    expect(long(run([line], operands))).toBe(expected)
  })

  it('is chosen by a number of digits', () => {
    const round = (digits: number, number: string): string =>
      long(run(['drrnd f4,f1,f2,0'], ['0', number], { prepare: ({ cpu }) => cpu.setVsr(1, BigInt(digits) << 64n) }))
    expect([round(3, '12345'), round(3, '99960'), round(9, '12345'), round(0, '12345')]).toEqual([
      '123e2',
      '100e3',
      '12345',
      '12345',
    ])
  })

  it('tells of a loss only where it is asked for', () => {
    expect(run(['drintx 0,f4,f1,0'], ['1.5']).cpu.fpscr).toBe(FX | XX | FR | FI | NORMAL)
    expect(run(['drintn 0,f4,f1,0'], ['1.5']).cpu.fpscr).toBe(NORMAL)
  })
})

describe('decimal conversions', () => {
  it('leave a long number in the left register of a pair', () => {
    const machine = run(['drdpq f8,f2'], ['1.234567890123456789'], { extended: true })
    expect([long(machine, 8), fpr(machine, 9)]).toEqual(['1234567890123457e-15', 0n])
    expect(wide(run(['dctqpq f8,f1'], ['-1.50']), 8)).toBe('-150e-2')
  })

  it('keep a signalling NaN on its way to and from short format', () => {
    const down = run(['drsp f4,f1'], ['snan'])
    expect([text(SHORT, fpr(down, 4)), down.cpu.fpscr]).toEqual(['snan', SIGNALLING])
    const up = run(['drsp f3,f1', 'dctdp f4,f3'], ['-snan'])
    expect([long(up), up.cpu.fpscr]).toEqual(['-snan', SIGNALLING])
    expect(run(['drdpq f8,f2'], ['snan'], { extended: true }).cpu.fpscr).toBe(FX | VX | (1n << 24n) | NAN)
  })

  it('to integers saturate', () => {
    const integer = (number: string): bigint => BigInt.asIntN(64, fpr(run(['dctfix f4,f1'], [number]), 4))
    expect(['2.5', '-3.5', '1e19', '-inf', 'nan', '0e300'].map(integer)).toEqual([
      2n,
      -4n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      -(2n ** 63n),
      0n,
    ])
    expect(
      wide(run(['dcffixq f8,f1'], [], { prepare: ({ cpu }) => cpu.setVsr(1, 0x8000_0000_0000_0000n << 64n) }), 8),
    ).toBe('-9223372036854775808')
  })

  it('to and from packed digits', () => {
    expect(fpr(run(['ddedpd 2,f4,f1'], ['-1234']), 4)).toBe(0x1234dn)
    expect(fpr(run(['ddedpd 3,f4,f1'], ['1234']), 4)).toBe(0x1234fn)
    expect(fpr(run(['ddedpd 0,f4,f1'], ['9876543210123456']), 4)).toBe(0x9876_5432_1012_3456n)
    const from = (packed: bigint, signed: 0 | 1, fpscr = 0n): TestMachine =>
      run([`denbcd ${signed},f4,f1`], [], { fpscr, prepare: ({ cpu }) => cpu.setVsr(1, packed << 64n) })
    expect([long(from(0x1234dn, 1)), long(from(0x1234fn, 1)), long(from(0x12345n, 0))]).toEqual([
      '-1234',
      '1234',
      '12345',
    ])
    for (const [packed, signed] of [
      [0xa0n, 0],
      [0x12345n, 1],
      [0xa000_0000_0000_0000n, 0],
    ] as const) {
      const refused = from(packed, signed)
      expect([long(refused), refused.cpu.fpscr]).toEqual(['nan', FX | VX | 0x100n | NAN])
      expect(long(from(packed, signed, VE))).toBe('-7')
    }
  })

  it('between exponents and integers', () => {
    const exponent = (number: string): bigint => BigInt.asIntN(64, fpr(run(['dxex f4,f1'], [number]), 4))
    expect(['1', '1e5', 'inf', 'nan', 'snan'].map(exponent)).toEqual([398n, 403n, -1n, -2n, -3n])
    const insert = (biased: bigint): string =>
      long(
        run(['diex f4,f1,f2'], ['0', '-12'], {
          prepare: ({ cpu }) => cpu.setVsr(1, BigInt.asUintN(64, biased) << 64n),
        }),
      )
    expect([400n, -1n, -2n, -3n, -4n, 768n].map(insert)).toEqual(['-12e2', '-inf', '-nan', '-snan', '-nan', '-nan'])
  })

  it('between declets and packed digits in general registers', () => {
    const made = (line: string, value: bigint): bigint => {
      const machine = testMachine()
      machine.cpu.setGpr(4, value)
      machine.cpu.setGpr(5, 0x0000_0000_0000_0001n)
      execute(machine, [line])
      return machine.cpu.gpr(3)
    }
    const packed = 0x0012_3456_0099_9080n
    expect(made('cdtbcd r3,r4', made('cbcdtd r3,r4', packed))).toBe(packed)
    expect(made('cbcdtd r3,r4', 0x999n)).toBe(0xffn)
    // 9 + 1 is 10 in hexadecimal digits: nothing is carried; f + 1 is.
    expect(made('addg6s r3,r4,r5', 0x9n)).toBe(0x6666_6666_6666_6666n)
    expect(made('addg6s r3,r4,r5', 0xfn)).toBe(0x6666_6666_6666_6660n)
    expect(made('addg6s r3,r4,r5', 0xffff_ffff_ffff_ffffn)).toBe(0n)
  })
})

describe('decimal comparisons and tests', () => {
  /** The condition register field, which FPCC shows as well. */
  const condition = (line: string, operands: readonly string[]): number => {
    const { cpu } = run([line], operands)
    expect(Number((cpu.fpscr >> 12n) & 15n)).toBe(cpu.cr & 15)
    return cpu.cr & 15
  }
  it.each([
    ['dcmpu cr7,f1,f2', ['1.0', '1.00'], 2],
    ['dcmpu cr7,f1,f2', ['-inf', '-9e369'], 8],
    ['dcmpo cr7,f1,f2', ['2', '1'], 4],
    ['dcmpu cr7,f1,f2', ['nan', '1'], 1],
    ['dtstex cr7,f1,f2', ['1.0', '1.00'], 4],
    ['dtstex cr7,f1,f2', ['inf', '-inf'], 2],
    ['dtstex cr7,f1,f2', ['inf', '1'], 1],
    ['dtstdc cr7,f1,32', ['-0'], 10],
    ['dtstdc cr7,f1,16', ['1e-398'], 2],
    ['dtstdc cr7,f1,8', ['1e-398'], 0],
    ['dtstdg cr7,f1,16', ['0e369'], 2],
    ['dtstdg cr7,f1,4', ['5'], 2],
    ['dtstdg cr7,f1,2', ['-1234567890123456'], 10],
    ['dtstdg cr7,f1,1', ['nan'], 2],
    ['dtstsfi cr7,3,f1', ['1234'], 8],
    ['dtstsfi cr7,4,f1', ['1234'], 2],
    ['dtstsfi cr7,0,f1', ['1234'], 4],
  ] as const)('%s of %j', (line, operands, expected) => {
    expect(condition(line, operands)).toBe(expected)
  })

  it('of NaNs are invalid where they are ordered or one signals', () => {
    expect(run(['dcmpo cr7,f1,f2'], ['nan', '1']).cpu.fpscr & 0x0118_0000n).toBe(1n << 19n)
    expect(run(['dcmpu cr7,f1,f2'], ['snan', '1']).cpu.fpscr & 0x0118_0000n).toBe(1n << 24n)
    expect(run(['dcmpo cr7,f1,f2'], ['snan', '1']).cpu.fpscr & 0x0118_0000n).toBe((1n << 24n) | (1n << 19n))
  })
})
