import { MSR } from '../msr.ts'
import * as e from './expr.ts'
import { type Encoding, type Field, fieldNamed, parseEncoding } from './fields.ts'

/** Who may execute an instruction; anybody else gets the interrupt of `privilege.ts`. */
export type Privilege = 'problem' | 'supervisor' | 'hypervisor' | 'ultravisor'

/**
 * A facility that MSR switches on; off, its instructions raise an interrupt of its own. Of two, the second one counts where bit
 * 31 of the word is set, which makes the register one of the upper 32.
 */
export type Facility = 'FP' | 'VEC' | 'VSX' | 'FP/VEC' | 'VSX/VEC'

const FACILITIES = {
  FP: { bit: MSR.FP, vector: 0x800 },
  VEC: { bit: MSR.VEC, vector: 0xf20 },
  VSX: { bit: MSR.VSX, vector: 0xf40 },
}

/** Bit of MSR, and vector of the interrupt, of a facility as `word` uses it (Power ISA 3.0C III 6.5.8, 6.5.24, 6.5.25). */
export function facilityOf(facility: Facility, word: number): { readonly bit: bigint; readonly vector: number } {
  const [low, high = low] = facility.split('/') as [keyof typeof FACILITIES, (keyof typeof FACILITIES)?]
  return FACILITIES[(word & 1) !== 0 ? high : low]
}

/** The guard of an instruction that needs a facility. */
function facilityGuard(facility: Facility): e.Effect {
  const [low, high] = [facilityOf(facility, 0), facilityOf(facility, 1)]
  const odd = e.low(e.and(e.word, 1))
  const pick = (a: number | bigint, b: number | bigint): e.Expr =>
    a === b ? e.i64(a) : e.select(odd, e.i64(b), e.i64(a))
  const bit = pick(low.bit, high.bit)
  return e.raise('facility', e.eqz(e.and(e.state('msr'), bit)), pick(low.vector, high.vector))
}

/** One operand as it is written: a field, or a displacement with its base register, `d(ra0)`. */
export interface Operand {
  readonly field: Field
  /** The base register in parentheses behind a displacement. */
  readonly base?: Field
  /** Register 0 stands for the value 0 and is written `0`. */
  readonly zero: boolean
  /** Left out where it is 0. */
  readonly optional: boolean
}

/** One instruction: everything that decoder, disassembler, assembler, interpreter, compiler and hover text know of it. */
export interface Insn extends Encoding {
  readonly mnemonic: string
  readonly operands: readonly Operand[]
  readonly effects: readonly e.Effect[]
  readonly privilege: Privilege
  readonly facility?: Facility
  /** One sentence for a hover. */
  readonly help: string
  /** A branch target counts from 0 instead of from the instruction's address. */
  readonly absolute: boolean
}

/** What a semantic closure sees: fields by name. Registers are values (and what `set` writes), all else is a number. */
export type Operands = Readonly<Record<string, e.Expr>>
/** Which of the optional forms the closure is run for. */
export interface Flags {
  readonly oe: boolean
  readonly rc: boolean
  readonly lk: boolean
  readonly aa: boolean
}
export type Semantics = (operands: Operands, flags: Flags) => e.Effect | readonly e.Effect[]

export interface InsnOptions {
  readonly help?: string
  readonly privilege?: Privilege
  readonly facility?: Facility
}

/** `rt,d(ra0)`, `[bf],ra,rb`: the operands in the order of writing. A trailing 0 on a register means RA|0. */
export function parseOperands(text: string): Operand[] {
  if (text === '') return []
  return text.split(',').map((token) => {
    const [, bracket, name, zero, base, baseZero] = /^(\[?)(r[abs](?=0)|[a-z]+[\d_]*)(0?)(?:\((r[ab])(0?)\))?\]?$/.exec(
      token,
    )!
    return {
      field: fieldNamed(name!),
      ...(base && { base: fieldNamed(base) }),
      zero: zero === '0' || baseZero === '0',
      optional: bracket === '[',
    }
  })
}

const operandOf = (name: string): e.Expr => {
  const zero = /^r[abs]0$/.test(name)
  const field = fieldNamed(zero ? name.slice(0, -1) : name)
  if (field.kind === 'gpr') return { op: 'gpr', type: 'i64', name: field.name, zero }
  if (field.kind === 'fpr') return { op: 'fpr', type: 'i64', name: field.name }
  if (field.kind === 'vr' || field.kind === 'vsr') return { op: 'vsr', type: 'v128', name: field.name }
  return e.field(field.name)
}

