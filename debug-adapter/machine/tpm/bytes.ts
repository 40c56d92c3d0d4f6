import { OffsetError, Reader } from '../../../server/esm/reader.ts'
import { RC, TpmError } from './constants.ts'

/** Reads the big-endian fields of a command in order; a short field is TPM_RC_INSUFFICIENT of its parameter. */
export class FieldReader {
  readonly #reader: Reader
  #at: number
  /** Number of the parameter that is being read, for the response code; 0 while handles and header are. */
  parameter = 0

  constructor(
    readonly bytes: Uint8Array,
    start = 0,
    readonly end = bytes.length,
  ) {
    this.#reader = new Reader(bytes.subarray(0, end))
    this.#at = start
  }

  get at(): number {
    return this.#at
  }

  get left(): number {
    return this.end - this.#at
  }

  #take<T>(size: number, read: (at: number) => T): T {
    try {
      const value = read(this.#at)
      this.#at += size
      return value
    } catch (error) {
      if (!(error instanceof OffsetError)) throw error
      throw this.fail(RC.INSUFFICIENT)
    }
  }

  /** The parameter in work is the next one. */
  next(): this {
    this.parameter++
    return this
  }

  /** The error that blames the parameter in work with a format-one code. */
  fail(code: number): TpmError {
    return this.parameter > 0 ? TpmError.parameter(code, this.parameter) : new TpmError(code)
  }

  u8(): number {
    return this.#take(1, (at) => this.#reader.u8(at, 'field'))
  }

  u16(): number {
    return this.#take(2, (at) => this.#reader.u16(at, 'field'))
  }

  u32(): number {
    return this.#take(4, (at) => this.#reader.u32(at, 'field'))
  }

  take(size: number): Uint8Array {
    return this.#take(size, (at) => this.#reader.copy(at, size, 'field'))
  }

  /** A TPM2B: size, then that many bytes. @param max of the bytes; more is TPM_RC_SIZE */
  sized(max = 0xffff): Uint8Array {
    const size = this.u16()
    if (size > max) throw this.fail(RC.SIZE)
    return this.take(size)
  }

  /** A TPM2B around a structure, which has to fill it to the byte; an empty one is TPM_RC_SIZE. */
  structure<T>(read: () => T): T {
    const size = this.u16()
    if (size === 0) throw this.fail(RC.SIZE)
    const start = this.#at
    const value = read()
    if (this.#at - start !== size) throw this.fail(RC.SIZE)
    return value
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32())
  }

  bytesFrom(start: number): Uint8Array {
    return this.bytes.slice(start, this.#at)
  }

  rest(): Uint8Array {
    return this.take(this.left)
  }
}

/** Puts numbers and buffers together, big-endian. */
export function pack(...parts: (Uint8Array | readonly [value: number, bytes: 1 | 2 | 4])[]): Uint8Array {
  const chunks = parts.map((part) => {
    if (part instanceof Uint8Array) return part
    const [value, size] = part
    return Uint8Array.from({ length: size }, (_, i) => (value >>> (8 * (size - 1 - i))) & 0xff)
  })
  const out = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += chunk.length
  }
  return out
}

export const u8 = (value: number) => [value, 1] as const
export const u16 = (value: number) => [value, 2] as const
export const u32 = (value: number) => [value, 4] as const
/** Eight bytes. */
export const u64 = (value: bigint): Uint8Array => pack(u32(Number(value >> 32n)), u32(Number(value & 0xffff_ffffn)))

/** A TPM2B. */
export const sized = (bytes: Uint8Array): Uint8Array => pack(u16(bytes.length), bytes)

export const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')

export const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((v, i) => v === b[i])

/** Authorization values compare without their trailing zeros (part 1, Authorization values). */
export function trimZeros(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return bytes.slice(0, end)
}
