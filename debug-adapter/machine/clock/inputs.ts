import type { CryptoProvider, RandomSource } from '../../../server/esm/crypto/provider.ts'

/** How far one user has drawn from its stream. */
interface Drawn {
  blocks: number
  /** Bytes of the newest block that nobody has had yet. */
  pool: Uint8Array
}

/**
 * The one source of everything that is not deterministic. Random bytes come from a generator that the run's seed
 * starts, so the same image and the same seed give the same run to the last bit.
 *
 * Each user has a stream of its own: that the ultravisor draws one cookie more does not change the TPM's keys.
 */
export class Inputs {
  readonly #crypto: CryptoProvider
  readonly #seed: Uint8Array
  private readonly drawn: Drawn[] = []

  /** @param seed any whole number from 0 on; the same seed gives the same run */
  constructor(crypto: CryptoProvider, seed: number | bigint) {
    this.#crypto = crypto
    this.#seed = crypto.sha256(new TextEncoder().encode(`pef-debug seed ${BigInt(seed)}`))
  }

  /** A stream of random bytes named after its user, e.g. `TPM` or `ultravisor DRBG`: HMAC-SHA-256 in counter mode. */
  stream(user: string): RandomSource {
    const key = this.#crypto.hmacSha256(this.#seed, new TextEncoder().encode(user))
    const drawn: Drawn = { blocks: 0, pool: new Uint8Array(0) }
    this.drawn.push(drawn)
    return (length) => {
      const out = new Uint8Array(length)
      let filled = 0
      while (filled < length) {
        if (drawn.pool.length === 0) {
          const block = new Uint8Array(8)
          new DataView(block.buffer).setBigUint64(0, BigInt(drawn.blocks++))
          drawn.pool = Uint8Array.from(this.#crypto.hmacSha256(key, block))
        }
        const take = Math.min(drawn.pool.length, length - filled)
        out.set(drawn.pool.subarray(0, take), filled)
        drawn.pool = drawn.pool.subarray(take)
        filled += take
      }
      return out
    }
  }
}
