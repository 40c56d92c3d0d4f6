import type { ByteSource } from '../../../../server/esm/reader.ts'

export const SECTOR_BYTES = 512
/** Bytes of a piece that a write makes the machine's own. */
const PIECE_BYTES = 4096

/** A disk that is put into the machine. Its file is read and never written. */
export interface DriveConfig {
  /** What it holds at power-on; sectors of 512 bytes, a rest is not seen. */
  readonly content: ByteSource
  readonly readonly?: boolean
  /** At most 20 characters; the guest sees it as the serial number. */
  readonly serial?: string
}

/** Replaced as a whole and frozen, so that saving the state of the machine need not look into each. */
interface Piece {
  readonly bytes: Uint8Array
}

/** A disk of the guest: what was written lies in memory, over a base that stays as it is. */
export class Drive {
  private readonly written = new Map<number, Piece>()
  private readonly base: ByteSource

  constructor({ content }: DriveConfig) {
    this.base = Object.freeze({
      length: content.length,
      slice: (start: number, end: number) => content.slice(start, end),
    })
  }

  get sectors(): number {
    return Math.floor(this.base.length / SECTOR_BYTES)
  }

  /** @throws RangeError outside of the disk */
  read(start: number, length: number): Uint8Array {
    this.#check(start, length)
    const out = new Uint8Array(length)
    this.#eachPiece(start, length, (number, inside, at, size) =>
      out.set(this.#piece(number).subarray(inside, inside + size), at),
    )
    return out
  }

  /** @throws RangeError outside of the disk */
  write(start: number, bytes: Uint8Array): void {
    this.#check(start, bytes.length)
    this.#eachPiece(start, bytes.length, (number, inside, at, size) => {
      const changed = this.#piece(number).slice()
      changed.set(bytes.subarray(at, at + size), inside)
      this.written.set(number, Object.freeze({ bytes: changed }))
    })
  }

  #check(start: number, length: number): void {
    if (start < 0 || start + length > this.sectors * SECTOR_BYTES)
      throw new RangeError(`${length} bytes at ${start}: expected them within a disk of ${this.sectors} sectors`)
  }

  #piece(number: number): Uint8Array {
    const own = this.written.get(number)
    if (own) return own.bytes
    const piece = new Uint8Array(PIECE_BYTES)
    piece.set(this.base.slice(number * PIECE_BYTES, (number + 1) * PIECE_BYTES))
    return piece
  }

  #eachPiece(
    start: number,
    length: number,
    visit: (number: number, inside: number, at: number, size: number) => void,
  ): void {
    for (let at = 0; at < length; ) {
      const here = start + at
      const inside = here % PIECE_BYTES
      const size = Math.min(length - at, PIECE_BYTES - inside)
      visit((here - inside) / PIECE_BYTES, inside, at, size)
      at += size
    }
  }
}
