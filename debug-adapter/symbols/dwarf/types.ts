/** Types of C, from the entries that describe them. What a type is made of is worked out when it is asked for. */
import { OffsetError } from '../../../server/esm/reader.ts'
import { At, Encoding, Tag } from './constants.ts'
import type { Die } from './unit.ts'

/** Sizes are in bytes. */
export type CType =
  | { readonly kind: 'void' }
  | { readonly kind: 'base'; readonly name: string; readonly size: number; readonly encoding: BaseEncoding }
  | { readonly kind: 'pointer'; readonly size: number; readonly to: CType }
  | { readonly kind: 'array'; readonly of: CType; readonly count: number | undefined }
  | StructType
  | {
      readonly kind: 'enum'
      readonly name: string | undefined
      readonly size: number
      readonly isSigned: boolean
      readonly values: readonly { readonly name: string; readonly value: bigint }[]
    }
  | { readonly kind: 'typedef'; readonly name: string; readonly to: CType }
  | { readonly kind: 'qualified'; readonly qualifier: string; readonly to: CType }
  | {
      readonly kind: 'function'
      readonly returns: CType
      readonly parameters: readonly CType[]
      readonly more: boolean
    }

export type BaseEncoding = 'signed' | 'unsigned' | 'boolean' | 'signed char' | 'unsigned char' | 'float' | 'other'

export interface StructType {
  readonly kind: 'struct'
  readonly keyword: 'struct' | 'union' | 'class'
  readonly name: string | undefined
  readonly size: number
  /** Declared here, defined nowhere that is known. */
  readonly isIncomplete: boolean
  readonly members: readonly Member[]
}

export interface Member {
  /** undefined for a struct or union without a name, whose members count as those of the outer one. */
  readonly name: string | undefined
  readonly type: CType
  /** From the beginning of the struct. */
  readonly offset: number
  /** Of a bit field: `shift` counts from the least significant bit of the integer of `type` at `offset`. */
  readonly bits?: { readonly shift: number; readonly size: number }
}

export const VOID: CType = { kind: 'void' }
const MAX_MEMBERS = 20_000
const MAX_NAMING = 32

/** Makes types of entries; each entry one type, so that circles of types close. */
export class TypeMaker {
  readonly #made = new Map<string, CType>()

  /** @param definitionOf the full description of a struct of which only the name is known here */
  constructor(
    readonly littleEndian: boolean,
    private readonly definitionOf: (name: string, tag: number) => Die | undefined,
  ) {}

  /** The type that an attribute of the entry (or of its origin) names; void where there is none. */
  of(die: Die): CType {
    const found = die.inherited(At.Type)
    const entry = found?.die.entry(At.Type)
    return entry ? this.make(entry) : VOID
  }

  make(die: Die): CType {
    const key = `${die.unit.isSplit ? 's' : ''}${die.unit.type}:${die.unit.start}:${die.offset}:${die.unit.signature ?? ''}`
    let type = this.#made.get(key)
    if (!type) this.#made.set(key, (type = this.#make(die)))
    return type
  }

