/** Decimal floating-point instructions (Power ISA 3.0C I 5.6). Those on extended numbers have a `q` behind the name. */
import type { Core } from '../../core.ts'
import type { Procedure } from '../../procedures.ts'
import { get } from '../../vsx/operands.ts'
import { recordCondition, recordResult, suppressing } from '../../vsx/status.ts'
import { EXCEPTION } from '../exact.ts'
import { EQUAL, GREATER, LESS, UNORDERED } from '../format.ts'
import { recorded } from '../recorded.ts'
import { CONVERSIONS } from './conversions.ts'
import * as x from './exact.ts'
import {
  classOf,
  type Decimal,
  decode,
  digits,
  encode,
  isNan,
  isSubnormal,
  isZero,
  LONG,
  power,
  SHORT,
} from './format.ts'
import { LONGS, PAIRS, type Width } from './operands.ts'

const { VXSNAN, VXVC, VXCVI } = EXCEPTION

const controlOf = (fpscr: bigint): x.DecimalControl => ({
  rounding: x.DECIMAL_ROUNDINGS[Number((fpscr >> 32n) & 7n)]!,
  overflowEnabled: (fpscr & 0x40n) !== 0n,
  underflowEnabled: (fpscr & 0x20n) !== 0n,
})

type Operation = (control: x.DecimalControl, word: number, core: Core, ...operands: Decimal[]) => x.DecimalOutcome

/** An enabled invalid operation or division by zero leaves the target as it was. */
const result =
  (to: Width, sources: readonly (readonly [Width, string])[], operation: Operation): Procedure =>
  (core, word) => {
    const { fpscr } = core.state
    const operands = sources.map(([width, name]) => decode(width.format, width.read(core, word, name)))
    const { value, raised, fr, fi } = operation(controlOf(fpscr), word, core, ...operands)
    if (suppressing(fpscr, raised) !== 0n) return recordResult(core, { raised, fr: false, fi: false })
    to.write(core, word, 'frt', encode(to.format, value))
    return recordResult(core, { raised, fr, fi, fprf: classOf(to.format, value) })
  }

/** RMC: three modes of its own, or that of FPSCR (Power ISA 3.0C I 5.5.2). */
const modeOf = (word: number, control: x.DecimalControl): x.DecimalRounding =>
  (['halfEven', 'zero', 'halfAway', control.rounding] as const)[get(word, 'n21_22')]!
/** R and RMC of the roundings to an integral value. */
const integralModeOf = (word: number, control: x.DecimalControl): x.DecimalRounding =>
  get(word, 'n15_15') === 0
    ? modeOf(word, control)
    : (['up', 'down', 'away', 'halfZero'] as const)[get(word, 'n21_22')]!

const binary =
  (of: typeof x.add) =>
  (width: Width): Procedure =>
    result(
      width,
      [
        [width, 'fra'],
        [width, 'frb'],
      ],
      (control, _word, _core, a, b) => of(width.format, a!, b!, control),
    )

/** With the exponent that FRA has. */
const quantize = (width: Width): Procedure =>
  result(
    width,
    [
      [width, 'fra'],
      [width, 'frb'],
    ],
    (control, word, _core, a, b) => {
      const nan = x.propagated(width.format, a!, b!)
      if (nan) return nan
      if (a!.kind === 'infinite' || b!.kind === 'infinite')
        return a!.kind === b!.kind ? x.exactly(x.infinity(b!.negative)) : x.invalid(VXCVI)
      return x.quantize(width.format, b!, a!.exponent, modeOf(word, control))
    },
  )

/** One operand. An infinity stays what it is, or is what an operation without a result for it takes. */
const unary =
  (
    of: (f: Width['format'], b: Decimal, control: x.DecimalControl, word: number, core: Core) => x.DecimalOutcome,
    ofInfinity = (b: Decimal): x.DecimalOutcome => x.exactly(x.infinity(b.negative)),
  ) =>
  (width: Width): Procedure =>
    result(width, [[width, 'frb']], (control, word, core, b) => {
      const nan = x.propagated(width.format, b!)
      if (nan) return nan
      return b!.kind === 'infinite' ? ofInfinity(b!) : of(width.format, b!, control, word, core)
    })

