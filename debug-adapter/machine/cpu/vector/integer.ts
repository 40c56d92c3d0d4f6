/** Integer arithmetic that is rare, or has no operator in WebAssembly (Power ISA 3.0C I 6.10, 6.13). */
import { joined, saturate, split } from './elements.ts'

/** Results of VRA, VRB and VRC (VRT itself where an instruction reads it); `saturated` sets VSCR[SAT]. */
export interface Operands {
  readonly a: bigint
  readonly b: bigint
  readonly c: bigint
  /** VRT before. */
  readonly t: bigint
}
export type Result = bigint | { readonly value: bigint; readonly saturated: boolean }
export type Operation = (operands: Operands) => Result

type Binary = (a: bigint, b: bigint) => bigint
const each =
  (bits: number, of: Binary, signed = false): Operation =>
  ({ a, b }) => {
    const right = split(b, bits, signed)
    return joined(
      bits,
      split(a, bits, signed).map((left, i) => of(left, right[i]!)),
    )
  }
const one =
  (bits: number, of: (value: bigint) => bigint): Operation =>
  ({ b }) =>
    joined(bits, split(b, bits).map(of))

/** Elements that are clamped to `bits` bits. */
function clamped(bits: number, signed: boolean, values: readonly bigint[]): Result {
  const results = values.map((value) => saturate(value, bits, signed))
  return {
    value: joined(
      bits,
      results.map(({ value }) => value),
    ),
    saturated: results.some(({ saturated }) => saturated),
  }
}
const saturating =
  (bits: number, signed: boolean, of: Binary): Operation =>
  ({ a, b }) => {
    const right = split(b, bits, signed)
    return clamped(
      bits,
      signed,
      split(a, bits, signed).map((left, i) => of(left, right[i]!)),
    )
  }
const pack =
  (bits: number, signed: boolean, resultSigned: boolean): Operation =>
  ({ a, b }) =>
    clamped(bits / 2, resultSigned, [...split(a, bits, signed), ...split(b, bits, signed)])

const modulo = (n: bigint, bits: number): bigint => n & BigInt(bits - 1)
const add: Binary = (a, b) => a + b
const subtract: Binary = (a, b) => a - b
const average: Binary = (a, b) => (a + b + 1n) >> 1n
const rotate = (value: bigint, n: bigint, bits: number): bigint =>
  BigInt.asUintN(bits, (value << n) | (value >> (BigInt(bits) - n)))
const leadingZeros = (value: bigint, bits: number): bigint =>
  BigInt(bits - (value === 0n ? 0 : value.toString(2).length))
const trailingZeros = (value: bigint, bits: number): bigint => {
  for (let i = 0; i < bits; i++) if ((value >> BigInt(i)) & 1n) return BigInt(i)
  return BigInt(bits)
}

/** Ones from bit `first` to bit `last`, counted from the left, around the end where the first is behind the last. */
function mask(first: number, last: number, bits: number): bigint {
  const all = (1n << BigInt(bits)) - 1n
  const from = all >> BigInt(first)
  const to = (all << BigInt(bits - 1 - last)) & all
  return first <= last ? from & to : from | to
}
const rotateMask =
  (bits: number, insert: boolean): Operation =>
  ({ a, b, t }) => {
    // First and last bit of the mask and the shift are in the low three bytes of each element.
    const controls = split(b, bits).map((control) => Number(BigInt.asUintN(32, control)))
    const before = split(t, bits)
    const limit = bits - 1
    return joined(
      bits,
      split(a, bits).map((value, i) => {
        const control = controls[i]!
        const kept = mask((control >>> 16) & limit, (control >>> 8) & limit, bits)
        const turned = rotate(value, BigInt(control & limit), bits) & kept
        return insert ? turned | (before[i]! & ~kept) : turned
      }),
    )
  }

/** Products of the elements in each part of `wide` bits, summed with that part of VRC. */
const multiplySum =
  (bits: number, wide: number, signedA: boolean, signedB: boolean, saturates?: boolean): Operation =>
  ({ a, b, c }) => {
    const [left, right] = [split(a, bits, signedA), split(b, bits, signedB)]
    const perSum = wide / bits
    const sums = split(c, wide, signedA || signedB).map((sum, i) => {
      for (let k = 0; k < perSum; k++) sum += left[i * perSum + k]! * right[i * perSum + k]!
      return sum
    })
    return saturates ? clamped(wide, signedA, sums) : joined(wide, sums)
  }
