/** Registers for decimal floating-point instructions, and what of their results cannot be compared with QEMU 7.2. */
import { extract, fieldNamed } from '../../../debug-adapter/machine/cpu/isa/fields.ts'
import type { Insn } from '../../../debug-adapter/machine/cpu/isa/insn.ts'
import { decode } from '../../../debug-adapter/machine/cpu/isa/table.ts'
import { VECTORS_AFTER, VECTORS_BEFORE } from './layout.ts'
import type { Random } from './random.ts'

export const DECIMAL =
  /^d(add|sub|mul|div|qua|rrnd|rint|cmp|tst|ctdp|ctqpq|rsp|rdpq|cffix|ctfix|dedpd|enbcd|xex|iex|sc[lr]i)/
/** QEMU 7.2 makes another NaN of a signalling one, and of one whose payload is longer than the result's (Power ISA 3.0C I 5.6.5.1). */
const NARROWING = /^(drsp|drdpq)/
/** QEMU 7.2 takes 10 for a digit (Power ISA 3.0C I 5.6.6). */
const FROM_DIGITS = /^denbcd/

const isNan = (bits: bigint): boolean => ((bits >> 58n) & 31n) === 31n
const withoutTens = (bits: bigint): bigint => BigInt(`0x${bits.toString(16).replaceAll('a', 'b')}`)

/** Doubleword 0 of the first 32 registers; the even one of two is the left half of an extended number. */
export function setDecimals(view: DataView, insns: readonly Insn[], random: Random): void {
  const uses = (which: RegExp): boolean => insns.some(({ mnemonic }) => which.test(mnemonic))
  const [narrowing, fromDigits] = [uses(NARROWING), uses(FROM_DIGITS)]
  for (let r = 0; r < 32; r += 2) {
    let pair = random.decimalPair()
    if (narrowing) pair = pair.map((bits) => (isNan(bits) ? bits & 0xfc00_0000_000f_ffffn : bits))
    if (narrowing && isNan(pair[0]!)) pair = [pair[0]! & ~0xf_ffffn, random.value() & 0xf_ffffn]
    if (fromDigits) pair = pair.map(withoutTens)
    for (const [i, bits] of pair.entries()) view.setBigUint64(VECTORS_BEFORE + 16 * (r + i) + 8, bits, true)
  }
}

/** Bits of three digits that say the same with others set (Power ISA 3.0C I appendix C.1). */
const canonicalDeclet = (declet: bigint): bigint => ((declet & 0x6en) === 0x6en ? declet & 0xffn : declet)
/** A number as the book's instructions leave it: QEMU copies bits of NaNs and infinities that say nothing. */
function canonical(bits: bigint, size: 64 | 128): bigint {
  const [declets, combination] = size === 64 ? [5, 58n] : [11, 122n]
  const trailing = BigInt(10 * declets)
  let left = bits >> trailing
  const special = (bits >> combination) & 31n
  if (special >= 30n) left &= (special === 31n ? 0x7fn : 0x7en) << (combination - trailing - 1n)
  let value = left << trailing
  for (let i = 0; i < declets; i++) {
    const at = BigInt(10 * i)
    value |= canonicalDeclet((bits >> at) & 1023n) << at
  }
  return value
}

/** Shifted digits and inserted exponents are compared in canonical form. QEMU leaves drdpq in the second register of the two. */
export function withoutUndefinedDecimals(view: DataView, words: readonly number[]): void {
  for (const word of words) {
    const mnemonic = decode(word)?.mnemonic ?? ''
    const [, name, quad] = /^(diex|dsc[lr]i|drdp)(q?)/.exec(mnemonic) ?? []
    if (!name) continue
    const at = VECTORS_AFTER + 16 * extract(word, fieldNamed('frt')) + 8
    const [left, right] = [view.getBigUint64(at, true), quad ? view.getBigUint64(at + 16, true) : 0n]
    if (name === 'drdp') view.setBigUint64(at, left | right, true)
    else if (!quad) view.setBigUint64(at, canonical(left, 64), true)
    const wide = canonical((left << 64n) | right, 128)
    if (quad && name !== 'drdp') view.setBigUint64(at, wide >> 64n, true)
    if (quad) view.setBigUint64(at + 16, name === 'drdp' ? 0n : BigInt.asUintN(64, wide), true)
  }
}
