/**
 * Expressions of the Debug Console, of watches, hovers, conditions and log points: those of C over the program's variables
 * and types, where there is debugging information; registers (`$r3`, and `r3`, `msr`, `srr0` where no variable has the
 * name), symbols, values of the present firmware step, `u8(..)` to `u64(..)` and `text(..)` of an address. What has no type
 * is an unsigned 64-bit number. A parser of its own: nothing is executed but these operators.
 */

import { OffsetError } from '../../server/esm/reader.ts'
import type { StepValues } from '../machine/steps.ts'
import { type CType, type StructType, sizeOf, strip, typeName } from '../symbols/dwarf/types.ts'
import {
  combine,
  convert,
  INT,
  LEVELS,
  LONG,
  type Operand,
  promoted,
  truth,
  UNSIGNED_LONG,
} from './expression-arithmetic.ts'
import { type Token, tokens } from './expression-tokens.ts'
import { typeAt } from './expression-types.ts'
import { hex, hex64, stepValueText } from './format.ts'
import { FrameContext, type Typed } from './frame-context.ts'
import { readGuestInteger, readGuestText } from './guest-memory.ts'
import { memberNames, memberPath } from './members.ts'
import { readRegister } from './registers.ts'
import { RequestError } from './request.ts'
import type { Target } from './target.ts'
import { valueText } from './typed-text.ts'
import { addressOf, elementOf, isScalar, memberOf, memory, scalarOf } from './typed-values.ts'

export interface Evaluated {
  /** Its number; of an array or struct its address. @throws RequestError where it has none */
  readonly value: bigint
  /** As shown. */
  readonly text: string
  readonly type: string
  /** Is it likely to be asked for as memory? */
  readonly isAddress: boolean
  /** A value of one of the program's types. */
  readonly typed?: Typed
  /** The register that it is. */
  readonly register?: string
}

type Value = Evaluated & {
  /** The number that it was written as. */
  readonly literal?: bigint
}

/** Where an expression is evaluated. */
export interface Surroundings {
  /** Variables of the firmware frame that is asked about, by name. */
  readonly values?: StepValues
  /** The frame of the guest that is asked about; default: the one that the processor stands in. */
  readonly frame?: FrameContext
  /** Show integers in hex. */
  readonly asHex?: boolean
}

const MAX_DEPTH = 100
/** What C does not evaluate must not fail either. */
const NOTHING = (): bigint => 0n

/** @throws RequestError naming what is not known or where the expression is no expression */
export function evaluate(source: string, target: Target, surroundings: Surroundings = {}): Evaluated {
  try {
    return new Parser(tokens(source), source, target, surroundings).whole()
  } catch (error) {
    if (error instanceof OffsetError) throw new RequestError(`The debugging information is damaged: ${error.message}.`)
    throw error
  }
}

class Parser {
  #at = 0
  #depth = 0
  /** Inside of what C does not evaluate: nothing is read then. */
  #skipping = 0
  #context: { readonly value: FrameContext | undefined } | undefined

  constructor(
    readonly tokens: readonly Token[],
    readonly source: string,
    readonly target: Target,
    readonly surroundings: Surroundings,
  ) {}

  whole(): Evaluated {
    if (this.tokens.length === 0) throw new RequestError('An empty expression.')
    const result = this.#conditional()
    const rest = this.tokens[this.#at]
    if (rest) throw this.#unexpected(rest)
    return result
  }

  #frame(): FrameContext | undefined {
    this.#context ??= { value: this.surroundings.frame ?? FrameContext.present(this.target) }
    return this.#context.value
  }

  #conditional(): Value {
    const condition = this.#binary(0)
    if (this.#operator() !== '?') return condition
    this.#at++
    const isTrue = this.#number(condition) !== 0n
    const first = this.#skippedUnless(isTrue, () => this.#nested(() => this.#conditional()))
    this.#expect(':')
    const second = this.#skippedUnless(!isTrue, () => this.#nested(() => this.#conditional()))
    return isTrue ? first : second
  }

  #binary(level: number): Value {
    const operators = LEVELS[level]
    if (!operators) return this.#unary()
    let left = this.#binary(level + 1)
    for (let operator = this.#operator(); operator && Object.hasOwn(operators, operator); operator = this.#operator()) {
      this.#at++
      // C looks at the second only where the first does not decide.
      const decided =
        (operator === '&&' && this.#number(left) === 0n) || (operator === '||' && this.#number(left) !== 0n)
      const right = this.#skippedUnless(!decided, () => this.#binary(level + 1))
      const { number, type } = combine(
        operator,
        this.#skipping > 0 ? NOTHING : operators[operator]!,
        this.#operand(left),
        this.#operand(right),
      )
      left = type ? this.#computed(type, number) : plain(number, left.isAddress || right.isAddress)
    }
    return left
  }