/** Gives an operand by name the one expression that stands for it, so that it is recognised where it is used twice. */
function operandScope(): Operands {
  const known = new Map<string, e.Expr>()
  return new Proxy({} as Record<string, e.Expr>, {
    get(_, name) {
      const key = String(name)
      let value = known.get(key)
      if (!value) known.set(key, (value = operandOf(key)))
      return value
    },
  })
}

const OPTIONS = ['aa', 'oe', 'lk', 'rc'] as const

/**
 * Defines an instruction in all its forms: an encoding with `oe`, `rc`, `lk` or `aa` gives a record for each of their values,
 * with the suffixes `o`, `.`, `l` and `a` (Power ISA 3.0C I 1.3.2).
 *
 * @param mnemonic  in lower case, without those suffixes
 * @param pattern   see {@link parseEncoding}
 * @param operands  in the order of writing, see {@link parseOperands}
 * @param semantics runs once a form, returns what the instruction does
 */
export function insn(
  mnemonic: string,
  pattern: string,
  operands: string,
  semantics: Semantics,
  options: InsnOptions = {},
): Insn[] {
  const tokens = pattern.split(' ')
  const forms = OPTIONS.filter((option) => tokens.includes(option))
  return Array.from({ length: 2 ** forms.length }, (_, n) => {
    const flags = { oe: false, rc: false, lk: false, aa: false }
    for (const [i, form] of forms.entries()) flags[form] = (n & (1 << i)) !== 0
    const fixed = tokens.map((token) => (token in flags ? `${token}=${flags[token as keyof Flags] ? 1 : 0}` : token))
    const own = semantics(operandScope(), flags)
    const list = Array.isArray(own) ? (own as readonly e.Effect[]) : [own as e.Effect]
    // A procedure checks by itself.
    const guarded = options.facility && list[0]?.op !== 'call'
    const effects = guarded ? [facilityGuard(options.facility!), ...list] : list
    return {
      ...parseEncoding(fixed.join(' ')),
      mnemonic: `${mnemonic}${flags.oe ? 'o' : ''}${flags.lk ? 'l' : ''}${flags.aa ? 'a' : ''}${flags.rc ? '.' : ''}`,
      operands: parseOperands(operands),
      effects,
      privilege: options.privilege ?? 'problem',
      ...(options.facility && { facility: options.facility }),
      help: options.help ?? '',
      absolute: flags.aa,
    }
  })
}

/** Low or whole of a value, by the mode: what CR0, carry and the counter look at (Power ISA 3.0C I 1.5.2). */
export const inMode = (value: e.Expr): e.Expr => e.select(e.mode64, value, e.ext32(value))

/** The bits LT, GT, EQ of a comparison with SO behind. */
export const condition = (less: e.Expr, greater: e.Expr): e.Expr =>
  e.or(e.select(less, e.i32(8), e.select(greater, e.i32(4), e.i32(2))), e.state('so'))

/** CR0 as a record form leaves it. */
export const setCr0 = (value: e.Expr): e.Effect =>
  e.setCr(e.i64(0), condition(e.ltS(inMode(value), 0), e.gtS(inMode(value), 0)))

/** OV, OV32 and the sticky SO; `so` is what CR0 of the same instruction has to show. */
export function setOverflow(ov: e.Expr, ov32: e.Expr): e.Effect[] {
  return [e.setState('ov', ov), e.setState('ov32', ov32), e.setState('so', e.or(e.state('so'), ov))]
}

/** The result of an instruction with Rc and OE forms. */
export function result(
  target: e.Expr,
  value: e.Expr,
  { rc, oe }: Flags,
  overflow?: { readonly ov: e.Expr; readonly ov32: e.Expr },
): e.Effect[] {
  const effects = [e.set(target, value)]
  const ov = oe && overflow
  if (ov) effects.push(...setOverflow(ov.ov, ov.ov32))
  if (rc) {
    const so = ov ? e.or(e.state('so'), ov.ov) : e.state('so')
    const seen = inMode(value)
    const bits = e.select(e.ltS(seen, 0), e.i32(8), e.select(e.gtS(seen, 0), e.i32(4), e.i32(2)))
    effects.push(e.setCr(e.i64(0), e.or(bits, so)))
  }
  return effects
}

/** One record for each element: families of instructions that differ in one operator. */
export const family = <T>(items: readonly T[], define: (item: T) => Insn[]): Insn[] => items.flatMap(define)
