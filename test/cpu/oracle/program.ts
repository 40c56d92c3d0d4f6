/**
 * Makes random programs for the comparison with QEMU: each case loads all registers, executes a few random instructions and
 * stores all registers; many cases make one program.
 *
 * Every instruction of the table that a user program may execute takes part by itself; one with a facility also has the
 * vector-scalar registers, VSCR and FPSCR loaded and compared. An instruction without one right result is named in `LEFT_OUT`,
 * one of which a part of the result is undefined in the tables at the end, each with the book's section.
 */
import { assemble } from '../../../debug-adapter/machine/cpu/isa/assemble.ts'
import { extract, type Field, fieldNamed, insert } from '../../../debug-adapter/machine/cpu/isa/fields.ts'
import type { Insn } from '../../../debug-adapter/machine/cpu/isa/insn.ts'
import { decode, TABLE } from '../../../debug-adapter/machine/cpu/isa/table.ts'
import { DECIMAL, setDecimals, withoutUndefinedDecimals } from './decimal.ts'
import {
  AFTER,
  BEFORE,
  CASE_BYTES,
  FPSCR,
  MIDDLE,
  NEXT,
  START,
  VECTORS_AFTER,
  VECTORS_BEFORE,
  VSCR,
  WINDOW,
  WINDOW_BYTES,
} from './layout.ts'
import { PACKED, READS_LATE, setPackedDecimals, withoutUndefinedPacked } from './packed-decimal.ts'
import type { Random } from './random.ts'
import { caseCode, endingCode, FIRST_CASE, ROUTINES, TAR } from './routines.ts'

/** Points at the middle of the window, holds a small index, and is scratch: instructions of a case do not write the first two. */
const [BASE, INDEX, SCRATCH] = [31, 30, 29]

/** Instructions whose result is undefined by the book for some operands, or not the same for a user program. */
const LEFT_OUT = new Set([
  'attn',
  'darn',
  'mftb',
  'mfspr',
  'mtspr',
  'sc',
  'scv',
  'wait',
  'tw',
  'twi',
  'td',
  'tdi',
  'clrbhrb',
  'icbt',
  'addex',
  // QEMU 7.2 does not find the reservation of lqarx (Power ISA 3.0C II 4.6.2.2); test/cpu/execution.test.ts tests it.
  'stqcx.',
  // QEMU 7.2 clears what it should keep of the target, where the processor under it has AVX-512 (Power ISA 3.0C I 6.9.3); test/cpu/vector.test.ts
  // tests it.
  'vrldmi',
  // A block of 128 bytes is not what cases have, nor is an accelerator; QEMU's user mode has no events. test/cpu/facilities.test.ts tests them.
  'copy',
  'paste.',
  'rfebb',
  // Most function codes and addresses are an interrupt, which the programs here do not take; test/cpu/facilities.test.ts tests them.
  'lwat',
  'ldat',
  'stwat',
  'stdat',
  // QEMU 7.2 sets CR0[SO] as well where a transaction fails (Power ISA 3.0C II 5.4); they need MSR[TM].
  'tbegin.',
  'tend.',
  'tsr.',
  'tabort.',
  'tabortwc.',
  'tabortdc.',
  'tabortwci.',
  'tabortdci.',
  'tcheck',
  // What they leave is not seen by the program itself.
  'cpabort',
  'mfbhrbe',
  // Hints that QEMU 7.2 does not know for this processor (Power ISA 2.07 II 4.3.3).
  'dst',
  'dstt',
  'dstst',
  'dststt',
  // QEMU 7.2 keeps reserved bits of VSCR that it writes (Power ISA 3.0C I 6.3.2).
  'mtvscr',
  // Estimates: how near they come is the processor's (Power ISA 3.0C I 6.12.6).
  'vrefp',
  'vrsqrtefp',
  'vexptefp',
  'vlogefp',
  // QEMU 7.2 leaves FX as it was where an exception becomes set (Power ISA 3.0C I 4.2.2).
  'mtfsb1',
  'mtfsb1.',
  // Undefined for what is no decimal digit (Power ISA 3.0C I 3.3, BCD assist).
  'cbcdtd',
  'fre',
  'fre.',
  'fres',
  'fres.',
  'frsqrte',
  'frsqrte.',
  'frsqrtes',
  'frsqrtes.',
])