  #unary(): Value {
    return this.#nested(() => {
      const operator = this.#operator()
      if (operator === '(') {
        const cast = typeAt(this.tokens, this.#at + 1, () => this.#frame())
        if (cast && this.tokens[cast.next]?.text === ')') {
          this.#at = cast.next + 1
          return this.#cast(cast.type, this.#unary())
        }
      }
      switch (operator) {
        case '-':
        case '~': {
          this.#at++
          const operand = this.#operand(this.#unary())
          const number = operator === '-' ? -operand.number : ~operand.number
          if (operand.isLiteral) return literal(number)
          const type = operand.type && promoted(operand)
          return type ? this.#computed(type, convert(number, type)) : plain(BigInt.asUintN(64, number))
        }
        case '+':
          this.#at++
          return this.#unary()
        case '!':
          this.#at++
          return plain(truth(this.#number(this.#unary()) === 0n))
        case '*':
          this.#at++
          return this.#pointee(this.#unary())
        case '&':
          this.#at++
          return this.#addressOf(this.#unary())
        default:
          return this.tokens[this.#at]?.text === 'sizeof' ? this.#sizeof() : this.#postfix()
      }
    })
  }

  #postfix(): Value {
    let value = this.#primary()
    for (;;) {
      switch (this.#operator()) {
        case '[': {
          this.#at++
          const index = this.#operand(this.#nested(() => this.#conditional()))
          this.#expect(']')
          value = this.#element(value, index)
          break
        }
        case '.':
          this.#at++
          value = this.#member(this.#struct(value), this.#memberName())
          break
        case '->':
          this.#at++
          value = this.#member(this.#struct(this.#pointee(value)), this.#memberName())
          break
        default:
          return value
      }
    }
  }

  #primary(): Value {
    const token = this.tokens[this.#at++]
    if (!token) throw new RequestError(`${JSON.stringify(this.source)} ends too early.`)
    if (token.kind === 'number') return literal(BigInt(token.text))
    if (token.text === '(') {
      const inner = this.#conditional()
      this.#expect(')')
      return inner
    }
    if (token.kind === 'operator') throw this.#unexpected(token)
    return this.#operator() === '(' ? this.#function(token.text) : this.#name(this.#longName(token))
  }

