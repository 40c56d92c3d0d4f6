/** `0x` and the digits that a value needs. */
export function hex(value: bigint | number): string {
  return `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`
}

/** A 64-bit register: `0x` and 16 digits. */
export function hex64(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16).padStart(16, '0')}`
}

/** Bytes as hex digits without blanks. */
export function hexBytes(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/**
 * A value of a firmware step as a variable shows it: bytes as hex (at most `maxBytes`, then `…` and the length), 64-bit
 * values as hex, the rest as it is.
 */
export function stepValueText(value: bigint | number | string | boolean | Uint8Array, maxBytes = 64): string {
  if (typeof value === 'bigint') return hex(value)
  if (value instanceof Uint8Array) {
    const shown = hexBytes(value.subarray(0, maxBytes))
    return value.length > maxBytes ? `${shown}… (${value.length} bytes)` : shown || '(no bytes)'
  }
  return String(value)
}
