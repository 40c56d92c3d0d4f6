/**
 * The expression trees that describe what an instruction does.
 *
 * A semantic closure runs once, when the table is made, and returns effects over expressions; nothing is executed here.
 * The meaning of a list of effects: every expression is evaluated in the state before the instruction, guards first, then
 * the effects happen in order. So `[set(rt, load(ea)), set(ra, ea)]` leaves both registers alone where the load faults.
 *
 * Operator names are those of WebAssembly, which is what every back end emits.
 */
import type { SimdName } from './simd.ts'

export type Type = 'i32' | 'i64' | 'v128'

export type BinaryOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div_s'
  | 'div_u'
  | 'rem_s'
  | 'rem_u'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shr_s'
  | 'shr_u'
  | 'rotl'
export type CompareOp = 'eq' | 'ne' | 'lt_s' | 'lt_u' | 'gt_s' | 'gt_u' | 'le_s' | 'le_u' | 'ge_s' | 'ge_u'
export type UnaryOp = 'clz' | 'ctz' | 'popcnt' | 'eqz' | 'extend8_s' | 'extend16_s' | 'extend32_s'

/** Processor state that is not a general purpose register, by the name of its slot in `layout.ts`. */
export type StateName =
  | 'lr'
  | 'ctr'
  | 'msr'
  | 'ca'
  | 'ca32'
  | 'ov'
  | 'ov32'
  | 'so'
  | 'xerCount'
  | 'reserveEa'
  | 'reserveSize'
  | 'fpscr'
  | 'vscr'
const STATE_TYPES: Record<StateName, Type> = {
  lr: 'i64',
  ctr: 'i64',
  msr: 'i64',
  ca: 'i32',
  ca32: 'i32',
  ov: 'i32',
  ov32: 'i32',
  so: 'i32',
  xerCount: 'i32',
  reserveEa: 'i64',
  reserveSize: 'i32',
  fpscr: 'i64',
  vscr: 'i32',
}

/** A function outside the table that computes a 64-bit value from two: for what WebAssembly has no operator. */
export type PureName = 'divde' | 'divdeu' | 'divdeOverflow' | 'darn'

export type Expr =
  | { readonly op: 'const'; readonly type: Type; readonly value: bigint }
  /** A field of the instruction word: constant for one instruction. */
  | { readonly op: 'field'; readonly type: 'i64'; readonly name: string }
  /** The instruction word itself. */
  | { readonly op: 'word'; readonly type: 'i64' }
  /** A general purpose register that a field names; with `zero`, register 0 reads as 0 (`RA|0` in the books). */
  | { readonly op: 'gpr'; readonly type: 'i64'; readonly name: string; readonly zero: boolean }
  /** A floating-point register: doubleword 0 of a vector-scalar register. */
  | { readonly op: 'fpr'; readonly type: 'i64'; readonly name: string }
  /** A vector or vector-scalar register. Lane 0 is its least significant end, so element i of n is lane n-1-i. */
  | { readonly op: 'vsr'; readonly type: 'v128'; readonly name: string }
  /** Where that register is in the WebAssembly memory, for a helper that reads or writes it. */
  | { readonly op: 'place'; readonly type: 'i32'; readonly args: readonly [Fpr | Vsr] }
  | { readonly op: 'state'; readonly type: Type; readonly name: StateName }
  /** Condition register field, 4 bits; `args[0]` is four times its number. */
  | { readonly op: 'cr'; readonly type: 'i32'; readonly args: readonly [Expr] }
  /** Effective address of the instruction. */
  | { readonly op: 'cia'; readonly type: 'i64' }
  /** 1 in 64-bit mode, 0 in 32-bit mode: a constant of the back end, which is made once for each mode. */
  | { readonly op: 'mode64'; readonly type: 'i32' }
  /** MSR[LE] as 0 or 1; likewise. */
  | { readonly op: 'littleEndian'; readonly type: 'i32' }
  | { readonly op: 'binary'; readonly type: Type; readonly name: BinaryOp; readonly args: readonly [Expr, Expr] }
  | { readonly op: 'compare'; readonly type: 'i32'; readonly name: CompareOp; readonly args: readonly [Expr, Expr] }
  | { readonly op: 'unary'; readonly type: Type; readonly name: UnaryOp; readonly args: readonly [Expr] }
  /** i64 to i32 (low half), or i32 to i64 (zeros above). */
  | { readonly op: 'convert'; readonly type: Type; readonly args: readonly [Expr] }
  | { readonly op: 'select'; readonly type: Type; readonly args: readonly [Expr, Expr, Expr] }
  /** Zero-extended value of `size` bytes at an effective address, in the byte order of MSR[LE]. */
  | { readonly op: 'load'; readonly type: 'i64' | 'v128'; readonly size: Size; readonly args: readonly [Expr] }
  /** A vector operator of WebAssembly; `lanes` are the immediate lanes of the operator, or the bytes of a constant. */
  | {
      readonly op: 'simd'
      readonly type: Type
      readonly name: SimdName
      readonly lanes: readonly number[]
      readonly args: readonly Expr[]
    }
  /** A function without side effects that every module has, see `wasm/helpers.ts`. */
  | { readonly op: 'helper'; readonly type: Type; readonly name: string; readonly args: readonly Expr[] }
  | { readonly op: 'pure'; readonly type: 'i64'; readonly name: PureName; readonly args: readonly [Expr, Expr] }