  #function(name: string): Value {
    this.#expect('(')
    const argument = this.#number(this.#conditional())
    this.#expect(')')
    const size = { u8: 1, u16: 2, u32: 4, u64: 8 }[name] as 1 | 2 | 4 | 8 | undefined
    if (size) return this.#memory(argument, size)
    if (name === 'text') {
      const text = readGuestText(this.target, argument)
      if (text === undefined) throw new RequestError(`Nothing can be read at ${hex(argument)}.`)
      return { value: argument, text: JSON.stringify(text), type: 'text', isAddress: true }
    }
    throw new RequestError(`There is no function ${name}; there are u8, u16, u32, u64 and text.`)
  }

  /** Compilers put dots into names of symbols (`f.isra.0`): the longest that is a symbol. */
  #longName(token: Token): string {
    let name = token.text
    let best = name
    let end = this.#at
    for (let at = this.#at; this.tokens[at]?.text === '.' && this.tokens[at + 1]; at += 2) {
      name += `.${this.tokens[at + 1]!.text}`
      if (this.surroundings.values?.[name] === undefined && this.target.symbols.find(name) === undefined) continue
      best = name
      end = at + 2
    }
    this.#at = end
    return best
  }

  #name(name: string): Value {
    const { target } = this
    const stepValue = name.startsWith('$') ? undefined : this.surroundings.values?.[name]
    if (stepValue !== undefined) {
      const value =
        typeof stepValue === 'bigint' ? stepValue : typeof stepValue === 'number' ? BigInt(Math.trunc(stepValue)) : 0n
      return {
        value: BigInt.asUintN(64, value),
        text: stepValueText(stepValue),
        type: 'step value',
        isAddress: typeof stepValue === 'bigint',
      }
    }
    const local = name.startsWith('$') ? undefined : this.#frame()?.local(name)
    if (local) return this.#typed(local)
    const register = readRegister(target, name.replace(/^\$/, ''))
    if (register)
      return {
        value: register.value,
        text: register.text,
        type: 'register',
        isAddress: register.bits === 64,
        register: register.name,
      }
    if (name.startsWith('$')) throw new RequestError(`There is no register ${name}.`)
    const global = this.#frame()?.global(name)
    if (global) return this.#typed(global)
    const address = target.symbols.find(name, target.guest?.nia)
    if (address === undefined)
      throw new RequestError(`${name} is no register, no variable, no value of this step and no symbol.`)
    return {
      value: address,
      text: `${hex(address)} <${target.symbols.describe(address)}>`,
      type: 'symbol',
      isAddress: true,
    }
  }

  #memory(address: bigint, size: 1 | 2 | 4 | 8): Value {
    const value = this.#skipping > 0 ? 0n : readGuestInteger(this.target, address, size)
    if (value === undefined) throw new RequestError(`Nothing can be read at ${hex(address)}.`)
    return {
      value,
      text: `0x${value.toString(16).padStart(size * 2, '0')}`,
      type: `u${size * 8}`,
      isAddress: size === 8,
    }
  }

  #typed(typed: Typed): Value {
    const { asHex } = this.surroundings
    const name = typeName(typed.type)
    const bare = strip(typed.type)
    return {
      get value() {
        if (isScalar(typed.type)) return BigInt.asUintN(64, scalarOf(typed))
        const address = addressOf(typed)
        if (address === undefined)
          throw new RequestError(`A value of type ${name} is no number, and has no address here.`)
        return address
      },
      get text() {
        return valueText(typed, asHex)
      },
      type: name,
      isAddress: bare.kind === 'pointer' || typed.place.kind === 'memory',
      typed,
    }
  }

  #computed(type: CType, number: bigint): Value {
    const context = this.#frame()
    if (!context) return plain(BigInt.asUintN(64, number))
    return this.#typed({ type, place: { kind: 'value', value: number }, context })
  }

  #number(value: Value): bigint {
    return this.#operand(value).number
  }

  /** The number that an operator takes; an array stands for its address. */
  #operand(value: Value): Operand {
    const isLiteral = value.literal !== undefined
    if (value.literal !== undefined) return { number: value.literal, type: undefined, isLiteral }
    if (!value.typed) return { number: this.#skipping > 0 ? 0n : value.value, type: undefined, isLiteral }
    const bare = strip(value.typed.type)
    if (bare.kind === 'array')
      return {
        number: this.#skipping > 0 ? 0n : value.value,
        type: { kind: 'pointer', size: 8, to: bare.of },
        isLiteral,
      }
    if (!isScalar(bare)) throw new RequestError(`A value of type ${value.type} is no number.`)
    return { number: this.#skipping > 0 ? 0n : scalarOf(value.typed), type: value.typed.type, isLiteral }
  }

  #cast(type: CType, value: Value): Value {
    const bare = strip(type)
    if (bare.kind === 'void' || !isScalar(type)) throw new RequestError(`Nothing can be cast to ${typeName(type)}.`)
    const operand = this.#operand(value)
    if (operand.type) promoted(operand)
    if (bare.kind === 'base' && bare.encoding === 'float')
      throw new RequestError('Floating-point numbers can be shown, not computed with.')
    return this.#computed(type, convert(operand.number, type))
  }

  #pointee(value: Value): Value {
    const { typed } = value
    const bare = typed && strip(typed.type)
    if (typed && bare!.kind === 'array') return this.#typed(elementOf(typed, (bare as { of: CType }).of, 0n))
    if (bare?.kind !== 'pointer') {
      if (typed && !isScalar(typed.type)) throw new RequestError(`A value of type ${value.type} points to nothing.`)
      return this.#memory(this.#number(value), 8)
    }
    const to = strip(bare.to)
    if (to.kind === 'void')
      throw new RequestError('What a void * points to has no type: cast it first, as in *(long *)p.')
    if (to.kind === 'struct' && to.isIncomplete)
      throw new RequestError(`The members of ${typeName(to)} are not known: it is only declared.`)
    return this.#typed({ type: bare.to, place: memory(this.#number(value)), context: typed!.context })
  }

  #element(value: Value, index: Operand): Value {
    const { typed } = value
    const bare = typed && strip(typed.type)
    const signed = BigInt.asIntN(64, index.number)
    if (typed && bare!.kind === 'array') return this.#typed(elementOf(typed, (bare as { of: CType }).of, signed))
    if (bare?.kind === 'pointer') {
      const at = memory(this.#number(value) + signed * BigInt(sizeOf(bare.to)))
      return this.#typed({ type: bare.to, place: at, context: typed!.context })
    }
    throw new RequestError(
      `A value of type ${value.type} has no elements: cast it, as in ((long *)${value.type === 'register' ? '$r3' : 'p'})[1].`,
    )
  }

  /** The address of a symbol is what the symbol stands for anyway. */
  #addressOf(value: Value): Value {
    if (!value.typed) return value
    const { typed } = value
    if (typed.bits) throw new RequestError('A bit field has no address.')
    if (typed.place.kind !== 'memory')
      throw new RequestError('It has no address: it is in a register, computed, or optimised out.')
    return this.#computed({ kind: 'pointer', size: 8, to: typed.type }, typed.place.address)
  }

  #sizeof(): Value {
    this.#at++
    const parenthesised = this.#operator() === '(' ? typeAt(this.tokens, this.#at + 1, () => this.#frame()) : undefined
    if (parenthesised && this.tokens[parenthesised.next]?.text === ')') {
      this.#at = parenthesised.next + 1
      return this.#computed(UNSIGNED_LONG, BigInt(sizeOf(parenthesised.type)))
    }
    const value = this.#skippedUnless(false, () => this.#unary())
    if (!value.typed && value.literal === undefined && value.type !== 'u64')
      throw new RequestError('Only what has a type has a size: a variable, or a type as in sizeof(struct page).')
    return this.#computed(
      UNSIGNED_LONG,
      BigInt(value.typed ? sizeOf(value.typed.type) : value.literal !== undefined ? sizeOf(INT) : sizeOf(LONG)),
    )
  }

  #struct(value: Value): { readonly typed: Typed; readonly bare: StructType } {
    const { typed } = value
    const bare = typed && strip(typed.type)
    if (bare?.kind === 'struct') return { typed: typed!, bare }
    // `p.x` of a pointer is meant as `p->x`.
    if (bare?.kind === 'pointer' && strip(bare.to).kind === 'struct') return this.#struct(this.#pointee(value))
    throw new RequestError(`A value of type ${value.type} has no members.`)
  }

  #member({ typed, bare }: { readonly typed: Typed; readonly bare: StructType }, name: string): Value {
    const path = memberPath(bare, name)
    if (!path)
      throw new RequestError(
        bare.isIncomplete
          ? `The members of ${typeName(bare)} are not known: it is only declared.`
          : `${typeName(bare)} has no member ${name}; it has ${memberNames(bare)}.`,
      )
    return this.#typed(path.reduce((at, member) => memberOf(at, member), typed))
  }

  #memberName(): string {
    const token = this.tokens[this.#at++]
    if (token?.kind !== 'name')
      throw new RequestError(
        `${JSON.stringify(this.source)}: expected the name of a member, found ${token?.text ?? 'the end'}.`,
      )
    return token.text
  }

  #skippedUnless<T>(wanted: boolean, parse: () => T): T {
    if (!wanted) this.#skipping++
    try {
      return parse()
    } finally {
      if (!wanted) this.#skipping--
    }
  }

  #nested<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw new RequestError('The expression is nested too deeply.')
    try {
      return parse()
    } finally {
      this.#depth--
    }
  }

  #operator(): string | undefined {
    const token = this.tokens[this.#at]
    return token?.kind === 'operator' ? token.text : undefined
  }

  #unexpected(token: Token): RequestError {
    return new RequestError(`${JSON.stringify(this.source)}: unexpected ${token.text} at column ${token.at + 1}.`)
  }

  #expect(text: string): void {
    if (this.#operator() !== text) {
      const token = this.tokens[this.#at]
      const found = token ? `${token.text} at column ${token.at + 1}` : 'the end'
      throw new RequestError(`${JSON.stringify(this.source)}: expected ${text}, found ${found}.`)
    }
    this.#at++
  }
}

const literal = (number: bigint): Value => ({ ...plain(BigInt.asUintN(64, number)), literal: number })

function plain(value: bigint, isAddress = false): Value {
  return { value, text: value > 0xffff_ffffn ? hex64(value) : `${hex(value)}`, type: 'u64', isAddress }
}
