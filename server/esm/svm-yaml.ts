/**
 * YAML as svm-tool reads it: one document, YAML 1.1, with the implicit types of PyYAML's safe loader (spec/esm-operand.md §10).
 * Everything keeps its place in the text.
 */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { type Finding, type FindingDetails, finding } from './findings.ts'

/** A place in a text; lines and characters (UTF-16) from 0. */
export interface Position {
  readonly line: number
  readonly character: number
}

export interface TextRange {
  readonly start: Position
  readonly end: Position
}

/** A finding about a text. `offset` and `length` are in UTF-16 units. */
export interface TextFinding extends Finding {
  readonly range: TextRange
}

interface Placed {
  readonly range: TextRange
  /** From and behind, in UTF-16 units. */
  readonly span: readonly [start: number, end: number]
}

export interface YamlText extends Placed {
  readonly kind: 'text'
  readonly text: string
  readonly style: 'plain' | 'quoted' | 'block'
}

/** A scalar that YAML 1.1 does not read as text. */
export interface YamlOther extends Placed {
  readonly kind: 'other'
  /** `a boolean`, `nothing`, ... for messages. */
  readonly type: string
}

export interface YamlMap extends Placed {
  readonly kind: 'map'
  /** Of two equal keys both are here; merge keys are resolved, and come last. */
  readonly pairs: readonly YamlPair[]
}

export interface YamlPair {
  readonly key: YamlValue
  readonly value: YamlValue
}

export interface YamlList extends Placed {
  readonly kind: 'list'
  readonly items: readonly YamlValue[]
}

export type YamlValue = YamlText | YamlOther | YamlMap | YamlList

/** `nothing`, `a list`, `the text "x"`, ... for messages. */
export function describeValue(value: YamlValue): string {
  if (value.kind === 'text') return `the text ${quoted(value.text)}`
  if (value.kind === 'other') return value.type
  return value.kind === 'list' ? 'a list' : 'a mapping'
}

const QUOTED_CHARACTERS = 80

/** The beginning of a long text; of a private key that somebody put there, nothing. */
function quoted(text: string): string {
  if (text.includes('PRIVATE KEY')) return 'of a private key'
  return JSON.stringify(text.length > QUOTED_CHARACTERS ? `${text.slice(0, QUOTED_CHARACTERS)}...` : text)
}

/** Reports findings at places of one text. */
export class TextFindings {
  readonly list: TextFinding[] = []
  readonly #lines = new LineCounter()

  constructor(readonly text: string) {
    this.#lines.addNewLine(0)
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lines.addNewLine(at + 1)
  }

  range(start: number, end: number): TextRange {
    const position = (offset: number): Position => {
      const { line, col } = this.#lines.linePos(offset)
      return { line: line - 1, character: col - 1 }
    }
    return { start: position(start), end: position(Math.max(start, end)) }
  }

  add(rule: string, at: Placed, details: FindingDetails = {}): void {
    const [start, end] = at.span
    this.list.push({ ...finding(rule, { ...details, offset: start, length: end - start }), range: at.range })
  }

  at(start: number, end: number): Placed {
    return { span: [start, end], range: this.range(start, end) }
  }
}

/** Of the errors in one text, which mostly have one cause, these are enough. */
const MOST_ERRORS = 20

/** The tokens of a text up to where it has too many errors: text that is no YAML at all would take long otherwise. */
function* firstTokens(text: string): Generator<CST.Token> {
  let errors = 0
  for (const token of new Parser().parse(text)) {
    yield token
    if (token.type === 'error' && ++errors === MOST_ERRORS) return
  }
}

