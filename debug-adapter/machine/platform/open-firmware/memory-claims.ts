/** Which guest physical memory is taken before the operating system manages it: `claim` and `release` of the client interface. */
interface Range {
  readonly start: bigint
  readonly end: bigint
}

/** Ranges that may be taken at a time; an operating system loader needs some dozens. */
const MOST_CLAIMS = 512

export class MemoryClaims {
  private readonly taken: Range[] = []

  /** @param limit first address that is not memory, at most 4 GiB: the client interface has 32 bits */
  constructor(readonly limit: bigint) {}

  /** Takes a range whatever else is there: what the loader put into memory. */
  reserve(start: bigint, bytes: bigint): void {
    this.taken.push({ start, end: start + bytes })
  }

  /**
   * `claim` (IEEE 1275 6.3.2.4).
   * @param address wanted place, where `align` is 0
   * @param align   power of two: any place with this alignment, the lowest that is free
   * @returns the place, or undefined where there is none
   */
  claim(address: bigint, bytes: bigint, align: bigint): bigint | undefined {
    if (bytes <= 0n || this.taken.length >= MOST_CLAIMS) return undefined
    if (align === 0n) {
      if (!this.#isFree(address, bytes)) return undefined
      this.reserve(address, bytes)
      return address
    }
    if ((align & (align - 1n)) !== 0n) return undefined
    const up = (value: bigint): bigint => (value + align - 1n) & -align
    const places = [0n, ...this.taken.map(({ end }) => end)].map(up).sort((a, b) => (a < b ? -1 : 1))
    const place = places.find((start) => this.#isFree(start, bytes))
    if (place !== undefined) this.reserve(place, bytes)
    return place
  }

  release(address: bigint, bytes: bigint): void {
    const index = this.taken.findIndex(({ start, end }) => start === address && end === address + bytes)
    if (index >= 0) this.taken.splice(index, 1)
  }

  #isFree(start: bigint, bytes: bigint): boolean {
    const end = start + bytes
    return end <= this.limit && this.taken.every((taken) => taken.end <= start || end <= taken.start)
  }
}
