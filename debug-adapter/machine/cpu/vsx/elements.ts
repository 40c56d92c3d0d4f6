/** Where the elements of an operation are in a vector-scalar register (Power ISA 3.0C I 7.2.1). */

/** Bits of an element, and its distance from the right end of the register. */
export interface Element {
  readonly bits: 16 | 32 | 64 | 128
  readonly shift: number
}

const element = (bits: Element['bits'], number: number): Element => ({ bits, shift: 128 - bits * (number + 1) })

/** Elements from the left: all of them, or the one that a scalar instruction uses. */
export const WORDS: readonly Element[] = [0, 1, 2, 3].map((i) => element(32, i))
export const DOUBLEWORDS: readonly Element[] = [0, 1].map((i) => element(64, i))
/** The words in the left half of each doubleword, and the halfwords in the right half of each word. */
export const EVEN_WORDS: readonly Element[] = [0, 2].map((i) => element(32, i))
export const ODD_HALFWORDS: readonly Element[] = [1, 3, 5, 7].map((i) => element(16, i))
export const DOUBLEWORD_0: readonly Element[] = [element(64, 0)]
export const WORD_0: readonly Element[] = [element(32, 0)]
export const WORD_1: readonly Element[] = [element(32, 1)]
export const HALFWORD_3: readonly Element[] = [element(16, 3)]
export const QUADWORD: readonly Element[] = [element(128, 0)]

export const read = (register: bigint, { bits, shift }: Element): bigint =>
  BigInt.asUintN(bits, register >> BigInt(shift))

/** Elements with zeros around them. */
export const join = (elements: readonly Element[], values: readonly bigint[]): bigint =>
  elements.reduce((sum, { bits, shift }, i) => sum | (BigInt.asUintN(bits, values[i]!) << BigInt(shift)), 0n)
