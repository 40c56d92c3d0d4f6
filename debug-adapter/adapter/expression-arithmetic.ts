/** C's operators: on numbers of the program's types as C has them, on numbers without a type as unsigned 64-bit numbers. */
import { type CType, sizeOf, strip } from '../symbols/dwarf/types.ts'
import { RequestError } from './request.ts'

/** A number in an expression. */
export interface Operand {
  readonly number: bigint
  /** undefined for registers, addresses and what is computed from them: then the number is unsigned. */
  readonly type: CType | undefined
  /** Written as a number: it takes the type of what it is combined with. */
  readonly isLiteral: boolean
}

type Operation = (a: bigint, b: bigint) => bigint

/** Binary operators by rising precedence, as in C. */
export const LEVELS: readonly Readonly<Record<string, Operation>>[] = [
  { '||': (a, b) => truth(a !== 0n || b !== 0n) },
  { '&&': (a, b) => truth(a !== 0n && b !== 0n) },
  { '|': (a, b) => a | b },
  { '^': (a, b) => a ^ b },
  { '&': (a, b) => a & b },
  { '==': (a, b) => truth(a === b), '!=': (a, b) => truth(a !== b) },
  {
    '<': (a, b) => truth(a < b),
    '>': (a, b) => truth(a > b),
    '<=': (a, b) => truth(a <= b),
    '>=': (a, b) => truth(a >= b),
  },
  { '<<': (a, b) => (b > 63n || b < 0n ? 0n : a << b), '>>': (a, b) => (b > 63n || b < 0n ? 0n : a >> b) },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': divide, '%': remainder },
]

export const truth = (value: boolean): bigint => (value ? 1n : 0n)

function divide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new RequestError('Division by zero.')
  return a / b
}

function remainder(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new RequestError('Division by zero.')
  return a % b
}

const base = (name: string, size: number, encoding: 'signed' | 'unsigned'): CType => ({
  kind: 'base',
  name,
  size,
  encoding,
})
export const INT = base('int', 4, 'signed')
export const LONG = base('long', 8, 'signed')
export const UNSIGNED_LONG = base('unsigned long', 8, 'unsigned')
const UNSIGNED = base('unsigned int', 4, 'unsigned')

/** @returns the result; without a type it is an unsigned 64-bit number */
export function combine(operator: string, operation: Operation, a: Operand, b: Operand): Omit<Operand, 'isLiteral'> {
  const pointers = combinePointers(operator, a, b)
  if (pointers) return pointers
  const isTruth = /^(?:[<>]=?|[=!]=|&&|\|\|)$/.test(operator)
  if (!a.type && !b.type) {
    const plain = (one: Operand) => (a.isLiteral && b.isLiteral ? one.number : BigInt.asUintN(64, one.number))
    return { number: BigInt.asUintN(64, operation(plain(a), plain(b))), type: undefined }
  }
  const common = /^(?:<<|>>)$/.test(operator) ? promoted(a) : commonType(a, b)
  const number = operation(
    convert(a.number, common),
    /^(?:<<|>>)$/.test(operator) ? b.number : convert(b.number, common),
  )
  return isTruth ? { number, type: undefined } : { number: convert(number, common), type: common }
}

/** Addresses count in elements of what they point to. */
function combinePointers(operator: string, a: Operand, b: Operand): Omit<Operand, 'isLiteral'> | undefined {
  const [left, right] = [elementSize(a.type), elementSize(b.type)]
  if (operator === '-' && left && right) {
    if (left !== right) throw new RequestError('The difference of pointers to different things means nothing.')
    return { number: (a.number - b.number) / left, type: LONG }
  }
  if (operator === '+' && right && !left) return combinePointers(operator, b, a)
  if ((operator !== '+' && operator !== '-') || !left) return undefined
  const distance = asSigned(b) * left
  return { number: BigInt.asUintN(64, operator === '+' ? a.number + distance : a.number - distance), type: a.type }
}

/** Registers are unsigned: what is added to a pointer may still be meant as negative, and modulo 2^64 it is the same. */
const asSigned = ({ number }: Operand): bigint => BigInt.asIntN(64, number)

/** In bytes; of a void 1, as GNU C has it. */
function elementSize(type: CType | undefined): bigint | undefined {
  const bare = type && strip(type)
  if (bare?.kind !== 'pointer') return undefined
  const to = strip(bare.to)
  return to.kind === 'void' || to.kind === 'function' ? 1n : BigInt(sizeOf(to))
}

/** The type that C computes with (C11 §6.3.1.1, §6.3.1.8). */
function commonType(a: Operand, b: Operand): CType {
  const [left, right] = [promoted(a), promoted(b)]
  const size = Math.max(sizeOf(left), sizeOf(right))
  const wide = [left, right].filter((type) => sizeOf(type) === size)
  const isUnsigned = wide.some((type) => type === UNSIGNED || type === UNSIGNED_LONG)
  if (size === 4) return isUnsigned ? UNSIGNED : INT
  return isUnsigned ? UNSIGNED_LONG : LONG
}

export function promoted({ type, number, isLiteral }: Operand): CType {
  if (!type) {
    if (!isLiteral) return UNSIGNED_LONG
    if (number === BigInt.asIntN(32, number)) return INT
    return number === BigInt.asIntN(64, number) ? LONG : UNSIGNED_LONG
  }
  const bare = strip(type)
  if (bare.kind === 'pointer') return UNSIGNED_LONG
  if (bare.kind === 'enum') return bare.isSigned || bare.size < 4 ? INT : UNSIGNED
  if (bare.kind !== 'base' || bare.encoding === 'other' || bare.encoding === 'float')
    throw new RequestError('It is no integer: floating-point numbers and structs can be shown, not computed with.')
  if (bare.size < 4) return INT
  const isSigned = bare.encoding === 'signed' || bare.encoding === 'signed char'
  if (bare.size === 4) return isSigned ? INT : UNSIGNED
  return isSigned ? LONG : UNSIGNED_LONG
}

/** The number as one of another type: cut off, and with the sign of that type. */
export function convert(number: bigint, type: CType): bigint {
  const bare = strip(type)
  if (bare.kind === 'base' && bare.encoding === 'boolean') return truth(number !== 0n)
  const bits = 'size' in bare ? Math.min(bare.size, 8) * 8 : 64
  const isSigned =
    bare.kind === 'enum'
      ? bare.isSigned
      : bare.kind === 'base' && (bare.encoding === 'signed' || bare.encoding === 'signed char')
  return isSigned ? BigInt.asIntN(bits, number) : BigInt.asUintN(bits, number)
}
