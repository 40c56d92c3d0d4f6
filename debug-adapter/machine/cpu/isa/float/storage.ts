/** Floating-point loads, stores and moves (Power ISA 3.0C I 4.6.2 to 4.6.5). */
import * as e from '../expr.ts'
import { family, type Insn, insn } from '../insn.ts'

type E = e.Expr

/** A single is kept as a double: what a load makes of the word, and what a store makes of the register. */
const asDouble = (word: E): E => e.helper('doubleOfSingle', 'i64', word)
const asSingle = (double: E): E => e.helper('singleOfDouble', 'i64', double)
const same = (value: E): E => value

interface Access {
  readonly name: string
  readonly size: 4 | 8
  readonly convert: (value: E) => E
  readonly help: string
  /** Primary opcode of the displacement form, that of the update form is one more; extended opcode of the indexed one. */
  readonly d: number
  readonly x: number
  readonly ux: number
}
const LOADS: readonly Access[] = [
  { name: 'lfs', size: 4, convert: asDouble, help: 'load floating-point single', d: 48, x: 535, ux: 567 },
  { name: 'lfd', size: 8, convert: same, help: 'load floating-point double', d: 50, x: 599, ux: 631 },
]
const STORES: readonly Access[] = [
  { name: 'stfs', size: 4, convert: asSingle, help: 'store floating-point single', d: 52, x: 663, ux: 695 },
  { name: 'stfd', size: 8, convert: same, help: 'store floating-point double', d: 54, x: 727, ux: 759 },
]

const forms = ({ name, d, x, ux, help }: Access, effect: (register: E, ea: E) => e.Effect): Insn[] => [
  ...insn(name, `D:${d} frt ra d`, 'frt,d(ra0)', (o) => effect(o['frt']!, e.add(o['ra0']!, o['d']!)), {
    help,
    facility: 'FP',
  }),
  ...insn(
    `${name}u`,
    `D:${d + 1} frt ra d`,
    'frt,d(ra)',
    (o) => {
      const ea = e.add(o['ra']!, o['d']!)
      return [effect(o['frt']!, ea), e.set(o['ra']!, ea)]
    },
    { help: `${help} with update`, facility: 'FP' },
  ),
  ...insn(`${name}x`, `X:31:${x} frt ra rb 31=0`, 'frt,ra0,rb', (o) => effect(o['frt']!, e.add(o['ra0']!, o['rb']!)), {
    help: `${help} indexed`,
    facility: 'FP',
  }),
  ...insn(
    `${name}ux`,
    `X:31:${ux} frt ra rb 31=0`,
    'frt,ra,rb',
    (o) => {
      const ea = e.add(o['ra']!, o['rb']!)
      return [effect(o['frt']!, ea), e.set(o['ra']!, ea)]
    },
    { help: `${help} with update indexed`, facility: 'FP' },
  ),
]

const integerWord = (name: string, xo: number, help: string, effect: (register: E, ea: E) => e.Effect): Insn[] =>
  insn(name, `X:31:${xo} frt ra rb 31=0`, 'frt,ra0,rb', (o) => effect(o['frt']!, e.add(o['ra0']!, o['rb']!)), {
    help,
    facility: 'FP',
  })

const memory: Insn[] = [
  ...family(LOADS, (load) => forms(load, (register, ea) => e.set(register, load.convert(e.load(load.size, ea))))),
  ...family(STORES, (store) => forms(store, (register, ea) => e.store(store.size, ea, store.convert(register)))),
  ...integerWord('lfiwax', 855, 'load floating-point as integer word algebraic', (register, ea) =>
    e.set(register, e.ext32(e.load(4, ea))),
  ),
  ...integerWord('lfiwzx', 887, 'load floating-point as integer word and zero', (register, ea) =>
    e.set(register, e.load(4, ea)),
  ),
  ...integerWord('stfiwx', 983, 'store floating-point as integer word', (register, ea) => e.store(4, ea, register)),
]

const SIGN = 1n << 63n
/** CR1 of a record form: FX, FEX, VX and OX. */
const cr1 = e.setCr(e.i64(1), e.and(e.low(e.shrU(e.state('fpscr'), 28)), 15))
const move = (
  name: string,
  xo: number,
  fields: string,
  operands: string,
  help: string,
  of: (o: Readonly<Record<string, E>>) => E,
) =>
  insn(name, `X:63:${xo} ${fields} rc`, operands, (o, { rc }) => [e.set(o['frt']!, of(o)), ...(rc ? [cr1] : [])], {
    help,
    facility: 'FP',
  })
const ONE = ['frt frb', 'frt,frb'] as const
const moves: Insn[] = [
  ...move('fmr', 72, ...ONE, 'move register', (o) => o['frb']!),
  ...move('fneg', 40, ...ONE, 'negate', (o) => e.xor(o['frb']!, SIGN)),
  ...move('fabs', 264, ...ONE, 'absolute value', (o) => e.and(o['frb']!, ~SIGN)),
  ...move('fnabs', 136, ...ONE, 'negative absolute value', (o) => e.or(o['frb']!, SIGN)),
  ...move('fcpsgn', 8, 'frt fra frb', 'frt,fra,frb', 'sign of the first operand, magnitude of the second', (o) =>
    e.or(e.and(o['fra']!, SIGN), e.and(o['frb']!, ~SIGN)),
  ),
  ...insn(
    'fmrgew',
    'X:63:966 frt fra frb 31=0',
    'frt,fra,frb',
    (o) => e.set(o['frt']!, e.or(e.and(o['fra']!, ~0xffff_ffffn), e.shrU(o['frb']!, 32))),
    { help: 'merge even words', facility: 'VSX' },
  ),
  ...insn(
    'fmrgow',
    'X:63:838 frt fra frb 31=0',
    'frt,fra,frb',
    (o) => e.set(o['frt']!, e.or(e.shl(o['fra']!, 32), e.zext32(o['frb']!))),
    { help: 'merge odd words', facility: 'VSX' },
  ),
  // A NaN is not greater or equal: the other one is chosen, as for a negative number. -0 is equal to 0.
  ...insn(
    'fsel',
    'A:63:23 frt fra frb frc rc',
    'frt,fra,frc,frb',
    (o, { rc }) => {
      const magnitude = e.and(o['fra']!, ~SIGN)
      const chosen = e.and(e.or(e.geS(o['fra']!, 0), e.eq(magnitude, 0)), e.leU(magnitude, 0x7ffn << 52n))
      return [e.set(o['frt']!, e.select(chosen, o['frc']!, o['frb']!)), ...(rc ? [cr1] : [])]
    },
    { help: 'select by the sign of the first operand', facility: 'FP' },
  ),
]

export const storage: readonly Insn[] = [...memory, ...moves]
