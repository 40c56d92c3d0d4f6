/** Names of types in expressions: `struct page *`, `unsigned long`, `u32`. */
import { type CType, VOID } from '../symbols/dwarf/types.ts'
import type { Token } from './expression-tokens.ts'
import type { FrameContext } from './frame-context.ts'
import { RequestError } from './request.ts'

const WORDS = new Set([
  'unsigned',
  'signed',
  'char',
  'short',
  'int',
  'long',
  'float',
  'double',
  '_Bool',
  'bool',
  'void',
])
const QUALIFIERS = new Set(['const', 'volatile', 'restrict', '__restrict'])
const TAGS = new Set(['struct', 'union', 'enum', 'class'])
const MAX_STARS = 32

/**
 * The type whose name begins at a token, and the token behind it; undefined where none begins there.
 * @throws RequestError for a struct, union or enum that is not known
 */
export function typeAt(
  tokens: readonly Token[],
  start: number,
  context: () => FrameContext | undefined,
): { readonly type: CType; readonly next: number } | undefined {
  let at = start
  const word = () => (tokens[at]?.kind === 'name' ? tokens[at]!.text : undefined)
  const qualifiers = () => {
    while (QUALIFIERS.has(word() ?? '')) at++
  }
  qualifiers()
  const first = word()
  if (first === undefined) return undefined
  let type: CType | undefined
  if (TAGS.has(first)) {
    at++
    const name = word()
    if (name === undefined) throw new RequestError(`Behind ${first} a name is expected.`)
    at++
    type = context()?.type(first === 'class' ? 'struct' : (first as 'struct' | 'union' | 'enum'), name)
    if (!type) throw new RequestError(`There is no ${first} ${name} in the debugging information.`)
  } else if (WORDS.has(first)) {
    const words: string[] = []
    while (WORDS.has(word() ?? '') || QUALIFIERS.has(word() ?? '')) {
      if (WORDS.has(word()!)) words.push(word()!)
      at++
    }
    type = baseType(words)
  } else {
    const here = context()
    type = here?.local(first) ? undefined : here?.type('plain', first)
    at++
  }
  if (!type) return undefined
  qualifiers()
  for (let stars = 0; tokens[at]?.text === '*' && tokens[at]!.kind === 'operator'; stars++) {
    if (stars >= MAX_STARS) throw new RequestError('A type with too many stars.')
    at++
    type = { kind: 'pointer', size: 8, to: type }
    qualifiers()
  }
  return { type, next: at }
}

/** Sizes of 64-bit PowerPC (64-bit ELF V2 ABI §2.1.2); a plain char has no sign there. */
function baseType(words: readonly string[]): CType {
  const has = (word: string) => words.includes(word)
  const base = (name: string, size: number, encoding: Extract<CType, { kind: 'base' }>['encoding']): CType => ({
    kind: 'base',
    name,
    size,
    encoding,
  })
  if (has('void')) return VOID
  if (has('_Bool') || has('bool')) return base('_Bool', 1, 'boolean')
  if (has('float')) return base('float', 4, 'float')
  if (has('double')) return base('double', 8, 'float')
  const prefix = has('unsigned') ? 'unsigned ' : ''
  const encoding = has('unsigned') ? 'unsigned' : 'signed'
  if (has('char'))
    return has('signed') ? base('signed char', 1, 'signed char') : base(`${prefix}char`, 1, 'unsigned char')
  if (has('short')) return base(`${prefix}short`, 2, encoding)
  return has('long') ? base(`${prefix}long`, 8, encoding) : base(`${prefix}int`, 4, encoding)
}
