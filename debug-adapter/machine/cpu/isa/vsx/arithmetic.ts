/** Arithmetic, scalar and vector, in single and double precision (Power ISA 3.0C I 7.6.1.3). */
import * as e from '../expr.ts'
import { family, type Insn, type Operands } from '../insn.ts'
import { xx2, xx3 } from './form.ts'

/** The four shapes of an operation: what is added to the opcode of an XX3-form and of an XX2-form. */
const SHAPES = [
  { prefix: 'xs', suffix: 'sp', what: 'scalar single precision', xx3: 0, xx2: 0 },
  { prefix: 'xs', suffix: 'dp', what: 'scalar double precision', xx3: 32, xx2: 64 },
  { prefix: 'xv', suffix: 'sp', what: 'vector single precision', xx3: 64, xx2: 128 },
  { prefix: 'xv', suffix: 'dp', what: 'vector double precision', xx3: 96, xx2: 192 },
] as const
type Shape = (typeof SHAPES)[number]

const nameOf = ({ prefix, suffix }: Shape, name: string): string => `${prefix}${name}${suffix}`
const places = (o: Operands, ...names: string[]): e.Expr[] => names.map((name) => e.place(o[name]!))

/** Operations that a helper does in the common case; the procedure of the same name does every case. */
const FAST = new Set(['add', 'sub', 'mul', 'div', 'sqrt'])
const arithmetic = (operator: string, name: string, o: Operands, ...operands: string[]): e.Effect =>
  FAST.has(operator) ? e.attempt(name, name, ...places(o, ...operands)) : e.call(name)

const binary = family(
  [
    ['add', 0, 'add'],
    ['sub', 8, 'subtract'],
    ['mul', 16, 'multiply'],
    ['div', 24, 'divide'],
  ] as const,
  ([operator, xo, help]) =>
    family(SHAPES, (shape) => {
      const name = nameOf(shape, operator)
      return xx3(name, xo + shape.xx3, `${help}, ${shape.what}`, (o) => arithmetic(operator, name, o, 'xt', 'xa', 'xb'))
    }),
)

const unary = family(
  [
    ['sqrt', 11, 'square root'],
    ['re', 26, 'reciprocal estimate'],
    ['rsqrte', 10, 'reciprocal square root estimate'],
  ] as const,
  ([operator, xo, help]) =>
    family(SHAPES, (shape) => {
      const name = nameOf(shape, operator)
      return xx2(name, xo + shape.xx2, `${help}, ${shape.what}`, (o) => arithmetic(operator, name, o, 'xt', 'xb'))
    }),
)

/** The signs of elements: a vector of singles has two in 64 bits, a scalar single is kept as a double. */
const signOf = ({ prefix, suffix }: Shape): bigint =>
  prefix === 'xv' && suffix === 'sp' ? 0x8000_0000_8000_0000n : 0x8000_0000_0000_0000n
const FUSED = [
  ['madd', 1, 'multiply-add', false, false],
  ['msub', 17, 'multiply-subtract', true, false],
  ['nmadd', 129, 'negative multiply-add', false, true],
  ['nmsub', 145, 'negative multiply-subtract', true, true],
] as const
/** In the A forms the target is the addend, in the M forms a factor: T, factors, addend. */
const FORMS = [
  ['a', 0, 'the target is the addend', ['xt', 'xa', 'xb', 'xt']],
  ['m', 8, 'the target is a factor', ['xt', 'xa', 'xt', 'xb']],
] as const

const fused = family(FUSED, ([operator, xo, help, minus, negative]) =>
  family(FORMS, ([form, more, which, operands]) =>
    family(SHAPES, (shape) => {
      const name = nameOf(shape, `${operator}${form}`)
      const signs = [minus, negative].map((on) => e.i64(on ? signOf(shape) : 0n))
      return xx3(name, xo + more + shape.xx3, `${help}, ${which}, ${shape.what}`, (o) =>
        e.attempt(nameOf(shape, 'madd'), name, ...places(o, ...operands), ...signs),
      )
    }),
  ),
)

const ROUNDINGS = [
  ['i', 9, 'to nearest, ties away'],
  ['iz', 25, 'toward zero'],
  ['ip', 41, 'up'],
  ['im', 57, 'down'],
  ['ic', 43, 'by the current mode'],
] as const
const integral = family(ROUNDINGS, ([suffix, xo, how]) =>
  family(
    [
      ['xsrdp', 64, 'scalar double precision'],
      ['xvrsp', 128, 'vector single precision'],
      ['xvrdp', 192, 'vector double precision'],
    ] as const,
    ([prefix, more, what]) =>
      xx2(`${prefix}${suffix}`, xo + more, `round to an integral value ${how}, ${what}`, (o) =>
        // The vector forms by the current mode are rare.
        suffix === 'ic' && prefix !== 'xsrdp'
          ? e.call(`${prefix}${suffix}`)
          : e.attempt(`${prefix}${suffix}`, `${prefix}${suffix}`, ...places(o, 'xt', 'xb')),
      ),
  ),
)

export const arithmeticInsns: readonly Insn[] = [...binary, ...unary, ...fused, ...integral]
