/**
 * Makes random programs for the comparison with QEMU: each case loads all registers, executes a few random instructions and
 * stores all registers; many cases make one program.
 */
import { assemble } from '../../../debug-adapter/machine/cpu/isa/assemble.ts'
import { extract, type Field, fieldNamed, insert } from '../../../debug-adapter/machine/cpu/isa/fields.ts'
import type { Insn } from '../../../debug-adapter/machine/cpu/isa/insn.ts'
import { decode, TABLE } from '../../../debug-adapter/machine/cpu/isa/table.ts'
import type { Random } from './random.ts'

export const CODE = 0x10_0000
export const DATA = 0x40_0000
/** Bytes of one case's data: 36 registers before, 36 after, and a window that loads and stores go to. */
const BEFORE = 0
const AFTER = 320
const WINDOW = 640
const WINDOW_BYTES = 512
/** 64 vector-scalar registers, VSCR and FPSCR, before and after; used by cases with an instruction that needs them. */
const VECTORS = 66
const [VSCR, FPSCR] = [64, 65]
const VECTORS_BEFORE = WINDOW + WINDOW_BYTES
const VECTORS_AFTER = VECTORS_BEFORE + 16 * VECTORS
export const CASE_BYTES = VECTORS_AFTER + 16 * VECTORS
/** Bytes of the sequence that names a register: 32 GPRs, then these. */
export const SAVED = ['cr', 'xer', 'lr', 'ctr'] as const

/** Points at the middle of the window, holds a small index, and is scratch: instructions of a case do not write the first two. */
const [BASE, INDEX, SCRATCH] = [31, 30, 29]
const MIDDLE = WINDOW + WINDOW_BYTES / 2

/** Instructions whose result is undefined by the book for some operands, or not the same for a user program. */
const LEFT_OUT = new Set([
  'darn',
  'mftb',
  'mfspr',
  'mtspr',
  'sc',
  'scv',
  'wait',
  'lmw',
  'stmw',
  'lswi',
  'lswx',
  'stswi',
  'stswx',
  'bctar',
  'bctarl',
  'dcbz',
  'lq',
  'stq',
  'lqarx',
  'stqcx.',
  'tw',
  'twi',
  'td',
  'tdi',
  'addpcis',
  'clrbhrb',
  'icbt',
  'addex',
  'icbi',
  'dcbst',
  'dcbf',
  // QEMU 7.2 keeps reserved bits of VSCR that it writes (Power ISA 3.0C I 6.3.2).
  'mtvscr',
  // Estimates: how near they come is the processor's (Power ISA 3.0C I 6.12.6).
  'vrefp',
  'vrsqrtefp',
  'vexptefp',
  'vlogefp',
  // They may enable exceptions, which end a user program.
  'mtfsb1',
  'mtfsb1.',
  'mtfsfi',
  'mtfsfi.',
  'mtfsf',
  'mtfsf.',
  'fre',
  'fre.',
  'fres',
  'fres.',
  'frsqrte',
  'frsqrte.',
  'frsqrtes',
  'frsqrtes.',
])

/** QEMU 7.2 misses the overflow of quotients from 2^63 to 2^64; these have a test of their own. */
const QEMU_DIFFERS = /^divdeo?\.?$/

/**
 * These leave doubleword 1 of their target undefined (Power ISA 3.0C I 7.6.1.1, 7.6.1.2): zero here, the old value in QEMU. Each is
 * compared alone, without that doubleword.
 */
const HALF_DEFINED = /^(lxs(d|s|iw[az]|[ib]?[bh]z|ib|ih)|mtvsr(d$|w[az]))/
export const leavesHalfUndefined = ({ mnemonic }: Insn): boolean => HALF_DEFINED.test(mnemonic)

const isMemory = (insn: Insn): boolean =>
  /^(l|st)([bhwdfvx])/.test(insn.mnemonic) && !/^(ldmx|lvs[lr])$/.test(insn.mnemonic)
const isBranch = (insn: Insn): boolean => /^b(?!perm)/.test(insn.mnemonic)

/** What can be compared: everything that a user program may execute and that has one result. */
export const COMPARED: readonly Insn[] = TABLE.filter(
  (insn) =>
    insn.privilege === 'problem' &&
    !LEFT_OUT.has(insn.mnemonic) &&
    !QEMU_DIFFERS.test(insn.mnemonic) &&
    !(isBranch(insn) && insn.absolute),
)