/** Bytes of an access; 16 makes a v128, whose most significant byte is at the lowest address in big-endian mode. */
export type Size = 1 | 2 | 4 | 8 | 16
export type Gpr = Extract<Expr, { op: 'gpr' }>
export type Fpr = Extract<Expr, { op: 'fpr' }>
export type Vsr = Extract<Expr, { op: 'vsr' }>
export type Register = Gpr | Fpr | Vsr

/** Interrupts that an instruction raises by itself. `trap`: Program interrupt, type Trap; `facility`: of the vector given. */
export type RaiseName = 'alignment' | 'trap' | 'facility'

export type Effect =
  /** A floating-point register takes its value in doubleword 0; doubleword 1 becomes 0, as on POWER9. */
  | { readonly op: 'set'; readonly target: Register; readonly value: Expr }
  | { readonly op: 'setState'; readonly name: StateName; readonly value: Expr }
  /** `field` is four times the number of the condition register field. */
  | { readonly op: 'setCr'; readonly field: Expr; readonly value: Expr }
  | { readonly op: 'store'; readonly size: Size; readonly ea: Expr; readonly value: Expr }
  /** Next instruction address where `condition` holds (always where it is absent). Must be the last effect. */
  | { readonly op: 'branch'; readonly target: Expr; readonly condition?: Expr }
  /** A guard: the interrupt is raised and nothing else happens where `condition` holds. */
  | { readonly op: 'raise'; readonly name: RaiseName; readonly condition: Expr; readonly argument: Expr }
  /** Effects that happen only where `condition` holds. */
  | { readonly op: 'when'; readonly condition: Expr; readonly effects: readonly Effect[] }
  /** A procedure of the processor that is written out, see `procedures.ts`. Must be the only effect. */
  | { readonly op: 'call'; readonly name: string }
  /**
   * A helper that does the whole instruction where the case is a common one and gives 1, or changes nothing and gives 0: then
   * the procedure `name` does it. Must be the only effect.
   */
  | { readonly op: 'attempt'; readonly helper: string; readonly args: readonly Expr[]; readonly name: string }

export type Value = Expr | number | bigint
const literal = (value: Value, type: Type): Expr =>
  typeof value === 'object'
    ? value
    : { op: 'const', type, value: BigInt.asUintN(type === 'i64' ? 64 : 32, BigInt(value)) }
/** @throws TypeError where one is 32 bits wide and the other 64 */
function sameType(...values: Value[]): Type {
  const types = new Set(values.flatMap((v) => (typeof v === 'object' ? [v.type] : [])))
  if (types.size > 1) throw new TypeError('an expression mixes i32 and i64: use low() or wide()')
  return [...types][0] ?? 'i64'
}

const binary =
  (name: BinaryOp) =>
  (a: Value, b: Value): Expr => {
    const type = sameType(a, b)
    return { op: 'binary', type, name, args: [literal(a, type), literal(b, type)] }
  }
const compare =
  (name: CompareOp) =>
  (a: Value, b: Value): Expr => {
    const type = sameType(a, b)
    return { op: 'compare', type: 'i32', name, args: [literal(a, type), literal(b, type)] }
  }
