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
}
