/** Results that WebAssembly has no operator for. Arguments and results are 64-bit values of either sign. */
import type { RandomSource } from '../../../server/esm/crypto/provider.ts'
import type { PureName } from './isa/expr.ts'

const MAX = (1n << 63n) - 1n

/** Signed quotient of RA with 64 zeros behind it, or undefined where it does not fit or RB is 0. */
function extendedQuotient(a: bigint, b: bigint): bigint | undefined {
  const divisor = BigInt.asIntN(64, b)
  if (divisor === 0n) return undefined
  const quotient = (BigInt.asIntN(64, a) << 64n) / divisor
  return quotient > MAX || quotient < -MAX - 1n ? undefined : quotient
}

export const PURE: Readonly<Record<PureName, (a: bigint, b: bigint, random: RandomSource | undefined) => bigint>> = {
  divde: (a, b) => extendedQuotient(a, b) ?? 0n,
  divdeOverflow: (a, b) => (extendedQuotient(a, b) === undefined ? 1n : 0n),
  divdeu: (a, b) => {
    const [dividend, divisor] = [BigInt.asUintN(64, a), BigInt.asUintN(64, b)]
    // Overflow and division by zero: undefined by the book, 0 here.
    return divisor <= dividend ? 0n : BigInt.asIntN(64, (dividend << 64n) / divisor)
  },
  /** Power ISA 3.0C I 3.3.9: L=0 32 conditioned bits, 1 64 conditioned bits, 2 64 raw bits; all ones is an error. */
  darn: (l, _, random) => {
    if (!random || l === 3n) return -1n
    const bytes = random(8)
    const value = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)
    return BigInt.asIntN(64, l === 0n ? value & 0xffff_ffffn : value)
  },
}