/**
 * Vector-scalar instructions that QEMU 7.2 does otherwise than the book (Power ISA 3.0C I 7.6.1); `test/cpu/vsx*.test.ts` tests them.
 * - Estimates: how near they come is the processor's, and QEMU does not set ZX.
 * - xsmaxcdp: of two zeros the second one is the result. xsmaxjdp, xsminjdp: a signalling NaN behind a quiet one is seen.
 * - xststdcsp: a number that is denormal as a single is in the class that the mask names, not in any.
 * - Conversions to integers: a NaN or an overflow in one element says nothing about the next one.
 * - xsaddsp, xssubsp: QEMU rounds to double first.
 * - xsnmsubqpo rounds to odd. xsrqpxp does not cut the fraction of a NaN off.
 */
const VSX_DIFFERS =
  /^(x[sv](re|rsqrte)[sd]p|xs(max|min)[cj]dp|xststdcsp|xvcv[sd]p[su]x[dw]s|xs(add|sub)sp|xsnmsubqpo|xsrqpxp)$/

/** QEMU 7.2 misses the overflow of quotients from 2^63 to 2^64; these have a test of their own. */
const QEMU_DIFFERS = /^divdeo?\.?$/

/**
 * These leave doubleword 1 of their target undefined (Power ISA 3.0C I 7.6.1.1, 7.6.1.2): zero here, the old value in QEMU. Each is
 * compared alone, without that doubleword.
 */
const HALF_DEFINED = /^(lxs(d|s|iw[az]|[ib]?[bh]z|ib|ih)|mtvsr(d$|w[az]))/
export const leavesHalfUndefined = ({ mnemonic }: Insn): boolean => HALF_DEFINED.test(mnemonic)

/** Of these, parts of the result or of what they read are not compared, or they load the index: in a sequence nothing can follow them. */
export const standsAlone = (insn: Insn): boolean =>
  leavesHalfUndefined(insn) ||
  LEFT_UNDEFINED.test(insn.mnemonic) ||
  PACKED.test(insn.mnemonic) ||
  /^(mffs|mcrfs|mtfs|mtxer$|diex|dsc[lr]i|drsp|drdpq|ddedpd|denbcd|lmw)/.test(insn.mnemonic)

/** Multiples and strings are interrupts in little-endian mode (Power ISA 3.0C I 3.3.6, 3.3.7). */
export const isBigEndianOnly = ({ mnemonic }: Insn): boolean => /^(l|st)(mw|sw[ix])$/.test(mnemonic)
const isMemory = (insn: Insn): boolean =>
  /^((l|st)[bhwdfvxq]|dcb[zf]|dcbst|icbi)/.test(insn.mnemonic) && !/^(ldmx|lvs[lr])$/.test(insn.mnemonic)
const isBranch = (insn: Insn): boolean => /^b(?!perm|cd)/.test(insn.mnemonic)

/** What can be compared: everything that a user program may execute and that has one result. */
export const COMPARED: readonly Insn[] = TABLE.filter(
  (insn) =>
    insn.privilege === 'problem' &&
    !LEFT_OUT.has(insn.mnemonic) &&
    !QEMU_DIFFERS.test(insn.mnemonic) &&
    !VSX_DIFFERS.test(insn.mnemonic) &&
    !(isBranch(insn) && insn.absolute),
)

export interface Case {
  /** The words of each instruction under test, with those that set it up. */
  readonly groups: readonly (readonly number[])[]
  /** All of them in a row. */
  readonly words: readonly number[]
  readonly vectors: boolean
  readonly data: Uint8Array
}

function set(word: number, name: string, value: number): number {
  const field = fieldNamed(name)
  const clear = field.runs.reduce((mask, { first, last }) => {
    for (let bit = first; bit <= last; bit++) mask |= 1 << (31 - bit)
    return mask
  }, 0)
  return ((word & ~clear) | insert(value, field)) >>> 0
}

const fieldBits = (field: Field): number =>
  field.runs.reduce((mask, { first, last }) => {
    for (let bit = first; bit <= last; bit++) mask |= 1 << (31 - bit)
    return mask
  }, 0)

const BYTES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, d: 8 }

