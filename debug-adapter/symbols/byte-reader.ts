import { OffsetError, Reader } from '../../server/esm/reader.ts'

/**
 * A cursor over the one length-checked reader, in either byte order: for formats that are read from front to back.
 * Every read that would pass the end throws an OffsetError that names what was read, where, and how many bytes there are.
 */
export class ByteReader {
  readonly #reader: Reader
  #at = 0

  /** @param what the name of the structure, for errors */
  constructor(
    bytes: Uint8Array,
    readonly littleEndian: boolean,
    readonly what: string,
  ) {
    this.#reader = new Reader(bytes, littleEndian)
  }

  get offset(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#reader.length - this.#at
  }

  seek(offset: number): void {
    this.#reader.check(offset, 0, this.what)
    this.#at = offset
  }

  skip(count: number): void {
    this.seek(this.#at + count)
  }

  u8(): number {
    return this.#reader.u8(this.#take(1), this.what)
  }

  i8(): number {
    return (this.u8() << 24) >> 24
  }

  u16(): number {
    return this.#reader.u16(this.#take(2), this.what)
  }

  u32(): number {
    return this.#reader.u32(this.#take(4), this.what)
  }

  u64(): bigint {
    return this.#reader.u64(this.#take(8), this.what)
  }

  /** DWARF 5 §7.6, unsigned. @throws OffsetError where the value does not fit 64 bits */
  uleb(): bigint {
    const start = this.#at
    const first = this.u8()
    if (first < 0x80) return BigInt(first)
    this.#at = start
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new OffsetError(`${this.what}: LEB128 number of more than 64 bits`, start, 10, this.#reader.length)
  }

  /** An unsigned LEB128 number that counts or names something. @throws OffsetError where it is 2^53 or more */
  ulebNumber(): number {
    const start = this.#at
    const first = this.u8()
    if (first < 0x80) return first
    let value = first & 0x7f
    for (let scale = 0x80; scale < 2 ** 50; scale *= 0x80) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw new OffsetError(`${this.what}: a count of more than 49 bits`, start, 8, this.#reader.length)
  }

  /** A 64-bit offset or length in this file. @throws OffsetError where it is 2^53 or more */
  size64(): number {
    return this.#reader.size64(this.#take(8), this.what)
  }

  get length(): number {
    return this.#reader.length
  }

  /** DWARF 5 §7.6, signed. */
  sleb(): bigint {
    const start = this.#at
    const value = this.uleb()
    const bits = (this.#at - start) * 7
    return BigInt.asIntN(Math.min(bits, 64), value)
  }

  /** A NUL-terminated text from the present place on. */
  cstring(): string {
    const text = this.cstringAt(this.#at)
    this.#at += text.length + 1
    return text
  }

  cstringAt(offset: number): string {
    return this.#reader.cstring(offset, this.what)
  }

  take(count: number): Uint8Array {
    return this.#reader.slice(this.#take(count), count, this.what)
  }

  /** A reader of its own over `length` bytes from `offset`. */
  slice(offset: number, length: number): ByteReader {
    return new ByteReader(this.#reader.slice(offset, length, this.what), this.littleEndian, this.what)
  }

  #take(count: number): number {
    this.#reader.check(this.#at, count, this.what)
    const at = this.#at
    this.#at += count
    return at
  }
}
