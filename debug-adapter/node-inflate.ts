import { inflateRawSync } from 'node:zlib'

/** Unpacks raw deflate, whatever lies behind it. @param size bytes that come out @throws where it is damaged */
export function inflate(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(inflateRawSync(bytes, { maxOutputLength: size, finishFlush: 2 }))
  if (out.length !== size) throw new Error(`${out.length} bytes instead of ${size}`)
  return out
}