const quantizeImmediate = unary(
  (f, b, control, word) => x.quantize(f, b, get(word, 'ns11_15'), modeOf(word, control)),
  () => x.invalid(VXCVI),
)

/** To as many digits as the rightmost six bits of FRA say. */
const reround = unary((f, b, control, word, core) => {
  const wanted = Number(core.state.fpr(get(word, 'fra')) & 63n)
  const count = digits(b.coefficient) - wanted
  if (wanted === 0 || count <= 0) return x.exactly(b)
  const { value, up, inexact } = x.dropDigits(b.coefficient, count, b.negative, modeOf(word, control))
  const carried = digits(value) > wanted ? 1 : 0
  const exponent = b.exponent + count + carried
  if (exponent > f.maxExponent) return x.invalid(VXCVI)
  const rounded = x.finite(b.negative, value / power(carried), exponent)
  return { value: rounded, raised: inexact ? EXCEPTION.XX : 0n, fr: up, fi: inexact }
})

const integral = (inexact: boolean) =>
  unary((_, b, control, word) => {
    if (b.exponent >= 0) return x.exactly(b)
    const cut = x.dropDigits(b.coefficient, -b.exponent, b.negative, integralModeOf(word, control))
    const value = x.finite(b.negative, cut.value, 0)
    const lost = inexact && cut.inexact
    return { value, raised: lost ? EXCEPTION.XX : 0n, fr: lost && cut.up, fi: lost }
  })

const ORDER = { less: LESS, greater: GREATER, equal: EQUAL, unordered: UNORDERED }

const comparison =
  (ordered: boolean) =>
  (width: Width): Procedure =>
  (core, word) => {
    const [a, b] = [width.read(core, word, 'fra'), width.read(core, word, 'frb')].map((bits) =>
      decode(width.format, bits),
    ) as [Decimal, Decimal]
    const signalling = a.kind === 'signalling' || b.kind === 'signalling'
    const silent = (core.state.fpscr & VE) !== 0n && signalling
    const raised = (signalling ? VXSNAN : 0n) | (ordered && !silent && (isNan(a) || isNan(b)) ? VXVC : 0n)
    return recordCondition(core, get(word, 'bf'), ORDER[x.compare(a, b)], raised)
  }
/** With VXSNAN enabled, VXVC is not looked for. */
const VE = 0x80n

/** A test of FRA by the mask in bits 16 to 21: the sign, and whether the number is of one of the classes. */
const classTest =
  (classesOf: (width: Width, a: Decimal) => number) =>
  (width: Width): Procedure =>
  (core, word) => {
    const a = decode(width.format, width.read(core, word, 'fra'))
    const matches = (classesOf(width, a) & get(word, 'n16_21')) !== 0
    return recordCondition(core, get(word, 'bf'), (a.negative ? 8 : 0) | (matches ? 2 : 0), 0n)
  }

/** Zero, subnormal, normal, infinity, quiet and signalling NaN: one bit of six from the left. */
const classes = classTest(({ format }, a) => {
  if (a.kind === 'infinite') return 0b000100
  if (isNan(a)) return a.kind === 'quiet' ? 0b000010 : 0b000001
  if (a.coefficient === 0n) return 0b100000
  return isSubnormal(format, a) ? 0b010000 : 0b001000
})

/** By whether the exponent is the smallest or the largest one, and whether the first digit is 0. */
const groups = classTest(({ format }, a) => {
  if (a.kind !== 'finite') return 0b000001
  const extreme = a.exponent === format.minExponent || a.exponent === format.maxExponent
  if (a.coefficient === 0n) return extreme ? 0b010000 : 0b100000
  if (extreme || isSubnormal(format, a)) return 0b001000
  return digits(a.coefficient) === format.precision ? 0b000010 : 0b000100
})

