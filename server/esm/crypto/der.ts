import { fromBigInt, toBigInt } from './rsa.ts'

/** A key file that cannot be read: what it is, and what would be right. */
export class KeyFormatError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'KeyFormatError'
  }
}

/** Tags of the elements that key files are made of (ITU-T X.680, universal class). */
export const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  sequence: 0x30,
} as const

/** Most bytes that a length may have: 16 MiB are more than any key file. */
const LENGTH_BYTES = 3

/** A strict reader of DER (ITU-T X.690 §10): every length is checked and in its shortest form, and so is every number. */
export class Der {
  #at = 0

  constructor(readonly bytes: Uint8Array) {}

  get atEnd(): boolean {
    return this.#at === this.bytes.length
  }

  /** Tag of the next element; undefined at the end. */
  get tag(): number | undefined {
    return this.bytes[this.#at]
  }

  /** The contents of the next element, which must have this tag. @throws KeyFormatError with offset and what was wanted */
  read(tag: number, what: string): Uint8Array {
    const start = this.#at
    const found = this.#byte(what)
    if (found !== tag)
      throw new KeyFormatError(
        `${what}: expected tag 0x${tag.toString(16)} at offset ${start}, found 0x${found.toString(16)}`,
      )
    const length = this.#length(what)
    if (length > this.bytes.length - this.#at)
      throw new KeyFormatError(
        `${what}: ${length} bytes at offset ${this.#at}, but ${this.bytes.length - this.#at} are left`,
      )
    this.#at += length
    return this.bytes.subarray(this.#at - length, this.#at)
  }

  #length(what: string): number {
    const at = this.#at
    const first = this.#byte(what)
    if (first < 0x80) return first
    const bytes = first - 0x80
    if (bytes === 0 || bytes > LENGTH_BYTES)
      throw new KeyFormatError(`${what}: a length at offset ${at} that DER does not allow here`)
    let length = 0
    for (let i = 0; i < bytes; i++) length = length * 256 + this.#byte(what)
    if (length < (bytes === 1 ? 0x80 : 256 ** (bytes - 1)))
      throw new KeyFormatError(`${what}: the length at offset ${at} is not in its shortest form`)
    return length
  }

  /** A number from 0 on. */
  integer(what: string): bigint {
    const contents = this.read(TAG.integer, what)
    if (contents.length === 0 || contents[0]! >= 0x80) throw new KeyFormatError(`${what}: not a positive integer`)
    if (contents.length > 1 && contents[0] === 0 && contents[1]! < 0x80)
      throw new KeyFormatError(`${what}: the integer is not in its shortest form`)
    return toBigInt(contents)
  }

  sequence(what: string): Der {
    return new Der(this.read(TAG.sequence, what))
  }

  /** An object identifier as hexadecimal digits of its contents. */
  objectIdentifier(what: string): string {
    return Array.from(this.read(TAG.objectIdentifier, what), (b) => b.toString(16).padStart(2, '0')).join('')
  }

  /** @throws KeyFormatError where something is left over */
  end(what: string): void {
    if (!this.atEnd) throw new KeyFormatError(`${what}: ${this.bytes.length - this.#at} bytes too many`)
  }

  #byte(what: string): number {
    const byte = this.bytes[this.#at]
    if (byte === undefined) throw new KeyFormatError(`${what}: the data ends at offset ${this.#at}`)
    this.#at++
    return byte
  }
}

/** The one element that `bytes` are, a sequence. */
export function onlySequence(bytes: Uint8Array, what: string): Der {
  const outer = new Der(bytes)
  const sequence = outer.sequence(what)
  outer.end(what)
  return sequence
}

/** Writes one element. @throws RangeError for contents of 64 KiB or more */
export function derElement(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (length > 0xffff) throw new RangeError(`an element of ${length} bytes where at most 65535 are written`)
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  const out = new Uint8Array(1 + size.length + length)
  out.set([tag, ...size])
  let at = 1 + size.length
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** @param value from 0 on */
export function derInteger(value: bigint): Uint8Array {
  const bytes = fromBigInt(value, Math.ceil(value.toString(16).length / 2))
  return derElement(TAG.integer, bytes[0]! >= 0x80 ? Uint8Array.of(0, ...bytes) : bytes)
}
