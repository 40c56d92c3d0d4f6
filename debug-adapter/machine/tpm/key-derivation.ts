import type { CryptoProvider } from '../../../server/esm/crypto/provider.ts'
import { pack, u8, u32 } from './bytes.ts'

/** KDFa with HMAC-SHA-256 (TPM 2.0 part 1, 11.4.10.2). @param bits of the result, a multiple of 8 */
export function kdfa(
  crypto: CryptoProvider,
  key: Uint8Array,
  label: string,
  contextU: Uint8Array,
  contextV: Uint8Array,
  bits: number,
): Uint8Array {
  const out = new Uint8Array(bits / 8)
  const text = new TextEncoder().encode(label)
  for (let at = 0, i = 1; at < out.length; at += 32, i++) {
    const block = crypto.hmacSha256(key, pack(u32(i), text, u8(0), contextU, contextV, u32(bits)))
    out.set(block.subarray(0, out.length - at), at)
  }
  return out
}

/** HMAC-SHA-512 (RFC 2104), 64 bytes: what tickets and saved contexts are made with. */
export function hmacSha512(crypto: CryptoProvider, key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  const block = new Uint8Array(128)
  block.set(key.length > 128 ? crypto.sha512(key) : key)
  const pad = (value: number) => block.map((byte) => byte ^ value)
  return crypto.sha512(pad(0x5c), crypto.sha512(pad(0x36), ...parts))
}

export const EMPTY = new Uint8Array(0)
