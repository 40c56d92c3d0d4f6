import type { TpmField } from '../trace/records.ts'
import { FieldReader, hex } from './bytes.ts'

/** Writes down fields as it reads them; stops quietly where the bytes end. */
export class FieldWriter {
  readonly fields: TpmField[] = []
  /** Where a parameter begins that a session encrypted. */
  encryptedAt: number | undefined
  readonly #reader: FieldReader

  constructor(readonly bytes: Uint8Array) {
    this.#reader = new FieldReader(bytes)
  }

  get left(): number {
    return this.#reader.left
  }

  get at(): number {
    return this.#reader.at
  }

  take(name: string, size: number): Uint8Array {
    const offset = this.#reader.at
    const bytes = this.#reader.take(size)
    if (size > 0) this.fields.push({ name, offset, size, hex: hex(bytes) })
    return bytes
  }

  number(name: string, size: 1 | 2 | 4): number {
    return this.take(name, size).reduce((value, byte) => value * 256 + byte, 0)
  }

  /** A TPM2B: its size, and its bytes as `name.buffer`. */
  sized(name: string): void {
    this.take(`${name}.buffer`, this.number(`${name}.size`, 2))
  }

  /** A TPM2B around a structure; where a session encrypted it, its bytes as they are. */
  structure(name: string, read: (w: FieldWriter) => void): void {
    const encrypted = this.at === this.encryptedAt
    const size = this.number(`${name}.size`, 2)
    if (encrypted) this.take(`${name}.encrypted`, size)
    else if (size > 0) read(this)
  }
}
