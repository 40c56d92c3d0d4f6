/** Finds an attribute in the text of a launch.json or pef.json, to show it to the person who wrote it. */

interface OpenObject {
  readonly start: number
  readonly keys: Map<string, number>
  /** Value of its property "name". */
  name?: string
}

/**
 * Offset of an attribute's key in JSON text, which may have comments and be incomplete.
 * @param configuration name of the launch configuration that has it; undefined: the outermost object
 * @param attribute     its name, a nested one with a dot: then the outer one is found where the inner is not
 * @returns offset of the key's quotation mark; of the object's brace where it has no such key; undefined without such an object
 */
export function attributePosition(
  text: string,
  configuration: string | undefined,
  attribute: string,
): number | undefined {
  const wanted = attribute.split('.')[0]!
  const closed: OpenObject[] = []
  const open: (OpenObject | undefined)[] = []
  let last: Token | undefined
  /** The key whose value comes next. */
  let key: string | undefined
  for (const token of tokens(text)) {
    const object = open.at(-1)
    if (token.kind === 'string') {
      if (key === undefined) last = token
      else if (key === 'name' && object && object.name === undefined) object.name = token.value
      key = undefined
      continue
    }
    key = undefined
    if (token.kind === ':' && object && last) {
      key = last.value
      object.keys.set(key, last.at)
    } else if (token.kind === '{') open.push({ start: token.at, keys: new Map() })
    else if (token.kind === '[') open.push(undefined)
    else if (token.kind === '}' || token.kind === ']') {
      const ended = open.pop()
      if (ended) closed.push(ended)
    }
  }
  const all = [...closed, ...open.filter((one) => one !== undefined)].sort((a, b) => a.start - b.start)
  const found = configuration === undefined ? all[0] : all.find(({ name }) => name === configuration)
  return found && (found.keys.get(wanted) ?? found.start)
}

interface Token {
  readonly kind: '{' | '}' | '[' | ']' | ':' | ',' | 'string'
  readonly at: number
  readonly value: string
}

/** Strings and marks; comments, numbers and words are left out. */
function* tokens(text: string): Generator<Token> {
  const pattern = /"((?:[^"\\\n]|\\.)*)"|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[{}[\]:,]/g
  for (const match of text.matchAll(pattern)) {
    if (match[1] !== undefined) yield { kind: 'string', at: match.index, value: unescapeString(match[1]) }
    else if (!match[0].startsWith('/')) yield { kind: match[0] as Token['kind'], at: match.index, value: match[0] }
  }
}

function unescapeString(body: string): string {
  try {
    return JSON.parse(`"${body}"`)
  } catch {
    return body
  }
}
