/** Arithmetic of quadwords (Power ISA 3.0C I 6.10.1), by doublewords. */
import * as e from '../expr.ts'
import { family, type Insn } from '../insn.ts'
import { dword, pair } from '../vsx/form.ts'
import { type E, not, vectorInsn } from './form.ts'

/** a + b + carry, carry being 0 or 1, and what is carried out. */
function sum(a: E, b: E, carry: E): { readonly value: E; readonly carry: E } {
  const half = (n: 0 | 1, carryIn: E): { value: E; carry: E } => {
    const partial = e.add(dword(n, a), dword(n, b))
    const value = e.add(partial, carryIn)
    return { value, carry: e.wide(e.or(e.ltU(partial, dword(n, a)), e.ltU(value, partial))) }
  }
  const right = half(1, carry)
  const left = half(0, right.carry)
  return { value: pair(left.value, right.value), carry: pair(e.i64(0), left.carry) }
}

const two = family(
  [
    ['vadduqm', 256, 'add quadwords', (a: E, b: E) => sum(a, b, e.i64(0)).value],
    ['vaddcuq', 320, 'carry of adding quadwords', (a: E, b: E) => sum(a, b, e.i64(0)).carry],
    ['vsubuqm', 1280, 'subtract quadwords', (a: E, b: E) => sum(a, not(b), e.i64(1)).value],
    ['vsubcuq', 1344, 'carry of subtracting quadwords', (a: E, b: E) => sum(a, not(b), e.i64(1)).carry],
  ] as const,
  ([name, xo, help, of]) =>
    vectorInsn(name, `VX:4:${xo} vrt vra vrb`, 'vrt,vra,vrb', help, (o) => e.set(o['vrt']!, of(o['vra']!, o['vrb']!))),
)
const extended = family(
  [
    ['vaddeuqm', 60, 'add quadwords with carry in', (a: E, b: E, c: E) => sum(a, b, c).value],
    ['vaddecuq', 61, 'carry of adding quadwords with carry in', (a: E, b: E, c: E) => sum(a, b, c).carry],
    ['vsubeuqm', 62, 'subtract quadwords with carry in', (a: E, b: E, c: E) => sum(a, not(b), c).value],
    ['vsubecuq', 63, 'carry of subtracting quadwords with carry in', (a: E, b: E, c: E) => sum(a, not(b), c).carry],
  ] as const,
  ([name, xo, help, of]) =>
    vectorInsn(name, `VA:4:${xo} vrt vra vrb vrc`, 'vrt,vra,vrb,vrc', help, (o) =>
      e.set(o['vrt']!, of(o['vra']!, o['vrb']!, e.and(dword(1, o['vrc']!), 1))),
    ),
)

export const quad: readonly Insn[] = [...two, ...extended]
