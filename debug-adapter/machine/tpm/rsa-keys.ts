import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'
import { generateRsaKey, type RsaPrivateKey } from '../../../server/esm/crypto/rsa.ts'
import { hex, pack, u32 } from './bytes.ts'

/** Keys are pure functions of their seed, and costly: the last ones are kept. */
const keyCache = new Map<string, RsaPrivateKey>()
const KEY_CACHE = 16

/** An RSA key from a seed: a deterministic random stream of HMAC-SHA-256 blocks feeds the search for primes. */
export function keyFromSeed(crypto: CryptoProvider, seed: Uint8Array, bits = 2048, exponent = 65537): RsaPrivateKey {
  const id = `${hex(seed)} ${bits} ${exponent}`
  const known = keyCache.get(id)
  if (known) return known
  let counter = 0
  const stream: RandomSource = (length) => {
    const out = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) {
      const block = crypto.hmacSha256(seed, pack(u32(counter++)))
      out.set(block.subarray(0, length - at), at)
    }
    return out
  }
  const key = generateRsaKey(bits, stream, BigInt(exponent), crypto.isPrime)
  if (keyCache.size >= KEY_CACHE) keyCache.delete(keyCache.keys().next().value!)
  keyCache.set(id, key)
  return key
}
