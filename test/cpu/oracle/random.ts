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
}
