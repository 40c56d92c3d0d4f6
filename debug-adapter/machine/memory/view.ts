import type { Actor } from './actor.ts'
import type { RealMemory } from './real-memory.ts'

/**
 * Real memory as one actor may see it. Integers are big-endian, as the machine's own structures are.
 * Every method throws RefusalError MEM-001 or MEM-002 where the actor may not, or nothing is there.
 */
export class MemoryView {
  readonly #memory: RealMemory

  constructor(
    memory: RealMemory,
    readonly actor: Actor,
  ) {
    this.#memory = memory
  }

  /** A copy of `length` bytes at real address `ra`. */
  read(ra: bigint, length: number): Uint8Array {
    const at = this.#memory.access(this.actor, ra, length, false)
    return this.#memory.bytes.slice(at, at + length)
  }

  write(ra: bigint, bytes: Uint8Array): void {
    this.#memory.bytes.set(bytes, this.#memory.access(this.actor, ra, bytes.length, true))
  }

  fill(ra: bigint, value: number, length: number): void {
    const at = this.#memory.access(this.actor, ra, length, true)
    this.#memory.bytes.fill(value, at, at + length)
  }

  u8(ra: bigint): number {
    return this.#memory.data.getUint8(this.#memory.access(this.actor, ra, 1, false))
  }

  u32(ra: bigint): number {
    return this.#memory.data.getUint32(this.#memory.access(this.actor, ra, 4, false))
  }

  u64(ra: bigint): bigint {
    return this.#memory.data.getBigUint64(this.#memory.access(this.actor, ra, 8, false))
  }

  setU32(ra: bigint, value: number): void {
    this.#memory.data.setUint32(this.#memory.access(this.actor, ra, 4, true), value)
  }

  setU64(ra: bigint, value: bigint): void {
    this.#memory.data.setBigUint64(this.#memory.access(this.actor, ra, 8, true), value)
  }
}