/** An instruction with random operands, set up so that it neither faults nor leaves the sequence. */
export function randomWords(insn: Insn, random: Random): number[] {
  let free = 0
  for (const field of insn.fields) free |= fieldBits(field)
  let word = ((random.word() & free & ~insn.mask) | insn.value) >>> 0
  const names = new Set(insn.fields.map(({ name }) => name))
  if (isBranch(insn)) return branch(insn, word, random)
  const keep = (name: string): void => {
    if (names.has(name) && extract(word, fieldNamed(name)) >= INDEX) word = set(word, name, random.below(SCRATCH))
  }
  for (const name of ['rt', 'ra']) keep(name)
  // An element that is not wholly in the register is undefined (Power ISA 3.0C I 6.8.4, 6.8.5).
  const size = BYTES[/^v(?:extractu?|insert)([bhwd])$/.exec(insn.mnemonic)?.[1] ?? '']
  if (size) word = set(word, 'n12_15', random.below(17 - size))
  // A word that is not wholly in the register is undefined (Power ISA 3.0C I 7.6.1.9).
  if (/^xx(extractu|insert)w$/.test(insn.mnemonic)) word = set(word, 'n12_15', random.below(13))
  // QEMU 7.2 takes the mode in FPSCR by another numbering; R=0 with other values of RMC is reserved (Power ISA 3.0C I 7.6.1.7).
  if (/^xsrqpix?$/.test(insn.mnemonic) && !random.below(4)) word = set(set(word, 'n15_15', 0), 'n21_22', 0)
  else if (/^xsrqpix?$/.test(insn.mnemonic)) word = set(word, 'n15_15', 1)
  if (READS_LATE.test(insn.mnemonic))
    word = set(set(word, 'vrt', 2 * random.below(16)), 'vrb', 2 * random.below(16) + 1)
  const indexed = BYTES[/^vextu([bhw])[lr]x$/.exec(insn.mnemonic)?.[1] ?? '']
  if (indexed) {
    const index = assemble(`li r${SCRATCH},${random.below(17 - indexed)}`, 0n)
    return [index, set(word, 'ra', SCRATCH)]
  }
  if (/^mtfs/.test(insn.mnemonic)) return [withoutEnables(insn, word, random)]
  // More than one field is undefined.
  if (/ocrf$/.test(insn.mnemonic)) word = set(word, 'fxm', 1 << random.below(8))
  if (isBigEndianOnly(insn)) return multiple(insn, word, random)
  if (!isMemory(insn)) return [word]
  const before: number[] = []
  const update = /ux?$/.test(insn.mnemonic)
  if (update) before.push(assemble(`mr r${SCRATCH},r${BASE}`, 0n))
  word = set(word, 'ra', update ? SCRATCH : BASE)
  if (names.has('rt') && update && extract(word, fieldNamed('rt')) === SCRATCH) word = set(word, 'rt', 3)
  if (names.has('d')) word = set(word, 'd', random.below(400) - 200)
  if (names.has('ds')) word = set(word, 'ds', 4 * (random.below(100) - 50))
  if (names.has('dq')) word = set(word, 'dq', 16 * (random.below(24) - 12))
  if (names.has('rb')) word = set(word, 'rb', INDEX)
  // Of dcbf, 2 is reserved, and QEMU 7.2 does not know 3 (Power ISA 3.0C II 4.3.2).
  if (names.has('l9')) word = set(word, 'l9', random.below(2))
  if (/arx$|cx\.$/.test(insn.mnemonic)) return reservation(insn, word, random)
  // A pair of registers begins with an even one.
  if (/^(l|st)q$/.test(insn.mnemonic))
    word = set(set(word, 'rt', 2 * random.below(14)), 'ds', 16 * (random.below(24) - 12))
  return [...before, word]
}

/** Writes to FPSCR leave the enables alone: an exception ends a user program. So they do with the rounding mode. */
function withoutEnables(insn: Insn, word: number, random: Random): number {
  const field = random.below(6)
  if (insn.mnemonic.startsWith('mtfsb')) return set(word, 'n6_10', random.below(24))
  if (insn.mnemonic.startsWith('mtfsfi')) return set(set(word, 'n15_15', 0), 'n6_8', field)
  return set(set(set(word, 'n7_14', random.below(64) << 2), 'n6_6', 0), 'n15_15', 0)
}

/**
 * Multiples and strings of a length that spares the registers that a case needs: the base of a multiple is r3, and r31 comes back
 * afterwards. Bases and indices among the registers that are loaded are invalid forms.
 */
function multiple(insn: Insn, word: number, random: Random): number[] {
  const { mnemonic } = insn
  if (mnemonic.endsWith('mw')) {
    const own = set(set(set(word, 'rt', 4 + random.below(28)), 'ra', 3), 'd', random.below(200) - 200)
    return [assemble(`mr r3,r${BASE}`, 0n), own, assemble(`mr r${BASE},r3`, 0n)]
  }
  const own = set(set(word, 'rt', random.below(19)), 'ra', BASE)
  if (mnemonic.endsWith('i')) return [set(own, 'nb', 1 + random.below(32))]
  const length = [assemble(`li r${SCRATCH},${1 + random.below(40)}`, 0n), assemble(`mtxer r${SCRATCH}`, 0n)]
  return [...length, set(own, 'rb', INDEX)]
}

