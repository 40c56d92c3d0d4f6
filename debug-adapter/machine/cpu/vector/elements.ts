/** A vector register as the elements that a book speaks of: element 0 is the most significant one. */
export const split = (vector: bigint, bits: number, signed = false): bigint[] =>
  Array.from({ length: 128 / bits }, (_, i) => {
    const value = BigInt.asUintN(bits, vector >> BigInt(128 - bits * (i + 1)))
    return signed ? BigInt.asIntN(bits, value) : value
  })

/** Elements of `bits` bits each, as many as fill a register; higher bits of an element are dropped. */
export const joined = (bits: number, elements: readonly bigint[]): bigint =>
  elements.reduce((vector, element) => (vector << BigInt(bits)) | BigInt.asUintN(bits, element), 0n)

export const toBytes = (vector: bigint): number[] => split(vector, 8).map(Number)
export const fromBytes = (bytes: readonly number[]): bigint => joined(8, bytes.map(BigInt))

/** The nearest value of `bits` bits; tells where that is another one. */
export function saturate(value: bigint, bits: number, signed: boolean): { value: bigint; saturated: boolean } {
  const max = (1n << BigInt(signed ? bits - 1 : bits)) - 1n
  const min = signed ? -max - 1n : 0n
  const result = value > max ? max : value < min ? min : value
  return { value: result, saturated: result !== value }
}
