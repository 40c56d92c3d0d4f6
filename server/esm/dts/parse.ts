/**
 * Device-tree source, as far as an operand can be written in it (Devicetree Specification 0.4, chapter 6; dtc): nodes, properties with
 * strings, cells, bytes and paths of labels. What only makes sense for the tree of a machine is refused by name.
 */

import { FDT } from '../fdt-scan.ts'
import { TextFindings } from '../svm-yaml.ts'
import { behindSpace, DtsValues, LABEL, match } from './values.ts'

/** From and behind, in UTF-16 units. */
export type Span = readonly [start: number, end: number]

export interface DtsLabel {
  readonly name: string
  readonly span: Span
}

export interface DtsProperty {
  readonly name: string
  readonly nameSpan: Span
  /** From its name to its semicolon. */
  readonly span: Span
  readonly value: Uint8Array
}

export interface DtsNode {
  /** With its unit address; empty for the root. */
  readonly name: string
  readonly nameSpan: Span
  /** From its name to its closing brace. */
  readonly span: Span
  readonly labels: readonly DtsLabel[]
  readonly properties: readonly DtsProperty[]
  readonly children: readonly DtsNode[]
}

export interface DtsReservation {
  readonly address: bigint
  readonly size: bigint
}

/** `&label` in a value. */
export interface DtsReference {
  readonly name: string
  readonly span: Span
}

export interface ParsedDts {
  /** Absent where the text has no root node. */
  readonly root?: DtsNode
  readonly reservations: readonly DtsReservation[]
  readonly references: readonly DtsReference[]
  /** Mistakes of the text, ESM016; with one of them no operand is made. */
  readonly findings: TextFindings
}

/** Of the errors in one text, which mostly have one cause, these are enough. */
const MOST_ERRORS = 20

const NAME = /[A-Za-z0-9,._+*#?@-]+/y
/** What an operand cannot have, and why. */
const REFUSED: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /#\s*(?:include|define|if|ifdef|ifndef|endif|undef)\b[^\n]*/y,
    'a line of the C preprocessor: run it through cpp first',
  ],
  [/\/include\/\s*"[^"\n]*"/y, '/include/: an operand is one file'],
  [/\/plugin\/\s*;/y, '/plugin/: an operand is no overlay'],
  [/\/delete-(?:node|property)\/\s*&?[^\s;]*\s*;/y, 'a deletion: leave out what is deleted'],
]

/** Enough of it went wrong. */
class TooManyErrors extends Error {}

/** Reads a source. Never throws: goes on behind a mistake, up to 20 of them. */
export function parseDts(text: string): ParsedDts {
  const parser = new DtsParser(text)
  try {
    parser.parse()
  } catch (error) {
    if (!(error instanceof TooManyErrors)) throw error
  }
  const { root, reservations, references, findings } = parser
  return { ...(root && { root }), reservations, references, findings }
}

class DtsParser {
  root: DtsNode | undefined
  readonly reservations: DtsReservation[] = []
  readonly references: DtsReference[] = []
  readonly findings: TextFindings
  #at = 0

  constructor(readonly text: string) {
    this.findings = new TextFindings(text)
  }

