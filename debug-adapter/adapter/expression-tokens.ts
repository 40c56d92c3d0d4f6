import { RequestError } from './request.ts'

export type Token = {
  readonly kind: 'number' | 'name' | 'operator'
  readonly text: string
  readonly at: number
}

const NUMBER = /(0[xX][0-9a-fA-F]+|\d+)(?:[uU]?[lL]{0,2}|[lL]{1,2}[uU])(?!\w)/
const CHARACTER = /'(?:[^'\\]|\\[0abnrt'"\\])'/
const NAME = /\$?[A-Za-z_][\w@]*/
const OPERATOR = /->|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^~!<>().,?:[\]]/
const TOKEN = new RegExp(`\\s*(?:${NUMBER.source}|(${CHARACTER.source})|(${NAME.source})|(${OPERATOR.source}))`, 'y')
const ESCAPES: Readonly<Record<string, number>> = { '0': 0, a: 7, b: 8, t: 9, n: 10, r: 13 }

/** @throws RequestError naming the column where nothing can be read */
export function tokens(source: string): Token[] {
  const list: Token[] = []
  TOKEN.lastIndex = 0
  while (source.slice(TOKEN.lastIndex).trim() !== '') {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(source)
    if (!match) throw new RequestError(`${JSON.stringify(source)}: nothing that I can read from column ${at + 1} on.`)
    const [whole, number, character, name, operator] = match
    const begin = at + whole.length - whole.trimStart().length
    if (number !== undefined) list.push({ kind: 'number', text: decimalOrOctal(number), at: begin })
    else if (character !== undefined) list.push({ kind: 'number', text: String(characterCode(character)), at: begin })
    else if (name !== undefined) list.push({ kind: 'name', text: name, at: begin })
    else list.push({ kind: 'operator', text: operator!, at: begin })
  }
  return list
}

/** C reads a number that begins with 0 as octal. */
const decimalOrOctal = (text: string): string => (/^0[0-7]+$/.test(text) ? `0o${text}` : text.replace(/^0+(?=\d)/, ''))

function characterCode(text: string): number {
  const inner = text.slice(1, -1)
  if (inner[0] !== '\\') return inner.charCodeAt(0)
  return ESCAPES[inner[1]!] ?? inner.charCodeAt(1)
}
