/**
 * The processor's part of the WebAssembly memory, which lies before real memory (design §3). The interpreter, a compiler and
 * this program's TypeScript all address the state by these offsets; bytes are little-endian, as WebAssembly's are.
 */
import type { StateName } from './isa/expr.ts'

/** 32 general purpose registers, then a doubleword that is always 0 and stands for RA|0. */
export const GPR = 0
export const ZERO_SLOT = 0x100
export const NIA = 0x108

/** Offsets of the named state, see `STATE_TYPES` for the widths. */
export const STATE: Readonly<Record<StateName, number>> = {
  msr: 0x110,
  lr: 0x118,
  ctr: 0x120,
  ca: 0x148,
  ov: 0x14c,
  so: 0x150,
  ca32: 0x154,
  ov32: 0x158,
  xerCount: 0x15c,
  reserveEa: 0x160,
  reserveSize: 0x168,
  fpscr: 0x180,
  vscr: 0x188,
}
/** Eight condition register fields, an i32 with 4 bits each. */
export const CR = 0x128

/** Count of a record at which its page is worth compiling, see {@link COUNTERS}. */
export const THRESHOLD = 0x1a0
/** Not 0: the next instruction is the interpreter's, although there is compiled code for it. */
export const INTERPRET = 0x1a4

/** A vector on its way to or from memory that the interpreter cannot reach by itself. */
export const SCRATCH = 0x190

/**
 * 64 vector-scalar registers of 16 bytes, each as one 128-bit number with its least significant byte first: doubleword 0, which
 * is the floating-point register, is the upper half. The vector registers are the upper 32 (Power ISA 3.0C I 7.2.1).
 */
export const VSR = 0x400

/** Instructions that the interpreter may still execute. */
export const REMAINING = 0x170
/** What the interpreter has to do after a call-out: see {@link Event}. */
export const EVENT = 0x174
/** Offset of the data and the instruction translations in use. */
export const TLB_BASE = 0x178
export const ITLB_BASE = 0x17c

export enum Event {
  None = 0,
  /** NIA or the state that decides how code is fetched has changed: go on at NIA. */
  Refetch = 1,
  /** Return to `Cpu.run`, which knows why. */
  Leave = 2,
}

/** 1024 special purpose registers of 8 bytes by their number; LR, CTR, XER and those computed on reading are not here. */
export const SPRS = 0x1000

/** Tables of AES, written once: see `vector/cipher-tables.ts`. */
export const CIPHER_TABLES = 0x3000

/**
 * Data translations: banks (see `bankOf`) of direct-mapped entries, those for loads first, those for stores behind them, so that a
 * copy whose ends have the same index does not throw its own entries out. An entry: u64 tag (the effective page, or -1), i32
 * addend from effective address to offset, i32 offset of the page.
 */
export const TLB = 0x1_0000
export const TLB_ENTRY = 16
export const TLB_ENTRIES = 1024
export const TLB_STORES = TLB_ENTRY * TLB_ENTRIES
export const BANKS = 4
export const TLB_BANK = 2 * TLB_STORES

/** Instruction translations: u64 tag, i32 offset of the first decoded record. */
export const ITLB = TLB + BANKS * TLB_BANK
export const ITLB_ENTRY = 16
export const ITLB_ENTRIES = 256
export const ITLB_BANK = ITLB_ENTRY * ITLB_ENTRIES

/** Decoded pages: a record for each of 1024 words, and one behind them that leads to the next page. */
export const DECODED = 0x4_0000
export const RECORD = 16
export const RECORDS = 1024
export const DECODED_PAGE = RECORD * (RECORDS + 1)
export const DECODED_PAGES = 2048

/**
 * An i32 for each record: how often a branch that was taken led there; or where compiled code is entered for it: the sign bit, the
 * number of the compiled page from bit 10 on, the number of the entry in the low 10 bits.
 */
export const COUNTERS = DECODED + DECODED_PAGE * DECODED_PAGES
export const COUNTERS_PAGE = 4 * (RECORDS + 1)

/** Compiled code is entered only with so many instructions to go; so it need not count within a page, where it goes forward. */
export const LEAST_LEFT = RECORDS

/** Bytes before real memory: what RealMemory's constructor wants. */
export const PROCESSOR_BYTES = Math.ceil((COUNTERS + COUNTERS_PAGE * DECODED_PAGES) / 0x1_0000) * 0x1_0000