/** Runs what makes errors by the thousand and throws none: to record where each was made would take most of the time. */
function withoutStacks<T>(work: () => T): T {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return work()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/**
 * Reads one document. ESM100 for what is not YAML 1.1, ESM125 for a key that occurs twice, ESM128 for a second document.
 * @returns undefined where the text cannot be read at all; an empty document is `nothing`
 */
export function readYaml(findings: TextFindings): YamlValue | undefined {
  const { text } = findings
  const composer = new Composer({
    version: '1.1',
    schema: 'failsafe',
    uniqueKeys: false,
    merge: true,
    logLevel: 'silent',
  })
  const documents = withoutStacks(() => [...composer.compose(firstTokens(text))])
  const tab = /^( *\t[ \t]*)(?=\S)/m.exec(text)
  let broken = false
  for (const { pos, message } of documents.flatMap(({ errors }) => errors).slice(0, MOST_ERRORS)) {
    findings.add('ESM100', findings.at(pos[0], pos[1]), { found: message.charAt(0).toLowerCase() + message.slice(1) })
    broken = true
  }
  if (broken) {
    // One tab gives a dozen errors: the first says it all.
    if (tab) findings.list.splice(1)
    return undefined
  }
  const [document, second] = documents as Document.Parsed[]
  if (!document?.contents) return { kind: 'other', type: 'nothing', ...findings.at(0, 0) }
  if (second)
    findings.add('ESM128', findings.at(second.range[0], second.range[2]), { found: `${documents.length} documents` })
  return new Conversion(document, findings).convert(document.contents)
}

/** Tags that PyYAML's safe loader constructs, and what they are for messages; `undefined`: text. */
const CORE_TAGS: Readonly<Record<string, string | undefined>> = {
  str: undefined,
  bool: 'a boolean',
  int: 'an integer',
  float: 'a number',
  null: 'nothing',
  timestamp: 'a date',
  binary: 'binary data',
}
const COLLECTION_TAGS = ['map', 'seq', 'omap', 'pairs', 'set']
const PREFIX = 'tag:yaml.org,2002:'

/** Implicit types of YAML 1.1 (https://yaml.org/type/), as far as PyYAML knows them: a lone y or n is text. */
const IMPLICIT: readonly (readonly [type: string, pattern: RegExp])[] = [
  ['nothing', /^(~|null|Null|NULL|)$/],
  ['a boolean', /^(yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/],
  ['an integer', /^[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(:[0-5]?[0-9])+)$/],
  ['a number', /^([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|\.[0-9][0-9_]*([eE][-+][0-9]+)?)$/],
  ['a number', /^([-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/],
  ['a date', /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/],
  [
    'a date',
    /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?$/,
  ],
]

/** From the library's nodes to values; each node once, so that aliases cost nothing. */
class Conversion {
  readonly #done = new Map<Node, YamlValue>()
  /** The latest node of each name: an alias means the one before it. */
  readonly #anchors = new Map<string, Node>()

  constructor(
    readonly document: Document.Parsed,
    readonly findings: TextFindings,
  ) {}

  convert(node: Node | null | undefined): YamlValue {
    if (!node) return { kind: 'other', type: 'nothing', ...this.findings.at(0, 0) }
    const known = this.#done.get(node)
    if (known) return known
    const at = this.findings.at(node.range?.[0] ?? 0, node.range?.[1] ?? 0)
    // A collection that holds itself meets this.
    this.#done.set(node, { kind: 'other', type: 'a collection that holds itself', ...at })
    const value = this.#convertNew(node, at)
    this.#done.set(node, value)
    return value
  }

  #convertNew(node: Node, at: Placed): YamlValue {
    if (isAlias(node)) return { ...this.convert(this.#anchors.get(node.source)), ...at }
    if (node.anchor) this.#anchors.set(node.anchor, node)
    this.#checkTag(node, at)
    if (isMap(node)) return { kind: 'map', pairs: this.#pairs(node as YAMLMap<Node, Node | null>), ...at }
    if (isSeq(node)) return { kind: 'list', items: node.items.map((item) => this.convert(item as Node)), ...at }
    if (isScalar(node)) return this.#scalar(node, at)
    return { kind: 'other', type: 'something unknown', ...at }
  }

  #checkTag(node: Node, at: Placed): void {
    const tag = (node as { tag?: string }).tag
    if (!tag || tag === '!') return
    const name = tag.startsWith(PREFIX) ? tag.slice(PREFIX.length) : undefined
    if (name !== undefined && (name in CORE_TAGS || COLLECTION_TAGS.includes(name))) return
    this.findings.add('ESM100', at, { found: `the tag ${tag}` })
  }

  #scalar(node: Scalar, at: Placed): YamlValue {
    const text = typeof node.source === 'string' ? node.source : String(node.value ?? '')
    const isPlain = node.type === 'PLAIN' || node.type === undefined
    const named = node.tag?.startsWith(PREFIX) ? node.tag.slice(PREFIX.length) : undefined
    // The library sets a tag only where one is written.
    if (named !== undefined && named in CORE_TAGS) {
      const type = CORE_TAGS[named]
      if (type) return { kind: 'other', type, ...at }
    } else if (isPlain) {
      const type = IMPLICIT.find(([, pattern]) => pattern.test(text))?.[0]
      if (type) return { kind: 'other', type: type === 'nothing' ? type : `${type} (${text})`, ...at }
    }
    const style = isPlain ? 'plain' : String(node.type).startsWith('BLOCK') ? 'block' : 'quoted'
    return { kind: 'text', text: String(node.value ?? ''), style, ...at }
  }

  #pairs(map: YAMLMap<Node, Node | null>): YamlMap['pairs'] {
    const pairs: YamlPair[] = []
    const merged: YamlPair[] = []
    for (const pair of map.items) {
      this.#checkTab(pair)
      const value = this.convert(pair.value)
      if (isMergeKey(pair.key))
        for (const source of value.kind === 'list' ? value.items : [value])
          if (source.kind === 'map') merged.push(...source.pairs)
          else this.findings.add('ESM100', source, { found: `${describeValue(source)} to merge` })
      else {
        const key = this.convert(pair.key)
        // Where there is no value, its key is the place to point at.
        const isNothing = value.kind === 'other' && value.type === 'nothing'
        pairs.push({ key, value: isNothing ? { ...value, span: key.span, range: key.range } : value })
      }
    }
    const own = new Set<string>()
    for (const { key } of pairs) {
      if (key.kind !== 'text') continue
      if (own.has(key.text)) this.findings.add('ESM125', key, { found: `a second ${key.text}` })
      own.add(key.text)
    }
    for (const pair of merged) {
      if (pair.key.kind !== 'text' || own.has(pair.key.text)) continue
      own.add(pair.key.text)
      pairs.push(pair)
    }
    return pairs
  }

  /** The library takes a tab behind the colon, PyYAML does not where a plain scalar or nothing else follows. */
  #checkTab({ key, value }: Pair<Node, Node | null>): void {
    const from = key.range?.[1]
    const to = value?.range?.[0]
    if (from === undefined || to === undefined || to <= from) return
    const between = this.findings.text.slice(from, to)
    const tab = /^[ ]*:[ ]*\t/.exec(between)
    if (tab)
      this.findings.add('ESM100', this.findings.at(from + tab[0].length - 1, from + tab[0].length), { found: 'a tab' })
  }
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && (key.type === undefined || key.type === 'PLAIN') && String(key.source ?? key.value) === '<<'
}
