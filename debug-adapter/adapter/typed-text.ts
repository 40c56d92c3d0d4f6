/** The program's values as text, as C would write them. */
import { type CType, sizeOf, strip } from '../symbols/dwarf/types.ts'
import { hex } from './format.ts'
import type { Typed } from './frame-context.ts'
import { readGuestText } from './guest-memory.ts'
import { bytesOf, elementOf, integerIn, memberOf, memory, scalarIn } from './typed-values.ts'

const MAX_DEPTH = 3
const MAX_PARTS = 8
const MAX_TEXT = 256

/**
 * @param asHex integers in hex
 * @param depth how deep in structs it stands: of what is far in, `…`
 */
export function valueText(value: Typed, asHex = false, depth = 0): string {
  const { type } = value
  const bare = strip(type)
  if (value.place.kind === 'absent') return `<optimised out: ${value.place.why}>`
  switch (bare.kind) {
    case 'void':
      return 'void'
    case 'function':
      return value.place.kind === 'memory' ? pointerText(value, value.place.address) : '<function>'
    case 'struct':
      if (bare.isIncomplete) return '<incomplete type: its members are not known>'
      if (depth >= MAX_DEPTH) return '{…}'
      return parts(bare.members, ({ name, ...member }) => {
        const text = valueText(memberOf(value, { name, ...member }), asHex, depth + 1)
        return name === undefined ? text : `${name} = ${text}`
      })
    case 'array': {
      const text = characters(value, bare.of, bare.count)
      if (text !== undefined) return text
      if (depth >= MAX_DEPTH) return '{…}'
      const indexes = Array.from({ length: Math.min(bare.count ?? 0, MAX_PARTS + 1) }, (_, i) => BigInt(i))
      return parts(indexes, (index) => valueText(elementOf(value, bare.of, index), asHex, depth + 1))
    }
  }
  const read = bytesOf(value)
  if (!read.ok) return `<${read.why}>`
  if (bare.kind === 'base' && bare.encoding === 'other')
    return `0x${integerIn(value.context.target, read.bytes).toString(16)}`
  return scalarText(value, scalarIn(value, read.bytes), asHex)
}

function parts<T>(list: readonly T[], text: (one: T) => string): string {
  const shown = list.slice(0, MAX_PARTS).map(text)
  return `{${shown.join(', ')}${list.length > MAX_PARTS ? ', …' : ''}}`
}

/** @param number of a floating-point number its bits */
export function scalarText(value: Typed, number: bigint, asHex = false): string {
  const bare = strip(value.type)
  if (bare.kind === 'pointer') return pointerText(value, number, bare.to)
  if (bare.kind === 'enum') return enumText(bare, number, asHex)
  if (bare.kind !== 'base') return String(number)
  const size = bare.size * 8
  if (bare.encoding === 'float') return asHex ? hexOf(number, size) : floatText(number, bare.size)
  if (asHex) return hexOf(number, value.bits?.size ?? size)
  if (bare.encoding === 'boolean') return number === 0n ? 'false' : number === 1n ? 'true' : String(number)
  if (/char$/.test(bare.encoding) && bare.size === 1)
    return `${number} ${characterText(Number(BigInt.asUintN(8, number)))}`
  return String(number)
}

const hexOf = (number: bigint, bits: number): string => `0x${BigInt.asUintN(bits, number).toString(16)}`

const ESCAPES: Readonly<Record<number, string>> = {
  0: '\\000',
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  13: '\\r',
  39: "\\'",
  92: '\\\\',
}
const characterText = (code: number): string =>
  `'${ESCAPES[code] ?? (code >= 32 && code < 127 ? String.fromCharCode(code) : `\\${code.toString(8).padStart(3, '0')}`)}'`

function floatText(number: bigint, size: number): string {
  const view = new DataView(new ArrayBuffer(8))
  if (size === 4) {
    view.setUint32(0, Number(number))
    return String(view.getFloat32(0))
  }
  if (size !== 8) return `0x${number.toString(16)}`
  view.setBigUint64(0, BigInt.asUintN(64, number))
  return String(view.getFloat64(0))
}

/** The name of a value; of one that is no name, the names of its bits where they are all known. */
function enumText(type: Extract<CType, { kind: 'enum' }>, number: bigint, asHex: boolean): string {
  const plain = asHex ? hexOf(number, type.size * 8) : String(number)
  const exact = type.values.find(({ value }) => value === number)
  if (exact) return asHex ? `${exact.name} (${plain})` : exact.name
  let left = number
  const names: string[] = []
  for (const { name, value } of type.values)
    if (value > 0n && (value & (value - 1n)) === 0n && (left & value) !== 0n) {
      names.push(name)
      left &= ~value
    }
  return names.length > 0 && left === 0n ? `${names.join(' | ')} (${plain})` : plain
}

/** An address, the symbol there, and what a pointer to characters points to. */
function pointerText({ context }: Typed, address: bigint, to?: CType): string {
  const { target } = context
  const symbol = address === 0n ? undefined : target.symbols.at(address)
  const named = symbol ? `${hex(address)} <${target.symbols.describe(address)}>` : hex(address)
  if (!to || !isCharacter(to) || address === 0n) return named
  const text = readGuestText(target, address, MAX_TEXT)
  return text === undefined ? named : `${hex(address)} ${JSON.stringify(text)}`
}

export function isCharacter(type: CType): boolean {
  const bare = strip(type)
  return bare.kind === 'base' && bare.size === 1 && /char$/.test(bare.encoding) && /char/.test(bare.name)
}

/** An array of plain characters as a text; undefined where it is none. */
function characters(value: Typed, of: CType, count: number | undefined): string | undefined {
  const bare = strip(of)
  if (!isCharacter(of) || bare.kind !== 'base' || !count || bare.name === 'unsigned char') return undefined
  const read = bytesOf(value, Math.min(count, MAX_TEXT) * sizeOf(of))
  if (!read.ok) return `<${read.why}>`
  const end = read.bytes.indexOf(0)
  const text = new TextDecoder('utf-8').decode(end < 0 ? read.bytes : read.bytes.subarray(0, end))
  return `${JSON.stringify(text)}${end < 0 && count > MAX_TEXT ? '…' : ''}`
}

/** What a pointer points to, where that is something with a size. */
export function pointee(value: Typed): Typed | undefined {
  const bare = strip(value.type)
  if (bare.kind !== 'pointer' || sizeOf(bare.to) === 0) return undefined
  const read = bytesOf(value)
  if (!read.ok) return undefined
  const address = scalarIn(value, read.bytes)
  return address === 0n ? undefined : { type: bare.to, place: memory(address), context: value.context }
}
