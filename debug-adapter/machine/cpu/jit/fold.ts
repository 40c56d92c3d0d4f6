/**
 * Partial evaluation: what an instruction does, for one instruction word. Fields become constants, and what follows from them; what
 * was shared stays shared.
 */
import { argsOf, type Effect, type Expr, evaluate, type Type } from '../isa/expr.ts'
import { extract, fieldNamed } from '../isa/fields.ts'

type Const = Extract<Expr, { op: 'const' }>

const ZERO: Record<'i32' | 'i64', Const> = {
  i32: { op: 'const', type: 'i32', value: 0n },
  i64: { op: 'const', type: 'i64', value: 0n },
}
const ONES = { i32: 0xffff_ffffn, i64: 0xffff_ffff_ffff_ffffn } as const
const FOLDED = new Set(['binary', 'compare', 'unary', 'convert', 'select'])

const isConst = (e: Expr): e is Const => e.op === 'const'

/** `e` without operations that change nothing; its operands are simple already. */
function simplify(e: Expr): Expr {
  if (e.op === 'select' && isConst(e.args[0])) return e.args[0].value !== 0n ? e.args[1] : e.args[2]
  if (!FOLDED.has(e.op)) return e
  const args = argsOf(e)
  if (args.every(isConst)) return { op: 'const', type: e.type, value: evaluate(e, noField) }
  if (e.op !== 'binary' || e.type === 'v128') return e
  const [a, b] = e.args
  if (e.name === 'add') return difference(e) ?? withConstant(e, a, b)
  return (e.name === 'and' && wordRotation(e)) || withConstant(e, a, b)
}

const isBinary = (e: Expr, name: string): e is Expr & { op: 'binary' } => e.op === 'binary' && e.name === name
const make = (name: 'sub' | 'shl' | 'shr_u' | 'rotl' | 'and', a: Expr, b: Expr): Expr => ({
  op: 'binary',
  type: a.type,
  name,
  args: [a, b],
})

/** not(a) + b + 1 is b - a. */
function difference(e: Expr & { op: 'binary' }): Expr | undefined {
  const [first, one] = e.args
  if (!isConst(one) || one.value !== 1n) return undefined
  if (isBinary(first, 'add') && isInverse(first.args[0])) return make('sub', first.args[1], first.args[0].args[0])
  return isInverse(first) ? make('sub', ZERO.i64, first.args[0]) : undefined
}

const isInverse = (e: Expr): e is Expr & { op: 'binary' } =>
  isBinary(e, 'xor') && isConst(e.args[1]) && e.args[1].value === ONES.i64

/** A rotation of the doubleword that holds the low word twice, under a mask of low bits: a shift, or a rotation of 32 bits. */
function wordRotation(e: Expr & { op: 'binary' }): Expr | undefined {
  const [rotated, mask] = e.args
  if (!isConst(mask) || mask.value > ONES.i32) return undefined
  let [doubled, count]: [Expr, Expr] = isBinary(rotated, 'rotl') ? [...rotated.args] : [rotated, ZERO.i64]
  if (!isBinary(doubled, 'or') || !isBinary(doubled.args[1], 'shl') || doubled.args[1].args[0] !== doubled.args[0])
    return undefined
  const low = doubled.args[0]
  if (!isBinary(low, 'and') || !isConst(low.args[1]) || low.args[1].value !== ONES.i32) return undefined
  const by = doubled.args[1].args[1]
  if (!isConst(by) || by.value !== 32n) return undefined
  const source = low.args[0]
  if (isConst(count)) {
    const n = count.value & 31n
    count = { op: 'const', type: 'i64', value: n }
    if (n === 0n) return make('and', source, mask)
    if ((mask.value & ((1n << n) - 1n)) === 0n) return make('and', make('shl', source, count), mask)
    if (mask.value < 1n << n) return make('and', make('shr_u', source, { ...count, value: 32n - n }), mask)
  }
  const narrow = (x: Expr): Expr => ({ op: 'convert', type: 'i32', args: [x] })
  const word: Expr = { op: 'convert', type: 'i64', args: [make('rotl', narrow(source), narrowCount(count))] }
  return mask.value === ONES.i32 ? word : make('and', word, mask)
}

const narrowCount = (count: Expr): Expr =>
  isConst(count) ? { ...count, type: 'i32' } : { op: 'convert', type: 'i32', args: [count] }

function withConstant(e: Expr & { op: 'binary' }, a: Expr, b: Expr): Expr {
  if (e.type === 'v128') return e
  if (isConst(a) && !isConst(b)) {
    if (a.value === 0n && (e.name === 'add' || e.name === 'or' || e.name === 'xor')) return b
    if (a.value === 0n && (e.name === 'and' || e.name === 'mul')) return ZERO[e.type]
    if (a.value === ONES[e.type] && e.name === 'and') return b
  }
  if (!isConst(b)) return e
  if (b.value === 0n) return e.name === 'and' || e.name === 'mul' ? ZERO[e.type] : unlessDivision(e, a)
  if (e.name !== 'and') return e
  if (b.value === ONES[e.type]) return a
  // The address of a branch's target: two bits that are 0 anyway.
  if (b.value === (ONES.i64 & ~3n) && a.op === 'binary' && a.name === 'add' && a.args[0].op === 'cia')
    if (isConst(a.args[1]) && (a.args[1].value & 3n) === 0n) return a
  return e
}

/** Operators whose second operand 0 changes nothing; dividing by it traps. */
const unlessDivision = (e: Expr & { op: 'binary' }, a: Expr): Expr => (/^(div|rem)/.test(e.name) ? e : a)

const noField = (name: string): bigint => {
  throw new TypeError(`the field ${name} is no constant`)
}

/** @param word the instruction word; the effects are those of its instruction */
export function fold(effects: readonly Effect[], word: number): Effect[] {
  const known = new Map<Expr, Expr>()
  const constant = (value: number, type: Type): Const => ({
    op: 'const',
    type,
    value: BigInt.asUintN(64, BigInt(value)),
  })
  const expr = (e: Expr): Expr => {
    if (e.op === 'const') return e
    let to = known.get(e)
    if (to) return to
    if (e.op === 'word') to = constant(word >>> 0, 'i64')
    else if (e.op === 'field') to = constant(extract(word, fieldNamed(e.name)), 'i64')
    else if (e.op === 'gpr' && e.zero && extract(word, fieldNamed(e.name)) === 0) to = ZERO.i64
    else if (e.op !== 'place' && 'args' in e) to = simplify({ ...e, args: e.args.map(expr) } as unknown as Expr)
    else to = e
    known.set(e, to)
    return to
  }
  const effect = (f: Effect): Effect => {
    switch (f.op) {
      case 'set':
      case 'setState':
        return { ...f, value: expr(f.value) }
      case 'setCr':
        return { ...f, field: expr(f.field), value: expr(f.value) }
      case 'store':
        return { ...f, ea: expr(f.ea), value: expr(f.value) }
      case 'branch':
        return { ...f, target: expr(f.target), ...(f.condition && { condition: expr(f.condition) }) }
      case 'raise':
        return { ...f, condition: expr(f.condition), argument: expr(f.argument) }
      case 'when':
        return { ...f, condition: expr(f.condition), effects: f.effects.map(effect) }
      case 'attempt':
        return { ...f, args: f.args.map(expr) }
      case 'call':
        return f
    }
  }
  return effects.map(effect)
}
