/** Integer arithmetic that is rare, or has no operator in WebAssembly (Power ISA 3.0C I 6.8.1, 6.10, 6.11, 6.17.4). */
import { joined, split } from './elements.ts'

/** Contents of VRA, VRB and VRC. */
export interface Operands {
  readonly a: bigint
  readonly b: bigint
  readonly c: bigint
  /** VRT before. */
  readonly t: bigint
}
export type Operation = (operands: Operands) => bigint

/** The value of `bits` bits, turned left. */
const rotate = (value: bigint, n: bigint, bits: number): bigint =>
  BigInt.asUintN(bits, (value << n) | (value >> (BigInt(bits) - n)))

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

/** VRA times ten, plus a decimal digit: the low 128 bits, or what is carried out of them. */
const timesTen =
  (digit: boolean, carry: boolean): Operation =>
  ({ a, b }) => {
    const product = a * 10n + (digit ? b & 15n : 0n)
    return carry ? product >> 128n : BigInt.asUintN(128, product)
  }

export const INTEGER: Readonly<Record<string, Operation>> = {
  vrlwnm: rotateMask(32, false),
  vrldnm: rotateMask(64, false),
  vrlwmi: rotateMask(32, true),
  vrldmi: rotateMask(64, true),
  vmsumudm: ({ a, b, c }) => {
    const [left, right] = [split(a, 64), split(b, 64)]
    return BigInt.asUintN(128, left[0]! * right[0]! + left[1]! * right[1]! + c)
  },
  vpkpx: packPixel,
  vupkhpx: unpackPixel(0),
  vupklpx: unpackPixel(4),
  vmul10uq: timesTen(false, false),
  vmul10cuq: timesTen(false, true),
  vmul10euq: timesTen(true, false),
  vmul10ecuq: timesTen(true, true),
}