const unary =
  (name: UnaryOp) =>
  (a: Expr): Expr => ({
    op: 'unary',
    type: name === 'eqz' ? 'i32' : a.type,
    name,
    args: [a],
  })

export const i64 = (value: number | bigint): Expr => literal(value, 'i64')
export const i32 = (value: number | bigint): Expr => literal(value, 'i32')
export const add = binary('add')
export const sub = binary('sub')
export const mul = binary('mul')
export const divS = binary('div_s')
export const divU = binary('div_u')
export const remS = binary('rem_s')
export const remU = binary('rem_u')
export const and = (first: Value, ...rest: Value[]): Expr => rest.reduce(binary('and'), first) as Expr
export const or = (first: Value, ...rest: Value[]): Expr => rest.reduce(binary('or'), first) as Expr
export const xor = (first: Value, ...rest: Value[]): Expr => rest.reduce(binary('xor'), first) as Expr
export const shl = binary('shl')
export const shrS = binary('shr_s')
export const shrU = binary('shr_u')
export const rotl = binary('rotl')
export const eq = compare('eq')
export const ne = compare('ne')
export const ltS = compare('lt_s')
export const ltU = compare('lt_u')
export const gtS = compare('gt_s')
export const gtU = compare('gt_u')
export const leS = compare('le_s')
export const leU = compare('le_u')
export const geS = compare('ge_s')
export const geU = compare('ge_u')
export const clz = unary('clz')
export const ctz = unary('ctz')
export const popcnt = unary('popcnt')
export const eqz = unary('eqz')
export const ext8 = unary('extend8_s')
export const ext16 = unary('extend16_s')
export const ext32 = unary('extend32_s')
export const not = (a: Expr): Expr => xor(a, -1)
export const neg = (a: Expr): Expr => sub(literal(0, a.type), a)
/** Low half of a 64-bit value. */
export const low = (a: Expr): Expr => (a.type === 'i32' ? a : { op: 'convert', type: 'i32', args: [a] })
/** A 32-bit value or a truth value as 64 bits, zeros above. */
export const wide = (a: Expr): Expr => (a.type === 'i64' ? a : { op: 'convert', type: 'i64', args: [a] })
export const zext32 = (a: Expr): Expr => and(a, 0xffff_ffff)
export const select = (condition: Expr, a: Value, b: Value): Expr => {
  const type = sameType(a, b)
  return { op: 'select', type, args: [condition, literal(a, type), literal(b, type)] }
}
export const load = (size: Size, ea: Expr): Expr => ({
  op: 'load',
  type: size === 16 ? 'v128' : 'i64',
  size,
  args: [ea],
})
export const helper = (name: string, type: Type, ...args: Expr[]): Expr => ({ op: 'helper', type, name, args })
export const place = (register: Expr): Expr => ({ op: 'place', type: 'i32', args: [register as Fpr | Vsr] })
export const pure = (name: PureName, a: Expr, b: Expr): Expr => ({ op: 'pure', type: 'i64', name, args: [a, b] })
export const state = (name: StateName): Expr => ({ op: 'state', type: STATE_TYPES[name], name })
export const field = (name: string): Expr => ({ op: 'field', type: 'i64', name })
export const word: Expr = { op: 'word', type: 'i64' }
export const cia: Expr = { op: 'cia', type: 'i64' }
export const mode64: Expr = { op: 'mode64', type: 'i32' }
export const littleEndian: Expr = { op: 'littleEndian', type: 'i32' }
/** The 4 bits of condition register field `number`. */
export const cr = (number: Expr): Expr => ({ op: 'cr', type: 'i32', args: [low(shl(number, 2))] })
/** Bit `number` (0..31, IBM order) of the condition register, as 0 or 1. */
export const crBit = (number: Expr): Expr => and(shrU(cr(shrU(number, 2)), crShift(number)), 1)
export const crShift = (number: Expr): Expr => low(xor(and(number, 3), 3))

