/** Conversions between formats (Power ISA 3.0C I 7.6.1.6, 7.6.1.7). */
import * as e from '../expr.ts'
import { family, type Insn } from '../insn.ts'
import { shuffle, simd } from '../simd.ts'
import { dword, scalar, xx2 } from './form.ts'

const PRECISION = { hp: 'half', sp: 'single', dp: 'double' } as const
const INTEGER = { sxd: 'signed doubleword', uxd: 'unsigned doubleword', sxw: 'signed word', uxw: 'unsigned word' }

const named = (part: string): string => {
  const format = PRECISION[part as keyof typeof PRECISION]
  return format ? `${format} precision` : INTEGER[part.slice(0, 3) as keyof typeof INTEGER]
}
const help = (name: string): string => {
  const [, kind, from, to] = /^x([sv])cv(hp|sp|dp|[su]x[dw])([a-z]+)$/.exec(name)!
  return `convert ${named(from!)} to ${named(to!)}, ${kind === 's' ? 'scalar' : 'vector'}`
}

/** By the procedure of the same name: extended opcode, and what bits 11-15 are. */
const CALLED: readonly (readonly [name: string, xo: number, uim?: number])[] = [
  ['xscvdpsp', 265],
  ['xscvspdp', 329],
  ['xscvhpdp', 347, 16],
  ['xscvdphp', 347, 17],
  ['xvcvhpsp', 475, 24],
  ['xvcvsphp', 475, 25],
  ['xvcvsxdsp', 440],
  ['xvcvuxdsp', 424],
]
/** By a helper in the common case. */
const ATTEMPTED: readonly (readonly [name: string, xo: number])[] = [
  ['xscvuxdsp', 296],
  ['xscvsxdsp', 312],
  ['xscvuxddp', 360],
  ['xscvsxddp', 376],
  ['xscvdpuxws', 72],
  ['xscvdpsxws', 88],
  ['xscvdpuxds', 328],
  ['xscvdpsxds', 344],
  ['xvcvdpsp', 393],
  ['xvcvspdp', 457],
  ['xvcvdpsxds', 472],
  ['xvcvdpuxds', 456],
  ['xvcvdpsxws', 216],
  ['xvcvdpuxws', 200],
  ['xvcvspsxds', 408],
  ['xvcvspuxds', 392],
  ['xvcvspsxws', 152],
  ['xvcvspuxws', 136],
  ['xvcvsxddp', 504],
  ['xvcvuxddp', 488],
  ['xvcvsxwsp', 184],
  ['xvcvuxwsp', 168],
]

/** The words in the left half of each doubleword, side by side at the right. */
const evenWords = (v: e.Expr): e.Expr => shuffle(v, v, [4, 5, 6, 7, 12, 13, 14, 15, 0, 1, 2, 3, 8, 9, 10, 11])

export const conversions: readonly Insn[] = [
  ...family(CALLED, ([name, xo, uim = 0]) => xx2(name, xo, help(name), () => e.call(name), uim)),
  ...family(ATTEMPTED, ([name, xo]) =>
    xx2(name, xo, help(name), (o) => e.attempt(name, name, e.place(o['xt']!), e.place(o['xb']!))),
  ),
  // A word is always exact as a double.
  ...family(
    [
      ['xvcvsxwdp', 248, 'f64x2.convert_low_i32x4_s'],
      ['xvcvuxwdp', 232, 'f64x2.convert_low_i32x4_u'],
    ] as const,
    ([name, xo, operator]) => xx2(name, xo, help(name), (o) => e.set(o['xt']!, simd(operator, evenWords(o['xb']!)))),
  ),
  ...xx2('xscvdpspn', 267, 'convert double to single precision without an exception, scalar', (o) => {
    const word = e.helper('singleOfDouble', 'i64', dword(0, o['xb']!))
    return e.set(o['xt']!, scalar(e.or(word, e.shl(word, 32))))
  }),
  ...xx2('xscvspdpn', 331, 'convert single to double precision without an exception, scalar', (o) =>
    e.set(o['xt']!, scalar(e.helper('doubleOfSingle', 'i64', e.shrU(dword(0, o['xb']!), 32)))),
  ),
  ...xx2('xsrsp', 281, 'round a double to single precision', (o) =>
    e.attempt('xsrsp', 'xsrsp', e.place(o['xt']!), e.place(o['xb']!)),
  ),
]
