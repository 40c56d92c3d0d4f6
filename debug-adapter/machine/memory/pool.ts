/**
 * An allocator of real memory for one actor: hands out naturally aligned blocks from a range, lowest free address
 * first, so that the same calls always give the same addresses.
 */
export class Pool {
  private readonly ranges: { start: bigint; end: bigint }[]

  /** @param start first real address, `end` the one behind the last; both multiples of 4 KiB */
  constructor(
    readonly name: string,
    start: bigint,
    end: bigint,
  ) {
    this.ranges = [{ start, end }]
  }

  /** Bytes that are not handed out. They need not be contiguous. */
  get freeBytes(): bigint {
    return this.ranges.reduce((sum, range) => sum + range.end - range.start, 0n)
  }

  /**
   * @param bytes size of the block
   * @param align power of two, default `bytes` itself
   * @returns its real address, or undefined where no such block is free
   */
  allocate(bytes: bigint, align: bigint = bytes): bigint | undefined {
    for (const [i, range] of this.ranges.entries()) {
      const start = (range.start + align - 1n) & -align
      const end = start + bytes
      if (end > range.end) continue
      const rest = [
        { start: range.start, end: start },
        { start: end, end: range.end },
      ].filter((part) => part.end > part.start)
      this.ranges.splice(i, 1, ...rest)
      return start
    }
    return undefined
  }

  /** Gives a block back. The caller knows its size. */
  free(start: bigint, bytes: bigint): void {
    const end = start + bytes
    let at = this.ranges.findIndex((range) => range.start >= start)
    if (at < 0) at = this.ranges.length
    this.ranges.splice(at, 0, { start, end })
    // Merge with both neighbours, so that large blocks come back.
    for (const i of [at, at - 1]) {
      const range = this.ranges[i]
      const next = this.ranges[i + 1]
      if (range && next && range.end === next.start) this.ranges.splice(i, 2, { start: range.start, end: next.end })
    }
  }
}