export interface Case {
  /** The instructions under test, as words. */
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
  const indexed = BYTES[/^vextu([bhw])[lr]x$/.exec(insn.mnemonic)?.[1] ?? '']
  if (indexed) {
    const index = assemble(`li r${SCRATCH},${random.below(17 - indexed)}`, 0n)
    return [index, set(word, 'ra', SCRATCH)]
  }
  // More than one field is undefined.
  if (/ocrf$/.test(insn.mnemonic)) word = set(word, 'fxm', 1 << random.below(8))
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
  if (/arx$|cx\.$/.test(insn.mnemonic)) return reservation(insn, word, random)
  return [...before, word]
}

/** Load and reserve with a store conditional of the same size behind (other sizes are undefined). */
function reservation(insn: Insn, word: number, random: Random): number[] {
  const at = (mnemonic: string): number => assemble(`${mnemonic} r${random.below(SCRATCH)},0,r${BASE}`, 0n)
  const own = set(set(word, 'ra', 0), 'rb', BASE)
  const size = insn.mnemonic[insn.mnemonic.startsWith('l') ? 1 : 2]!
  if (insn.mnemonic.startsWith('l')) return [own, at(`st${size}cx.`)]
  // Without a reservation, with one, and with one that was used up.
  return random.pick([[own], [at(`l${size}arx`), own], [at(`l${size}arx`), at(`st${size}cx.`), own]])
}

/** A branch over one instruction. What branches to LR or CTR gets the address there first. */
function branch(insn: Insn, word: number, random: Random): number[] {
  const skipped = assemble(`addi r${random.below(SCRATCH)},r${random.below(32)},${random.below(100)}`, 0n)
  const mnemonic = insn.mnemonic
  if (/^bcl?$|^bl?$/.test(mnemonic)) return [set(word, mnemonic.startsWith('bc') ? 'bd' : 'li', 8), skipped]
  const register = mnemonic.startsWith('bcctr') ? 'ctr' : 'lr'
  return [
    assemble(`lnia r${SCRATCH}`, 0n),
    assemble(`addi r${SCRATCH},r${SCRATCH},16`, 0n),
    assemble(`mt${register} r${SCRATCH}`, 0n),
    word,
    skipped,
  ]
}

export function randomCase(random: Random, address: number, insns: readonly Insn[]): Case {
  const words = insns.flatMap((insn) => randomWords(insn, random))
  const data = new Uint8Array(CASE_BYTES)
  const view = new DataView(data.buffer)
  for (let i = 0; i < CASE_BYTES; i += 4) view.setUint32(i, random.word(), true)
  for (let r = 0; r < 32; r++) view.setBigUint64(BEFORE + 8 * r, random.value(), true)
  for (let r = 0; r < 2 * VSCR; r++) view.setBigUint64(VECTORS_BEFORE + 8 * r, random.element(), true)
  // VSCR: NJ and SAT.
  view.setBigUint64(VECTORS_BEFORE + 16 * VSCR, BigInt(random.pick([0, 0, 0, 1, 0x1_0000])), true)
  view.setBigUint64(VECTORS_BEFORE + 16 * VSCR + 8, 0n, true)
  // FPSCR: exceptions of before, and the rounding mode; no enables, which a user program would be interrupted by.
  const negated = insns.some(({ mnemonic }) => NEGATED.test(mnemonic))
  // FX is set with them: QEMU 7.2 sets it also for an exception that was there before (Power ISA 3.0C I 4.2.2).
  const exceptions = random.pick([0, 0, (random.word() & 0x1ff8_0700) | 0x8000_0000])
  view.setBigUint64(
    VECTORS_BEFORE + 16 * FPSCR,
    BigInt((exceptions | random.pick(negated ? [0, 0, 0, 1] : [0, 0, 0, 1, 2, 3])) >>> 0),
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
  return { words, vectors: insns.some(({ facility }) => facility !== undefined), data }
}

const encoded = new Map<string, number>()
/** Programs hold the same lines over and over. */
function line(text: string): number {
  let word = encoded.get(text)
  if (word === undefined) encoded.set(text, (word = assemble(text, 0n)))
  return word
}

/** The code of one case: load, execute, store. */
function codeOf({ words, vectors }: Case, address: number): number[] {
  const lines = [`lis r31,${(address + MIDDLE) >> 16}`, `ori r31,r31,${(address + MIDDLE) & 0xffff}`].map((text) =>
    line(text),
  )
  const vectorLines = (text: string, from: number): void => {
    for (let v = 0; v < 64; v++) lines.push(line(`li r3,${from - MIDDLE + 16 * v}`), line(`${text} vs${v},r31,r3`))
  }
  const vscrAt = (from: number): number => line(`li r3,${from - MIDDLE + 16 * VSCR}`)
  if (vectors) {
    lines.push(vscrAt(VECTORS_BEFORE), line('lxvx vs32,r31,r3'), line('mtvscr v0'))
    lines.push(line(`lfd f0,${VECTORS_BEFORE - MIDDLE + 16 * FPSCR}(r31)`), line('mtfsf 255,f0,1,0'))
    vectorLines('lxvx', VECTORS_BEFORE)
  }
  const special = [
    ['mtcr', 32],
    ['mtxer', 33],
    ['mtlr', 34],
    ['mtctr', 35],
  ] as const
  for (const [mnemonic, i] of special) lines.push(line(`ld r3,${BEFORE - MIDDLE + 8 * i}(r31)`), line(`${mnemonic} r3`))
  for (let r = 0; r < 31; r++) lines.push(line(`ld r${r},${BEFORE - MIDDLE + 8 * r}(r31)`))
  lines.push(...words)
  for (let r = 0; r < 32; r++) lines.push(line(`std r${r},${AFTER - MIDDLE + 8 * r}(r31)`))
  for (const [i, mnemonic] of ['mfcr', 'mfxer', 'mflr', 'mfctr'].entries())
    lines.push(line(`${mnemonic} r3`), line(`std r3,${AFTER - MIDDLE + 8 * (32 + i)}(r31)`))
  if (vectors) {
    vectorLines('stxvx', VECTORS_AFTER)
    lines.push(line('mfvscr v0'), vscrAt(VECTORS_AFTER), line('stxvx vs32,r31,r3'))
    lines.push(line('mffs f0'), line(`stfd f0,${VECTORS_AFTER - MIDDLE + 16 * FPSCR}(r31)`))
  }
  return lines
}

export interface Program {
  readonly code: Uint8Array
  readonly data: Uint8Array
  readonly cases: readonly Case[]
}

/** Puts cases into one program, which at the end writes all their data to standard output (a Linux system call). */
export function makeProgram(cases: readonly Case[]): Program {
  const words = cases.flatMap((one, i) => codeOf(one, DATA + i * CASE_BYTES))
  const bytes = cases.length * CASE_BYTES
  const ending = [
    'li r0,4',
    'li r3,1',
    `lis r4,${DATA >> 16}`,
    `lis r5,${bytes >> 16}`,
    `ori r5,r5,${bytes & 0xffff}`,
    'sc',
    'li r0,1',
    'li r3,0',
    'sc',
  ]
  words.push(...ending.map((text) => assemble(text, 0n)))
  const code = new Uint8Array(words.length * 4)
  const view = new DataView(code.buffer)
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word, true)
  const data = new Uint8Array(bytes)
  for (const [i, one] of cases.entries()) data.set(one.data, i * CASE_BYTES)
  return { code, data, cases }
}