const sumAcross =
  (bits: number, wide: number, signed: boolean): Operation =>
  ({ a, b }) => {
    const parts = split(a, bits, signed)
    const perSum = wide / bits
    return clamped(
      32,
      signed,
      split(b, wide).flatMap((_, i) => {
        const addend = split(b, 32, signed)
        // The sum is in the last word of its part, the words before it are 0.
        const last = (i + 1) * (wide / 32) - 1
        const sum = parts.slice(i * perSum, (i + 1) * perSum).reduce((total, part) => total + part, addend[last]!)
        return [...Array<bigint>(wide / 32 - 1).fill(0n), sum]
      }),
    )
  }
const multiplyHigh =
  (rounding: bigint): Operation =>
  ({ a, b, c }) => {
    const [right, addend] = [split(b, 16, true), split(c, 16, true)]
    return clamped(
      16,
      true,
      split(a, 16, true).map((left, i) => ((left * right[i]! + rounding) >> 15n) + addend[i]!),
    )
  }

const quad = (value: bigint): bigint => BigInt.asUintN(128, value)
const carry = (value: bigint): bigint => value >> 128n

/** Carry-less products of the elements, summed in pairs. */
const polynomial =
  (bits: number): Operation =>
  ({ a, b }) => {
    const [left, right] = [split(a, bits), split(b, bits)]
    const product = (x: bigint, y: bigint): bigint => {
      let sum = 0n
      for (let i = 0n; i < BigInt(bits); i++) if ((y >> i) & 1n) sum ^= x << i
      return sum
    }
    return joined(
      2 * bits,
      Array.from(
        { length: 64 / bits },
        (_, i) => product(left[2 * i]!, right[2 * i]!) ^ product(left[2 * i + 1]!, right[2 * i + 1]!),
      ),
    )
  }
const parity =
  (bits: number): Operation =>
  ({ b }) =>
    joined(
      bits,
      split(b, bits).map((value) => split(value, 8).reduce((sum, byte) => sum ^ (byte & 1n), 0n)),
    )

/** A pixel: 1 bit and three times 5 bits. */
const packPixel: Operation = ({ a, b }) =>
  joined(
    16,
    [...split(a, 32), ...split(b, 32)].map(
      (p) => (((p >> 24n) & 1n) << 15n) | (((p >> 19n) & 31n) << 10n) | (((p >> 11n) & 31n) << 5n) | ((p >> 3n) & 31n),
    ),
  )
const unpackPixel =
  (first: number): Operation =>
  ({ b }) =>
    joined(
      32,
      split(b, 16)
        .slice(first, first + 4)
        .map((p) => {
          const one = (p >> 15n) & 1n
          return (one ? 0xff00_0000n : 0n) | (((p >> 10n) & 31n) << 16n) | (((p >> 5n) & 31n) << 8n) | (p & 31n)
        }),
    )