export const set = (target: Expr, value: Expr): Effect => ({ op: 'set', target: target as Register, value })
export const setState = (name: StateName, value: Value): Effect => ({
  op: 'setState',
  name,
  value: literal(value, STATE_TYPES[name]),
})
export const setCr = (number: Expr, value: Expr): Effect => ({ op: 'setCr', field: low(shl(number, 2)), value })
export const store = (size: Size, ea: Expr, value: Expr): Effect => ({ op: 'store', size, ea, value })
export const branch = (target: Expr, condition?: Expr): Effect => ({
  op: 'branch',
  target: and(target, -4),
  ...(condition && { condition }),
})
export const raise = (name: RaiseName, condition: Expr, argument: Expr): Effect => ({
  op: 'raise',
  name,
  condition,
  argument,
})
export const when = (condition: Expr, ...effects: Effect[]): Effect => ({ op: 'when', condition, effects })
export const call = (name: string): Effect => ({ op: 'call', name })
/** See the effect `attempt`; `args` are what the helper takes, registers as {@link place}. */
export const attempt = (helperName: string, name: string, ...args: Expr[]): Effect => ({
  op: 'attempt',
  helper: helperName,
  args,
  name,
})

/** The operands of an expression. */
export const argsOf = (e: Expr): readonly Expr[] => ('args' in e ? e.args : [])

const VARIABLE = new Set(['load', 'cr', 'pure', 'place', 'simd', 'helper'])
/** Whether an expression has the same value at every execution of the same instruction word. */
export function isConstant(e: Expr): boolean {
  if (e.op === 'const' || e.op === 'field' || e.op === 'word') return true
  return 'args' in e && !VARIABLE.has(e.op) && e.args.every(isConstant)
}

const WRAP = { i32: 32, i64: 64, v128: 128 } as const
const binaryOf: Record<BinaryOp | CompareOp, (a: bigint, b: bigint, bits: number) => bigint | boolean> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div_s: (a, b, n) => BigInt.asIntN(n, a) / BigInt.asIntN(n, b),
  div_u: (a, b) => a / b,
  rem_s: (a, b, n) => BigInt.asIntN(n, a) % BigInt.asIntN(n, b),
  rem_u: (a, b) => a % b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b, n) => a << (b % BigInt(n)),
  shr_s: (a, b, n) => BigInt.asIntN(n, a) >> (b % BigInt(n)),
  shr_u: (a, b, n) => a >> (b % BigInt(n)),
  rotl: (a, b, n) => (a << (b % BigInt(n))) | (a >> (BigInt(n) - (b % BigInt(n)))),
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt_s: (a, b, n) => BigInt.asIntN(n, a) < BigInt.asIntN(n, b),
  lt_u: (a, b) => a < b,
  gt_s: (a, b, n) => BigInt.asIntN(n, a) > BigInt.asIntN(n, b),
  gt_u: (a, b) => a > b,
  le_s: (a, b, n) => BigInt.asIntN(n, a) <= BigInt.asIntN(n, b),
  le_u: (a, b) => a <= b,
  ge_s: (a, b, n) => BigInt.asIntN(n, a) >= BigInt.asIntN(n, b),
  ge_u: (a, b) => a >= b,
}

/**
 * The value of a constant expression for one instruction, as an unsigned number of its type's width.
 * @param fieldValue the value of a field (signed where the field is), or the word for the name `word`
 * @throws TypeError where the expression is not constant
 */
export function evaluate(e: Expr, fieldValue: (name: string) => bigint): bigint {
  const arg = (i: number) => evaluate(argsOf(e)[i]!, fieldValue)
  const bits = WRAP[e.type]
  switch (e.op) {
    case 'const':
      return e.value
    case 'field':
    case 'word':
      return BigInt.asUintN(64, fieldValue(e.op === 'word' ? 'word' : e.name))
    case 'convert':
      return BigInt.asUintN(32, arg(0))
    case 'select':
      return arg(0) !== 0n ? arg(1) : arg(2)
    case 'binary':
    case 'compare':
      return BigInt.asUintN(bits, BigInt(binaryOf[e.name](arg(0), arg(1), WRAP[e.args[0].type])))
    case 'unary':
      if (e.name.startsWith('extend'))
        return BigInt.asUintN(bits, BigInt.asIntN(Number.parseInt(e.name.slice(6), 10), arg(0)))
      if (e.name === 'eqz') return BigInt(arg(0) === 0n)
  }
  throw new TypeError(`not a constant expression: ${e.op}`)
}