/** Load and reserve with a store conditional of the same size behind (other sizes are undefined). */
function reservation(insn: Insn, word: number, random: Random): number[] {
  const size = insn.mnemonic[insn.mnemonic.startsWith('l') ? 1 : 2]!
  // A pair of registers begins with an even one, which is none of the address (RA=0).
  const register = (): number => (size === 'q' ? 2 + 2 * random.below(13) : random.below(SCRATCH))
  const at = (mnemonic: string): number => assemble(`${mnemonic} r${register()},0,r${BASE}`, 0n)
  const own = set(set(set(word, 'ra', 0), 'rb', BASE), 'rt', register())
  if (insn.mnemonic.startsWith('l')) return size === 'q' ? [own] : [own, at(`st${size}cx.`)]
  // Without a reservation, with one, and with one that was used up.
  return random.pick([[own], [at(`l${size}arx`), own], [at(`l${size}arx`), at(`st${size}cx.`), own]])
}

/** A branch over one instruction. What branches to LR or CTR gets the address there first. */
function branch(insn: Insn, word: number, random: Random): number[] {
  const skipped = assemble(`addi r${random.below(SCRATCH)},r${random.below(32)},${random.below(100)}`, 0n)
  const mnemonic = insn.mnemonic
  if (/^bcl?$|^bl?$/.test(mnemonic)) return [set(word, mnemonic.startsWith('bc') ? 'bd' : 'li', 8), skipped]
  const register = mnemonic.startsWith('bcctr') ? 'mtctr' : mnemonic.startsWith('bctar') ? `mtspr ${TAR},` : 'mtlr'
  return [
    assemble(`lnia r${SCRATCH}`, 0n),
    assemble(`addi r${SCRATCH},r${SCRATCH},16`, 0n),
    assemble(`${register} r${SCRATCH}`.replace(', ', ','), 0n),
    word,
    skipped,
  ]
}

export function randomCase(random: Random, address: number, insns: readonly Insn[]): Case {
  const groups = insns.map((insn) => randomWords(insn, random))
  const data = new Uint8Array(CASE_BYTES)
  const view = new DataView(data.buffer)
  for (let i = 0; i < CASE_BYTES; i += 4) view.setUint32(i, random.word(), true)
  for (let r = 0; r < 32; r++) view.setBigUint64(BEFORE + 8 * r, random.value(), true)
  for (let r = 0; r < 2 * VSCR; r++) view.setBigUint64(VECTORS_BEFORE + 8 * r, random.element(), true)
  const decimals = insns.some(({ mnemonic }) => DECIMAL.test(mnemonic))
  if (decimals) setDecimals(view, insns, random)
  if (insns.some(({ mnemonic }) => PACKED.test(mnemonic))) setPackedDecimals(view, insns, random)
  // VSCR: NJ and SAT.
  view.setBigUint64(VECTORS_BEFORE + 16 * VSCR, BigInt(random.pick([0, 0, 0, 1, 0x1_0000])), true)
  view.setBigUint64(VECTORS_BEFORE + 16 * VSCR + 8, 0n, true)
  // FPSCR: exceptions of before, and the rounding mode; no enables, which a user program would be interrupted by.
  const negated = insns.some(({ mnemonic }) => NEGATED.test(mnemonic))
  // FX is set with them: QEMU 7.2 sets it also for an exception that was there before (Power ISA 3.0C I 4.2.2).
  // Decimal instructions: QEMU 7.2 takes the rounding mode of binary ones for VE (Power ISA 3.0C I 4.2.2).
  const modes = decimals ? [0] : negated ? [0, 0, 0, 1] : [0, 0, 0, 1, 2, 3]
  const exceptions = random.pick([0, 0, (random.word() & 0x1ff8_0700) | 0x8000_0000])
  view.setBigUint64(
    VECTORS_BEFORE + 16 * FPSCR,
    BigInt((exceptions | random.pick(modes)) >>> 0) | (decimals ? BigInt(random.below(8)) << 32n : 0n),
    true,
  )
  view.setBigUint64(VECTORS_BEFORE + 16 * FPSCR + 8, 0n, true)
  view.setBigUint64(BEFORE + 8 * INDEX, BigInt(random.below(200)), true)
  view.setBigUint64(BEFORE + 8 * BASE, BigInt(address + MIDDLE), true)
  view.setBigUint64(BEFORE + 8 * 32, BigInt(random.word()), true)
  // XER: SO, OV, CA, OV32, CA32 and the count.
  view.setBigUint64(BEFORE + 8 * 33, BigInt((random.word() & 0xe00c_007f) >>> 0), true)
  view.setBigUint64(BEFORE + 8 * 34, random.value(), true)
  view.setBigUint64(BEFORE + 8 * 35, random.value(), true)
  return { groups, words: groups.flat(), vectors: insns.some(({ facility }) => facility !== undefined), data }
}