export const INTEGER: Readonly<Record<string, Operation>> = {
  vaddsws: saturating(32, true, add),
  vadduws: saturating(32, false, add),
  vsubsws: saturating(32, true, subtract),
  vsubuws: saturating(32, false, subtract),
  vavgsb: each(8, average, true),
  vavgsh: each(16, average, true),
  vavgsw: each(32, average, true),
  vavguw: each(32, average),
  vrlb: each(8, (a, b) => rotate(a, modulo(b, 8), 8)),
  vrlh: each(16, (a, b) => rotate(a, modulo(b, 16), 16)),
  vslb: each(8, (a, b) => a << modulo(b, 8)),
  vslh: each(16, (a, b) => a << modulo(b, 16)),
  vsrb: each(8, (a, b) => a >> modulo(b, 8)),
  vsrh: each(16, (a, b) => a >> modulo(b, 16)),
  vsrab: each(8, (a, b) => a >> modulo(b, 8), true),
  vsrah: each(16, (a, b) => a >> modulo(b, 16), true),
  vrlwnm: rotateMask(32, false),
  vrldnm: rotateMask(64, false),
  vrlwmi: rotateMask(32, true),
  vrldmi: rotateMask(64, true),
  vslv: ({ a, b }) => {
    const bytes = [...split(a, 8), 0n]
    return joined(
      8,
      split(b, 8).map((n, i) => ((bytes[i]! << 8n) | bytes[i + 1]!) >> (8n - (n & 7n))),
    )
  },
  vsrv: ({ a, b }) => {
    const bytes = [0n, ...split(a, 8)]
    return joined(
      8,
      split(b, 8).map((n, i) => ((bytes[i]! << 8n) | bytes[i + 1]!) >> (n & 7n)),
    )
  },
  vclzb: one(8, (value) => leadingZeros(value, 8)),
  vclzh: one(16, (value) => leadingZeros(value, 16)),
  vctzb: one(8, (value) => trailingZeros(value, 8)),
  vctzh: one(16, (value) => trailingZeros(value, 16)),
  vprtybw: parity(32),
  vprtybd: parity(64),
  vprtybq: parity(128),
  vmsumubm: multiplySum(8, 32, false, false),
  vmsummbm: multiplySum(8, 32, true, false),
  vmsumuhm: multiplySum(16, 32, false, false),
  vmsumuhs: multiplySum(16, 32, false, false, true),
  vmsumshs: multiplySum(16, 32, true, true, true),
  vmsumudm: multiplySum(64, 128, false, false),
  vmhaddshs: multiplyHigh(0n),
  vmhraddshs: multiplyHigh(0x4000n),
  vsum4ubs: sumAcross(8, 32, false),
  vsum4sbs: sumAcross(8, 32, true),
  vsum4shs: sumAcross(16, 32, true),
  vsum2sws: sumAcross(32, 64, true),
  vsumsws: sumAcross(32, 128, true),
  vadduqm: ({ a, b }) => quad(a + b),
  vsubuqm: ({ a, b }) => quad(a - b),
  vaddcuq: ({ a, b }) => carry(a + b),
  vsubcuq: ({ a, b }) => carry(a + quad(~b) + 1n),
  vaddeuqm: ({ a, b, c }) => quad(a + b + (c & 1n)),
  vaddecuq: ({ a, b, c }) => carry(a + b + (c & 1n)),
  vsubeuqm: ({ a, b, c }) => quad(a + quad(~b) + (c & 1n)),
  vsubecuq: ({ a, b, c }) => carry(a + quad(~b) + (c & 1n)),
  vpkudus: pack(64, false, false),
  vpksdus: pack(64, true, false),
  vpksdss: pack(64, true, true),
  vpkpx: packPixel,
  vupkhpx: unpackPixel(0),
  vupklpx: unpackPixel(4),
  vpmsumb: polynomial(8),
  vpmsumh: polynomial(16),
  vpmsumw: polynomial(32),
  vpmsumd: polynomial(64),
  /** The bits of each doubleword as a matrix of 8 by 8, transposed. */
  vgbbd: ({ b }) =>
    joined(
      64,
      split(b, 64).map((doubleword) => {
        const rows = split(doubleword, 8).slice(8)
        return joined(
          8,
          Array.from({ length: 8 }, (_, column) =>
            rows.reduce((sum, row) => (sum << 1n) | ((row >> BigInt(7 - column)) & 1n), 0n),
          ),
        )
      }),
    ),
  /** Bits of VRA that the bytes of VRB choose; 0 for a number of 128 or more. */
  vbpermq: ({ a, b }) =>
    split(b, 8).reduce((sum, n) => (sum << 1n) | (n < 128n ? (a >> (127n - n)) & 1n : 0n), 0n) << 64n,
  vbpermd: ({ a, b }) => {
    const sources = split(a, 64)
    const bytes = split(b, 8)
    return joined(
      64,
      sources.map((source, i) =>
        bytes.slice(8 * i, 8 * i + 8).reduce((sum, n) => (sum << 1n) | (n < 64n ? (source >> (63n - n)) & 1n : 0n), 0n),
      ),
    )
  },
}
