import type { StateName } from './isa/expr.ts'
import { CIPHER_TABLES, CR, GPR, NIA, SPRS, STATE, VSR } from './layout.ts'
import { MSR } from './msr.ts'
import { SPR } from './spr.ts'
import { CIPHER_TABLE_BYTES } from './vector/cipher-tables.ts'

/** The registers of the hardware thread, which live in the WebAssembly memory. No checks of privilege here. */
export class State {
  readonly data: DataView
  readonly #doublewords: BigUint64Array
  /** Grows with every write of MSR or of a special purpose register: what was derived from them may be out of date. */
  changes = 0

  constructor(memory: WebAssembly.Memory) {
    this.data = new DataView(memory.buffer)
    this.#doublewords = new BigUint64Array(memory.buffer, 0, (SPRS + 1024 * 8) / 8)
    new Uint8Array(memory.buffer).set(CIPHER_TABLE_BYTES, CIPHER_TABLES)
  }

  gpr(i: number): bigint {
    return this.#doublewords[GPR / 8 + i]!
  }

  setGpr(i: number, value: bigint): void {
    this.#doublewords[GPR / 8 + i] = value
  }

  get nia(): bigint {
    return this.#doublewords[NIA / 8]!
  }

  set nia(value: bigint) {
    this.#doublewords[NIA / 8] = value
  }

  get msr(): bigint {
    return this.#doublewords[STATE.msr / 8]!
  }

  set msr(value: bigint) {
    this.changes++
    this.#doublewords[STATE.msr / 8] = value
  }

  /** Whether all of these MSR bits are set. */
  is(bits: bigint): boolean {
    return (this.msr & bits) === bits
  }

  get lr(): bigint {
    return this.#doublewords[STATE.lr / 8]!
  }

  set lr(value: bigint) {
    this.#doublewords[STATE.lr / 8] = value
  }

  get ctr(): bigint {
    return this.#doublewords[STATE.ctr / 8]!
  }

  set ctr(value: bigint) {
    this.#doublewords[STATE.ctr / 8] = value
  }

  small(name: StateName): number {
    return this.data.getInt32(STATE[name], true)
  }

  setSmall(name: StateName, value: number): void {
    this.data.setInt32(STATE[name], value, true)
  }

  /** A vector-scalar register as one number of 128 bits. */
  vsr(i: number): bigint {
    const at = VSR / 8 + 2 * i
    return this.#doublewords[at]! | (this.#doublewords[at + 1]! << 64n)
  }

  setVsr(i: number, value: bigint): void {
    const at = VSR / 8 + 2 * i
    this.#doublewords[at] = value
    this.#doublewords[at + 1] = value >> 64n
  }

  /** A floating-point register: doubleword 0 of a vector-scalar register. */
  fpr(i: number): bigint {
    return this.#doublewords[VSR / 8 + 2 * i + 1]!
  }

  /** Doubleword 1 becomes 0, as on POWER9. */
  setFpr(i: number, value: bigint): void {
    this.setVsr(i, value << 64n)
  }

  get fpscr(): bigint {
    return this.#doublewords[STATE.fpscr / 8]!
  }

  set fpscr(value: bigint) {
    this.#doublewords[STATE.fpscr / 8] = value
  }

  get xer(): bigint {
    let value = this.small('xerCount')
    for (const [name, bit] of XER_BITS) value |= this.small(name) << (63 - bit)
    return BigInt(value >>> 0)
  }

  set xer(value: bigint) {
    const low = Number(BigInt.asUintN(32, value))
    for (const [name, bit] of XER_BITS) this.setSmall(name, (low >>> (63 - bit)) & 1)
    this.setSmall('xerCount', low & 127)
  }

  get cr(): number {
    let value = 0
    for (let i = 0; i < 8; i++) value = (value << 4) | this.data.getInt32(CR + 4 * i, true)
    return value >>> 0
  }

  set cr(value: number) {
    for (let i = 0; i < 8; i++) this.data.setInt32(CR + 4 * i, (value >>> (28 - 4 * i)) & 15, true)
  }

  /** The stored value of a special purpose register; LR, CTR and XER come from their own places. */
  spr(number: number): bigint {
    if (number === SPR.LR) return this.lr
    if (number === SPR.CTR) return this.ctr
    if (number === SPR.XER) return this.xer
    return this.#doublewords[SPRS / 8 + number]!
  }

  setSpr(number: number, value: bigint): void {
    if (number === SPR.LR) this.lr = value
    else if (number === SPR.CTR) this.ctr = value
    else if (number === SPR.XER) this.xer = value
    else {
      this.changes++
      this.#doublewords[SPRS / 8 + number] = value
    }
  }

  /** The address as this mode sees it: 32 bits where MSR[SF]=0. */
  address(ea: bigint): bigint {
    return this.is(MSR.SF) ? ea : BigInt.asUintN(32, ea)
  }
}

/** Positions in XER, IBM numbering of 64 bits (Power ISA 3.0C I 3.2.2). */
const XER_BITS = [
  ['so', 32],
  ['ov', 33],
  ['ca', 34],
  ['ov32', 44],
  ['ca32', 45],
] as const