/** A program as it stands in memory. */
export interface Program {
  readonly code: Uint8Array
  readonly data: Uint8Array
  readonly cases: readonly Case[]
  readonly littleEndian: boolean
}

/**
 * The data of cases in the other byte order: each register is turned round, the window stays as it is. FPSCR is loaded as one
 * doubleword, all other vectors as a whole.
 */
export function inOtherOrder(data: Uint8Array): Uint8Array {
  const turned = data.slice()
  for (let base = 0; base < data.length; base += CASE_BYTES) {
    const turn = (from: number, to: number, size: number): void => {
      for (let at = base + from; at < base + to; at += size) turned.subarray(at, at + size).reverse()
    }
    turn(BEFORE, WINDOW, 8)
    for (const vectors of [VECTORS_BEFORE, VECTORS_AFTER]) {
      turn(vectors, vectors + 16 * FPSCR, 16)
      turn(vectors + 16 * FPSCR, vectors + 16 * FPSCR + 16, 8)
    }
  }
  return turned
}

/** Puts cases into one program, which at the end writes all their data to standard output. */
export function makeProgram(cases: readonly Case[], littleEndian = true): Program {
  const words = [...ROUTINES]
  const data = new Uint8Array(cases.length * CASE_BYTES)
  const view = new DataView(data.buffer)
  let address = FIRST_CASE
  for (const [i, one] of cases.entries()) {
    const code = caseCode(one.words, one.vectors, address)
    words.push(...code)
    data.set(one.data, i * CASE_BYTES)
    view.setBigUint64(i * CASE_BYTES + START, BigInt(address + 4), true)
    address += 4 * code.length
    view.setBigUint64(i * CASE_BYTES + NEXT, BigInt(address), true)
  }
  words.push(...endingCode(data.length))
  const code = new Uint8Array(words.length * 4)
  const codeView = new DataView(code.buffer)
  for (const [i, word] of words.entries()) codeView.setUint32(4 * i, word, littleEndian)
  return { code, data: littleEndian ? data : inOtherOrder(data), cases, littleEndian }
}

/** Value of a register after a case. @param index 0..31 a GPR, 32.. one of {@link SAVED} */
export function savedRegister(data: Uint8Array, index: number): bigint {
  return new DataView(data.buffer, data.byteOffset).getBigUint64(AFTER + 8 * index, true)
}

/** A vector-scalar register after a case, or VSCR behind the last of them. */
export const savedVector = (data: Uint8Array, index: number): bigint => vectorAt(data, VECTORS_AFTER + 16 * index)
export const vectorBefore = (data: Uint8Array, index: number): bigint => vectorAt(data, VECTORS_BEFORE + 16 * index)
function vectorAt(data: Uint8Array, at: number): bigint {
  const view = new DataView(data.buffer, data.byteOffset)
  return view.getBigUint64(at, true) | (view.getBigUint64(at + 8, true) << 64n)
}

/** FPSCR[FR], which QEMU 7.2 does not compute (Power ISA 3.0C I 4.2.2). */
const FRACTION_ROUNDED = 0x4_0000n
/** Singles: QEMU 7.2 takes the class of the double that holds the result, which is never denormal (Power ISA 3.0C I 4.2.2). */
const SINGLE_RESULT = /^(f(add|sub|mul|div|sqrt|re|rsqrte|n?madd|n?msub|cfidu?)s|frsp|xs.*sp|xsrsp)\.?$/
const RESULT_CLASS = 0x1_0000n
/**
 * FPRF is undefined after a conversion to an integer; QEMU 7.2 leaves it after some conversions from one, and
 * sets C for an ordered comparison of NaNs (Power ISA 3.0C I 4.6.7, 4.6.8). It has no class for what denbcd refuses (I 5.6.6).
 */
