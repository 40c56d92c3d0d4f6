/** Values of properties in device-tree source: "text", <cells>, [bytes], &label; into bytes. */
import { concat } from '../fdt.ts'
import type { DtsReference, Span } from './parse.ts'

type Report = (expected: string, span: Span) => void

/** White space and comments. */
const SPACE = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y
const STRING = /"([^"\\]*(?:\\[\s\S][^"\\]*)*)"/y
const NUMBER = /(0[xX][0-9a-fA-F]+|[0-9]+)(?:[uU]?[lL]{0,2}|[lL]{1,2}[uU])(?![0-9A-Za-z_])/y
const CHARACTER = /'((?:[^'\\]|\\[\s\S])[^'\n]*)'/y
const REFERENCE = /&([A-Za-z_][A-Za-z0-9_]*)/y
/** `name:` in front of a node, a property or a part of a value. */
export const LABEL = /([A-Za-z_][A-Za-z0-9_]*)\s*:/y
const ESCAPE = /\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|[\s\S])/g
const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 }
/** Bits of an element of <cells>. */
const WIDTHS = [8, 16, 32, 64]

/** Collects the parts of one value. */
export class DtsValues {
  readonly references: DtsReference[] = []
  readonly #parts: Uint8Array[] = []

  constructor(
    readonly text: string,
    readonly report: Report,
  ) {}

  bytes(): Uint8Array {
    return concat(this.#parts)
  }

  /** Reads a part at a place. @returns where it ends; undefined where there is none */
  item(at: number): number | undefined {
    const string = match(STRING, this.text, at)
    if (string) return this.#string(string, at)
    const bits = match(/\/bits\/\s*([0-9]+)/y, this.text, at)
    if (bits) return this.#wide(bits, at)
    if (this.text[at] === '<') return this.#cells(at, 32)
    if (this.text[at] === '[') return this.#byteString(at)
    const reference = match(REFERENCE, this.text, at)
    if (reference) {
      const end = at + reference[0].length
      this.report('"text", <cells> or [bytes]: nothing in an operand refers to a node', [at, end])
      this.references.push({ name: reference[1]!, span: [at, end] })
      return end
    }
    const file = match(/\/incbin\/\s*\([^)]*\)/y, this.text, at)
    if (!file) return undefined
    this.report('the bytes themselves in place of /incbin/: an operand is one file', [at, at + file[0].length])
    return at + file[0].length
  }

  /** A number that fits into so many bits, at a place. */
  number(at: number, bits: number): { value: bigint; end: number } | undefined {
    const found = match(NUMBER, this.text, at)
    if (found) {
      const end = at + found[0].length
      const digits = found[1]!
      const isOctal = /^0[0-9]/.test(digits)
      if (isOctal && /[89]/.test(digits)) {
        this.report('digits from 0 to 7: a number that begins with 0 is octal', [at, end])
        return { value: 0n, end }
      }
      const value = BigInt(isOctal ? `0o${digits.slice(1)}` : digits)
      if (value >> BigInt(bits) !== 0n) this.report(`a number of ${bits} bits`, [at, end])
      return { value: BigInt.asUintN(bits, value), end }
    }
    const character = match(CHARACTER, this.text, at)
    if (!character) return undefined
    const end = at + character[0].length
    const bytes = bytesOf(character[1]!)
    if (bytes.length !== 1) this.report('one character between the quotes', [at, end])
    return { value: BigInt(bytes[0] ?? 0), end }
  }

  #string([whole, inside]: RegExpExecArray, at: number): number {
    this.#parts.push(bytesOf(inside!), Uint8Array.of(0))
    return at + whole.length
  }

  #wide([whole, digits]: RegExpExecArray, at: number): number | undefined {
    const behind = at + whole.length
    const bits = WIDTHS.includes(Number(digits)) ? Number(digits) : 32
    if (String(bits) !== digits) this.report('/bits/ 8, 16, 32 or 64', [at, behind])
    const start = behindSpace(this.text, behind)
    return this.text[start] === '<' ? this.#cells(start, bits) : undefined
  }

  #cells(start: number, bits: number): number {
    for (let at = start + 1; ; ) {
      at = behindSpace(this.text, at)
      if (this.text[at] === '>') return at + 1
      const label = match(LABEL, this.text, at)
      const number = label ? undefined : this.number(at, bits)
      if (label) at += label[0].length
      else if (number) {
        this.#parts.push(bigEndian(number.value, bits / 8))
        at = number.end
      } else return this.#skip(at, '>', cellProblem(this.text, at))
    }
  }

  #byteString(start: number): number {
    for (let at = start + 1; ; ) {
      at = behindSpace(this.text, at)
      if (this.text[at] === ']') return at + 1
      const digits = match(/(?:[0-9a-fA-F]{2})+/y, this.text, at)
      if (digits) {
        const pairs = digits[0]
        this.#parts.push(
          Uint8Array.from({ length: pairs.length / 2 }, (_, i) => Number.parseInt(pairs.slice(2 * i, 2 * i + 2), 16)),
        )
        at += pairs.length
        continue
      }
      const label = match(LABEL, this.text, at)
      if (!label) return this.#skip(at, ']', 'two hexadecimal digits a byte, or ]')
      at += label[0].length
    }
  }

  /** Tells what is wrong in a list, and goes on behind it. */
  #skip(at: number, close: string, expected: string): number {
    const word = match(/[^\s;,<>[\]{}()]+/y, this.text, at)?.[0].length ?? 1
    this.report(expected, [at, Math.min(this.text.length, at + word)])
    const end = /[;}]/g
    end.lastIndex = at
    const limit = end.exec(this.text)?.index ?? this.text.length
    const closed = this.text.slice(at, limit).indexOf(close)
    return closed < 0 ? limit : at + closed + 1
  }
}

/** Where white space and comments end that begin at a place. */
export function behindSpace(text: string, at: number): number {
  return at + match(SPACE, text, at)![0].length
}

function cellProblem(text: string, at: number): string {
  if (text[at] === '&') return 'numbers: a reference makes a phandle, which no node of an operand has'
  if (text[at] === '(') return 'the number itself in place of an expression'
  return 'a number, or >'
}

/** What a sticky expression matches at a place. */
export function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

function bigEndian(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 0xffn))
}

/** UTF-8, but for what is written as a number. */
function bytesOf(text: string): Uint8Array {
  const parts: Uint8Array[] = []
  const encoder = new TextEncoder()
  let last = 0
  for (const { 0: whole, 1: code = '', index } of text.matchAll(ESCAPE)) {
    parts.push(encoder.encode(text.slice(last, index)))
    last = index + whole.length
    if (/^x./.test(code)) parts.push(Uint8Array.of(Number.parseInt(code.slice(1), 16)))
    else if (/^[0-7]/.test(code)) parts.push(Uint8Array.of(Number.parseInt(code, 8) & 0xff))
    else parts.push(ESCAPES[code] === undefined ? encoder.encode(code) : Uint8Array.of(ESCAPES[code]))
  }
  parts.push(encoder.encode(text.slice(last)))
  return concat(parts)
}
