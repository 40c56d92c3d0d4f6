/**
 * Decimal integers in vector registers (Power ISA 3.0C I 6.17): packed, that is 31 digits of four bits and a sign code; national,
 * 7 digits as UTF-16 characters and a sign character; zoned, 16 bytes with a digit each, the last one with the sign in its zone.
 * Where the book leaves the result undefined (an operand is none of these) the target becomes 0.
 */
import { split } from './elements.ts'

export interface DecimalResult {
  readonly value: bigint
  /** CR6: negative, positive, zero, and overflow or invalid. */
  readonly cr: number
}
interface Decimal {
  readonly negative: boolean
  readonly magnitude: bigint
}

const [LT, GT, EQ, SO] = [8, 4, 2, 1]
const INVALID: DecimalResult = { value: 0n, cr: SO }
const LIMIT = 10n ** 31n

const hex = (vector: bigint): string => vector.toString(16).padStart(32, '0')
const fromDigits = (digits: string): bigint => BigInt(`0x${digits}`)

/** @returns undefined where a digit is none, or the sign code is a digit */
function packed(vector: bigint): Decimal | undefined {
  const digits = hex(vector)
  if (!/^\d{31}[a-f]$/.test(digits)) return undefined
  return { negative: /[bd]$/.test(digits), magnitude: BigInt(digits.slice(0, 31)) }
}
const unsigned = (vector: bigint): bigint | undefined =>
  /^\d{32}$/.test(hex(vector)) ? BigInt(hex(vector)) : undefined

const compared = ({ negative, magnitude }: Decimal): number => (magnitude === 0n ? EQ : negative ? LT : GT)

/** What becomes of a number: the digits that are left of it, and whether others were lost. CR6 tells of the number before. */
interface Outcome {
  readonly digits: bigint
  readonly lost: boolean
}

/** A packed number; `ps` chooses one of the two sign codes for plus. */
function packedResult(of: Decimal, ps: boolean, { digits, lost }: Outcome): DecimalResult {
  const sign = of.negative ? 'd' : ps ? 'f' : 'c'
  return { value: fromDigits(`${digits}${sign}`), cr: compared(of) | (lost ? SO : 0) }
}
const unsignedResult = (of: bigint, { digits, lost }: Outcome): DecimalResult => ({
  value: fromDigits(`${digits}`),
  cr: (of === 0n ? EQ : GT) | (lost ? SO : 0),
})
const cut = (magnitude: bigint, limit: bigint): Outcome => ({ digits: magnitude % limit, lost: magnitude >= limit })

const pack = (number: Decimal, ps: boolean): DecimalResult => packedResult(number, ps, cut(number.magnitude, LIMIT))

const signed = ({ negative, magnitude }: Decimal): bigint => (negative ? -magnitude : magnitude)
const decimalOf = (value: bigint): Decimal => ({ negative: value < 0n, magnitude: value < 0n ? -value : value })

/** Of VRA, VRB and the bit PS. */
type Operation = (a: bigint, b: bigint, ps: boolean) => DecimalResult

const sum =
  (subtract: boolean): Operation =>
  (a, b, ps) => {
    const [x, y] = [packed(a), packed(b)]
    if (!x || !y) return INVALID
    return pack(decimalOf(subtract ? signed(x) - signed(y) : signed(x) + signed(y)), ps)
  }

/** A conversion from or to packed format, or anything else that has one packed operand. */
const ofPacked =
  (of: (number: Decimal, ps: boolean, a: bigint) => DecimalResult): Operation =>
  (a, b, ps) => {
    const number = packed(b)
    return number ? of(number, ps, a) : INVALID
  }

const fromNational: Operation = (_, b, ps) => {
  const characters = String.fromCharCode(...split(b, 16).map(Number))
  if (!/^[0-9]{7}[+-]$/.test(characters)) return INVALID
  return pack({ negative: characters.endsWith('-'), magnitude: BigInt(characters.slice(0, 7)) }, ps)
}
const toNational = ofPacked((number) => {
  const digits = number.magnitude.toString().padStart(7, '0')
  const characters = `${digits.slice(-7)}${number.negative ? '-' : '+'}`
  const value = [...characters].reduce((sum, one) => (sum << 16n) | BigInt(one.charCodeAt(0)), 0n)
  return { value, cr: compared(number) | (digits.length > 7 ? SO : 0) }
})