  #make(die: Die): CType {
    const size = Number(die.number(At.ByteSize) ?? 0n)
    switch (die.tag) {
      case Tag.BaseType:
        return { kind: 'base', name: die.name ?? '?', size, encoding: encodingOf(die) }
      case Tag.PointerType:
      case Tag.ReferenceType:
        return lazily({ kind: 'pointer' as const, size: size || 8 }, 'to', () => this.of(die))
      case Tag.StructureType:
      case Tag.ClassType:
      case Tag.UnionType:
        return this.#struct(die, size)
      case Tag.EnumerationType:
        return this.#enum(die, size)
      case Tag.ArrayType:
        return this.#array(die)
      case Tag.Typedef:
        return lazily({ kind: 'typedef' as const, name: die.name ?? '?' }, 'to', () => this.of(die))
      case Tag.ConstType:
      case Tag.VolatileType:
      case Tag.RestrictType:
      case Tag.AtomicType:
        return lazily({ kind: 'qualified' as const, qualifier: QUALIFIERS[die.tag]! }, 'to', () => this.of(die))
      case Tag.SubroutineType:
      case Tag.Subprogram:
        return this.functionType(die)
      default:
        return VOID
    }
  }

  functionType(die: Die): CType {
    const below = () => [...die.children()]
    const parameters = lazily({ kind: 'function' as const, more: false }, 'returns', () => this.of(die))
    return lazily(parameters, 'parameters', () =>
      below()
        .filter((child) => child.tag === Tag.FormalParameter)
        .map((child) => this.of(child)),
    )
  }

  #struct(die: Die, size: number): StructType {
    const keyword = die.tag === Tag.UnionType ? 'union' : die.tag === Tag.ClassType ? 'class' : 'struct'
    const name = die.text(At.Name)
    if (die.flag(At.Declaration)) {
      const signed = die.entry(At.Signature)
      const definition = signed ?? (name === undefined ? undefined : this.definitionOf(name, die.tag))
      if (definition && !definition.flag(At.Declaration)) return this.make(definition) as StructType
      return { kind: 'struct', keyword, name, size: 0, isIncomplete: true, members: [] }
    }
    const fixed = { kind: 'struct' as const, keyword, name, size, isIncomplete: false } as const
    return lazily(fixed, 'members', () => this.#members(die))
  }

  #members(die: Die): Member[] {
    const members: Member[] = []
    for (const child of die.children()) {
      if (child.tag !== Tag.Member || members.length >= MAX_MEMBERS) continue
      const type = this.of(child)
      const name = child.text(At.Name)
      const bits = child.number(At.BitSize)
      const offset = Number(child.number(At.DataMemberLocation) ?? 0n)
      if (bits === undefined) members.push({ name, type, offset })
      else members.push({ name, type, ...this.#bitField(child, Number(bits), sizeOf(type) || 4, offset) })
    }
    return members
  }

  /** DWARF 4 and 5 count from the beginning of the struct in the order of the target, DWARF 2 from the most significant bit. */
  #bitField(
    die: Die,
    size: number,
    storage: number,
    at: number,
  ): { offset: number; bits: { shift: number; size: number } } {
    const dataBits = die.number(At.DataBitOffset)
    const width = storage * 8
    if (dataBits === undefined) {
      const fromTop = Number(die.number(At.BitOffset) ?? 0n)
      const bytes = Number(die.number(At.ByteSize) ?? BigInt(storage))
      return { offset: at, bits: { shift: bytes * 8 - fromTop - size, size } }
    }
    const total = Number(dataBits)
    const offset = at + Math.floor(total / width) * storage
    const inside = total % width
    return { offset, bits: { shift: this.littleEndian ? inside : width - inside - size, size } }
  }

  #enum(die: Die, size: number): CType {
    const fixed = { kind: 'enum' as const, name: die.text(At.Name), size: size || 4 }
    const read = () => {
      const values: { name: string; value: bigint }[] = []
      for (const child of die.children()) {
        const value = child.raw(At.ConstValue)
        if (child.tag === Tag.Enumerator && value?.kind === 'number' && values.length < MAX_MEMBERS)
          values.push({ name: child.name ?? '?', value: value.value })
      }
      return values
    }
    const listed = lazily(fixed, 'values', read)
    return lazily(listed, 'isSigned', () => listed.values.some(({ value }) => value < 0n))
  }

  #array(die: Die): CType {
    const counts = [...die.children()].filter((child) => child.tag === Tag.SubrangeType).map(countOf)
    if (counts.length === 0) counts.push(undefined)
    // The first range is the outermost.
    const inner = counts.slice(1).reverse()
    const element = () => inner.reduce<CType>((of, count) => ({ kind: 'array', of, count }), this.of(die))
    return lazily({ kind: 'array' as const, count: counts[0] }, 'of', element)
  }
}

