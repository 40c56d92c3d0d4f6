/** A vector register as the elements that a book speaks of: element 0 is the most significant one. */
export const split = (vector: bigint, bits: number, signed = false): bigint[] =>
  Array.from({ length: 128 / bits }, (_, i) => {
    const value = BigInt.asUintN(bits, vector >> BigInt(128 - bits * (i + 1)))
    return signed ? BigInt.asIntN(bits, value) : value
  })

/** Elements of `bits` bits each, as many as fill a register; higher bits of an element are dropped. */
export const joined = (bits: number, elements: readonly bigint[]): bigint =>
  elements.reduce((vector, element) => (vector << BigInt(bits)) | BigInt.asUintN(bits, element), 0n)
