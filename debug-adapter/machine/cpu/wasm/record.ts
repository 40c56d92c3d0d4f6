/**
 * The decoded form of an instruction: 16 bytes, a handler number and operands that are ready to use. Which operand lies where
 * follows from the instruction's expressions: registers become offsets of their slots, and what is constant for one
 * instruction word (displacements, masks, shift counts) is computed once, when the record is made.
 */
import { argsOf, type Effect, type Expr, evaluate, isConstant, type Register } from '../isa/expr.ts'
import { extract, fieldNamed } from '../isa/fields.ts'
import { GPR, RECORD, VSR, ZERO_SLOT } from '../layout.ts'

/** Where in the record an operand is, and how wide. */
export interface Slot {
  readonly offset: number
  readonly size: 2 | 4 | 8
  readonly expr: Expr
}

export interface RecordPlan {
  /** Slots by {@link keyOf} of their expression. */
  readonly slots: ReadonlyMap<string, Slot>
}

const keys = new WeakMap<Expr, string>()

/** A name for an expression by its structure: two equal trees have the same. */
export function keyOf(e: Expr): string {
  let key = keys.get(e)
  if (key === undefined) {
    const lanes = 'lanes' in e ? e.lanes.join() : ''
    const own =
      'value' in e
        ? `${e.type}${e.value}`
        : 'name' in e
          ? `${e.name}${'zero' in e && e.zero ? '0' : ''}`
          : 'size' in e
            ? String(e.size)
            : ''
    key = `${e.op}:${own}${lanes}(${argsOf(e).map(keyOf).join()})${e.type}`
    keys.set(e, key)
  }
  return key
}

/** Bits that an unsigned constant expression can need; 64 where it cannot be said. */
function bitsOf(e: Expr): number {
  const arg = (i: number): number => bitsOf(argsOf(e)[i]!)
  switch (e.op) {
    case 'const':
      return e.value.toString(2).length
    case 'field': {
      const field = fieldNamed(e.name)
      return field.signed ? 64 : field.width + field.scale
    }
    case 'word':
      return 32
    case 'compare':
      return 1
    case 'convert':
      return Math.min(32, arg(0))
    case 'unary':
      return e.name === 'eqz' ? 1 : 64
    case 'binary':
      if (e.name === 'and') return Math.min(arg(0), arg(1))
      if (e.name === 'or' || e.name === 'xor') return Math.max(arg(0), arg(1))
      if (e.name === 'shr_u') return arg(0)
      if (e.name === 'shl' && e.args[1].op === 'const') return Math.min(64, arg(0) + Number(e.args[1].value))
  }
  return 64
}

const isRegister = (e: Expr): e is Register => e.op === 'gpr' || e.op === 'fpr' || e.op === 'vsr'
const isOperand = (e: Expr): boolean => isRegister(e) || e.op === 'field' || e.op === 'word'

/** Visits every expression of some effects, operands before users; `enter` says whether to go below one. */
export function visit(effects: readonly Effect[], see: (e: Expr) => boolean): void {
  const walk = (e: Expr): void => {
    if (see(e)) for (const arg of argsOf(e)) walk(arg)
  }
  for (const effect of effects) for (const e of operandsOf(effect)) walk(e)
}

/** The expressions that an effect uses, in the order in which they are evaluated. */
export function operandsOf(effect: Effect): Expr[] {
  switch (effect.op) {
    case 'set':
      return [effect.value]
    case 'setState':
      return [effect.value]
    case 'setCr':
      return [effect.field, effect.value]
    case 'store':
      return [effect.ea, effect.value]
    case 'branch':
      return effect.condition ? [effect.condition, effect.target] : [effect.target]
    case 'raise':
      return [effect.condition, effect.argument]
    case 'when':
      return [effect.condition, ...effect.effects.flatMap(operandsOf)]
    case 'call':
      return []
    case 'attempt':
      return [...effect.args]
  }
}

const WORD: Expr = { op: 'word', type: 'i64' }

/**
 * Decides what the record of an instruction holds, and where.
 * @param withWord also the instruction word itself, for a procedure
 * @throws RangeError where the operands do not fit
 */
export function planRecord(effects: readonly Effect[], withWord: boolean): RecordPlan {
  const plan =
    tryPlan(effects, withWord, (e) => e.op !== 'const' && isConstant(e)) ?? tryPlan(effects, withWord, isOperand)
  if (!plan) throw new RangeError('the operands of an instruction do not fit into its record')
  return plan
}

function tryPlan(effects: readonly Effect[], withWord: boolean, isSlot: (e: Expr) => boolean): RecordPlan | undefined {
  const wanted = new Map<string, Expr>()
  const want = (e: Expr): void => void wanted.set(keyOf(e), e)
  if (withWord) want(WORD)
  for (const effect of effects) if (effect.op === 'set') want(effect.target)
  visit(effects, (e) => {
    if (!isRegister(e) && !isSlot(e)) return true
    want(e)
    return false
  })
  const sizeOf = (e: Expr): 2 | 4 | 8 => {
    if (isRegister(e)) return 2
    const bits = bitsOf(e)
    if (bits <= 16) return 2
    return bits <= 32 || e.type === 'i32' ? 4 : 8
  }
  const used = new Set<number>([0])
  const slots = new Map<string, Slot>()
  const bySize = [...wanted].sort(([, a], [, b]) => sizeOf(b) - sizeOf(a))
  for (const [key, expr] of bySize) {
    const size = sizeOf(expr)
    // Large ones at the end, small ones from the front: alignment then costs nothing.
    const places = Array.from({ length: RECORD / size }, (_, i) => i * size)
    if (size > 2) places.reverse()
    const offset = places.find((at) =>
      Array.from({ length: size / 2 }, (_, i) => at + 2 * i).every((cell) => !used.has(cell)),
    )
    if (offset === undefined) return undefined
    for (let cell = offset; cell < offset + size; cell += 2) used.add(cell)
    slots.set(key, { offset, size, expr })
  }
  return { slots }
}

/** Offset in the WebAssembly memory of the register that an operand of `word` names. */
export function registerOffset(register: Register, word: number): number {
  const field = fieldNamed(register.name)
  const number = extract(word, field)
  if (register.op === 'gpr') return register.zero && number === 0 ? ZERO_SLOT : GPR + 8 * number
  return VSR + 16 * (field.kind === 'vr' ? 32 + number : number)
}

/** Writes the operands of `word` into the record at `at`; the handler number is the caller's. */
export function fillRecord(plan: RecordPlan, word: number, data: DataView, at: number): void {
  const fieldValue = (name: string): bigint =>
    name === 'word' ? BigInt(word >>> 0) : BigInt(extract(word, fieldNamed(name)))
  for (const { offset, size, expr } of plan.slots.values()) {
    if (isRegister(expr)) data.setUint16(at + offset, registerOffset(expr, word), true)
    else if (size === 8) data.setBigUint64(at + offset, evaluate(expr, fieldValue), true)
    else if (size === 4) data.setUint32(at + offset, Number(evaluate(expr, fieldValue)), true)
    else data.setUint16(at + offset, Number(evaluate(expr, fieldValue)), true)
  }
}