/** Exponents alone; two infinities have the same one, and so have two NaNs. */
const exponents =
  (width: Width): Procedure =>
  (core, word) => {
    const [a, b] = [width.read(core, word, 'fra'), width.read(core, word, 'frb')].map((bits) =>
      decode(width.format, bits),
    ) as [Decimal, Decimal]
    const kind = (d: Decimal): string => (isNan(d) ? 'nan' : d.kind)
    const difference = a.exponent - b.exponent
    const condition = kind(a) !== kind(b) ? UNORDERED : difference < 0 ? LESS : difference > 0 ? GREATER : EQUAL
    return recordCondition(core, get(word, 'bf'), condition, 0n)
  }

/** How a number of digits compares with those that FRB has. */
const significance =
  (wanted: (core: Core, word: number) => number) =>
  (width: Width): Procedure =>
  (core, word) => {
    const b = decode(width.format, width.read(core, word, 'frb'))
    const k = wanted(core, word)
    const difference = k - digits(b.coefficient)
    const condition =
      b.kind !== 'finite'
        ? UNORDERED
        : k === 0 || isZero(b)
          ? GREATER
          : difference < 0
            ? LESS
            : difference > 0
              ? GREATER
              : EQUAL
    return recordCondition(core, get(word, 'bf'), condition, 0n)
  }

const BOTH: Readonly<Record<string, (width: Width) => Procedure>> = {
  dadd: binary(x.add),
  dsub: binary(x.sub),
  dmul: binary(x.mul),
  ddiv: binary(x.div),
  dqua: quantize,
  dquai: quantizeImmediate,
  drrnd: reround,
  drintx: integral(true),
  drintn: integral(false),
  dcmpo: comparison(true),
  dcmpu: comparison(false),
  dtstdc: classes,
  dtstdg: groups,
  dtstex: exponents,
  dtstsf: significance((core, word) => Number(core.state.fpr(get(word, 'fra')) & 63n)),
  dtstsfi: significance((_, word) => get(word, 'n10_15')),
  dcffix: (width) =>
    result(width, [], (control, word, core) => {
      const integer = BigInt.asIntN(64, core.state.fpr(get(word, 'frb')))
      return x.round(width.format, x.finite(integer < 0n, integer < 0n ? -integer : integer, 0), 0, control)
    }),
  dctfix:
    (width): Procedure =>
    (core, word) => {
      const b = decode(width.format, width.read(core, word, 'frb'))
      const { value, raised, fr, fi } = x.toInteger(b, controlOf(core.state.fpscr).rounding)
      if (suppressing(core.state.fpscr, raised) !== 0n) return recordResult(core, { raised, fr: false, fi: false })
      core.state.setFpr(get(word, 'frt'), BigInt.asUintN(64, value))
      return recordResult(core, { raised, fr, fi })
    },
  ...CONVERSIONS,
}

/** A short number is in the right half of a register. */
const SHORTS: Width = {
  format: SHORT,
  read: (core, word, name) => BigInt.asUintN(32, LONGS.read(core, word, name)),
  write: (core, word, name, bits) => LONGS.write(core, word, name, bits),
}
/** The result of drdpq is a long number in the left one of two registers. */
const LEFT: Width = {
  format: LONG,
  read: LONGS.read,
  write: (core, word, name, bits) => PAIRS.write(core, word, name, bits << 64n),
}
/** From and to short format a signalling NaN stays one, without an exception. */
const change = (from: Width, to: Width, signals: boolean): Procedure =>
  result(to, [[from, 'frb']], (control, _word, _core, b) => {
    if (!isNan(b!)) return x.convert(to.format, b!, control)
    const nan = x.propagated(to.format, b!)!
    return signals ? nan : x.exactly({ ...nan.value, kind: b!.kind })
  })

export const DECIMAL_PROCEDURES: Readonly<Record<string, Procedure>> = Object.fromEntries(
  [
    ...Object.entries(BOTH).flatMap(([name, make]): [string, Procedure][] => [
      [name, make(LONGS)],
      [`${name}q`, make(PAIRS)],
    ]),
    ['dctdp', change(SHORTS, LONGS, false)] as const,
    ['dctqpq', change(LONGS, PAIRS, true)] as const,
    ['drsp', change(LONGS, SHORTS, false)] as const,
    ['drdpq', change(PAIRS, LEFT, true)] as const,
  ].map(([name, procedure]) => [name, recorded(procedure)]),
)