/** Zones are 3 with PS=0 and F with PS=1; in the sign's zone the codes differ as well. */
const fromZoned: Operation = (_, b, ps) => {
  const digits = hex(b)
  const valid = ps ? /^(f\d){15}[a-f]\d$/ : /^(3\d){15}[\da-f]\d$/
  if (!valid.test(digits)) return INVALID
  const zone = Number.parseInt(digits[30]!, 16)
  const negative = ps ? zone === 0xb || zone === 0xd : (zone & 4) !== 0
  return pack({ negative, magnitude: BigInt(digits.replace(/.(.)/g, '$1')) }, false)
}
const toZoned = ofPacked((number, ps) => {
  const digits = number.magnitude.toString().padStart(16, '0')
  const zoned = [...digits.slice(-16)].map((digit) => (ps ? 'f' : '3') + digit)
  const sign = ps ? (number.negative ? 'd' : 'c') : number.negative ? '7' : '3'
  zoned.push(sign + zoned.pop()![1]!)
  return { value: fromDigits(zoned.join('')), cr: compared(number) | (digits.length > 16 ? SO : 0) }
})

const fromQuadword: Operation = (_, b, ps) => pack(decimalOf(BigInt.asIntN(128, b)), ps)
const toQuadword = ofPacked((number) => ({ value: BigInt.asUintN(128, signed(number)), cr: compared(number) }))

/**
 * By byte 7 of VRA, a signed number of digits of which at most `width` count: to the left, or to the right where it is negative.
 * Rounding looks at the last digit that goes out to the right.
 */
function shifted(magnitude: bigint, a: bigint, width: 31 | 32, round: boolean): Outcome {
  const n = Number(BigInt.asIntN(8, a >> 64n))
  const power = 10n ** BigInt(Math.min(Math.abs(n), width))
  if (n >= 0) return cut(magnitude * power, 10n ** BigInt(width))
  return { digits: (magnitude + (round ? power / 2n : 0n)) / power, lost: false }
}
const shift = (round: boolean): Operation =>
  ofPacked((number, ps, a) => packedResult(number, ps, shifted(number.magnitude, a, 31, round)))

/** To the number of digits in halfword 3 of VRA. */
const truncated = (magnitude: bigint, a: bigint, width: 31 | 32): Outcome =>
  cut(magnitude, 10n ** BigInt(Math.min(Number(BigInt.asUintN(16, a >> 64n)), width)))

const ofUnsigned =
  (of: (magnitude: bigint, a: bigint) => Outcome): Operation =>
  (a, b) => {
    const magnitude = unsigned(b)
    return magnitude === undefined ? INVALID : unsignedResult(magnitude, of(magnitude, a))
  }

const copySign: Operation = (a, b) => {
  const [x, y] = [packed(a), packed(b)]
  if (!x || !y) return INVALID
  return { value: (a & ~0xfn) | (b & 0xfn), cr: compared({ negative: y.negative, magnitude: x.magnitude }) }
}

export const DECIMAL: Readonly<Record<string, Operation>> = {
  bcdadd: sum(false),
  bcdsub: sum(true),
  bcdcfn: fromNational,
  bcdctn: toNational,
  bcdcfz: fromZoned,
  bcdctz: toZoned,
  bcdcfsq: fromQuadword,
  bcdctsq: toQuadword,
  bcdcpsgn: copySign,
  bcdsetsgn: ofPacked((number, ps) => pack(number, ps)),
  bcds: shift(false),
  bcdsr: shift(true),
  bcdus: ofUnsigned((magnitude, a) => shifted(magnitude, a, 32, false)),
  bcdtrunc: ofPacked((number, ps, a) => packedResult(number, ps, truncated(number.magnitude, a, 31))),
  bcdutrunc: ofUnsigned((magnitude, a) => truncated(magnitude, a, 32)),
}
