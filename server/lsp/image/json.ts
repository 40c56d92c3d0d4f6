/** JSON with comments, every value with its place. What is broken is the JSON editor's to tell: here it is passed over. */
import type { Position, TextRange } from '../../esm/svm-yaml.ts'

export type JsonValue = JsonText | JsonObject | JsonList | JsonOther

interface Placed {
  readonly range: TextRange
}

export interface JsonText extends Placed {
  readonly kind: 'text'
  readonly text: string
}

/** A number, a boolean or null. */
export interface JsonOther extends Placed {
  readonly kind: 'other'
  readonly value: unknown
}

export interface JsonList extends Placed {
  readonly kind: 'list'
  readonly items: readonly JsonValue[]
}

export interface JsonObject extends Placed {
  readonly kind: 'object'
  readonly properties: readonly JsonProperty[]
}

export interface JsonProperty {
  readonly key: JsonText
  readonly value: JsonValue
}

/** Deeper than anybody writes; a file that is an attack must not use up the stack. */
const MOST_LEVELS = 64

/** @returns undefined where the text is no JSON from the beginning; later faults end what they are in */
export function readJson(text: string): JsonValue | undefined {
  return new JsonReader(text).value(0)
}

/** The value of a property, the last one of that name as JSON has it. */
export function propertyOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  if (value?.kind !== 'object') return undefined
  return value.properties.findLast(({ key }) => key.text === name)?.value
}

/** The value without its places. */
export function plainValue(value: JsonValue): unknown {
  switch (value.kind) {
    case 'text':
      return value.text
    case 'other':
      return value.value
    case 'list':
      return value.items.map(plainValue)
    case 'object':
      return Object.fromEntries(value.properties.map(({ key, value: one }) => [key.text, plainValue(one)]))
  }
}

class JsonReader {
  #at = 0
  readonly #lineStarts: number[] = [0]

  constructor(readonly text: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lineStarts.push(at + 1)
  }

  value(level: number): JsonValue | undefined {
    this.#skip()
    const start = this.#at
    const first = this.text[start]
    if (level > MOST_LEVELS) return undefined
    if (first === '{') return this.#object(start, level)
    if (first === '[') return this.#list(start, level)
    if (first === '"') return this.#string()
    const [word] = /^[-+.\w]+/.exec(this.text.slice(start, start + 40)) ?? []
    if (word === undefined) return undefined
    this.#at += word.length
    const known: Record<string, unknown> = { true: true, false: false, null: null }
    return { kind: 'other', value: word in known ? known[word] : Number(word), range: this.#range(start) }
  }

  #object(start: number, level: number): JsonObject {
    const properties: JsonProperty[] = []
    this.#at++
    for (;;) {
      this.#skip()
      const key = this.text[this.#at] === '"' ? this.#string() : undefined
      if (!key) break
      this.#skip()
      if (this.text[this.#at] !== ':') break
      this.#at++
      const value = this.value(level + 1)
      if (!value) break
      properties.push({ key, value })
      if (!this.#comma()) break
    }
    return { kind: 'object', properties, range: this.#closed('}', start) }
  }

  #list(start: number, level: number): JsonList {
    const items: JsonValue[] = []
    this.#at++
    for (;;) {
      this.#skip()
      const item = this.text[this.#at] === ']' ? undefined : this.value(level + 1)
      if (!item) break
      items.push(item)
      if (!this.#comma()) break
    }
    return { kind: 'list', items, range: this.#closed(']', start) }
  }

  #string(): JsonText | undefined {
    const start = this.#at
    const [raw] = /^"(?:[^"\\\n]|\\.)*"/.exec(this.text.slice(start)) ?? []
    if (raw === undefined) return undefined
    this.#at += raw.length
    let text = raw.slice(1, -1)
    try {
      text = JSON.parse(raw)
    } catch {
      // An escape that JSON does not have: as it stands.
    }
    return { kind: 'text', text, range: this.#range(start) }
  }

  #comma(): boolean {
    this.#skip()
    if (this.text[this.#at] !== ',') return false
    this.#at++
    return true
  }

  #closed(mark: string, start: number): TextRange {
    this.#skip()
    if (this.text[this.#at] === mark) this.#at++
    return this.#range(start)
  }

  /** Blanks and comments. */
  #skip(): void {
    const pattern = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))*/y
    pattern.lastIndex = this.#at
    this.#at += pattern.exec(this.text)?.[0].length ?? 0
  }

  #range(start: number): TextRange {
    return { start: this.#position(start), end: this.#position(this.#at) }
  }

  #position(offset: number): Position {
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#lineStarts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return { line: low, character: offset - this.#lineStarts[low]! }
  }
}
