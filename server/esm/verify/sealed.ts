import type { CryptoProvider } from '../crypto/provider.ts'
import type { ScannedNode } from '../fdt-scan.ts'
import { latin1 } from '../reader.ts'

/** AES-GCM as the operand stores it: iv, tag and ciphertext in properties of one node (spec/esm-operand.md §3). */
export interface Sealed {
  /** Of the node that holds the properties. */
  readonly path: string
  /** Of that node, in bytes from the start of its device tree. */
  readonly offset: number
  readonly algorithm?: Uint8Array
  readonly iv?: Uint8Array
  readonly mac?: Uint8Array
  readonly ciphertext?: Uint8Array
}

export const SEALED_PARTS = ['algorithm', 'iv', 'mac', 'ciphertext'] as const

/** Name of the only cipher, as the property `algorithm` has it. */
export const CIPHER = 'AES256-GCM'

/** The value of the first property of that name: the one that libfdt finds. */
export function propertyOf(node: ScannedNode, name: string): Uint8Array | undefined {
  return node.properties.find((property) => property.name === name)?.value
}

export function readSealed(node: ScannedNode): Sealed {
  const part = (name: string) => propertyOf(node, name)
  const { path, offset } = node
  return {
    path,
    offset,
    algorithm: part('algorithm'),
    iv: part('iv'),
    mac: part('mac'),
    ciphertext: part('ciphertext'),
  }
}

/** The parts that are missing. */
export function missingParts(sealed: Sealed): string[] {
  return SEALED_PARTS.filter((name) => sealed[name] === undefined)
}

/**
 * Opens it as the ultravisor does: lengths go straight through, so a tag of 4 to 15 bytes is compared over its own length.
 * @param key 16, 24 or 32 bytes
 * @returns undefined where a part is missing, a size is not one that AES-GCM takes, or the tag does not match
 */
export function openSealed(sealed: Sealed, key: Uint8Array, crypto: CryptoProvider): Uint8Array | undefined {
  const { iv, mac, ciphertext } = sealed
  if (!iv || !mac || !ciphertext) return undefined
  if (iv.length === 0 || mac.length < 4 || mac.length > 16 || ![16, 24, 32].includes(key.length)) return undefined
  return crypto.aesGcmDecrypt(key, iv, ciphertext, mac)
}

/** True where the value is that text with one NUL behind it. */
export function isText(value: Uint8Array | undefined, text: string): boolean {
  return value !== undefined && latin1(value) === `${text}\0`
}

/** For messages: text as text, other bytes as their number. */
export function showValue(value: Uint8Array | undefined): string {
  if (!value) return 'none'
  const text = latin1(value)
  return /^[\x20-\x7e]*\0$/.test(text) ? JSON.stringify(text.slice(0, -1)) : `${value.length} bytes`
}

/** What is wrong with an untrusted-comment, or undefined: it should be one line of UTF-8 that a NUL ends. */
export function commentFault(value: Uint8Array): string | undefined {
  if (value.at(-1) !== 0) return 'no NUL at its end'
  if (value.indexOf(0) !== value.length - 1) return 'a NUL inside'
  if (value.includes(0x0a)) return 'a newline'
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(value)
  } catch {
    return 'bytes that are not UTF-8'
  }
  return undefined
}

/** The text of a comment without its NUL; bytes that are not UTF-8 are replaced. */
export function commentText(value: Uint8Array | undefined): string | undefined {
  if (!value) return undefined
  return new TextDecoder().decode(value.at(-1) === 0 ? value.subarray(0, -1) : value)
}