  parse(): void {
    if (!this.#take(/\/dts-v1\/\s*;/y)) this.#expected('/dts-v1/; at the beginning')
    for (;;) {
      this.#space()
      if (this.#at >= this.text.length) break
      if (this.#take(/\/memreserve\//y)) this.#reservation()
      else if (this.#take(/\/dts-v1\/\s*;/y)) continue
      else this.#rootNode()
    }
    if (!this.root && this.findings.list.length === 0) this.#expected('the root node: / { ... };')
  }

  #rootNode(): void {
    const start = this.#at
    if (this.#refused()) return
    if (!this.#take(/\//y)) {
      this.#expected('the root node: / { ... };')
      this.#recover()
      return
    }
    const node = this.#node('', [start, start + 1], [], 0)
    if (this.root) this.#report('one root node: in an operand each part stands once', [start, start + 1])
    this.root ??= node
  }

  #reservation(): void {
    const values = new DtsValues(this.text, (problem, span) => this.#report(problem, span))
    const numbers: bigint[] = []
    for (let i = 0; i < 2; i++) {
      this.#space()
      const read = values.number(this.#at, 64)
      if (!read) return this.#expected('address and size of the reservation')
      numbers.push(read.value)
      this.#at = read.end
    }
    this.reservations.push({ address: numbers[0]!, size: numbers[1]! })
    this.#semicolon('the reservation')
  }

  /** From its opening brace on. */
  #node(name: string, nameSpan: Span, labels: readonly DtsLabel[], depth: number): DtsNode {
    const properties: DtsProperty[] = []
    const children: DtsNode[] = []
    if (depth >= FDT.maxDepth) {
      this.#report(`nodes nested at most ${FDT.maxDepth} deep`, nameSpan)
      throw new TooManyErrors()
    }
    if (!this.#take(/\{/y)) this.#expected(`{ behind ${name === '' ? '/' : name}`)
    else
      for (;;) {
        this.#space()
        if (this.#at >= this.text.length) {
          this.#report(`} that closes ${name === '' ? 'the root' : name}`, nameSpan)
          break
        }
        if (this.#take(/\}/y)) {
          this.#semicolon(`the node ${name === '' ? '/' : name}`)
          break
        }
        this.#member(properties, children, depth)
      }
    return { name, nameSpan, span: [nameSpan[0], this.#at], labels, properties, children }
  }

  #member(properties: DtsProperty[], children: DtsNode[], depth: number): void {
    const labels = this.#labels()
    const start = this.#at
    if (this.#refused()) return
    const name = this.#take(NAME)
    if (name === undefined) {
      this.#expected('a property, a node, or }')
      this.#recover()
      return
    }
    const nameSpan: Span = [start, this.#at]
    this.#space()
    const next = this.text[this.#at]
    if (next === '{') {
      children.push(this.#node(name, nameSpan, labels, depth + 1))
      return
    }
    if (children.length > 0) this.#report(`${name} in front of the nodes: properties come first`, nameSpan)
    let value: Uint8Array | undefined = new Uint8Array(0)
    if (this.#take(/=/y)) {
      value = this.#value(name)
      if (!value) return
    } else if (next !== ';') {
      this.#expected(`= or ; behind ${name}`)
      this.#recover()
      return
    }
    const end = this.#at
    this.#semicolon(name)
    properties.push({ name, nameSpan, span: [start, end], value })
  }

  /** @returns undefined where there is none: behind the next semicolon then */
  #value(name: string): Uint8Array | undefined {
    const values = new DtsValues(this.text, (problem, span) => this.#report(problem, span))
    do {
      this.#labels()
      this.#space()
      const end = values.item(this.#at)
      if (end === undefined) {
        this.#expected(`a value of ${name}: "text", <cells> or [bytes]`)
        this.#recover()
        return undefined
      }
      this.#at = end
      this.#labels()
    } while (this.#take(/,/y))
    for (const reference of values.references) this.references.push(reference)
    return values.bytes()
  }

  #labels(): DtsLabel[] {
    const labels: DtsLabel[] = []
    for (;;) {
      this.#space()
      const start = this.#at
      const found = match(LABEL, this.text, start)
      if (!found) return labels
      this.#at += found[0].length
      labels.push({ name: found[1]!, span: [start, start + found[1]!.length] })
    }
  }

  #semicolon(behind: string): void {
    this.#space()
    if (this.#take(/;/y)) return
    const end = this.text.slice(0, this.#at).trimEnd().length
    this.#report(`; behind ${behind}`, [Math.max(0, end - 1), end])
  }

  /** Whether something stands here that is known, and not for operands; it is told and passed over. */
  #refused(): boolean {
    const start = this.#at
    for (const [pattern, reason] of REFUSED)
      if (this.#take(pattern) !== undefined) {
        this.#report(`an operand without ${reason}`, [start, this.#at])
        return true
      }
    return false
  }

  /** Behind the next semicolon, or at the next brace, whichever comes first; always a step further. */
  #recover(): void {
    const start = this.#at
    const stop = /[;{}]/g
    stop.lastIndex = start
    const found = stop.exec(this.text)
    this.#at = found ? found.index + (found[0] === '}' && found.index > start ? 0 : 1) : this.text.length
  }

  #expected(what: string): void {
    this.#space()
    const length = match(NAME, this.text, this.#at)?.[0].length ?? 1
    this.#report(what, [this.#at, Math.min(this.text.length, this.#at + length)])
  }

  #report(expected: string, [start, end]: Span): void {
    const shown = this.text.slice(start, Math.min(end, start + 40)).trim()
    const found = shown === '' ? 'the end of the text' : shown
    this.findings.add('ESM016', this.findings.at(start, end), { expected, found })
    if (this.findings.list.length >= MOST_ERRORS) throw new TooManyErrors()
  }

  #space(): void {
    this.#at = behindSpace(this.text, this.#at)
  }

  /** Takes what a sticky expression matches behind white space and comments. */
  #take(pattern: RegExp): string | undefined {
    this.#space()
    const found = match(pattern, this.text, this.#at)
    if (!found) return undefined
    this.#at += found[0].length
    return found[0]
  }
}
