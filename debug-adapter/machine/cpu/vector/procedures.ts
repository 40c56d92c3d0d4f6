/** Vector instructions (Power ISA 3.0C I 6) that are written out. */
import type { Core } from '../core.ts'
import { extract, fieldNamed } from '../isa/fields.ts'
import type { Procedure } from '../procedures.ts'
import { CIPHER, sigma } from './cipher.ts'
import { fromBytes, split, toBytes } from './elements.ts'
import { COMPARE, FLOAT, fromFixed, toFixed } from './float.ts'
import { INTEGER, type Operation, type Result } from './integer.ts'

const get = (word: number, name: string): number => extract(word, fieldNamed(name))
const vr = (core: Core, word: number, name: 'vrt' | 'vra' | 'vrb' | 'vrc'): bigint =>
  core.state.vsr(32 + get(word, name))

const SAT = 1
const NJ = 0x1_0000
const nonJava = (core: Core): boolean => (core.state.small('vscr') & NJ) !== 0

function give(core: Core, word: number, result: Result): false {
  const value = typeof result === 'bigint' ? result : result.value
  core.state.setVsr(32 + get(word, 'vrt'), value)
  if (typeof result !== 'bigint' && result.saturated) core.state.setSmall('vscr', core.state.small('vscr') | SAT)
  return false
}

const operation =
  (of: Operation): Procedure =>
  (core, word) =>
    give(
      core,
      word,
      of({ a: vr(core, word, 'vra'), b: vr(core, word, 'vrb'), c: vr(core, word, 'vrc'), t: vr(core, word, 'vrt') }),
    )

/** One, two or three operands, as the form has them. */
const floating =
  (name: string): Procedure =>
  (core, word, insn) => {
    const fields = insn.fields.map((field) => field.name)
    const operands = (['vra', 'vrb', 'vrc'] as const).filter((field) => fields.includes(field))
    return give(core, word, FLOAT[name]!(nonJava(core), ...operands.map((field) => vr(core, word, field))))
  }

/** With Rc, CR6 says whether all or none of the elements compare true; for bounds, whether all are inside. */
const comparison =
  (name: string): Procedure =>
  (core, word, insn) => {
    const result = COMPARE[name]!(nonJava(core), vr(core, word, 'vra'), vr(core, word, 'vrb'))
    give(core, word, result)
    if (!insn.mnemonic.endsWith('.')) return false
    const { state } = core
    const all = name !== 'vcmpbfp' && result === (1n << 128n) - 1n ? 8 : 0
    const none = result === 0n ? 2 : 0
    state.cr = ((state.cr & ~0xf0) | ((all | none) << 4)) >>> 0
    return false
  }

const fixed =
  (signed: boolean, to: boolean): Procedure =>
  (core, word) => {
    const [b, scale] = [vr(core, word, 'vrb'), get(word, 'n11_15')]
    return give(core, word, to ? toFixed(b, scale, signed, nonJava(core)) : fromFixed(b, scale, signed))
  }

/** `size` bytes of VRB from byte UIM on, at the right end of doubleword 0. */
const extractElement =
  (size: number): Procedure =>
  (core, word) => {
    const from = get(word, 'n12_15')
    const value = BigInt.asUintN(8 * size, vr(core, word, 'vrb') >> BigInt(Math.max(0, 8 * (16 - size - from))))
    return give(core, word, value << 64n)
  }

/** The right end of doubleword 0 of VRB into bytes UIM and on of VRT. */
const insertElement =
  (size: number): Procedure =>
  (core, word) => {
    const at = get(word, 'n12_15')
    const source = toBytes(vr(core, word, 'vrb')).slice(8 - size, 8)
    const target = toBytes(vr(core, word, 'vrt'))
    for (const [i, byte] of source.entries()) if (at + i < 16) target[at + i] = byte
    return give(core, word, fromBytes(target))
  }

/** An element of VRB by the byte number in RA, which counts from the left or from the right, to a general register. */
const extractIndexed =
  (size: number, left: boolean): Procedure =>
  (core, word) => {
    const index = Number(core.state.gpr(get(word, 'ra')) & 15n)
    const shift = 8 * (left ? 16 - size - index : index)
    const b = vr(core, word, 'vrb')
    core.state.setGpr(get(word, 'rt'), BigInt.asUintN(8 * size, shift >= 0 ? b >> BigInt(shift) : b << BigInt(-shift)))
    return false
  }

/** How many bytes from one end on have their last bit 0. */
const countBytes =
  (fromLeft: boolean): Procedure =>
  (core, word) => {
    const bytes = toBytes(vr(core, word, 'vrb'))
    if (!fromLeft) bytes.reverse()
    const index = bytes.findIndex((byte) => (byte & 1) !== 0)
    core.state.setGpr(get(word, 'rt'), BigInt(index < 0 ? 16 : index))
    return false
  }

const shaSigma =
  (bits: 32 | 64): Procedure =>
  (core, word) =>
    give(core, word, sigma(vr(core, word, 'vra'), bits, get(word, 'n16_16'), get(word, 'n17_20')))

/** VRA times ten, plus a decimal digit: the low 128 bits, or what is carried out of them. */
const timesTen =
  (digit: boolean, carry: boolean): Procedure =>
  (core, word) => {
    const last = digit ? split(vr(core, word, 'vrb'), 8)[15]! & 15n : 0n
    const product = vr(core, word, 'vra') * 10n + last
    return give(core, word, carry ? product >> 128n : BigInt.asUintN(128, product))
  }

const named = (table: object, make: (name: string) => Procedure): Record<string, Procedure> =>
  Object.fromEntries(Object.keys(table).map((name) => [name, make(name)]))

export const VECTOR_PROCEDURES: Readonly<Record<string, Procedure>> = {
  ...named(INTEGER, (name) => operation(INTEGER[name]!)),
  ...named(CIPHER, (name) => operation(CIPHER[name]!)),
  ...named(FLOAT, floating),
  ...named(COMPARE, comparison),
  vcfux: fixed(false, false),
  vcfsx: fixed(true, false),
  vctuxs: fixed(false, true),
  vctsxs: fixed(true, true),
  vextractub: extractElement(1),
  vextractuh: extractElement(2),
  vextractuw: extractElement(4),
  vextractd: extractElement(8),
  vinsertb: insertElement(1),
  vinserth: insertElement(2),
  vinsertw: insertElement(4),
  vinsertd: insertElement(8),
  vextublx: extractIndexed(1, true),
  vextuhlx: extractIndexed(2, true),
  vextuwlx: extractIndexed(4, true),
  vextubrx: extractIndexed(1, false),
  vextuhrx: extractIndexed(2, false),
  vextuwrx: extractIndexed(4, false),
  vclzlsbb: countBytes(true),
  vctzlsbb: countBytes(false),
  vshasigmaw: shaSigma(32),
  vshasigmad: shaSigma(64),
  vmul10uq: timesTen(false, false),
  vmul10cuq: timesTen(false, true),
  vmul10euq: timesTen(true, false),
  vmul10ecuq: timesTen(true, true),
}