/** Value of a register after a case. @param index 0..31 a GPR, 32.. one of {@link SAVED} */
export function savedRegister(data: Uint8Array, index: number): bigint {
  return new DataView(data.buffer, data.byteOffset).getBigUint64(AFTER + 8 * index, true)
}

/** A vector-scalar register after a case, or VSCR behind the last of them. */
export const savedVector = (data: Uint8Array, index: number): bigint => vectorAt(data, VECTORS_AFTER + 16 * index)
export const vectorBefore = (data: Uint8Array, index: number): bigint => vectorAt(data, VECTORS_BEFORE + 16 * index)
export const VECTOR_COUNT = VECTORS
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
 * sets C for an ordered comparison of NaNs (Power ISA 3.0C I 4.6.7, 4.6.8).
 */
const NO_CLASS = /^(fcmpo|fcti|fcfi|xscv(dp|qp)[su]|xscv[su]xd)/
const CLASS = 0x1_f000n
/** The left word is undefined (Power ISA 3.0C I 4.6.7). */
const LEFT_UNDEFINED = /^fctiw/
/** Negated fused products: QEMU 7.2 rounds after the negation, the book before it (Power ISA 3.0C I 4.6.6.2). */
const NEGATED = /^(fn|x[sv]n)m(add|sub)/

/** Drops what cannot be compared: FR, and the doubleword that {@link leavesHalfUndefined} is about. */
export function withoutUndefined(data: Uint8Array, words: readonly number[]): void {
  const view = new DataView(data.buffer, data.byteOffset)
  const fpscr = VECTORS_AFTER + 16 * FPSCR
  view.setBigUint64(fpscr, view.getBigUint64(fpscr, true) & ~FRACTION_ROUNDED, true)
  for (const word of words) {
    const insn = decode(word)
    const target = insn?.operands[0]?.field
    if (insn && SINGLE_RESULT.test(insn.mnemonic))
      view.setBigUint64(fpscr, view.getBigUint64(fpscr, true) & ~RESULT_CLASS, true)
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
