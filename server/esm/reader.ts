/** Thrown where bytes that are read do not exist. Offsets and sizes are in bytes. */
export class OffsetError extends Error {
  constructor(
    /** What was read, in the words of the format: "header field totalsize". */
    readonly what: string,
    /** From the start of the reader's bytes. */
    readonly offset: number,
    readonly size: number,
    /** How many bytes the reader has. */
    readonly available: number,
  ) {
    super(`${what}: ${size} bytes at offset ${hex(offset)} were wanted, of ${hex(available)} bytes that there are`)
    this.name = 'OffsetError'
  }
}

/** `0x` and hexadecimal digits; a negative number keeps its sign. */
export function hex(value: number | bigint): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
}

/** The bytes as hexadecimal digits, without separators. */
export function hexBytes(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** True where both hold the same bytes. Not constant time: use it for what is public. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/**
 * The one length-checked reader: every untrusted byte of a file or of guest memory is read through it.
 * Each access names what it reads, and throws {@link OffsetError} where it would leave the bytes.
 */
export class Reader {
  readonly #view: DataView

  /**
   * @param bytes        what is read; not copied
   * @param littleEndian byte order of u16, u32 and u64; default big-endian, as in a device tree
   */
  constructor(
    readonly bytes: Uint8Array,
    readonly littleEndian = false,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get length(): number {
    return this.bytes.length
  }

  /** @throws OffsetError unless [offset, offset + size) lies inside the bytes */
  check(offset: number, size: number, what: string): void {
    const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(size) && offset >= 0 && size >= 0
    if (!inside || offset + size > this.length) throw new OffsetError(what, offset, size, this.length)
  }

  u8(offset: number, what: string): number {
    this.check(offset, 1, what)
    return this.#view.getUint8(offset)
  }

  u16(offset: number, what: string): number {
    this.check(offset, 2, what)
    return this.#view.getUint16(offset, this.littleEndian)
  }

  u32(offset: number, what: string): number {
    this.check(offset, 4, what)
    return this.#view.getUint32(offset, this.littleEndian)
  }

  u64(offset: number, what: string): bigint {
    this.check(offset, 8, what)
    return this.#view.getBigUint64(offset, this.littleEndian)
  }

  /** A 64-bit field that counts or addresses bytes of this file. @throws OffsetError where it is 2^53 or more */
  size64(offset: number, what: string): number {
    const value = this.u64(offset, what)
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw new OffsetError(`${what} (${hex(value)})`, offset, 8, this.length)
    return Number(value)
  }

  /** `size` bytes; a view, not a copy. */
  slice(offset: number, size: number, what: string): Uint8Array {
    this.check(offset, size, what)
    return this.bytes.subarray(offset, offset + size)
  }

  /** A copy of `size` bytes. */
  copy(offset: number, size: number, what: string): Uint8Array {
    return this.slice(offset, size, what).slice()
  }

  /**
   * Text up to a NUL, which must come before `end` (default: the end of the bytes). One character a byte (Latin-1): names in
   * these formats are bytes, and two different names must not become equal by decoding.
   */
  cstring(offset: number, what: string, end = this.length): string {
    this.check(offset, 1, what)
    const limit = Math.min(end, this.length)
    const nul = this.bytes.subarray(0, limit).indexOf(0, offset)
    if (nul < 0) throw new OffsetError(`${what} (no NUL ends it)`, offset, limit - offset + 1, limit)
    return latin1(this.bytes.subarray(offset, nul))
  }
}

/** Bytes that may be too many to hold at once: a file, or what is in memory. */
export interface ByteSource {
  /** In bytes. */
  readonly length: number
  /** From `start` to before `end`, as far as there are bytes; not to be changed. */
  slice(start: number, end: number): Uint8Array
}

export function sourceOf(bytes: Uint8Array | ByteSource): ByteSource {
  if (!(bytes instanceof Uint8Array)) return bytes
  return { length: bytes.length, slice: (start, end) => bytes.subarray(start, end) }
}

/** The bytes of a source from an offset on, in pieces of at most 1 MiB. */
export function* pieces(source: ByteSource, start: number): Generator<Uint8Array> {
  const size = 1 << 20
  for (let at = start; at < source.length; at += size) yield source.slice(at, at + size)
}

/** One character a byte. */
export function latin1(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}
