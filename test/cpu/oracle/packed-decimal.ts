/** Registers for the decimal instructions of the vector facility, and what of their results is undefined (Power ISA 3.0C I 6.17). */
import { extract, fieldNamed } from '../../../debug-adapter/machine/cpu/isa/fields.ts'
import type { Insn } from '../../../debug-adapter/machine/cpu/isa/insn.ts'
import { decode } from '../../../debug-adapter/machine/cpu/isa/table.ts'
import { AFTER, VECTORS_AFTER, VECTORS_BEFORE } from './layout.ts'
import type { Random } from './random.ts'

export const PACKED = /^bcd/

/** QEMU 7.2 does not look at all digits of these (Power ISA 3.0C I 6.17.1, 6.17.2). */
const MISSES_INVALID = /^bcd(add|sub|ct[nz])\./
/** QEMU 7.2 reads operands of these again after it has written the target (Power ISA 3.0C I 6.17.2, 6.17.3). */
export const READS_LATE = /^bcd(ctsq|setsgn|cpsgn)\./

type Digit = (random: Random) => string
const decimalDigit: Digit = (random) => random.pick(['0', '9', '5', '4', String(random.below(10))])
const anyDigit: Digit = (random) => random.below(16).toString(16)

/** Digits with zeros to the left, often many of them. */
function digits(random: Random, count: number): string {
  const used = random.pick([0, 1, 7, 8, 16, 17, count, random.below(count + 1)])
  const list = Array.from({ length: Math.min(used, count) }, () => decimalDigit(random))
  return list.join('').padStart(count, random.below(20) ? '0' : '9')
}

/** A register in one of the formats, now and then with a digit or a sign that is not valid. */
function operand(random: Random, mnemonic: string): bigint {
  const sign = random.pick(['c', 'd', 'f', 'b', 'a', 'e', anyDigit(random)])
  let text = `${digits(random, 31)}${sign}`
  // QEMU 7.2 loses digits of a zero, too.
  if (/^bcdu/.test(mnemonic)) text = `${digits(random, 31)}${1 + random.below(9)}`
  else if (/^bcdcfn/.test(mnemonic))
    text = `${digits(random, 7).replace(/./g, '003$&')}${random.pick(['002b', '002d', '002d', '0020'])}`
  else if (/^bcdcfz/.test(mnemonic)) {
    const zone = random.pick(['3', 'f'])
    text = digits(random, 16).replace(/./g, `${zone}$&`)
    text = `${text.slice(0, 30)}${anyDigit(random)}${text.slice(31)}`
  } else if (/^bcdcfsq/.test(mnemonic)) return (random.value() << 64n) >> BigInt(random.below(128)) || random.value()
  if (random.below(8) === 0) {
    const at = MISSES_INVALID.test(mnemonic) ? 31 : random.below(32)
    text = `${text.slice(0, at)}${anyDigit(random)}${text.slice(at + 1)}`
  }
  return BigInt(`0x${text}`)
}

export function setPackedDecimals(view: DataView, insns: readonly Insn[], random: Random): void {
  const { mnemonic } = insns.find((insn) => PACKED.test(insn.mnemonic))!
  const controlled = /^bcd(u?s|sr|u?trunc)\./.test(mnemonic)
  for (let r = 32; r < 64; r++) {
    let value = operand(random, mnemonic)
    // The even ones may say how far to shift, or how much is kept.
    if (controlled && r % 2 === 0) value = (BigInt(random.below(33)) << 64n) | random.value()
    if (controlled && r % 4 === 0) value = (BigInt(random.pick([0x80, 0xff, 0xfe, 0xe0, 0xe1, 0x7f])) << 64n) | value
    const at = VECTORS_BEFORE + 16 * r
    view.setBigUint64(at, BigInt.asUintN(64, value), true)
    view.setBigUint64(at + 8, BigInt.asUintN(64, value >> 64n), true)
  }
}

/**
 * What QEMU 7.2 does otherwise than the book (Power ISA 3.0C I 6.17), in CR6 of results whose digits are all 0: sums of two
 * zeros are negative or positive; shifted and truncated numbers are compared after that, the book compares them before.
 */
const ZERO_DIFFERS = /^bcd(add|sub|u?s|sr|u?trunc)\./
/** QEMU 7.2 takes the last digit of an unsigned number for its sign (Power ISA 3.0C I 6.17.5). */
const SIGN_DIFFERS = /^bcdus\./
const [LT, GT, EQ] = [0x80, 0x40, 0x20]

/** The target is undefined where an operand is invalid, and where a quadword has more than 31 digits. */
export function withoutUndefinedPacked(view: DataView, words: readonly number[]): void {
  for (const word of words) {
    const mnemonic = decode(word)?.mnemonic ?? ''
    if (!PACKED.test(mnemonic)) continue
    const at = VECTORS_AFTER + 16 * (32 + extract(word, fieldNamed('vrt')))
    const cr = view.getUint32(AFTER + 8 * 32, true)
    const digits = /^bcdu/.test(mnemonic) ? 0n : 0xfn
    const zero = view.getBigUint64(at + 8, true) === 0n && (view.getBigUint64(at, true) & ~digits) === 0n
    let ignored = 0
    if (zero && ZERO_DIFFERS.test(mnemonic)) {
      ignored = LT | GT | EQ
      // With the sign of the zero, which goes with them.
      view.setBigUint64(at, 0n, true)
    }
    if (SIGN_DIFFERS.test(mnemonic)) ignored = LT | GT | EQ
    view.setUint32(AFTER + 8 * 32, (cr & ~ignored) >>> 0, true)
    const invalid = (cr & 0xf0) === 0x10
    if (!invalid && !(mnemonic === 'bcdcfsq.' && cr & 0x10)) continue
    for (const doubleword of [at, at + 8]) view.setBigUint64(doubleword, 0n, true)
  }
}
