/** A small generator of random numbers (mulberry32): the same seed gives the same tests everywhere. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 32 random bits. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }

  below(limit: number): number {
    return this.word() % limit
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** 64 bits: random ones, or such as arithmetic goes wrong with. */
  value(): bigint {
    const random = (BigInt(this.word()) << 32n) | BigInt(this.word())
    switch (this.below(8)) {
      case 0:
        return this.pick([0n, 1n, 2n, 0xffff_ffff_ffff_ffffn, 1n << 63n, (1n << 63n) - 1n])
      case 1:
        return this.pick([0xffff_ffffn, 0x8000_0000n, 0x7fff_ffffn, 0xffff_ffff_8000_0000n, 0x1_0000_0000n])
      case 2:
        return BigInt(this.below(128))
      case 3:
        return BigInt.asUintN(64, BigInt.asIntN(32, random))
      case 4:
        return BigInt.asUintN(64, -BigInt(this.below(128)))
      case 5:
        return BigInt.asUintN(64, random << BigInt(this.below(64)))
      case 6:
        return random >> BigInt(this.below(64))
    }
    return random
  }

  /** 64 bits of a vector: whole values, or elements that arithmetic and conversions go wrong with, floating-point ones too. */
  element(): bigint {
    const small = (): number =>
      this.pick([0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, this.word()])
    switch (this.below(6)) {
      case 0:
        return (BigInt(small()) << 32n) | BigInt(small())
      case 1:
        return (BigInt(this.single()) << 32n) | BigInt(this.single())
      case 2:
        return this.double()
      case 3:
        return (BigInt(this.word()) << 32n) | BigInt(this.word())
    }
    return this.value()
  }

  /** Bits of a single-precision number: NaNs, infinities, zeros, denormal and ordinary numbers. */
  single(): number {
    const sign = this.word() & 0x8000_0000
    const fraction = this.pick([0, 1, 0x40_0000, 0x7f_ffff, this.word() & 0x7f_ffff])
    const exponent = this.pick([0, 1, 254, 255, 127, 127 + 24, 150, 120 + this.below(16), this.below(256)])
    return (sign | (exponent << 23) | fraction) >>> 0
  }

  double(): bigint {
    const sign = BigInt(this.below(2)) << 63n
    const random = ((BigInt(this.word()) << 32n) | BigInt(this.word())) & 0xf_ffff_ffff_ffffn
    const single = BigInt(this.word() & 0x7f_ffff) << 29n
    const fraction = this.pick([0n, 1n, 0x8_0000_0000_0000n, 0xf_ffff_ffff_ffffn, random, single])
    const exponent = this.pick([
      0,
      1,
      2046,
      2047,
      1023,
      1023 + 53,
      896,
      874,
      1150,
      1016 + this.below(16),
      this.below(2048),
    ])
    return sign | (BigInt(exponent) << 52n) | fraction
  }

  /** A decimal number of 64 or 128 bits: often with few digits, with trailing zeros, or with an exponent near a limit. */
  decimal(bits: 64 | 128): bigint {
    const [declets, continuation, bias] = bits === 64 ? [5, 8, 398] : [11, 12, 6176]
    const max = 3 * 2 ** continuation - 1
    let trailing = 0n
    const [first, last] = [this.below(declets + 2), this.pick([0, 0, this.below(declets)])]
    // 999, 500, 5, 1 and 49; the rest may be non-canonical.
    const digits = (): number => this.pick([0xff, 0x280, 0x005, 0x001, 0x049, this.below(1024), this.below(1024)])
    for (let i = last; i < first && i < declets; i++) trailing |= BigInt(digits()) << BigInt(10 * i)
    const exponent = Math.max(
      this.pick([
        bias + this.below(7) - 3,
        bias + this.below(2 * declets * 3) - declets * 3,
        bias - this.below(40),
        this.below(4),
        max - this.below(declets * 3),
        this.below(max + 1),
      ]),
      0,
    )
    const digit = first > declets ? this.pick([1, 9, this.below(10)]) : 0
    const left = exponent >> continuation
    const special = this.below(10) === 0
    const usual = digit >= 8 ? 24 | (left << 1) | (digit & 1) : (left << 3) | digit
    const combination = special ? this.pick([30, 31]) : usual
    const sign = BigInt(this.below(2)) << BigInt(bits - 1)
    // Nothing but the sign counts in an infinity.
    if (combination === 30) return sign | (30n << BigInt(bits - 6))
    const behind = BigInt(exponent & (2 ** continuation - 1)) << BigInt(10 * declets)
    return sign | (BigInt(combination) << BigInt(bits - 6)) | behind | trailing
  }

  /** Decimal digits in four bits each, with a sign behind them or without. */
  packed(bits: 64 | 128): bigint {
    const digits = Array.from({ length: bits / 4 - 1 }, () => this.pick([0, 0, 9, this.below(10)]))
    // 78 and 79 make an infinity of it.
    if (digits[0] === 7) digits[0] = 8
    const sign = this.pick([0xc, 0xd, 0xf, 0xb, this.below(16)])
    return BigInt(`0x${[...digits, sign].map((digit) => digit.toString(16)).join('')}`)
  }

  /** A register pair for decimal instructions: a wide number, two of the usual width, or packed digits. */
  decimalPair(): bigint[] {
    const top = (x: bigint): bigint => (x >> 58n) & 31n
    const one = (): bigint => {
      const value = this.below(6) === 0 ? this.value() : this.decimal(64)
      return top(value) === 30n ? this.decimal(64) : value
    }
    // An infinity has no digits; the right half of a number is none.
    const right = (x: bigint): bigint => (top(x) === 30n ? x ^ (1n << 62n) : x)
    const two = (a: bigint, b: bigint): bigint[] => (top(a) === 30n ? [a, 0n] : [a, right(b)])
    if (this.below(3) > 0) return two(one(), one())
    if (this.below(5) === 0) return two(this.packed(64), this.packed(64))
    const wide = this.below(5) === 0 ? this.packed(128) : this.decimal(128)
    return two(wide >> 64n, BigInt.asUintN(64, wide))
  }
}
