import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Random } from './oracle/random.ts'
import { VectorMachine } from './vector-machine.ts'

const machine = new VectorMachine()
const of = (line: string, ...values: readonly bigint[]): bigint => machine.run(line, values).v(7)

const fromBytes = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
const toBytes = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(32, '0'), 'hex')
const random = new Random(1)
const randomBytes = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => random.below(256)))

/** The round keys of AES (FIPS 197 5.2), whose substitution is the processor's. */
function roundKeys(key: Buffer): bigint[] {
  const perKey = key.length / 4
  const count = 4 * (perKey + 7)
  const words = Array.from({ length: perKey }, (_, i) => key.readUInt32BE(4 * i))
  const substituted = (word: number): number => Number(of('vsbox v7,v1', BigInt(word >>> 0)) & 0xffff_ffffn)
  let round = 1
  for (let i = perKey; i < count; i++) {
    let word = words[i - 1]!
    if (i % perKey === 0) {
      word = substituted((word << 8) | (word >>> 24)) ^ (round << 24)
      round = (round << 1) ^ (round & 0x80 ? 0x11b : 0)
    } else if (perKey > 6 && i % perKey === 4) word = substituted(word)
    words.push((words[i - perKey]! ^ word) >>> 0)
  }
  return Array.from({ length: count / 4 }, (_, i) =>
    words.slice(4 * i, 4 * i + 4).reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n),
  )
}

describe('AES', () => {
  it.each([128, 192, 256])('with a key of %i bits is that of Node.js, in both directions', (bits) => {
    for (let turn = 0; turn < 5; turn++) {
      const [key, plain] = [randomBytes(bits / 8), randomBytes(16)]
      const cipher = createCipheriv(`aes-${bits}-ecb`, key, null).setAutoPadding(false)
      const encrypted = Buffer.concat([cipher.update(plain), cipher.final()])
      const keys = roundKeys(key)
      let state = fromBytes(plain) ^ keys[0]!
      for (const one of keys.slice(1, -1)) state = of('vcipher v7,v1,v2', state, one)
      state = of('vcipherlast v7,v1,v2', state, keys.at(-1)!)
      expect(toBytes(state)).toEqual(encrypted)

      state ^= keys.at(-1)!
      for (const one of keys.slice(1, -1).toReversed()) state = of('vncipher v7,v1,v2', state, one)
      state = of('vncipherlast v7,v1,v2', state, keys[0]!)
      const decipher = createDecipheriv(`aes-${bits}-ecb`, key, null).setAutoPadding(false)
      expect(toBytes(state)).toEqual(Buffer.concat([decipher.update(encrypted), decipher.final()]))
    }
  })
})

/** The first bits behind the point of roots of primes, cube roots for the constants of the rounds (FIPS 180-4 4.2, 5.3). */
function fractions(count: number, degree: 2n | 3n, bits: bigint): bigint[] {
  const primes: bigint[] = []
  for (let n = 2n; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0n)) primes.push(n)
  return primes.map((prime) => {
    let [low, high] = [0n, prime << bits]
    while (high - low > 1n) {
      const middle = (low + high) >> 1n
      if (middle ** degree <= prime << (degree * bits)) low = middle
      else high = middle
    }
    return BigInt.asUintN(Number(bits), low)
  })
}

/** The hash of a message that fits into one block, with the four functions of the processor. */
function hashOf(message: Buffer, bits: 32 | 64): string {
  const [rounds, line] = bits === 32 ? [64, 'vshasigmaw'] : [80, 'vshasigmad']
  const wide = BigInt(bits)
  const wrap = (value: bigint): bigint => BigInt.asUintN(bits, value)
  // The left element, whose bit of SIX is the first one.
  const sigma = (st: number, six: number, x: bigint): bigint =>
    of(`${line} v7,v1,${st},${8 * six}`, x << (128n - wide)) >> (128n - wide)
  const block = Buffer.alloc(2 * bits)
  message.copy(block)
  block[message.length] = 0x80
  block.writeUInt32BE(8 * message.length, block.length - 4)
  const schedule = Array.from({ length: 16 }, (_, i) =>
    BigInt(`0x${block.toString('hex', (i * bits) / 8, ((i + 1) * bits) / 8)}`),
  )
  for (let i = 16; i < rounds; i++)
    schedule.push(
      wrap(sigma(0, 1, schedule[i - 2]!) + schedule[i - 7]! + sigma(0, 0, schedule[i - 15]!) + schedule[i - 16]!),
    )
  const constants = fractions(rounds, 3n, wide)
  const initial = fractions(8, 2n, wide)
  let [a, b, c, d, e, f, g, h] = initial as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  for (const [i, word] of schedule.entries()) {
    const first = wrap(h + sigma(1, 1, e) + ((e & f) ^ (~e & g)) + constants[i]! + word)
    const second = wrap(sigma(1, 0, a) + ((a & b) ^ (a & c) ^ (b & c)))
    ;[a, b, c, d, e, f, g, h] = [wrap(first + second), a, b, c, wrap(d + first), e, f, g]
  }
  return [a, b, c, d, e, f, g, h]
    .map((value, i) =>
      wrap(value + initial[i]!)
        .toString(16)
        .padStart(bits / 4, '0'),
    )
    .join('')
}

describe('SHA-2', () => {
  it.each([
    ['sha256', 32],
    ['sha512', 64],
  ] as const)('%s is that of Node.js', (name, bits) => {
    const message = Buffer.from('the processor of a secure virtual machine')
    expect(hashOf(message, bits)).toBe(createHash(name).update(message).digest('hex'))
  })

  it('SIX has a bit for each word, and every second one for doublewords', () => {
    const x = 0x8000_0001n
    const word = (six: number): bigint[] => {
      const all = of(`vshasigmaw v7,v1,1,${six}`, (x << 96n) | (x << 64n) | (x << 32n) | x)
      return [96n, 64n, 32n, 0n].map((at) => BigInt.asUintN(32, all >> at))
    }
    const [zero, one] = [word(0)[0]!, word(15)[0]!]
    expect(zero).not.toBe(one)
    expect(word(0b1010)).toEqual([one, zero, one, zero])
    const pair = (six: number): bigint => of(`vshasigmad v7,v1,0,${six}`, (x << 64n) | x)
    expect(pair(0b0101)).toBe(pair(0))
    expect(pair(0b1000)).toBe(((pair(15) >> 64n) << 64n) | BigInt.asUintN(64, pair(0)))
    expect(pair(0b0010)).toBe(((pair(0) >> 64n) << 64n) | BigInt.asUintN(64, pair(15)))
  })
})

describe('polynomials', () => {
  // (x + 1)^2 = x^2 + 1; the highest power times itself is in the highest place but one.
  it.each([
    ['vpmsumd v7,v1,v2', 64n],
    ['vpmsumw v7,v1,v2', 32n],
    ['vpmsumh v7,v1,v2', 16n],
    ['vpmsumb v7,v1,v2', 8n],
  ])('%s', (line, bits) => {
    expect(of(line, 3n, 3n)).toBe(5n)
    const top = 1n << (bits - 1n)
    expect(of(line, top, top)).toBe(1n << (2n * bits - 2n))
    // Both products of a pair are equal, so their sum is 0.
    expect(of(line, (3n << bits) | 3n, (7n << bits) | 7n)).toBe(0n)
    const all = (1n << bits) - 1n
    // All powers: the square has every second one.
    expect(of(line, all, all)).toBe(BigInt(`0b${'01'.repeat(Number(bits))}`))
  })
})
