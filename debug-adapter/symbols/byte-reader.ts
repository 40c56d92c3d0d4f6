/**
 * A length-checked cursor over untrusted bytes in either byte order. Every read that would pass the end throws a
 * RangeError that names what was read, where, and how many bytes there are.
 */
export class ByteReader {
  readonly #data: DataView
  #at = 0

  /** @param what the name of the structure, for errors */
  constructor(
    readonly bytes: Uint8Array,
    readonly littleEndian: boolean,
    readonly what: string,
  ) {
    this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get offset(): number {
    return this.#at
  }

  get remaining(): number {
    return this.bytes.length - this.#at
  }

  seek(offset: number): void {
    this.#check(offset, 0)
    this.#at = offset
  }

  skip(count: number): void {
    this.seek(this.#at + count)
  }

  u8(): number {
    return this.#data.getUint8(this.#take(1))
  }

  i8(): number {
    return this.#data.getInt8(this.#take(1))
  }

  u16(): number {
    return this.#data.getUint16(this.#take(2), this.littleEndian)
  }

  u32(): number {
    return this.#data.getUint32(this.#take(4), this.littleEndian)
  }

  u64(): bigint {
    return this.#data.getBigUint64(this.#take(8), this.littleEndian)
  }

  /** DWARF 5 §7.6, unsigned. @throws RangeError where the value does not fit 64 bits */
  uleb(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new RangeError(`${this.what}: LEB128 number of more than 64 bits at offset ${this.#at}`)
  }

  /** DWARF 5 §7.6, signed. */
  sleb(): bigint {
    const start = this.#at
    const value = this.uleb()
    const bits = (this.#at - start) * 7
    return bits >= 64 ? BigInt.asIntN(64, value) : BigInt.asIntN(bits, value)
  }

  /** A NUL-terminated text from the present place on. */
  cstring(): string {
    const text = this.cstringAt(this.#at)
    this.#at = this.bytes.indexOf(0, this.#at) + 1
    return text
  }

  cstringAt(offset: number): string {
    this.#check(offset, 1)
    const end = this.bytes.indexOf(0, offset)
    if (end < 0) throw new RangeError(`${this.what}: text at offset ${offset} has no end`)
    return new TextDecoder('utf-8').decode(this.bytes.subarray(offset, end))
  }

  take(count: number): Uint8Array {
    const at = this.#take(count)
    return this.bytes.subarray(at, at + count)
  }

  /** A reader of its own over `length` bytes from `offset`. */
  slice(offset: number, length: number): ByteReader {
    this.#check(offset, length)
    return new ByteReader(this.bytes.subarray(offset, offset + length), this.littleEndian, this.what)
  }

  #take(count: number): number {
    this.#check(this.#at, count)
    const at = this.#at
    this.#at += count
    return at
  }

  #check(offset: number, length: number): void {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset + length > this.bytes.length)
      throw new RangeError(`${this.what}: ${length} bytes at offset ${offset}, but there are ${this.bytes.length} bytes`)
  }
}