const QUALIFIERS: Readonly<Record<number, string>> = {
  [Tag.ConstType]: 'const',
  [Tag.VolatileType]: 'volatile',
  [Tag.RestrictType]: 'restrict',
  [Tag.AtomicType]: '_Atomic',
}

/** Elements of one dimension; undefined where the compiler did not know them. */
function countOf(die: Die): number | undefined {
  const count = die.number(At.Count)
  if (count !== undefined) return Number(count)
  const bound = die.raw(At.UpperBound)
  if (bound?.kind !== 'number') return undefined
  // A length of 0 is noted as the bound -1, in as many bytes as it takes.
  const minusOne = bound.bytes > 0 ? (1n << BigInt(bound.bytes * 8)) - 1n : -1n
  return bound.value === minusOne && bound.bytes >= 4 ? 0 : Number(bound.value) + 1
}

function encodingOf(die: Die): BaseEncoding {
  switch (Number(die.number(At.Encoding) ?? 0n)) {
    case Encoding.Signed:
      return 'signed'
    case Encoding.Unsigned:
    case Encoding.Address:
      return 'unsigned'
    case Encoding.Boolean:
      return 'boolean'
    case Encoding.SignedChar:
      return 'signed char'
    case Encoding.UnsignedChar:
    case Encoding.Utf:
      return 'unsigned char'
    case Encoding.Float:
      return 'float'
    default:
      return 'other'
  }
}

/** The object with one more property, worked out at its first use. */
function lazily<T extends object, K extends string, V>(object: T, key: K, make: () => V): T & { readonly [P in K]: V } {
  let made: { value: V } | undefined
  Object.defineProperty(object, key, {
    enumerable: true,
    get: () => (made ??= { value: make() }).value,
  })
  return object as T & { readonly [P in K]: V }
}

/** The type behind names and qualifiers. @throws OffsetError where they lead back to themselves */
export function strip(type: CType): Exclude<CType, { kind: 'typedef' | 'qualified' }> {
  let at = type
  for (let i = 0; i < MAX_NAMING; i++) {
    if (at.kind !== 'typedef' && at.kind !== 'qualified') return at
    at = at.to
  }
  throw new OffsetError('a type that is named after itself', 0, 1, 0)
}

/** In bytes; 0 for void, functions and what is incomplete. */
export function sizeOf(type: CType): number {
  let count = 1
  let at = strip(type)
  for (let i = 0; at.kind === 'array' && i < MAX_NAMING; i++) {
    count *= at.count ?? 0
    at = strip(at.of)
  }
  return 'size' in at ? at.size * count : 0
}

/** As C writes it: `char *[4]`, `struct page *`, `long (*)(int)`. */
export function typeName(type: CType, inner = '', depth = 0): string {
  const join = (name: string) => (inner === '' ? name : `${name} ${inner}`)
  if (depth > MAX_NAMING) return join('?')
  switch (type.kind) {
    case 'void':
      return join('void')
    case 'base':
    case 'typedef':
      return join(type.name)
    case 'struct':
      return join(`${type.keyword} ${type.name ?? '{...}'}`)
    case 'enum':
      return join(`enum ${type.name ?? '{...}'}`)
    case 'qualified': {
      // The qualifier of a pointer stands behind its star.
      const pointer = type.to.kind === 'pointer'
      return pointer
        ? typeName(type.to.to, starred(type.to.to, `*${type.qualifier}${inner && ` ${inner}`}`), depth + 1)
        : `${type.qualifier} ${typeName(type.to, inner, depth + 1)}`
    }
    case 'pointer':
      return typeName(type.to, starred(type.to, `*${inner}`), depth + 1)
    case 'array':
      return typeName(type.of, `${inner}[${type.count ?? ''}]`, depth + 1)
    case 'function': {
      const parameters = type.parameters.map((one) => typeName(one, '', depth + 1)).join(', ') || 'void'
      return typeName(type.returns, `${inner}(${parameters})`, depth + 1)
    }
  }
}

const starred = (to: CType, text: string): string =>
  to.kind === 'array' || to.kind === 'function' ? `(${text})` : text
