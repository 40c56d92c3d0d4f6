/**
 * Expressions of the Debug Console, of watches, hovers and conditions: numbers, registers (`r3`, `$r3`, `msr`, `srr0`),
 * symbols, values of the present firmware step, `*address`, `u8(..)` to `u64(..)`, `text(..)`, and C's operators on unsigned
 * 64-bit numbers. A parser of its own: nothing is executed but these operators.
 */

import type { StepValues } from '../machine/steps.ts'
import { hex, hex64, stepValueText } from './format.ts'
import { readGuestInteger, readGuestText } from './guest-memory.ts'
import { readRegister } from './registers.ts'
import { RequestError } from './request.ts'
import type { Target } from './target.ts'

export interface Evaluated {
  readonly value: bigint
  /** As shown. */
  readonly text: string
  readonly type: string
  /** Is it likely to be asked for as memory? */
  readonly isAddress: boolean
}

type Token = { readonly kind: 'number' | 'name' | 'operator'; readonly text: string; readonly at: number }

const TOKEN = /\s*(?:(0[xX][0-9a-fA-F]+|\d+)|(\$?[A-Za-z_.][\w.@]*)|(<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^~!<>()]))/y

/**
 * @param values variables of the firmware frame that is asked about, by name
 * @throws RequestError naming what is not known or where the expression is no expression
 */
export function evaluate(source: string, target: Target, values: StepValues = {}): Evaluated {
  const parser = new Parser(tokens(source), source, target, values)
  return parser.whole()
}

function tokens(source: string): Token[] {
  const list: Token[] = []
  TOKEN.lastIndex = 0
  while (source.slice(TOKEN.lastIndex).trim() !== '') {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(source)
    if (!match) throw new RequestError(`${JSON.stringify(source)}: nothing that I can read from column ${at + 1} on.`)
    const kind = match[1] !== undefined ? 'number' : match[2] !== undefined ? 'name' : 'operator'
    list.push({ kind, text: (match[1] ?? match[2] ?? match[3])!, at })
  }
  return list
}

/** Binary operators by rising precedence, as in C. */
const LEVELS: readonly Readonly<Record<string, (a: bigint, b: bigint) => bigint>>[] = [
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
  { '<<': (a, b) => (b > 63n ? 0n : a << b), '>>': (a, b) => (b > 63n ? 0n : a >> b) },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': divide, '%': remainder },
]

const truth = (value: boolean): bigint => (value ? 1n : 0n)
const MAX_DEPTH = 100

function divide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new RequestError('Division by zero.')
  return a / b
}

function remainder(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new RequestError('Division by zero.')
  return a % b
}

class Parser {
  #at = 0
  #depth = 0

  constructor(
    readonly tokens: readonly Token[],
    readonly source: string,
    readonly target: Target,
    readonly values: StepValues,
  ) {}

  whole(): Evaluated {
    if (this.tokens.length === 0) throw new RequestError('An empty expression.')
    const result = this.#binary(0)
    const rest = this.tokens[this.#at]
    if (rest)
      throw new RequestError(`${JSON.stringify(this.source)}: unexpected ${rest.text} at column ${rest.at + 1}.`)
    return result
  }

  #binary(level: number): Evaluated {
    const operators = LEVELS[level]
    if (!operators) return this.#unary()
    let left = this.#binary(level + 1)
    for (let operator = this.#operator(); operator && Object.hasOwn(operators, operator); operator = this.#operator()) {
      this.#at++
      const right = this.#binary(level + 1)
      const value = BigInt.asUintN(64, operators[operator]!(left.value, right.value))
      left = plain(value, left.isAddress || right.isAddress)
    }
    return left
  }

  #unary(): Evaluated {
    if (++this.#depth > MAX_DEPTH) throw new RequestError('The expression is nested too deeply.')
    try {
      switch (this.#operator()) {
        case '-':
          this.#at++
          return plain(BigInt.asUintN(64, -this.#unary().value))
        case '~':
          this.#at++
          return plain(BigInt.asUintN(64, ~this.#unary().value))
        case '!':
          this.#at++
          return plain(truth(this.#unary().value === 0n))
        case '*':
          this.#at++
          return this.#memory(this.#unary().value, 8)
        case '&':
          // The address of a symbol is what the symbol stands for anyway.
          this.#at++
          return this.#unary()
        default:
          return this.#primary()
      }
    } finally {
      this.#depth--
    }
  }

  #primary(): Evaluated {
    const token = this.tokens[this.#at++]
    if (!token) throw new RequestError(`${JSON.stringify(this.source)} ends too early.`)
    if (token.kind === 'number') return plain(BigInt.asUintN(64, BigInt(token.text)))
    if (token.text === '(') {
      const inner = this.#binary(0)
      this.#expect(')')
      return inner
    }
    if (token.kind === 'operator')
      throw new RequestError(`${JSON.stringify(this.source)}: unexpected ${token.text} at column ${token.at + 1}.`)
    return this.#operator() === '(' ? this.#function(token.text) : this.#name(token.text)
  }

  #function(name: string): Evaluated {
    this.#expect('(')
    const argument = this.#binary(0).value
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

  #name(name: string): Evaluated {
    const { target } = this
    const stepValue = name.startsWith('$') ? undefined : this.values[name]
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
    const register = readRegister(target, name.replace(/^\$/, ''))
    if (register)
      return { value: register.value, text: register.text, type: 'register', isAddress: register.bits === 64 }
    if (name.startsWith('$')) throw new RequestError(`There is no register ${name}.`)
    const address = target.symbols.find(name)
    if (address === undefined) throw new RequestError(`${name} is no register, no value of this step and no symbol.`)
    return {
      value: address,
      text: `${hex(address)} <${target.symbols.describe(address)}>`,
      type: 'symbol',
      isAddress: true,
    }
  }

  #memory(address: bigint, size: 1 | 2 | 4 | 8): Evaluated {
    const value = readGuestInteger(this.target, address, size)
    if (value === undefined) throw new RequestError(`Nothing can be read at ${hex(address)}.`)
    return {
      value,
      text: `0x${value.toString(16).padStart(size * 2, '0')}`,
      type: `u${size * 8}`,
      isAddress: size === 8,
    }
  }

  #operator(): string | undefined {
    const token = this.tokens[this.#at]
    return token?.kind === 'operator' ? token.text : undefined
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

function plain(value: bigint, isAddress = false): Evaluated {
  return { value, text: value > 0xffff_ffffn ? hex64(value) : `${hex(value)}`, type: 'u64', isAddress }
}
