import type { CryptoProvider, RandomSource } from './provider.ts'

/**
 * RSA as an operand and a TPM need it: RSAES-OAEP (PKCS #1 v2.2) and key generation. Plain BigInt arithmetic: it is the
 * emulator's own keys that are at stake here, so constant time does not matter.
 */
export interface RsaPublicKey {
  readonly n: bigint
  readonly e: bigint
  /** Length of the modulus in bytes. */
  readonly bytes: number
}

export interface RsaPrivateKey extends RsaPublicKey {
  readonly d: bigint
  readonly p: bigint
  readonly q: bigint
}

export interface OaepOptions {
  readonly crypto: CryptoProvider
  /** Hash of OAEP and of MGF1; default SHA-256. */
  readonly hash?: 'sha256' | 'sha1'
  /** Label L, default empty. */
  readonly label?: Uint8Array
}

export function toBigInt(bytes: Uint8Array): bigint {
  let hex = '0x0'
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return BigInt(hex)
}

/** Big-endian, exactly `length` bytes. @throws RangeError where the number does not fit */
export function fromBigInt(value: bigint, length: number): Uint8Array {
  const hex = value.toString(16).padStart(length * 2, '0')
  if (hex.length > length * 2) throw new RangeError(`a number of ${hex.length / 2} bytes where ${length} fit`)
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}

/** base^exponent mod modulus by a sliding window of 4 bits. */
export function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  const powers = [1n, base % modulus]
  for (let i = 2; i < 16; i++) powers.push((powers[i - 1]! * powers[1]!) % modulus)
  let result = 1n
  for (const digit of exponent.toString(16)) {
    for (let i = 0; i < 4; i++) result = (result * result) % modulus
    const value = Number.parseInt(digit, 16)
    if (value !== 0) result = (result * powers[value]!) % modulus
  }
  return result
}

function inverse(value: bigint, modulus: bigint): bigint | undefined {
  let [r0, r1, t0, t1] = [modulus, value % modulus, 0n, 1n]
  while (r1 !== 0n) {
    const q = r0 / r1
    ;[r0, r1, t0, t1] = [r1, r0 - q * r1, t1, t0 - q * t1]
  }
  return r0 === 1n ? ((t0 % modulus) + modulus) % modulus : undefined
}

/** The private operation, by the Chinese remainder theorem. */
export function rsaPrivate(key: RsaPrivateKey, value: bigint): bigint {
  const mp = modPow(value % key.p, key.d % (key.p - 1n), key.p)
  const mq = modPow(value % key.q, key.d % (key.q - 1n), key.q)
  const h = ((((mp - mq) % key.p) + key.p) * inverse(key.q, key.p)!) % key.p
  return mq + h * key.q
}

/** Smallest and largest modulus that is taken, in bits: below is a mistake, above costs minutes an operation. */
const MODULUS_BITS = { min: 512, max: 16384 } as const

/** A public key from its parts. @throws RangeError where they cannot be those of a key */
export function rsaPublicKey(n: bigint, e: bigint): RsaPublicKey {
  const bits = n.toString(2).length
  if (bits < MODULUS_BITS.min || bits > MODULUS_BITS.max)
    throw new RangeError(`an RSA modulus of ${bits} bits, expected ${MODULUS_BITS.min} to ${MODULUS_BITS.max}`)
  if ((n & 1n) === 0n) throw new RangeError('the RSA modulus is even: it is not the product of two primes')
  if (e < 3n || (e & 1n) === 0n || e >= n)
    throw new RangeError('the public exponent of the RSA key is not an odd number from 3 to below the modulus')
  return { n, e, bytes: Math.ceil(bits / 8) }
}

/** A private key from its parts. @throws RangeError where they are not those of one key */
export function rsaPrivateKey(n: bigint, e: bigint, d: bigint, p: bigint, q: bigint): RsaPrivateKey {
  const key = rsaPublicKey(n, e)
  if (p < 3n || q < 3n || p === q || p * q !== n)
    throw new RangeError('the primes of the RSA key do not multiply to its modulus')
  if ((e * d) % (p - 1n) !== 1n || (e * d) % (q - 1n) !== 1n)
    throw new RangeError('the exponents of the RSA key do not belong together')
  return { ...key, d, p, q }
}

/** A private key from one of its primes, as a TPM keeps it. @throws RangeError where that is no prime of the modulus */
export function rsaKeyFromPrime(n: bigint, e: bigint, p: bigint): RsaPrivateKey {
  if (p < 3n || n % p !== 0n) throw new RangeError('the prime of the RSA key does not divide its modulus')
  const q = n / p
  const d = q < 3n ? undefined : inverse(e, (p - 1n) * (q - 1n))
  if (d === undefined) throw new RangeError('the public exponent of the RSA key has no inverse')
  return rsaPrivateKey(n, e, d, p, q)
}

const hashOf = (options: OaepOptions, ...parts: Uint8Array[]): Uint8Array =>
  options.crypto[options.hash ?? 'sha256'](...parts)

export function mgf1(options: OaepOptions, seed: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length)
  const counter = new Uint8Array(4)
  for (let at = 0, i = 0; at < length; i++) {
    new DataView(counter.buffer).setUint32(0, i)
    const block = hashOf(options, seed, counter)
    out.set(block.subarray(0, length - at), at)
    at += block.length
  }
  return out
}

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ b[i]!)