const NO_CLASS = /^(denbcd|fcmpo|fcti|fcfi|xscv(dp|qp)[su]|xscv[su]xd)/
const CLASS = 0x1_f000n
/** The left word is undefined (Power ISA 3.0C I 4.6.7). */
const LEFT_UNDEFINED = /^fctiw/
/** Negated fused products: QEMU 7.2 rounds after the negation, the book before it (Power ISA 3.0C I 4.6.6.2). */
const NEGATED = /^(fn|x[sv]n)m(add|sub)/

/**
 * Vectors whose elements raise several exceptions: QEMU 7.2 records only one of OX, UX, ZX, and not VXSNAN beside VXIMZ; after an
 * invalid operation it clears FI (Power ISA 3.0C I 7.4, 7.6.1.3).
 */
const VECTOR_ARITHMETIC = /^xv/
const FUSED = /^(f|x[sv])n?m(add|sub)/
const [OX, UX, ZX, VXSNAN, VXIMZ, FI] = [1n << 28n, 1n << 27n, 1n << 26n, 1n << 24n, 1n << 20n, 1n << 17n]
function withoutMissed(fpscr: bigint, mnemonic: string): bigint {
  let defined = fpscr
  if (VECTOR_ARITHMETIC.test(mnemonic)) {
    defined &= ~FI
    if ((fpscr & OX) !== 0n) defined &= ~UX
    if ((fpscr & ZX) !== 0n) defined &= ~(OX | UX)
  }
  if (FUSED.test(mnemonic) && (fpscr & VXIMZ) !== 0n) defined &= ~VXSNAN
  return defined
}

/** Comparisons leave FI as it was; QEMU 7.2 clears it, and never after decimal instructions (Power ISA 3.0C I 4.6.8, 5.5.10.5, 7.6.1.4). */
const KEEPS_INEXACT = /^(fcmp|x[sv]cmp|x[sv](max|min))/
const INEXACT = 0x2_0000n

/** Drops what cannot be compared: FR, and the doubleword that {@link leavesHalfUndefined} is about. */
export function withoutUndefined(data: Uint8Array, words: readonly number[]): void {
  const view = new DataView(data.buffer, data.byteOffset)
  const fpscr = VECTORS_AFTER + 16 * FPSCR
  view.setBigUint64(fpscr, view.getBigUint64(fpscr, true) & ~FRACTION_ROUNDED, true)
  withoutUndefinedDecimals(view, words)
  withoutUndefinedPacked(view, words)
  for (const word of words) {
    const insn = decode(word)
    const target = insn?.operands[0]?.field
    if (insn) view.setBigUint64(fpscr, withoutMissed(view.getBigUint64(fpscr, true), insn.mnemonic), true)
    if (insn && SINGLE_RESULT.test(insn.mnemonic))
      view.setBigUint64(fpscr, view.getBigUint64(fpscr, true) & ~RESULT_CLASS, true)
    if (insn && (KEEPS_INEXACT.test(insn.mnemonic) || (words.length > 1 && DECIMAL.test(insn.mnemonic))))
      view.setBigUint64(fpscr, view.getBigUint64(fpscr, true) & ~INEXACT, true)
    if (insn && NO_CLASS.test(insn.mnemonic)) view.setBigUint64(fpscr, view.getBigUint64(fpscr, true) & ~CLASS, true)
    if (insn && target && LEFT_UNDEFINED.test(insn.mnemonic))
      view.setUint32(VECTORS_AFTER + 16 * extract(word, target) + 12, 0, true)
    if (!insn || !target || !leavesHalfUndefined(insn)) continue
    const register = extract(word, target) + (target.kind === 'vr' ? 32 : 0)
    view.setBigUint64(VECTORS_AFTER + 16 * register, 0n, true)
  }
}

/** XER without its reserved bits, which QEMU keeps. */
const XER_DEFINED = 0xe00c_007fn
export function withoutReservedXer(data: Uint8Array): void {
  const view = new DataView(data.buffer, data.byteOffset)
  view.setBigUint64(AFTER + 8 * 33, view.getBigUint64(AFTER + 8 * 33, true) & XER_DEFINED, true)
}

export const windowOf = (data: Uint8Array): Uint8Array => data.subarray(WINDOW, WINDOW + WINDOW_BYTES)
export const beforeOf = (data: Uint8Array, index: number): bigint =>
  new DataView(data.buffer, data.byteOffset).getBigUint64(BEFORE + 8 * index, true)
