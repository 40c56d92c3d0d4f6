/** Densely packed decimal: three digits in ten bits (Power ISA 3.0C I appendix C.1, IEEE 754-2008 3.5.2). */

/** Digits of a declet. Of its bits p to y, v says whether all digits are below 8, and w x s t which of them are not. */
function digitsOf(declet: number): number {
  const bit = (n: number): number => (declet >> n) & 1
  const [pqr, stu, wxy] = [declet >> 7, (declet >> 4) & 7, declet & 7]
  const [pq, st, r, u, y] = [declet >> 8, (declet >> 5) & 3, bit(7), bit(4), bit(0)]
  const join = (a: number, b: number, c: number): number => 100 * a + 10 * b + c
  if (bit(3) === 0) return join(pqr, stu, wxy)
  switch ((declet >> 1) & 3) {
    case 0:
      return join(pqr, stu, 8 + y)
    case 1:
      return join(pqr, 8 + u, 2 * st + y)
    case 2:
      return join(8 + r, stu, 2 * pq + y)
  }
  switch (st) {
    case 0:
      return join(8 + r, 8 + u, 2 * pq + y)
    case 1:
      return join(8 + r, 2 * pq + u, 8 + y)
    case 2:
      return join(pqr, 8 + u, 8 + y)
  }
  return join(8 + r, 8 + u, 8 + y)
}

/** 0 to 999 for each of 1024 declets. */
const DIGITS = Array.from({ length: 1024 }, (_, declet) => digitsOf(declet))
/** The canonical declet of each number: where several say the same, the one whose bits that do not count are 0. */
const DECLETS = Array.from({ length: 1000 }, (_, number) => DIGITS.indexOf(number))

export const fromDeclet = (declet: number): number => DIGITS[declet & 1023]!
export const toDeclet = (number: number): number => DECLETS[number]!

/** The number that some declets hold, three digits each. */
export function fromDeclets(bits: bigint, count: number): bigint {
  let value = 0n
  for (let i = count - 1; i >= 0; i--)
    value = value * 1000n + BigInt(fromDeclet(Number((bits >> BigInt(10 * i)) & 1023n)))
  return value
}

/** Declets of a number; what is to the left of `count` of them is cut off. */
export function toDeclets(value: bigint, count: number): bigint {
  let bits = 0n
  for (let i = 0; i < count; i++, value /= 1000n) bits |= BigInt(toDeclet(Number(value % 1000n))) << BigInt(10 * i)
  return bits
}