/** @throws RangeError where the message is too long for the key */
export function oaepEncrypt(
  key: RsaPublicKey,
  message: Uint8Array,
  options: OaepOptions & { readonly random: RandomSource },
): Uint8Array {
  const labelHash = hashOf(options, options.label ?? new Uint8Array(0))
  const room = key.bytes - 2 * labelHash.length - 2
  if (message.length > room) throw new RangeError(`a message of ${message.length} bytes where the key takes ${room}`)
  const data = new Uint8Array(key.bytes - labelHash.length - 1)
  data.set(labelHash)
  data[data.length - message.length - 1] = 1
  data.set(message, data.length - message.length)
  const seed = options.random(labelHash.length)
  const maskedData = xor(data, mgf1(options, seed, data.length))
  const encoded = new Uint8Array(key.bytes)
  encoded.set(xor(seed, mgf1(options, maskedData, seed.length)), 1)
  encoded.set(maskedData, 1 + seed.length)
  return fromBigInt(modPow(toBigInt(encoded), key.e, key.n), key.bytes)
}

/**
 * @param ciphertext exactly as long as the modulus
 * @returns the message, or undefined where any check of OAEP fails: which one is not told, as by the book
 */
export function oaepDecrypt(key: RsaPrivateKey, ciphertext: Uint8Array, options: OaepOptions): Uint8Array | undefined {
  const value = toBigInt(ciphertext)
  if (ciphertext.length !== key.bytes || value >= key.n) return undefined
  const encoded = fromBigInt(rsaPrivate(key, value), key.bytes)
  const labelHash = hashOf(options, options.label ?? new Uint8Array(0))
  const maskedSeed = encoded.subarray(1, 1 + labelHash.length)
  const maskedData = encoded.subarray(1 + labelHash.length)
  const seed = xor(maskedSeed, mgf1(options, maskedData, maskedSeed.length))
  const data = xor(maskedData, mgf1(options, seed, maskedData.length))
  const one = data.indexOf(1, labelHash.length)
  const padding = data.subarray(labelHash.length, one < 0 ? data.length : one)
  const good =
    encoded[0] === 0 && labelHash.every((byte, i) => byte === data[i]) && one >= 0 && padding.every((b) => b === 0)
  return good ? data.slice(one + 1) : undefined
}

/** Odd primes below 2000: most candidates fall here before the costly test. */
const SMALL_PRIMES: readonly number[] = (() => {
  const primes: number[] = []
  for (let n = 3; n < 2000; n += 2) if (primes.every((p) => n % p !== 0)) primes.push(n)
  return primes
})()

/** Rounds of the test: random candidates of 1024 bits need 5 for far less than 2^-100 (FIPS 186-5, table B.1). */
const ROUNDS = 5

type PrimeTest = (n: bigint) => boolean

function isProbablePrime(n: bigint, random: RandomSource, bytes: number, native: PrimeTest | undefined): boolean {
  if (native) {
    const prime = native(n)
    // What the portable test draws for a prime: who tests must not change what is drawn next, and so the key.
    if (prime) for (let i = 1; i < ROUNDS; i++) random(bytes)
    return prime
  }
  let d = n - 1n
  let s = 0
  while ((d & 1n) === 0n) {
    d >>= 1n
    s++
  }
  round: for (let i = 0; i < ROUNDS; i++) {
    const a = i === 0 ? 2n : 2n + (toBigInt(random(bytes)) % (n - 3n))
    let x = modPow(a, d, n)
    if (x === 1n || x === n - 1n) continue
    for (let r = 1; r < s; r++) {
      x = (x * x) % n
      if (x === n - 1n) continue round
    }
    return false
  }
  return true
}

function generatePrime(bits: number, e: bigint, random: RandomSource, native: PrimeTest | undefined): bigint {
  const bytes = bits / 8
  for (;;) {
    const start = random(bytes)
    // The two top bits set, so that the product of two has all its bits.
    start[0]! |= 0xc0
    start[bytes - 1]! |= 1
    const base = toBigInt(start)
    const remainders = SMALL_PRIMES.map((p) => Number(base % BigInt(p)))
    for (let step = 0; step < 1 << 13; step += 2) {
      if (SMALL_PRIMES.some((p, i) => (remainders[i]! + step) % p === 0)) continue
      const candidate = base + BigInt(step)
      if (candidate % e !== 1n && candidate >> BigInt(bits) === 0n && isProbablePrime(candidate, random, bytes, native))
        return candidate
    }
  }
}

/**
 * Makes an RSA key; the same random stream gives the same key.
 * @param bits of the modulus, a multiple of 16
 * @param isPrime a quicker test than the own one; the key is the same
 */
export function generateRsaKey(bits: number, random: RandomSource, e = 65537n, isPrime?: PrimeTest): RsaPrivateKey {
  for (;;) {
    const p = generatePrime(bits / 2, e, random, isPrime)
    const q = generatePrime(bits / 2, e, random, isPrime)
    if (p === q) continue
    const d = inverse(e, (p - 1n) * (q - 1n))
    if (d !== undefined) return rsaPrivateKey(p * q, e, d, p, q)
  }
}
